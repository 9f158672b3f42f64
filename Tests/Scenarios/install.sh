#!/usr/bin/env bash
# `make install` puts everything in its place, `make uninstall` leaves nothing behind; man pages are
# without faults, completions complete, and the units are what systemd understands.
source "$(dirname "$0")/lib.sh"

project=$(realpath "$scenarios/../..")
mkdir build
cp -r "$project/Makefile" "$project/docs" "$project/scripts" "$project"/*.md \
  "$project/LICENSE" build
cd build
# In a copy, without the sources, so that nothing of the project is touched, and nothing is built.
make -s install ARCHIVIST="$ARCHIVIST" generated=generated DESTDIR="$work/root" PREFIX=/usr
cd ../root/usr

[ "$(bin/archivist --version)" = "$("$ARCHIVIST" --version)" ] || fail "the program"
for file in share/man/man1/archivist.1 share/man/man1/archivist-{create,extract,list,key-export}.1 \
  share/man/man7/archivist-{archives,placeholders,compression,environment,format}.7 \
  share/bash-completion/completions/archivist share/zsh/site-functions/_archivist \
  share/fish/vendor_completions.d/archivist.fish share/doc/archivist/README.md \
  share/doc/archivist/format.md share/doc/archivist/usage/restore.md \
  share/doc/archivist/examples/archivist.{service,timer}; do
  [ -s "$file" ] || fail "$file is not there"
done

"$scenarios/check_links.py" share/doc/archivist || fail "links that lead nowhere where the pages are put"

pages=(share/man/man*/*)
for page in "${pages[@]}"; do
  faults=$(groff -man -ww -Tutf8 "$page" 2>&1 >/dev/null)
  [ -z "$faults" ] || fail "$page: $faults"
done
# In one line each: names may be broken at their hyphens.
groff -man -Tascii -rLL=2000n -P -cbou share/man/man1/archivist-create.1 >page
for part in NAME SYNOPSIS OPTIONS 'COMMON OPTIONS' EXAMPLES 'EXIT STATUS' ENVIRONMENT 'SEE ALSO' \
  'archivist create .*/etc' '--exclude' 'archivist-extract\(1\)' 'archivist-format\(7\)'; do
  grep -qE -- "$part" page || fail "no $part in archivist-create(1)"
done
say "${#pages[@]} man pages"

bash -n share/bash-completion/completions/archivist
zsh -n share/zsh/site-functions/_archivist
fish -n share/fish/vendor_completions.d/archivist.fish

# What bash offers for a line that ends here.
complete_line() {
  PATH=$PWD/bin:$PATH bash -c '
    source share/bash-completion/completions/archivist
    COMP_LINE=$1
    COMP_POINT=${#COMP_LINE}
    read -ra COMP_WORDS <<<"$COMP_LINE"
    case $COMP_LINE in *" ") COMP_WORDS+=("") ;; esac
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _archivist archivist "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    printf "%s\n" "${COMPREPLY[@]}"' complete "$1"
}
[ "$(complete_line 'archivist cr')" = create ] || fail "a command"
[ "$(complete_line 'archivist key exp')" = export ] || fail "a command of key"
[ "$(complete_line 'archivist create --sta')" = --stats ] || fail "an option"
[ "$(complete_line 'archivist list --exit-codes m')" = modern ] || fail "a value"
touch some-file
[ "$(complete_line 'archivist list some-')" = some-file ] || fail "a path"
rm some-file page

if command -v systemd-analyze >/dev/null; then
  cp share/doc/archivist/examples/archivist.{service,timer} .
  sed -i "s|=archivist |=$PWD/bin/archivist |" archivist.service
  faults=$(systemd-analyze verify ./archivist.service ./archivist.timer 2>&1 |
    grep -E '^(\./)?[^ ]*archivist' | grep -v "Command 'man archivist" || true)
  [ -z "$faults" ] || fail "$faults"
  rm archivist.service archivist.timer
fi

cd "$work/build"
make -s uninstall DESTDIR="$work/root" PREFIX=/usr
left=$(find "$work/root" -not -type d)
[ -z "$left" ] || fail "left behind: $left"
