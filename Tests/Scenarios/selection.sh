#!/usr/bin/env bash
# What is backed up and what is not, and what is said about it.
source "$(dirname "$0")/lib.sh"

mkdir -p tree/a/b tree/cache tree/tagged tree/marked tree/"with space"
for file in tree/a/one.o tree/a/two.txt tree/a/b/three.o tree/cache/x tree/tagged/y tree/marked/z \
  tree/"with space"/w tree/top; do
  echo "$file" >"$file"
done
echo 'Signature: 8a477f597d28d172789f06886806bc55' >tree/tagged/CACHEDIR.TAG
touch tree/marked/.nobackup
ln -s top tree/link
mkfifo tree/fifo
ln tree/top tree/top-again
touch -d '1 hour ago' tree/*
sleep 2.1
archivist init repo

# made NAME OPTION…: the paths of the archive that these options make.
made() {
  local name=$1
  shift
  archivist create "$@" "repo::$name" tree
  archivist list --short "repo::$name" >"listing-$name"
}
holds() { grep -qxF -- "$2" "listing-$1" || fail "$2 is not in $1"; }
lacks() { ! grep -qxF -- "$2" "listing-$1" || fail "$2 is in $1"; }

say "excludes"
made plain
[ "$(wc -l <listing-plain)" = 20 ] || fail "$(cat listing-plain)"
made pattern -e '*.o'
lacks pattern tree/a/one.o && lacks pattern tree/a/b/three.o && holds pattern tree/a/two.txt
made directory -e tree/a
lacks directory tree/a && lacks directory tree/a/b/three.o && holds directory tree/top
made shell -e 'sh:tree/*/*.o'
lacks shell tree/a/one.o && holds shell tree/a/b/three.o
made regex -e 're:/t(wo|hree)'
lacks regex tree/a/two.txt && lacks regex tree/a/b/three.o && holds regex tree/a/one.o
status 2 archivist create -e 're:(a)\1' repo::reference tree
says 'references to groups'
made prefix -e pp:tree/a/b
lacks prefix tree/a/b && holds prefix tree/a
made exact -e pf:tree/top
lacks exact tree/top && holds exact tree/top-again
printf '# a comment\n\n*.o\n  tree/cache  \nsh:tree/with*\n' >excludes
made file --exclude-from excludes
lacks file tree/a/one.o && lacks file tree/cache && lacks file 'tree/with space'
made caches --exclude-caches
lacks caches tree/tagged && lacks caches tree/tagged/y && holds caches tree/marked/z
made marked --exclude-if-present .nobackup --keep-exclude-tags
lacks marked tree/marked/z && holds marked tree/marked/.nobackup && holds marked tree/tagged/y

say "borg leaves out the same"
export BORG_BASE_DIR=$work/borg-home BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
: "${BORG:=borg}"
"$BORG" init -e none borg-repo
number=0
for options in "-e *.o" "-e tree/a" "-e sh:tree/*/*.o" "-e pp:tree/a/b" "-e */b/*" \
  "-e pf:tree/top" "--exclude-from excludes" "--exclude-caches" "--exclude-if-present .nobackup" \
  "--exclude-if-present .nobackup --keep-exclude-tags" "-e tree/?op*" "-e sh:**/b/" "-e tree/a/"; do
  number=$((number + 1))
  set -f
  "$BORG" create $options borg-repo::$number tree
  archivist create $options repo::borg-$number tree
  set +f
  diff <("$BORG" list --short borg-repo::$number | sort) <(archivist list --short repo::borg-$number | sort) ||
    fail "borg differs for $options"
done

say "status letters"
archivist create repo::series tree
echo changed >>tree/a/two.txt
echo new >tree/new
status 0 archivist create --list repo::letters tree
says '^M tree/a/two.txt' '^A tree/new' '^U tree/a/one.o' '^d tree/a$' '^s tree/link' '^f tree/fifo'
status 0 archivist create --list -e '*.o' repo::excluded tree
says '^x tree/a/one.o'
status 0 archivist create --list --filter AM repo::filtered tree
grep -qE '^[^AM] ' err && fail "--filter does not filter"
"$BORG" create borg-repo::before tree
sleep 2.1
echo again >>tree/a/two.txt
archivist create repo::before tree
echo more >>tree/a/two.txt
"$BORG" create --list borg-repo::letters tree 2>borg-letters
archivist create --list repo::letters-2 tree 2>our-letters
# The order within a directory is each program's own.
say "different from borg: $(diff <(sort borg-letters) <(sort our-letters) | grep -c '^[<>]' || true) lines"

say "--dry-run stores nothing"
before=$(find repo -type f | sort | sha256sum)
status 0 archivist create --dry-run --list repo::dry tree
says '^- tree/top'
[ "$before" = "$(find repo -type f | sort | sha256sum)" ]
for command in "delete -n repo::plain" "prune -n --keep-last 1 repo" "extract -n repo::plain"; do
  status 0 archivist $command
  [ "$before" = "$(find repo -type f | sort | sha256sum)" ] || fail "$command changed something"
done

say "files-cache modes"
for mode in ctime,size,inode mtime,size,inode ctime,size mtime,size disabled rechunk,ctime; do
  name=${mode//,/-}
  sleep 2.1
  archivist create --files-cache $mode "repo::$name-1" tree
  status 0 archivist create --list --files-cache $mode "repo::$name-2" tree
  case $mode in
    disabled | rechunk*) grep -qE '^U ' err && fail "$mode: a file was taken over" ;;
    *) says '^U tree/a/two.txt' ;;
  esac
done
# Other inodes, same times: only a mode without inodes still knows the files.
cp -a tree copy && rm -r tree && mv copy tree
status 0 archivist create --list --files-cache mtime,size repo::copied tree
says '^U tree/a/two.txt'
status 0 archivist create --list --files-cache mtime,size,inode --parent mtime-size-inode-2 repo::copied-2 tree
grep -qE '^U tree/a/two.txt' err && fail "another inode was taken for the same file"

say "a part of an archive"
mkdir restored && cd restored
status 0 archivist extract ../repo::plain tree/a/b -e '*.txt'
[ "$(find . -type f)" = ./tree/a/b/three.o ]
status 1 archivist extract ../repo::plain tree/nothing
says 'tree/nothing'
status 101 archivist extract --exit-codes modern ../repo::plain tree/nothing
rm -rf tree
status 0 archivist extract --strip-components 2 ../repo::plain tree/a
[ -f two.txt ] && [ -f b/three.o ]
[ "$(archivist extract --stdout ../repo::plain tree/a/one.o)" = tree/a/one.o ]
cd ..

say "rules, roots in files, lists of paths"
printf '%s\n' 'R tree' '+ tree/a/b' '- tree/a/*' '! re:/cache$' >rules
status 0 archivist create --patterns-from rules repo::rules
archivist list --short repo::rules >listing-rules
holds rules tree/a/b/three.o && lacks rules tree/a/one.o && lacks rules tree/cache/x && holds rules tree/top
status 2 archivist create repo::nothing
says 'nothing to back up'
find tree -name '*.o' -print0 >list
status 0 archivist create --paths-from-stdin --paths-delimiter '\0' repo::listed <list
[ "$(archivist list --short repo::listed)" = $'tree/a/b/three.o\ntree/a/one.o' ]
status 0 archivist create --paths-from-command repo::command -- find tree -name 'o*.o'
# The list may be of any file system: what is an hour old is known again.
touch -d '2 hours ago' tree/a/one.o
archivist create --files-cache mtime,size --series paths --paths-from-stdin repo::listed-1 < <(echo tree/a/one.o)
status 0 archivist create --list --files-cache mtime,size --series paths --paths-from-stdin repo::listed-2 \
  < <(printf 'tree/top\ntree/a/one.o\n')
says '^U tree/a/one.o' '^A tree/top'
status 1 archivist create --list --paths-from-stdin repo::missing < <(printf 'tree/gone\ntree/top\n')
says 'tree/gone' '^E tree/gone' '^A tree/top'
status 2 archivist create --paths-from-command repo::failed -- sh -c 'echo tree/top; exit 3'
says 'exit status 3'
status 2 archivist create --paths-from-command repo::failed -- no-such-program
status 2 archivist create --paths-from-command --content-from-command repo::failed -- echo tree
status 0 archivist create --paths-from-command repo::dash -- cat - <<<tree/top
[ "$(archivist list --short repo::dash)" = tree/top ]
status 2 archivist create --paths-from-stdin repo::failed tree </dev/null
status 2 archivist list repo::failed
status 2 env -u ARCHIVIST_PASSPHRASE ARCHIVIST_PASSPHRASE_FD=0 "$ARCHIVIST" create --paths-from-stdin repo::failed </dev/null
says 'both the passphrase and the paths'

say "a root inside of another, and on another file system"
if [ "$(id -u)" = 0 ]; then
  mkdir tree/mounted
  mount -t tmpfs none tree/mounted
  mounts+=("$work/tree/mounted")
  touch tree/mounted/inside
  archivist create -x repo::outer tree
  archivist create -x repo::both tree/mounted tree
  archivist list --short repo::outer | grep -qx tree/mounted/inside && fail "-x left the file system"
  archivist list --short repo::both | grep -qx tree/mounted/inside || fail "a path that was named is missing"
  umount tree/mounted
  mounts=()
fi

say "several roots, the root of the machine's tree, and a file"
status 0 archivist create repo::roots tree/a/one.o tree/cache /etc/hostname
[ "$(archivist list --short repo::roots)" = $'etc/hostname\ntree/a/one.o\ntree/cache\ntree/cache/x' ]
status 0 archivist create repo::dots ./tree/../tree//a/
archivist list --short repo::dots | grep -qx tree/a
status 0 archivist check --verify-data repo
