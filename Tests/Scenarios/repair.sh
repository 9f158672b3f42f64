#!/usr/bin/env bash
# A damaged repository is repaired: what is whole is saved, and what is lost comes back.
source "$(dirname "$0")/lib.sh"

mkdir tree
for number in $(seq 300); do echo "content $number" >"tree/small-$number"; done
head -c 30000000 /dev/urandom >tree/large
archivist init repo
archivist create repo::first tree

say "the machine that stores it finds damage without a passphrase"
(
  unset ARCHIVIST_PASSPHRASE
  status 0 archivist check --storage-only repo </dev/null
  prints 'Read [0-9]* objects, .*: no problems found'
)
segment=$(ls -S repo/segments/*/* | head -1)
printf 'damage' | dd of="$segment" bs=1 seek=5000000 conv=notrunc status=none
(
  unset ARCHIVIST_PASSPHRASE
  status 1 archivist check --storage-only repo </dev/null
  says "$(basename "$segment")"
)
status 0 archivist check repo
prints 'no problems found' 'Contents were not read: `--verify-data` does that'
status 1 archivist check --verify-data repo
says "$(basename "$segment")" 'archive first: tree/large: chunk [0-9a-f]* is damaged'
! grep -q small err || fail "a file that is whole is named"
! grep -q 'not read' out || fail "--verify-data says that nothing was read"

say "damage has an exit status of its own"
export ARCHIVIST_EXIT_CODES=modern
status 90 archivist check --verify-data repo
status 90 archivist check --storage-only repo
status 90 archivist check --repair --verify-data --dry-run repo
status 0 archivist check repo
status 90 archivist --log-json check --verify-data repo
says '"msgid": *"IntegrityError"'
mkdir damaged
(cd damaged && status 90 archivist extract ../repo::first)
(cd damaged && status 90 archivist extract --dry-run ../repo::first)
rm -rf damaged
unset ARCHIVIST_EXIT_CODES

say "a part of the data at a time comes to the damage in the end"
found=0
for round in $(seq 40); do
  result=0
  archivist check --sample 10 repo >/dev/null 2>err || result=$?
  [ "$result" = 0 ] || { found=$round; break; }
done
say "found in round $found"
[ "$found" -gt 0 ] || fail "never found"
result=0
timeout 20 "$ARCHIVIST" check --max-duration 0.001 repo >out 2>err || result=$?
[ "$result" -le 1 ] || fail "--max-duration: $result"

say "nothing is changed without consent"
before=$(find repo -type f | sort | xargs sha256sum)
status 1 archivist check --repair --verify-data --dry-run repo
prints 'Would do' 'copy what is whole of the damaged segments .1.'
status 2 archivist check --repair --verify-data repo </dev/null
says 'ARCHIVIST_CHECK_I_KNOW_WHAT_I_AM_DOING=YES'
ARCHIVIST_CHECK_I_KNOW_WHAT_I_AM_DOING=no status 2 archivist check --repair --verify-data repo
[ "$before" = "$(find repo -type f | sort | xargs sha256sum)" ] || fail "something was changed"

say "repaired: what is lost is told, and everything else is there"
ARCHIVIST_CHECK_I_KNOW_WHAT_I_AM_DOING=YES status 1 archivist check --repair --verify-data repo
prints 'Repaired: [0-9]* blocks'
says 'tree/large'
[ -e "$segment" ] || fail "the damaged segment is gone"
status 1 archivist list repo::first
says 'tree/large: bytes [0-9]* to [0-9]* are lost'
ARCHIVIST_EXIT_CODES=modern status 90 archivist list repo::first
status 1 archivist list --format '{path} {health}{NL}' repo::first
prints '^tree/large broken$' '^tree/small-7 healthy$'
status 1 archivist list --json-lines repo::first
grep -q '"path": *"tree/large".*"healthy": *false' out || fail "what is lost is said to be healthy"
grep -q '"path": *"tree/small-7".*"healthy": *true' out || fail "what is whole is not"
mkdir restored
(
  cd restored
  status 1 archivist extract ../repo::first
  says 'tree/large: not restored: bytes [0-9]* to [0-9]* are lost'
  [ ! -e tree/large ] || fail "a file that is not whole is there"
  [ "$(diff -r ../tree tree || true)" = 'Only in ../tree: large' ] || fail "something else is missing"
  status 1 archivist extract --lost-as-zeros ../repo::first tree/large
  says 'tree/large: bytes [0-9]* to [0-9]* are lost: restored as zeros'
  [ "$(stat -c %s tree/large)" = 30000000 ] || fail "another size"
  python3 - ../tree/large tree/large <<'PYTHON'
import sys
a, b = (open(path, "rb").read() for path in sys.argv[1:])
assert a != b and len(a) == len(b)
wrong = [i for i in range(0, len(a), 4096) if a[i:i+4096] != b[i:i+4096]]
for i in wrong[1:-1]:
    assert not any(b[i:i+4096]), "something that was never in the file"
assert len(wrong) * 4096 < 9_000_000, "more than one chunk is lost"
PYTHON
)
status 0 archivist compact repo
[ -e "$segment" ] || fail "compact has removed what may still be wanted"

say "the next backup heals it"
status 0 archivist create repo::second tree
status 0 archivist check --verify-data repo
status 0 archivist list repo::first
rm -rf restored/*
(cd restored && status 0 archivist extract ../repo::first)
diff -r tree restored/tree
status 0 archivist compact repo
[ ! -e "$segment" ] || fail "the damaged segment is still there"
[ -z "$(ls repo/quarantine)" ] || fail "the record is still there"
status 0 archivist check --verify-data repo

say "the index is made anew"
for index in repo/index/*; do printf 'x' | dd of="$index" bs=1 seek=200 conv=notrunc status=none; done
status 1 archivist check repo
ARCHIVIST_CHECK_I_KNOW_WHAT_I_AM_DOING=YES status 1 archivist check --repair repo
prints 'Contents were not read'
status 0 archivist check --verify-data repo
rm -rf home/.cache restored/*
(cd restored && status 0 archivist extract ../repo::second)
diff -r tree restored/tree

say "an archive that cannot be read can be given up"
archivist create repo::third tree
id=$(archivist list --json --last 1 repo | python3 -c 'import json,sys; print(json.load(sys.stdin)["archives"][0]["id"])')
printf 'x' | dd of="repo/archives/$id" bs=1 seek=200 conv=notrunc status=none
status 2 archivist compact repo
says "$id"
ARCHIVIST_CHECK_I_KNOW_WHAT_I_AM_DOING=YES status 1 archivist check --repair repo
says "archivist delete --damaged"
status 0 archivist delete --damaged "repo::id:$id"
status 0 archivist compact repo
status 0 archivist check --verify-data repo

say "with-lock keeps what is there, and ends as the command does"
archivist delete repo::first second
archivist with-lock repo sleep 3 &
pid=$!
sleep 1
status 0 archivist compact repo
prints 'go with the next compact'
status 0 archivist compact --lock-wait 20 repo
prints 'Freed'
wait "$pid"
[ -z "$(find repo/segments -type f)" ] || fail "something is left"
status 7 archivist with-lock repo sh -c 'exit 7'
status 127 archivist with-lock repo no-such-command
[ -z "$(ls repo/locks)" ] || fail "a lease is left"
