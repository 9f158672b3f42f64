#!/usr/bin/env bash
# A file with two names vanishes while a backup runs, and its inode number goes to another one that has
# two names. Each of these is what it is, and linked to its like.
source "$(dirname "$0")/lib.sh"
need_root "mounts a file system, whose inode numbers nobody else takes"

archivist init repo
truncate -s 64M disk && mkfs.ext4 -q -N 40000 disk
mkdir tree
mount -o loop disk tree
mounts+=("$work/tree")
mkdir -p tree/a tree/m tree/y tree/z
echo "content of a" >tree/a/one
ln tree/a/one tree/y/two
number=$(stat -c %i tree/a/one)
# Something slow in between.
(cd tree/m && seq 20000 | while read -r name; do : >"$name"; done)
archivist create --list repo::one tree 2>letters &
backup=$!
until grep -q tree/m/1 letters; do kill -0 "$backup"; done
kill -STOP "$backup"
! grep -q tree/z letters || fail "the backup was too fast"
rm tree/a/one tree/y/two
for name in $(seq 200); do
  echo "content $name" >"tree/z/$name"
  [ "$(stat -c %i "tree/z/$name")" != "$number" ] || break
done
[ "$(stat -c %i "tree/z/$name")" = "$number" ] || fail "the inode number is not used again"
mv "tree/z/$name" tree/z/three && ln tree/z/three tree/z/four
find tree/z -name '[0-9]*' -delete
kill -CONT "$backup"
wait "$backup" || [ $? = 1 ]
mkdir restored
(cd restored && archivist extract ../repo::one)
same tree/z restored/tree/z
[ "$(stat -c %i restored/tree/z/three)" = "$(stat -c %i restored/tree/z/four)" ] ||
  fail "a link is lost"
# As the archive has them: the later one names the earlier one.
archivist list --format '{path} {source}{NL}' repo::one | grep -qx 'tree/z/three tree/z/four'
status 0 archivist check --verify-data repo
