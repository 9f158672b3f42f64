#!/usr/bin/env bash
# Memory does not grow with what is backed up: below 250 MiB for a large file, and for many files.
# MEMORY_MIB and MEMORY_FILES scale it.
source "$(dirname "$0")/lib.sh"

limit=$((250 * 1024))
mib=${MEMORY_MIB:-2048}
files=${MEMORY_FILES:-200000}

# measured NAME COMMAND…: fails if it needs more than the limit.
measured() {
  local name=$1 peak seconds
  shift
  /usr/bin/time -f '%M %e' -o "$work/usage" "$@" >/dev/null
  read -r peak seconds <"$work/usage"
  say "$name: $((peak / 1024)) MiB, $seconds s"
  [ "$peak" -lt "$limit" ] || fail "more than 250 MiB"
}

# Memory rather than a disk for the source and what is restored, where there is enough.
if [ "$(df --output=avail -m /dev/shm 2>/dev/null | tail -1)" -gt $((3 * mib)) ] &&
  [ "$(awk '/MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)" -gt $((4 * mib)) ]; then
  area=$(mktemp -d /dev/shm/archivist-scenario.XXXXXX)
  endings+=('rm -rf "$area"')
else
  area=$work/area
  mkdir "$area"
fi
cd "$area"
archivist init repo

mkdir large
python3 -c '
import os, sys
with open("large/file", "wb") as file:
    for number in range(int(sys.argv[1])):
        # Half of it compresses.
        file.write(os.urandom(1 << 19) + b"%015d\n" % number * (1 << 15))
' "$mib"
measured "create, one file of $mib MiB" "$ARCHIVIST" create repo::large large
mkdir restored
cd restored
measured "extract" "$ARCHIVIST" extract ../repo::large
cd ..
cmp large/file restored/large/file
rm -rf restored large

python3 -c '
import os, sys
count = int(sys.argv[1])
for start in range(0, count, 1000):
    os.makedirs(f"many/{start // 20000}/{start}")
    for number in range(start, start + 1000):
        with open(f"many/{start // 20000}/{start}/file-{number}.txt", "wb") as file:
            file.write(b"content of %d\n" % number * (number % 40))
os.mkdir("flat")
for number in range(count // 4):
    with open(f"flat/a rather long name for a file, as they often are, number {number}", "wb"):
        pass
' "$files"
measured "create, $((files * 5 / 4)) files" "$ARCHIVIST" create repo::many many flat
measured "create again" "$ARCHIVIST" create repo::again many flat
mkdir restored
cd restored
measured "extract" "$ARCHIVIST" extract ../repo::many
cd ..
found=$(find restored -type f | wc -l)
[ "$found" = $((files * 5 / 4)) ] || fail "$found files were restored"
diff -r many/0 restored/many/0
measured "list" "$ARCHIVIST" list --short repo::many
measured "check --verify-data" "$ARCHIVIST" check --verify-data repo
archivist delete repo::large
measured "compact" "$ARCHIVIST" compact repo
cd /
