#!/usr/bin/env bash
# A repository is copied file by file, with rsync, while it is being written to.
source "$(dirname "$0")/lib.sh"

rounds=3
archivist init repo
mkdir data
number=0
# grow: another archive, with some files that are new, some that are gone, and many that are not.
grow() {
  number=$((number + 1))
  head -c $((200000 + RANDOM * 60)) /dev/urandom >"data/new-$number"
  rm -f "data/new-$((number - 3))"
  seq "$number" $((number + 20000)) >data/text
  archivist create "repo::$1$number" data
  rm -rf "was/$1$number" && mkdir -p was && cp -a data "was/$1$number"
}
for _ in 1 2 3; do grow first-; done

# As another machine sees the copy: without what this one remembers of the repository.
elsewhere() { ARCHIVIST_BASE_DIR=$work/elsewhere "$ARCHIVIST" "$@"; }

# A file that is gone by the time it is to be copied, a lease say, makes it 24.
fetch() {
  local result=0
  rsync -a "$@" || result=$?
  [ "$result" = 0 ] || [ "$result" = 24 ] || fail "rsync ended with $result"
}

# in_any_order COMMAND…: rsync visits the directories one after the other, in an order of its own, and
# what COMMAND does comes in between.
in_any_order() {
  local directory
  for directory in $(cd repo && ls | grep -v '^tmp$' | shuf); do
    fetch --delete "repo/$directory" copy/
    "$@"
  done
}

# whole ARCHIVE…: the copy has these, and they are what they were.
whole() {
  local name
  for name; do
    rm -rf restored && mkdir restored
    (cd restored && elsewhere extract "../copy::$name")
    same restored/data "was/$name"
  done
}

# backups NAME: a backup after the other, until the file stop is there.
backups() {
  while [ ! -e stop ]; do
    # Backups of their own, so that what others expect does not change.
    head -c 300000 /dev/urandom >"busy-$1"
    "$ARCHIVIST" create "repo::$1-{unixtime}-$RANDOM" "busy-$1" || return 1
  done
}
# during NAME COMMAND…: COMMAND runs while backups are made.
during() {
  local name=$1 pid
  shift
  rm -f stop
  backups "$name" 2>"errors-$name" &
  pid=$!
  "$@"
  touch stop
  wait "$pid" || { cat "errors-$name"; fail "a backup failed meanwhile"; }
}

say "rsync while backups are made: whole, and so is everything that was made before it ended"
for round in $(seq "$rounds"); do
  rm -rf copy && mkdir copy
  during "busy$round" fetch repo/ copy/
  status 0 elsewhere check copy
  whole first-1 first-3
done
status 0 elsewhere check --verify-data copy

say "the same, directory after directory, in any order: what was there when it began is whole"
for round in $(seq "$rounds"); do
  rm -rf copy && mkdir copy
  archivist list --short repo | sort >before
  during "any$round" in_any_order sleep 0.1
  result=0
  elsewhere check copy >out 2>err || result=$?
  # What was made meanwhile may lack what was copied before it was there; nothing else may.
  if [ "$result" != 0 ]; then
    while read -r name; do
      ! grep -qF "archive $name:" err || fail "archive $name is not whole: $(grep -F "$name" err | head -1)"
    done <before
  fi
  whole first-1 first-2 first-3
  [ -z "$(comm -23 before <(elsewhere list --short copy | sort))" ] || fail "archives are missing"
  # The next rsync brings the rest.
  fetch --delete repo/ copy/
  status 0 elsewhere check copy
done

say "with a lease, while archives are deleted and space is freed"
for round in $(seq "$rounds"); do
  grow "kept$round-" && kept=kept$round-$number
  grow "gone$round-" && gone=gone$round-$number
  # What came shortly before somebody else began is left alone by a compaction in any case.
  find repo/segments -type f -exec touch -d '1 hour ago' {} +
  rm -rf copy && mkdir copy
  export -f in_any_order fetch fail
  export work ARCHIVIST gone passphrase
  # The deletion is in the middle; what it makes superfluous stays until the rsync has ended.
  clean() {
    [ ! -e cleaned ] || return 0
    touch cleaned
    # No child gets the passphrase that opened the repository.
    export ARCHIVIST_PASSPHRASE=$passphrase
    "$ARCHIVIST" delete "repo::$gone" && "$ARCHIVIST" compact --threshold 0 repo
  }
  export -f clean
  rm -f cleaned
  archivist with-lock repo bash -euo pipefail -c 'in_any_order clean' >out
  grep -q 'can go with the next compact' out || fail "the compaction did not wait"
  status 0 elsewhere check copy
  whole first-1 "$kept"
  if elsewhere list --short copy | grep -qx "$gone"; then whole "$gone"; fi
  archivist compact repo >out
  grep -q '^Freed' out || fail "nothing was freed afterwards"
  fetch --delete repo/ copy/
  status 0 elsewhere check --verify-data copy
done

say "without one: check says what is missing, and the next rsync brings it"
grow kept-last- && kept=kept-last-$number
grow gone-last- && gone=gone-last-$number
rm -rf copy && mkdir copy
for directory in $(cd repo && ls | grep -v '^segments$'); do fetch "repo/$directory" copy/; done
archivist delete "repo::$gone"
archivist compact --threshold 0 repo
fetch --delete repo/ copy/ --exclude /archives --exclude /index --exclude /removed
result=0
elsewhere check copy >out 2>err || result=$?
[ "$result" != 0 ] || fail "a copy without some of its segments passes for whole"
grep -qF "archive $gone" err || { cat err; fail "$gone is not said to lack anything"; }
# With the record of its removal it does not count any more.
fetch repo/removed/ copy/removed/
status 0 elsewhere check copy
fetch --delete repo/ copy/
status 0 elsewhere check --verify-data copy
whole first-1 "$kept"

say "the copy is a repository like any other"
elsewhere create copy::own data
whole first-1
rm -rf restored && mkdir restored
(cd restored && elsewhere extract ../copy::own)
same restored/data data
elsewhere delete copy::own
elsewhere compact copy >out
status 0 elsewhere check --verify-data copy
