#!/usr/bin/env bash
# A part of an archive's tree is damaged: every command passes over the items that it described,
# names the stretch, and does the rest.
source "$(dirname "$0")/lib.sh"
need_root "reads what only another user may read"

mkdir -p tree
for number in $(seq 4000); do
  directory=tree/d$((number % 40))
  mkdir -p $directory
  echo "content $number" >$directory/f$number
  [ $((number % 50)) != 0 ] || ln $directory/f$number $directory/z$number
done
archivist init repo
archivist create repo::first tree
# The largest segment of trees; the type is in the ninth byte.
for segment in repo/segments/*/*; do
  [ "$(xxd -s 8 -l 1 -p "$segment")" != 02 ] || stat -c '%s %n' "$segment"
done | sort -n >trees
segment=$(tail -1 trees | cut -d ' ' -f 2)
cp -r tree before
mkdir elsewhere && cp -a tree elsewhere/tree
rm tree/d7/f7 && echo new >tree/d3/new && echo other >tree/d5/f45
archivist create repo::second tree
# The same, with nodes of its own: it has other inode numbers.
cp -a tree/d3/new elsewhere/tree/d3/new && rm elsewhere/tree/d8/f48
env -C elsewhere "$ARCHIVIST" create --series other "$work/repo::other" tree
archivist diff repo::first second >difference
archivist diff repo::first other >other-difference
archivist list --short repo::first >all
cp -r repo sound
cp -r home home-of-sound

# damage COMMAND…: a fresh copy of the repository, and what a command makes of its segment.
damage() {
  rm -rf repo home
  cp -r sound repo
  cp -r home-of-sound home
  "$@" "$segment"
}
flip() { # a byte before the middle of a file
  local at=$(($(stat -c %s "$1") * 2 / 5))
  printf "\\x$(printf %02x $((0x$(xxd -s $at -l 1 -p "$1") ^ 0x10)))" |
    dd of="$1" bs=1 seek=$at conv=notrunc status=none
}

# stretches: what the last command said is missing: first path, next path, number.
stretches() {
  sed -nE 's/^Warning: .*between (.*) and (.*), ([0-9]+) items are missing: .*/\1 \2 \3/p' "$work/err"
}

say "one flipped bit: list shows everything else, and says what is missing"
damage flip
status 1 archivist list --short repo::first
cp out listed
[ "$(stretches | wc -l)" = 1 ] || fail "$(stretches | wc -l) stretches: $(cat err)"
read -r from to count < <(stretches)
say "$count items, from $from to before $to"
[ "$count" -gt 20 ] && [ "$count" -lt 2000 ] || fail "$count items are missing"
# What is missing is exactly the stretch.
awk -v from="$from" -v to="$to" '$0 == from { skip = 1 } $0 == to { skip = 0 } !skip' all |
  diff - listed
[ "$(($(wc -l <all) - $(wc -l <listed)))" = "$count" ] || fail "another number of items"
status 1 archivist list --json-lines repo::first
[ "$(wc -l <out)" = "$(wc -l <listed)" ] || fail "--json-lines has $(wc -l <out)"
inside=$(grep -A 30 -x -- "$from" all | grep -m 1 '/f')
outside=$(tail -1 all)
status 1 archivist list --short repo::first "$inside"
says "$inside: may be among"
status 0 archivist list --short repo::first "$outside"
[ "$(cat out)" = "$outside" ] || fail "it listed $(cat out)"

# restored DIRECTORY: there is everything that was listed, and nothing wrong. A directory that is lost
# itself is made for what is in it.
restored() {
  (cd "$1" && find tree ! -type d | sort) | diff - <(grep '/[fz]' listed | sort)
  ! diff -r before "$1/tree" | grep -v '^Only in before' || fail "wrong bytes in $1"
}

say "extract restores everything else"
mkdir out-1
status 1 env -C out-1 "$ARCHIVIST" extract ../repo::first
[ "$(stretches)" = "$from $to $count" ] || fail "it said $(stretches)"
restored out-1
[ "$(grep -c . err)" = 1 ] || fail "more than one warning: $(cat err)"
# Other names of files of which one is lost.
linked=$(cd out-1 && find . -name 'z*' | head -1)
cmp "before/d$((${linked##*/z} % 40))/f${linked##*/z}" "out-1/$linked"
status 1 env -C out-1 "$ARCHIVIST" extract --continue ../repo::first
restored out-1
mkdir out-2
status 1 env -C out-2 "$ARCHIVIST" extract ../repo::first "$inside" "$outside"
says "$inside: may be among"
[ -e "out-2/$outside" ] || fail "$outside was not restored"
status 0 env -C out-2 "$ARCHIVIST" extract ../repo::first "$outside"
status 1 env -C out-2 "$ARCHIVIST" extract ../repo::first 'no/such/path'
says 'no match in the archive' && ! grep -q 'items are missing' err
status 1 env -C out-2 "$ARCHIVIST" extract --list ../repo::first 'sh:tree/**/f1*'
status 1 archivist extract --dry-run repo::first
[ "$(stretches)" = "$from $to $count" ] || fail "it said $(stretches)"
status 0 archivist extract --stdout repo::first "$outside"
cmp out "before/${outside#tree/}"
status 1 archivist extract --stdout repo::first tree
[ "$(wc -l <out)" = "$(grep -c /[fz] listed)" ] || fail "--stdout wrote $(wc -l <out) lines"

say "diff says nothing false of what it cannot compare"
status 1 archivist diff repo::first other
! diff out other-difference | grep '^<' || fail "it found what is not so"
says 'archive first, not compared: between'
# What both have is not even read.
status 0 archivist diff repo::first second
diff out difference

say "create reads the files again, and copy passes over the archive"
status 1 archivist create --list repo::third tree
says 'is damaged, so files are read that may be unchanged: between'
says '^A '  '^U '
archivist init --like repo related
archivist init strange
status 1 archivist copy repo related
says 'archive first was not copied: '
status 1 archivist copy repo strange
says 'archive first was not copied: '

say "the same after a repair; then a backup heals it"
status 1 env ARCHIVIST_CHECK_I_KNOW_WHAT_I_AM_DOING=YES "$ARCHIVIST" check --repair --verify-data repo
mkdir out-3
status 1 env -C out-3 "$ARCHIVIST" extract ../repo::first
[ "$(stretches)" = "$from $to $count" ] || fail "it said $(stretches)"
restored out-3
mkdir out-4
status 1 env -C out-4 "$ARCHIVIST" extract --lost-as-zeros ../repo::first
restored out-4
found=0
"$ARCHIVIST" create repo::fourth tree 2>err || found=$?
[ "$found" -le 1 ] || fail "create: $found"
mkdir out-5
status 0 env -C out-5 "$ARCHIVIST" extract ../repo::fourth
diff -r tree out-5/tree
status 0 archivist list --short repo::first
diff out all

say "a segment that is gone, empty, or that only another user may read"
for what in rm 'truncate -s 0'; do
  damage $what
  rm -rf out-6 && mkdir out-6
  status 1 env -C out-6 "$ARCHIVIST" extract ../repo::first
  says 'items are missing'
done
damage chmod 600
chmod -R a+rwX,go-w . && chmod 600 "$segment"
mkdir -m 777 out-7
found=0
setpriv --reuid=12345 --regid=12345 --clear-groups env -C out-7 \
  ARCHIVIST_BASE_DIR="$work/out-7/home" "$ARCHIVIST" extract ../repo::first >out 2>err || found=$?
[ "$found" = 1 ] || fail "$found: $(cat err)"
says 'items are missing'
