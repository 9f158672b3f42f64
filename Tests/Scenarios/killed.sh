#!/usr/bin/env bash
# A backup that is killed at any moment leaves a repository that is sound.
source "$(dirname "$0")/lib.sh"

mkdir tree
head -c 5000000 /dev/urandom >tree/random
for number in $(seq 2000); do echo "content $number" >"tree/$number"; done
archivist init repo
archivist create repo::first tree
cp -r tree tree-of-first

head -c 150000000 /dev/urandom >tree/large
for round in 1 2 3 4 5 6 7 8; do
  for number in $(seq 2000); do echo "content $round $number" >"tree/$number"; done
  "$ARCHIVIST" create "repo::killed-$round" tree &
  pid=$!
  sleep "0.$((round * 11 + 5))"
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  status 0 archivist check repo
done
say "killed 8 times; archives: $(archivist list --short repo | xargs)"

status 0 archivist create repo::after tree
mkdir restored
for name in first after; do
  rm -rf restored/*
  (cd restored && archivist extract "../repo::$name")
  [ "$name" = after ] && expected=tree || expected=tree-of-first
  diff -r $expected restored/tree
done
status 0 archivist check --verify-data repo

say "compact removes what the killed ones left"
for name in $(archivist list --short repo); do
  [ "$name" = first ] || archivist delete "repo::$name"
done
status 0 archivist compact repo
prints 'Freed'
left=$(bytes repo/segments)
say "$left bytes are left"
[ "$left" -lt 20000000 ] || {
  # A killed run may have left a lease that looks alive; ending it is what break-lock is for.
  status 0 archivist break-lock repo
  status 0 archivist compact repo
  left=$(bytes repo/segments)
  [ "$left" -lt 20000000 ] || fail "$left bytes are left for an archive of 5 MB"
}
[ -z "$(ls repo/tmp 2>/dev/null)" ] || say "in tmp: $(ls repo/tmp | wc -l)"
rm -rf restored/*
(cd restored && archivist extract ../repo::first)
diff -r tree-of-first restored/tree
status 0 archivist check --verify-data repo

say "SIGTERM and SIGINT end it, with the number that a shell expects"
for signal in TERM INT; do
  head -c 100000000 /dev/urandom >tree/large
  # The hardest compression takes minutes: it certainly runs when the signal comes.
  # Python starts it, since a shell lets a job in the background ignore SIGINT.
  python3 - "$ARCHIVIST" "repo::$signal" "SIG$signal" <<'PYTHON' || fail "SIG$signal"
import signal, subprocess, sys, time
program, archive, name = sys.argv[1:]
# Whoever starts the tests may ignore it, which is inherited.
signal.signal(signal.SIGINT, signal.SIG_DFL)
number = getattr(signal, name)
run = subprocess.Popen([program, "create", "-C", "zstd,19", archive, "tree"])
time.sleep(0.5)
run.send_signal(number)
assert run.wait(timeout=60) in (-number, 128 + number), run.returncode
PYTHON
done
status 0 archivist check --verify-data repo
