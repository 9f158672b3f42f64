#!/usr/bin/env bash
# What is restored to is full, read-only, fails, or takes less than a file is: one error for all, where
# nothing more can be restored, and everything that is there is whole.
source "$(dirname "$0")/lib.sh"
need_root "mounts file systems"

mkdir tree tree/links
for number in $(seq 400); do head -c 9000 /dev/urandom >"tree/$number"; done
touch -d 2001-02-03 tree/* tree
archivist init repo
archivist create repo::first tree

# whole DIRECTORY: every file in it is one of the tree's, and complete.
whole() {
  local file
  (cd "$1" && find . -type f) | while read -r file; do
    cmp "$file" "$1/$file" || fail "$file is not whole"
  done
}
# once PATTERN: this, and nothing else, was said.
once() {
  says "$1"
  [ "$(wc -l <err)" = 1 ] || fail "more than one line: $(head -5 err)"
}

say "a read-only target"
mkdir read-only
mount -t tmpfs -o ro scenario read-only
mounts+=("$work/read-only")
status 2 env -C read-only "$ARCHIVIST" extract ../repo::first
once "^Error: $work/read-only: the disk that is restored to is read-only: tree was not restored"

say "one in which everything is, but for a file"
mount -o remount,rw read-only
(cd read-only && archivist extract ../repo::first)
mount -o remount,ro read-only
status 0 env -C read-only "$ARCHIVIST" extract ../repo::first
mount -o remount,rw read-only
echo changed >read-only/tree/7
mount -o remount,ro read-only
status 2 env -C read-only "$ARCHIVIST" extract ../repo::first
once "read-only: tree/7 was not restored"

say "a full one"
small_disk 1m
status 2 env -C disk "$ARCHIVIST" extract ../repo::first
once "^Error: $work/disk: the disk that is restored to is full: tree/[0-9]* was not restored"
whole disk
[ "$(find disk -type f | wc -l)" -gt 20 ] || fail "what was complete is gone"
status 14 env -C disk "$ARCHIVIST" extract --exit-codes modern ../repo::first
mount -o remount,size=50m disk
status 0 env -C disk "$ARCHIVIST" extract --continue ../repo::first
same tree disk/tree

say "a full one beneath it"
mkdir -p beneath/tree/links
mount -t tmpfs -o size=8k scenario beneath/tree/links
mounts+=("$work/beneath/tree/links")
head -c 100000 /dev/urandom >tree/links/large
archivist create repo::nested tree
status 2 env -C beneath "$ARCHIVIST" extract ../repo::nested
once "^Error: $work/beneath/tree/links: the disk that is restored to is full: tree/links/large"
rm tree/links/large

say "a read-only one beneath it concerns what is on it"
echo more >tree/links/more
archivist create repo::second tree
mount -o remount,ro beneath/tree/links
rm -f beneath/tree/[0-9]*
status 1 env -C beneath "$ARCHIVIST" extract ../repo::second
says "tree/links/more: Read-only"
[ "$(find beneath/tree -maxdepth 1 -type f | wc -l)" = 400 ]
rm tree/links/more

say "a directory that nobody may write to"
mkdir -m 755 closed
mkdir -m 777 home-of-other && chmod 777 home-of-other
chmod 755 .
chmod -R a+rX repo
status 2 setpriv --reuid=12345 --regid=12345 --clear-groups env -C closed \
  ARCHIVIST_BASE_DIR="$work/home-of-other" "$ARCHIVIST" extract ../repo::first
says '^Warning: tree: Permission denied' 'tree, above it, could not be made' \
  '^Error: nothing was restored: 402 items chosen'
[ "$(wc -l <err)" -lt 6 ] || fail "each item is named"

say "a disk that fails"
gcc -O1 -shared -fPIC -o faults.so "$scenarios/faults.c" -ldl
faults() { env LD_PRELOAD="$work/faults.so" FAULT_UNDER="$PWD" "$@"; }
mkdir failing && cd failing
# One file cannot be written, and the disk works: the others are restored.
status 1 faults FAULT_CALL=write FAULT_AT=50 FAULT_ERROR=5 "$ARCHIVIST" extract ../repo::first
says '^Warning: tree/[0-9]*: Input/output error'
[ "$(find . -type f | wc -l)" = 399 ]
cd ..
whole failing

say "a thousand hard links, where there are none"
for number in $(seq 1000); do ln tree/1 "tree/links/$number"; done
archivist create repo::links tree
rm -rf failing && mkdir failing && cd failing
status 1 faults FAULT_CALL=link FAULT_AT=1 FAULT_ERROR=1 FAULT_ONWARD=1 \
  "$ARCHIVIST" extract ../repo::links
cd ..
says 'tree/links/1: restored as a file of its own, because it could not be linked to tree/1: Operation' \
  '999 more items restored as files of their own'
[ "$(wc -l <err)" = 2 ] || fail "more than two lines: $(head -5 err)"
diff -r tree failing/tree
rm -r failing/tree

say "more holes than a backup remembers"
python3 - <<'PYTHON'
import os
with open("tree/holes", "wb") as file:
    for number in range(20_100):
        file.seek(number * 8192)
        file.write(b"data")
    file.truncate(21_000 * 8192)
PYTHON
rm -r tree/links
status 0 archivist create repo::holes tree
once 'tree/holes: has more than 20000 holes: those behind are kept as zeros, which take up room when'
mkdir holes
(cd holes && status 0 archivist extract ../repo::holes)
cmp tree/holes holes/tree/holes
