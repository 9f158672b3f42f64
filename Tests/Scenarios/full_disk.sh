#!/usr/bin/env bash
# A full disk: the backup fails and says so, what was there stays, and room can be made.
source "$(dirname "$0")/lib.sh"

small_disk 200m
mkdir tree
head -c 30000000 /dev/urandom >tree/first
archivist init disk/repo
archivist create disk/repo::first tree
head -c 50000000 /dev/urandom >tree/second
archivist create disk/repo::second tree
head -c 200000000 /dev/urandom >tree/too-large

say "the backup fails"
status 2 archivist create disk/repo::third tree
says 'disk is full' 'compact'
status 14 archivist create --exit-codes modern disk/repo::third tree
[ "$(archivist list --short disk/repo)" = $'first\nsecond' ]

say "with not one byte left"
head -c 300000000 /dev/zero >disk/filler 2>/dev/null || true
[ "$(df --output=avail disk | tail -1)" -lt 8 ]
status 2 archivist create disk/repo::fourth tree
says 'disk is full'
mkdir restored
for name in first second; do
  (cd restored && status 0 archivist extract ../disk/repo::$name)
  cmp tree/first restored/tree/first
done
cmp tree/second restored/tree/second
status 0 archivist list disk/repo
status 0 archivist info disk/repo
status 0 archivist check --verify-data disk/repo

say "delete and compact make room"
before=$(bytes disk/repo)
status 0 archivist delete disk/repo::second
status 0 archivist compact disk/repo
after=$(bytes disk/repo)
say "$((before - after)) bytes were freed"
[ $((before - after)) -gt 49000000 ]
rm -rf restored/*
(cd restored && archivist extract ../disk/repo::first)
cmp tree/first restored/tree/first
status 0 archivist check --verify-data disk/repo

say "and the next backup goes well"
rm disk/filler tree/too-large
status 0 archivist create disk/repo::fifth tree
rm -rf restored/*
(cd restored && archivist extract ../disk/repo::fifth)
diff -r tree restored/tree
status 0 archivist check --verify-data disk/repo

say "a full disk under the cache or the configuration loses no backup"
small_disk_of_home=$work/tiny
mkdir tiny && mount -t tmpfs -o size=64k scenario tiny && mounts+=("$work/tiny")
head -c 1000000 /dev/zero >tiny/filler 2>/dev/null || true
found=0
ARCHIVIST_BASE_DIR=$work/tiny "$ARCHIVIST" create disk/repo::sixth tree >out 2>err || found=$?
[ "$found" -le 2 ] || fail "exit status $found"
grep -qE 'Fatal|Swift/' err && fail "a crash"
[ "$found" != 0 ] || archivist info disk/repo::sixth >/dev/null
status 0 archivist check disk/repo
