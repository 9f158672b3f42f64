#!/usr/bin/env bash
# A damaged or incomplete repository is reported as such; deleting operations stop.
source "$(dirname "$0")/lib.sh"

mkdir tree
head -c 3000000 /dev/urandom >tree/random
for number in $(seq 100); do echo "$number" >"tree/$number"; done
archivist init sound
archivist create sound::first tree
archivist create sound::second tree
cp -r home home-of-sound

# begin: a fresh copy under the same path, so that the client knows it.
begin() {
  rm -rf repo home
  cp -r sound repo
  cp -r home-of-sound home
}
flip() { # the byte in the middle of a file
  local at=$(($(stat -c %s "$1") / 2))
  printf "\\x$(printf %02x $((0x$(xxd -s $at -l 1 -p "$1") ^ 0x10)))" |
    dd of="$1" bs=1 seek=$at conv=notrunc status=none
}

say "config"
begin
flip repo/config/00000001
status 2 archivist list repo
says 'config/00000001'
begin
rm repo/config/00000001
status 2 archivist list repo
begin
truncate -s 40 repo/config/00000001
status 2 archivist list repo
says 'config/00000001'

say "key"
begin
flip "$(find repo/keys -type f)"
status 2 archivist list repo
begin
rm "$(find repo/keys -type f)"
status 2 archivist list repo
says 'key' 'key import'
begin
truncate -s 0 "$(find repo/keys -type f)"
status 2 archivist list repo

for kind in archives index segments; do
  say "$kind"
  for what in flip 'truncate -s 100' 'truncate -s 0' rm; do
    begin
    file=$(find "repo/$kind" -type f | sort | head -1)
    $what "$file"
    found=0
    "$ARCHIVIST" check --verify-data repo >out 2>err || found=$?
    # An index object that is gone is no loss: segments say themselves what is in them.
    if [ "$kind $what" != "index rm" ]; then
      [ "$found" != 0 ] || fail "$what $kind: check found nothing"
      grep -q "$(basename "$file" | cut -c1-16)" err || [ "$what" = rm ] || fail "$what $kind: it is not named: $(cat err)"
    fi
    found=0
    rm -rf restored && mkdir restored
    (cd restored && exec "$ARCHIVIST" extract ../repo::second) 2>err || found=$?
    if [ "$found" = 0 ]; then
      diff -r tree restored/tree
    elif [ -d restored/tree ]; then
      # What is there is right; what is missing was reported.
      ! diff -rq tree restored/tree | grep differ || fail "$what $kind: wrong bytes were restored"
    fi
    if [ "$kind" = archives ]; then
      status 2 archivist compact repo
      [ "$what" = rm ] || says "$(basename "$file" | cut -c1-8)"
      status 2 archivist prune --keep-last 1 repo
    fi
  done
done

say "an archive that vanished without having been deleted"
begin
rm "$(find repo/archives -type f | sort | head -1)"
status 1 archivist list repo
says '1 archive that this client made is'
status 1 archivist check repo
status 2 archivist compact repo
status 2 archivist prune --keep-last 1 repo
status 2 archivist delete repo::second

say "an older state of the repository"
begin
archivist create repo::third tree
rm -rf repo && cp -r sound repo
found=0
"$ARCHIVIST" list repo >out 2>err || found=$?
[ "$found" != 0 ] || fail "the repository went back in time and nobody noticed"

say "another repository in the same place"
begin
archivist list repo
rm -rf repo
ARCHIVIST_BASE_DIR=$work/elsewhere archivist init repo
found=0
"$ARCHIVIST" list repo >out 2>err || found=$?
[ "$found" = 2 ] || fail "the repository was swapped and nobody noticed"

say "strangers among the objects are left alone"
begin
touch repo/README repo/segments/x repo/archives/x repo/index/.hidden
mkdir repo/parity repo/segments/lost+found
status 0 archivist check --verify-data repo
status 0 archivist compact repo
[ -e repo/README ] && [ -e repo/segments/x ] && [ -e repo/archives/x ] && [ -d repo/parity ]
