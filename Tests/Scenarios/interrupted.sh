#!/usr/bin/env bash
# A backup that is interrupted keeps what it has done, and the next one goes on from there.
source "$(dirname "$0")/lib.sh"

mkdir tree
for number in $(seq 40); do head -c 20000000 /dev/urandom >"tree/file-$(printf %02d "$number")"; done
archivist init repo

# Runs create, sends a signal after some seconds, and prints the exit status and how long the end
# took. The signal comes twice at once, as some programs send it.
interrupt() {
  python3 - "$ARCHIVIST" "$@" <<'PYTHON'
import signal, subprocess, sys, time
program, name, delay, *arguments = sys.argv[1:]
# Whoever starts the tests may ignore it, which is inherited.
signal.signal(signal.SIGINT, signal.SIG_DFL)
run = subprocess.Popen([program, "create", *arguments])
time.sleep(float(delay))
number = getattr(signal, name)
assert run.poll() is None, "it has ended before the signal"
run.send_signal(number)
run.send_signal(number)
begin = time.monotonic()
code = run.wait(timeout=60)
took = time.monotonic() - begin
print(f"{name}: exit status {code}, after {took:.2f} s")
assert code == 128 + number, code
assert took < 2, took
PYTHON
}

say "SIGINT and SIGTERM end it within two seconds, and say what is kept"
# The hardest compression, so that it certainly still runs.
for signal in INT TERM; do
  interrupt "SIG$signal" 1.5 -C zstd,15 repo::a tree 2>said || { cat said; fail "SIG$signal"; }
  cat said
  grep -qE 'interrupted by a signal: there is no archive a(\. [0-9]+ files?,|[.,].* stored)' said ||
    fail "it does not say what is kept"
  status 2 archivist extract repo::a
  [ -z "$(archivist list --short repo)" ] || fail "there is an archive"
  [ "$(ls repo/locks | wc -l)" = 0 ] || fail "the lease is left"
  status 0 archivist check --verify-data repo
done
kept_files=$(sed -n 's/.*no archive a\. \([0-9]*\) files.*/\1/p' said)
kept_files=${kept_files:-0}
kept=$(archivist list --consider-checkpoints --short repo | wc -l)
[ "$kept" -ge 1 ] || fail "no checkpoint"

say "compact keeps what the checkpoints have"
before=$(bytes repo/segments)
status 0 archivist compact repo
[ "$(bytes repo/segments)" -ge "$((before * 9 / 10))" ] || fail "compact has freed what is kept"

say "info and compact say what is stored and in no archive, and what frees or reuses it"
status 0 archivist info repo
prints '^In no archive: [0-9.]+ MB\. An interrupted backup, run again, reuses what it has stored'
status 0 archivist compact --dry-run repo
prints '^There is nothing to free' '^[0-9.]+ MB of interrupted backups stays for 7 days'
status 0 archivist compact repo
prints '^[0-9.]+ MB of interrupted backups stays for 7 days: the same backup, run again, reuses it'

say "where nothing was stored, nothing is promised"
python3 - "$ARCHIVIST" <<'PYTHON' 2>said || { cat said; fail "status"; }
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_DFL)
run = subprocess.Popen([sys.argv[1], "create", "repo::input", "-"], stdin=subprocess.PIPE)
time.sleep(2)
run.send_signal(signal.SIGINT)
assert run.wait(timeout=60) == 130
PYTHON
grep -q 'there is no archive input, and nothing was stored yet$' said || fail "$(cat said)"

say "the next one reads no file that a checkpoint has, and stores no chunk twice"
files=$kept_files
strace -f -e trace=openat -o trace "$ARCHIVIST" create -C zstd,1 repo::a tree
opened=$(grep -c '"file-' trace || true)
say "$files files were kept, $opened of 40 were opened"
[ "$opened" -le "$((40 - files))" ] || fail "files are read that a checkpoint has"
[ "$(archivist list --consider-checkpoints --short repo)" = a ] || fail "a checkpoint is left"
total=$(bytes repo/segments)
[ "$total" -lt 830000000 ] || fail "$total bytes for 800,000,000 that are random"
mkdir restored
(cd restored && archivist extract ../repo::a)
diff -r tree restored/tree
status 0 archivist check --verify-data repo
status 0 archivist info repo
! grep -q '^In no archive' out || fail "$(cat out)"

say "a killed one leaves the checkpoint that it made last"
rm tree/*
for number in $(seq 40); do head -c 20000000 /dev/urandom >"tree/file-$(printf %02d "$number")"; done
"$ARCHIVIST" create --checkpoint-interval 1 -C zstd,15 repo::b tree &
pid=$!
for _ in $(seq 100); do
  sleep 0.2
  if archivist list --consider-checkpoints --short repo | grep -q '^b.checkpoint$'; then break; fi
done
kill -KILL "$pid"
wait "$pid" 2>/dev/null || true
archivist list --consider-checkpoints --short repo | grep -q '^b.checkpoint$' ||
  fail "no checkpoint"
status 0 archivist compact repo
status 0 archivist create -v repo::b tree
says 'b.checkpoint'
[ "$(archivist list --consider-checkpoints --short repo | xargs)" = "a b" ] ||
  fail "a checkpoint is left"
rm -rf restored/*
(cd restored && archivist extract ../repo::b)
diff -r tree restored/tree
status 0 archivist check --verify-data repo

say "a signal while more is found than can be read"
mkdir -p big-tree
for number in $(seq 40); do
  head -c 6000000 /dev/urandom >"big-tree/$number"
  mkdir "big-tree/d$number"
  (cd "big-tree/d$number" && seq 700 | xargs touch)
done
archivist init -e none many
for round in 1 2 3; do
  ARCHIVIST_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes "$ARCHIVIST" create "many::a$round" big-tree /usr/lib 2>err &
  client=$!
  sleep 0.$((round * 3))
  kill -TERM $client
  for _ in $(seq 100); do kill -0 $client 2>/dev/null || break; sleep 0.1; done
  if kill -0 $client 2>/dev/null; then kill -KILL $client; fail "one signal does not end it"; fi
  found=0
  wait $client || found=$?
  [ "$found" = 143 ] || [ "$found" = 0 ] || fail "exit status $found: $(cat err)"
done

