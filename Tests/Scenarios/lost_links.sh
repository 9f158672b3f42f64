#!/usr/bin/env bash
# Files whose content cannot be restored: none of their names is left with something that is not
# whole, and each one is told.
source "$(dirname "$0")/lib.sh"
need_root "mounts a small file system"

mkdir -p tree/a tree/b/deep tree/c
head -c 9000000 /dev/urandom >tree/a/large
ln tree/a/large tree/b/large-2 && ln tree/a/large tree/b/deep/large-3 && ln tree/a/large tree/c/large-4
echo fine >tree/a/before && echo fine >tree/c/zz && ln tree/c/zz tree/c/zz-2
head -c 300000 /dev/urandom >tree/b/middle && ln tree/b/middle tree/c/middle-2
touch -d 2001-02-03 tree/a tree/b/deep tree/b tree/c tree
chmod 500 tree/b/deep
chown -R 12345:12345 tree
archivist init repo
archivist create repo::first tree

# left DIRECTORY: every file that is there is whole, and told is every name that is not there; with
# `untold`, none of them, because one error is told for all.
left() {
  local name
  lost=0
  [ "${2:-}" != untold ] || [ "$(grep -cE '^(Error|Warning)' "$work/err")" = 1 ] ||
    fail "more than one error is told: $(cat "$work/err")"
  while read -r name; do
    if [ ! -e "$1/$name" ]; then
      [ "${2:-}" = untold ] || says "$name: "
      lost=$((lost + 1))
    elif [ ! -d "$name" ]; then
      cmp "$name" "$1/$name"
    fi
  done < <(find tree)
  ! find "$1" -name '.archivist-*' | grep . || fail "a temporary file is left"
}
times() { (cd "$1" && find tree -type d -printf '%p %m %T@\n' | sort); }

say "a damaged content"
cp -r repo sound
for segment in repo/segments/*/*; do
  size=$(stat -c %s "$segment")
  for place in 2 3 4 5 6 7; do
    [ "$size" -lt 1000000 ] || printf 'damage' |
      dd of="$segment" bs=1 seek=$((size * place / 10)) conv=notrunc status=none
  done
done
mkdir out-1
status 1 env -C out-1 "$ARCHIVIST" extract ../repo::first
left out-1
[ "$lost" -ge 4 ] || fail "$lost names were lost"
times . | diff - <(times out-1)

say "by a user who may not write into a directory that is restored"
mkdir -m 777 out-2
chmod 755 . && chmod -R a+rX repo
status 1 setpriv --reuid=12345 --regid=12345 --clear-groups env -C out-2 \
  ARCHIVIST_BASE_DIR="$work/out-2/home" "$ARCHIVIST" extract ../repo::first
left out-2
[ "$lost" -ge 4 ] || fail "$lost names were lost"
times . | diff - <(times out-2)
status 1 env -C out-1 "$ARCHIVIST" extract --lost-as-zeros ../repo::first
[ "$(stat -c %h out-1/tree/a/large)" = 4 ] || fail "there are not all names"

say "a full disk"
small_disk 4m
status 2 env -C disk "$ARCHIVIST" extract "$work/sound::first"
says "^Error: $work/disk: the disk .* is full: tree/a/large" 'extract --continue'
left disk untold
[ "$lost" -ge 4 ] || fail "$lost names were lost"
[ "$(df --output=used -B 1 disk | tail -1)" -lt 1000000 ] || fail "the space is not free again"

say "a file system that is full of names"
mkdir names && mount -t tmpfs -o size=50m,nr_inodes=8 scenario names && mounts+=("$work/names")
status 2 env -C names "$ARCHIVIST" extract "$work/sound::first"
says "^Error: $work/names: the disk .* has no room for one more file"
left names untold

say "a signal: what is there is whole, and --continue does the rest"
mkdir many
for number in $(seq 400); do head -c 200000 /dev/urandom >many/$number; done
head -c 40000000 /dev/urandom >many/huge && ln many/huge many/huge-2
archivist create repo::many many
for signal in TERM INT HUP; do
  for wait in 0.3 0.6 1.2; do
    rm -rf out-3 && mkdir -p out-3/many && chown 12345 out-3/many
    found=0
    env -C out-3 timeout --preserve-status -s $signal $wait "$ARCHIVIST" \
      extract ../repo::many >out 2>err || found=$?
    [ "$found" = 0 ] || [ "$found" = $((128 + $(kill -l $signal))) ] || fail "$signal: $found"
    [ "$(stat -c %a out-3/many)" = 755 ] || fail "a directory stays closed to others: $(stat -c %U:%a out-3/many)"
    for file in out-3/many/*; do
      [ ! -e "$file" ] || cmp "$file" "many/${file##*/}"
    done
  done
done
status 0 env -C out-3 "$ARCHIVIST" extract --continue ../repo::many
same many out-3/many

say "nobody reads the output any more"
found=0
"$ARCHIVIST" extract --stdout repo::many 2>err | head -c 10 >out || found=${PIPESTATUS[0]}
[ "$found" = 141 ] || fail "--stdout: $found"

say "what is there already gives way only to what is whole"
mkdir out-4
cp -a tree out-4/
for name in a/large b/large-2 b/deep/large-3 b/middle; do
  rm "out-4/tree/$name" && echo mine >"out-4/tree/$name"
done
ln -f out-4/tree/a/before out-4/tree/c/large-4
cp -a out-4 as-it-was
status 1 env -C out-4 "$ARCHIVIST" extract ../repo::first
[ "$(grep -cE '^Warning: .*(not restored|large|middle)' err)" -ge 4 ]
for name in a/large b/large-2 b/deep/large-3 c/large-4 b/middle c/middle-2; do
  cmp -s "as-it-was/tree/$name" "out-4/tree/$name" || cmp -s "tree/$name" "out-4/tree/$name" ||
    fail "$name gave way to nothing"
done
[ "$(cat out-4/tree/a/large)" = mine ] || fail "the damage is not where it should be"
[ "$(stat -c %h out-4/tree/c/zz)" = 2 ] && [ out-4/tree/c/zz -ef out-4/tree/c/zz-2 ]
! find out-4 -name '.archivist-*' | grep . || fail "a temporary file is left"

say "and to what is whole it does, with all its names"
for first in present missing; do
  rm -rf out-5 && mkdir out-5
  cp -a tree out-5/
  for name in a/large b/large-2 b/deep/large-3 c/large-4; do
    rm "out-5/tree/$name" && echo other >"out-5/tree/$name"
  done
  [ $first = present ] || rm out-5/tree/a/large out-5/tree/b/large-2
  ln -f out-5/tree/a/before out-5/tree/c/middle-2
  status 0 env -C out-5 "$ARCHIVIST" extract ../sound::first
  same tree out-5/tree
done

say "a file with zeros for what is lost is not taken for what was backed up"
mkdir out-6
status 1 env -C out-6 "$ARCHIVIST" extract --lost-as-zeros ../repo::first
says 'restored as zeros'
[ "$(stat -c %Y out-6/tree/a/large)" -gt "$(stat -c %Y tree/a/large)" ] ||
  fail "a file with zeros has the time of the one that was backed up"
