#!/usr/bin/env bash
# Eight backups, a prune and a compact at the same time, on one repository, again and again, some of
# them killed: nothing is lost that was reported as made and not deleted, and in the end the space of
# all else is free.
#
#   WRITERS_SECONDS=N   for how long (15)
#   WRITERS_SEED=N      what is killed when (1)
source "$(dirname "$0")/lib.sh"
: "${WRITERS_SECONDS:=15}" "${WRITERS_SEED:=1}"
RANDOM=$WRITERS_SEED

# Without a passphrase: what is tested is who does what when, and a passphrase takes time.
archivist init --encryption none repo
mkdir trees versions log
head -c 400000 /dev/urandom >shared
end=$((SECONDS + WRITERS_SECONDS))

# writer N: makes archive after archive of a tree that changes, and notes what it was told.
writer() {
  local round=0 name version
  RANDOM=$((WRITERS_SEED * 100 + $1))
  while [ $SECONDS -lt "$end" ]; do
    round=$((round + 1))
    name=w$1-$round version=versions/$1-$round
    mkdir -p "trees/$1" "$version"
    # Something new, something that all have, and something that this one had before: what others
    # have, and what is about to be deleted, is what the rules of deduplication are about.
    head -c $((RANDOM * 4)) /dev/urandom >"trees/$1/own-$((round % 3))"
    head -c $((RANDOM * 12)) shared >"trees/$1/shared"
    seq $((RANDOM % 50)) | while read -r n; do echo "$n" >"trees/$1/small-$n"; done
    cp -r "trees/$1/." "$version"
    "$ARCHIVIST" create "repo::$name" "trees/$1" >>"log/writer-$1" 2>&1 &
    local pid=$! found=0
    if [ $((RANDOM % 6)) = 0 ]; then
      sleep "0.0$((RANDOM % 100))"
      kill -KILL "$pid" 2>/dev/null || true
    fi
    wait "$pid" 2>/dev/null || found=$?
    case $found in
      0) echo "$name $1 $version" >>made ;;
      137) echo "$name $1 $version" >>killed ;;
      # A backup whose lease was ended has to say so; here nobody ends one that runs.
      *) echo "create $name: exit status $found" >>wrong ;;
    esac
  done
}

# keeper: thins out the archives of one writer after the other, and notes what it was told is gone.
keeper() {
  local prefix found
  RANDOM=$((WRITERS_SEED * 100 + 50))
  while [ $SECONDS -lt "$end" ]; do
    sleep 0.2
    prefix=w$((RANDOM % 8 + 1))-
    found=0
    "$ARCHIVIST" prune --list --keep-last 2 -P "$prefix" repo >out.prune 2>>log/prune || found=$?
    grep -aE '^delete ' out.prune | grep -aoE 'w[1-8]-[0-9]+' >>deleted || true
    # A writer that has not got that far yet has no archives.
    if [ $found = 2 ] && tail -n 1 log/prune | grep -q 'no archive has a name'; then found=0; fi
    [ $found = 0 ] || echo "prune: exit status $found" >>wrong
  done
}

compactor() {
  local found pid
  RANDOM=$((WRITERS_SEED * 100 + 60))
  while [ $SECONDS -lt "$end" ]; do
    found=0
    "$ARCHIVIST" compact --threshold 1 repo >>log/compact 2>&1 &
    pid=$!
    if [ $((RANDOM % 4)) = 0 ]; then
      sleep "0.0$((RANDOM % 100))"
      kill -KILL "$pid" 2>/dev/null || true
    fi
    wait "$pid" 2>/dev/null || found=$?
    case $found in
      0) echo done >>compacted ;;
      137) echo killed >>compacted ;;
      *) echo "compact: exit status $found" >>wrong ;;
    esac
  done
}

: >made && : >killed && : >deleted && : >wrong && : >compacted
jobs=()
for number in 1 2 3 4 5 6 7 8; do writer $number & jobs+=($!); done
keeper & jobs+=($!)
compactor & jobs+=($!)
for job in "${jobs[@]}"; do wait "$job"; done

if [ -s wrong ]; then
  cat wrong >&2
  tail -n 5 log/* >&2
  fail "something failed that was not killed"
fi
say "$(wc -l <made) backups were made, $(wc -l <killed) killed, $(sort -u deleted | wc -l) deleted, $(grep -c done compacted || true) compactions, $(grep -c killed compacted || true) killed"
figure "backups made while others prune and compact" "$(wc -l <made)"
figure "backups and compactions killed meanwhile" "$(($(wc -l <killed) + $(grep -c killed compacted || true)))"
status 0 archivist check --verify-data repo
archivist list --short repo >present
mkdir restored
count=0
while read -r name number version; do
  if ! grep -qx "$name" present; then
    grep -q "^$name " killed || grep -qx "$name" deleted ||
      fail "$name is gone"
    continue
  fi
  rm -rf restored/trees
  (cd restored && "$ARCHIVIST" extract "../repo::$name") || fail "$name is not restored"
  diff -r "$version" "restored/trees/$number" >/dev/null || fail "$name differs"
  count=$((count + 1))
done < <(cat made killed)
say "$count archives are restored and are what was backed up"
[ "$count" -ge 8 ]

say "nobody is at work any more: the space is free"
archivist delete -a '*' repo
for _ in 1 2; do status 0 archivist compact --threshold 0 repo; done
left=$(bytes repo/segments)
[ "$left" -lt 100000 ] || fail "$left bytes are left in an empty repository"
status 0 archivist check --verify-data repo
