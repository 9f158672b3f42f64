#!/usr/bin/env bash
# What no archive needs any more really leaves the disk, and nothing else does.
source "$(dirname "$0")/lib.sh"

say "half of the archives are deleted"
archivist init repo
for number in 1 2 3 4 5 6; do
  mkdir -p "tree/$number"
  head -c 20000000 /dev/urandom >"tree/$number/only"
  head -c 100000 /dev/urandom >"tree/$number/small"
  archivist create "repo::a$number" "tree/$number"
done
before=$(du -s --block-size=1 repo | cut -f1)
status 0 archivist delete repo a2 a4 a6
status 0 archivist compact repo
after=$(du -s --block-size=1 repo | cut -f1)
say "$((before / 1000000)) MB before, $((after / 1000000)) MB after"
[ $((before - after)) -gt 57000000 ] || fail "the space is not free"
mkdir restored
for number in 1 3 5; do
  rm -rf restored/*
  (cd restored && archivist extract "../repo::a$number")
  diff -r "tree/$number" "restored/tree/$number"
done
status 0 archivist check --verify-data repo
status 0 archivist compact repo
prints 'nothing to free'

say "small files that share blocks with deleted ones"
mkdir mixed
for number in $(seq 3000); do
  { echo "$number"; head -c 2000 /dev/urandom; } >"mixed/$number"
done
archivist create repo::mixed-all mixed
cp -r mixed mixed-all
for number in $(seq 1 3000); do [ $((number % 10)) = 0 ] || rm "mixed/$number"; done
archivist create repo::mixed-tenth mixed
archivist delete repo::mixed-all
before=$(bytes repo)
status 0 archivist compact repo
after=$(bytes repo)
say "$((before - after)) bytes of $((2700 * 2000)) were freed"
[ $((before - after)) -gt $((2700 * 2000 * 8 / 10)) ]
rm -rf restored/*
(cd restored && archivist extract ../repo::mixed-tenth)
diff -r mixed restored/mixed
status 0 archivist check --verify-data repo

say "what a segment was removed for can be backed up again"
status 0 archivist create repo::mixed-again mixed-all
rm -rf restored/*
(cd restored && archivist extract ../repo::mixed-again)
diff -r mixed-all restored/mixed-all
status 0 archivist check --verify-data repo

say "backups while compact runs"
for round in 1 2 3; do
  [ $round = 1 ] || archivist delete -a 'busy-*' repo
  head -c 30000000 /dev/urandom >tree/1/busy
  head -c 30000000 /dev/urandom >tree/2/busy
  archivist create --files-cache disabled "repo::busy-$round" tree/1 tree/2
  archivist delete "repo::busy-$round"
  # All of it is about to go, and both backups want it back.
  "$ARCHIVIST" create --files-cache disabled "repo::busy-$round-1" tree/1 & first=$!
  "$ARCHIVIST" compact repo >out & compact=$!
  "$ARCHIVIST" create --files-cache disabled "repo::busy-$round-2" tree/2 & second=$!
  wait $first
  wait $second
  wait $compact
  status 0 archivist check --verify-data repo
  for number in 1 2; do
    rm -rf restored/*
    (cd restored && archivist extract "../repo::busy-$round-$number")
    diff -r "tree/$number" "restored/tree/$number"
  done
done

say "several compactors at once"
archivist delete -a 'busy-*' repo
for _ in 1 2 3; do "$ARCHIVIST" compact repo >>out & done
wait
status 0 archivist check --verify-data repo
archivist compact repo
status 0 archivist check --verify-data repo

say "everything is deleted"
archivist delete -a '*' repo
status 0 archivist compact repo
left=$(bytes repo/segments repo/index repo/archives)
[ "$left" -lt 200000 ] || fail "$left bytes are left in an empty repository"
status 0 archivist check --verify-data repo
status 0 archivist create repo::anew tree/1
status 0 archivist check --verify-data repo
