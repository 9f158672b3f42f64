#!/usr/bin/env bash
# Repositories that take turns in one place, copies that are written to, and what a client remembers.
source "$(dirname "$0")/lib.sh"

mkdir data
# change: the next backup has something new.
change() { date +%N >"data/$RANDOM"; }
# archives REPOSITORY: their names.
archives() { archivist list --short "$1" 2>/dev/null | xargs; }
memory() { cat home/.config/archivist/repositories/*; }

say "of backups that one client makes at the same time it remembers each"
archivist init -e none many
for number in 1 2 3 4 5 6; do mkdir "s$number"; date >"s$number/f"; done
for round in 1 2 3; do
  pids=()
  for number in 1 2 3 4 5 6; do
    "$ARCHIVIST" create "many::$round-$number" "s$number" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
done
[ "$(memory | grep -c '^made ')" = 18 ] || fail "$(memory | grep -c '^made ') of 18 are remembered"
rm "many/archives/$(ls many/archives | head -1)"
status 1 archivist list many
says '1 archive that this client made is missing'
rm -rf many home

if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
  say "and one that is killed while it remembers leaves nothing that stays"
  archivist init killed
  file=$(realpath home/.config/archivist/repositories/*)
  # At each of the calls that concern what is remembered.
  kills=0
  for call in openat flock write fsync rename; do
    change
    for number in $(seq 60); do
      bash -c '"$@"; exit' - timeout 60 strace -qq -f -o trace -P "$(dirname "$file")" -P "$file" \
        -P "$file.new" -e "trace=$call" -e "inject=$call:signal=KILL:when=$number" \
        "$ARCHIVIST" create "killed::$call-$number" data 2>/dev/null && break
      kills=$((kills + 1))
      [ "$(find home/.config -name '*.new*' | wc -l)" -le 1 ] || fail "they add up"
    done
  done
  [ "$kills" -gt 5 ] || fail "killed $kills times only"
  status 0 archivist create killed::last data
  [ -z "$(find home -name '*.new*')" ] || fail "something is left: $(find home -name '*.new*')"
  status 0 archivist list killed
  rm -rf killed home
else
  say "strace cannot trace here: nothing is killed at its calls"
fi

say "two disks at one mount point"
mkdir usb safe
archivist init usb/repo
archivist create usb/repo::a1 data
mv usb/repo safe/a
archivist init usb/repo
archivist create usb/repo::b1 data
mv usb/repo safe/b
for disk in a b a; do
  mv "safe/$disk" usb/repo
  change
  status 0 archivist create "usb/repo::$disk-{unixtime}-$RANDOM" data
  [ ! -s err ] || fail "disk $disk: $(cat err)"
  status 0 archivist check --verify-data usb/repo
  status 0 archivist prune --keep-last 5 usb/repo
  (mkdir -p restored && cd restored && rm -rf data && archivist extract ../usb/repo::@now)
  same data restored/data
  mv usb/repo "safe/$disk"
done

say "what each of them has to have is remembered, and a third one is an error"
mkdir old && cp -a safe/a old/a
mv safe/a usb/repo && archivist create usb/repo::a9 data && mv usb/repo safe/a
mv old/a usb/repo
status 2 archivist prune --keep-last 5 usb/repo
says '1 archive that this client made is missing' 'archivist adopt usb/repo'
rm -rf usb/repo
ARCHIVIST_BASE_DIR=$work/other "$ARCHIVIST" init usb/repo
status 2 archivist create usb/repo::c1 data
says 'was replaced' 'archivist adopt usb/repo'
status 0 archivist adopt usb/repo
prints 'usb/repo: accepted as repository'
status 0 archivist create usb/repo::c1 data
rm -rf usb/repo
ARCHIVIST_BASE_DIR=$work/other "$ARCHIVIST" init -e none usb/repo
status 2 archivist create usb/repo::d1 data
says 'was replaced'
rm -rf usb/repo && mv safe/b usb/repo
status 0 archivist create usb/repo::b9 data

say "one that is known from elsewhere is no error, and told of once"
archivist init elsewhere
rm -rf usb/repo && mv elsewhere usb/repo
status 0 archivist create usb/repo::e1 data
says 'which this client knows from .*/elsewhere'
status 0 archivist create usb/repo::e2 data
[ ! -s err ] || fail "again: $(cat err)"
archivist init -e none plain
rm -rf usb/repo && mv plain usb/repo
status 2 archivist create usb/repo::f1 data
says 'less protected' 'archivist adopt'

say "a repository that was moved goes on, with a word"
archivist init first
archivist create first::1 data
mv first second
status 0 archivist create second::2 data
says 'knows this repository from .*/first'
status 0 archivist prune --keep-last 5 second
[ ! -s err ] || fail "again: $(cat err)"

say "a copy that was written to is noticed by whoever uses one of them next"
archivist init repo
archivist create repo::both data
cp -a repo copy
change
status 0 archivist create copy::in-copy data
says 'run `archivist adopt copy` first'
change
status 1 archivist create repo::in-repo data
says 'in .*/copy' 'archivist adopt repo' 'archivist copy .*/copy repo'
for place in repo copy; do
  status 1 archivist list "$place"
  status 1 archivist check "$place"
  status 0 archivist extract --dry-run "$place::@now"
  says 'This client made it in .*/'
  for command in "prune --keep-last 9" "compact" "delete -a both"; do
    status 2 archivist $command "$place"
  done
done
cp -a repo merged-repo && cp -a copy merged-copy

say "one word keeps them apart"
status 0 archivist adopt repo
prints '2 archives of this client; 1 archive only in another copy'
for round in 1 2; do
  for place in repo copy; do
    change
    status 0 archivist create "$place::$round" data
    status 0 archivist list "$place"
    status 0 archivist prune --keep-last 9 "$place"
    status 0 archivist compact "$place"
    status 0 archivist check --verify-data "$place"
    (cd restored && rm -rf data && archivist extract "../$place::$round")
    same data restored/data
  done
done
[ "$(archives repo)" = "both in-repo 1 2" ] || fail "$(archives repo)"
[ "$(archives copy)" = "both in-copy 1 2" ] || fail "$(archives copy)"
rm "repo/archives/$(archivist list --format '{id}{NL}' repo | tail -1)"
status 2 archivist prune --keep-last 9 repo
says '1 archive that this client made is missing'
status 0 archivist prune --keep-last 9 copy

say "or they are merged, by copying what each of them lacks"
rm -rf repo copy home && archivist init repo && archivist create repo::both data && cp -a repo copy
change && archivist create copy::in-copy data 2>/dev/null
change && status 1 archivist create repo::in-repo data
status 0 archivist copy --list copy repo
prints 'Is there already: both' 'Copied: in-copy'
status 0 archivist copy --list repo copy
prints 'Is there already: in-copy' 'Copied: in-repo'
for place in repo copy; do
  [ "$(archives "$place" | xargs -n1 | sort | xargs)" = "both in-copy in-repo" ]
  for command in "list" "prune --keep-last 9" "compact" "check --verify-data"; do
    status 0 archivist $command "$place"
  done
done

say "an old copy in the place of a repository: accepted for good with --only"
cp -a repo older
change && archivist create repo::later data
rm -rf repo && mv older repo
status 2 archivist prune --keep-last 9 repo
says 'archivist adopt repo'
status 0 archivist adopt --only repo
prints '1 archive need not be there any more'
status 0 archivist prune --keep-last 9 repo
status 0 archivist check --verify-data repo

say "the same over a connection to another machine"
cat >shell <<'EOF'
#!/bin/sh
while case "$1" in -*) true;; *) false;; esac; do shift; done
shift
exec /bin/sh -c "$*"
EOF
chmod +x shell
remote=(--rsh "$PWD/shell" --remote-path "$ARCHIVIST")
here=ssh://x$PWD/repo
there=ssh://x$PWD/copy
rm -rf repo copy home
archivist init "${remote[@]}" "$here"
archivist create "${remote[@]}" "$here::both" data
cp -a repo copy
change && status 0 archivist create "${remote[@]}" "$there::in-copy" data
says "this client knows this repository from $here"
change && status 1 archivist create "${remote[@]}" "$here::in-repo" data
says "This client made it in $there" "archivist adopt $here"
status 2 archivist prune "${remote[@]}" --keep-last 9 "$here"
status 0 archivist adopt "${remote[@]}" "$here"
for place in "$here" "$there"; do
  change && status 0 archivist create "${remote[@]}" "$place::after" data
  for command in "list" "prune --keep-last 9" "compact"; do
    # shellcheck disable=SC2086
    status 0 archivist $command "${remote[@]}" "$place"
  done
done
status 0 archivist copy --list "${remote[@]}" "$there" repo 'in-copy'
prints 'Copied: in-copy'
