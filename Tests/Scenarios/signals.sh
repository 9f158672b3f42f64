#!/usr/bin/env bash
# A signal ends a backup in good order while it waits for input, and over ssh; a server that is ended
# leaves nothing behind; and a reader that has enough ends a listing silently.
source "$(dirname "$0")/lib.sh"
services=$scenarios/../Services

mkdir bin && ln -s "$ARCHIVIST" bin/archivist
eval "$("$services/sshd.sh" start "$work/sshd")"
export ARCHIVIST_RSH ARCHIVIST_REMOTE_PATH=$work/bin/archivist
endings+=('"$services/sshd.sh" stop "$work/sshd"')

# ended SIGNAL WHOM DELAY ARGUMENTS…: runs archivist, and sends a signal after some seconds: to it
# alone, or to its group, as a terminal does. It has to end within two seconds, with the status of
# the signal. What it says is in the file said.
cat >ended.py <<'PYTHON'
import os, signal, subprocess, sys, time
program, name, whom, delay, *arguments = sys.argv[1:]
# Whoever starts the tests may ignore it, which is inherited.
signal.signal(signal.SIGINT, signal.SIG_DFL)
with open("said", "wb") as said:
    run = subprocess.Popen([program, *arguments], stderr=said, preexec_fn=os.setpgrp)
time.sleep(float(delay))
assert run.poll() is None, f"it has ended before the signal: {open('said').read()}"
number = getattr(signal, name)
begin = time.monotonic()
(os.killpg if whom == "group" else os.kill)(run.pid, number)
code = run.wait(timeout=60)
took = time.monotonic() - begin
if code not in (128 + number, -number) or took > 2:
    print(open("said", errors="replace").read())
    sys.exit(f"{name} to the {whom}: exit status {code}, after {took:.2f} s: {arguments}")
PYTHON
ended() { python3 ended.py "$ARCHIVIST" "$@" || fail "not ended: $*"; }
# tidy: no leases and no uploads are left, after a moment.
tidy() {
  local _
  for _ in $(seq 50); do
    [ -n "$(find repo/tmp repo/locks -type f)" ] || return 0
    sleep 0.1
  done
  fail "left behind: $(find repo/tmp repo/locks -type f)"
}
# kept N: a checkpoint was made of so many files; of none, nothing is promised but what is stored.
kept() {
  local none='there is no archive x(, and nothing was stored yet|\. [0-9.]+ k?M?B already stored)'
  if [ "$1" = 0 ]; then
    grep -qE "$none" said || fail "it says: $(cat said)"
  else
    grep -q "there is no archive x. $1 file" said || fail "it says: $(cat said)"
  fi
  tidy
}
# fresh: the repository without what the last run has left.
fresh() { rm -rf repo home && cp -a new repo; }

archivist init repo && cp -a repo new
mkdir tree && echo 1 >tree/a
mkfifo tree/fifo stalled
ln -s ../stalled tree/link

say "while it waits for input that does not come"
sleep 600 >stalled & writer=$!
endings+=('kill "$writer"')
for signal in TERM INT HUP; do
  ended SIG$signal it 1 create repo::x - <stalled; kept 0
  echo begun >stalled &
  ended SIG$signal it 1 create repo::x tree/a - <stalled; kept 0
  ended SIG$signal it 1 create --content-from-command repo::x -- sleep 600; kept 0
  ended SIG$signal it 1 create --content-from-command repo::x -- sh -c "exec >&-; exec sleep 601.$$"
  kept 0
  ended SIG$signal group 1 create --content-from-command repo::x -- sleep 600; kept 0
  ended SIG$signal it 1 create --read-special repo::x tree; kept 1
  rm tree/fifo
  ended SIG$signal it 1 create --read-special repo::x tree; kept 1
  mkfifo tree/fifo
  ended SIG$signal it 1 create --paths-from-stdin repo::x <stalled
  (unset ARCHIVIST_PASSPHRASE
    ARCHIVIST_PASSPHRASE_FD=0 ended SIG$signal it 1 list repo <stalled)
done
pgrep -f "sleep 601.$$" >/dev/null && fail "the command still runs"

say "what a FIFO brings is read to its end"
rm tree/link
{ sleep 0.5; echo some; sleep 0.5; echo more; } >tree/fifo &
status 0 archivist create --read-special repo::fifo tree
[ "$(archivist extract --stdout repo::fifo tree/fifo)" = $'some\nmore' ] || fail "$(cat tree/fifo)"
: >tree/fifo &
status 0 archivist create --read-special repo::empty tree
[ -z "$(archivist extract --stdout repo::empty tree/fifo)" ] || fail "it is not empty"
rm tree/fifo

say "over ssh, to it alone and to all of its group"
url=ssh://peer$work/repo
for number in $(seq 40); do head -c 10000000 /dev/urandom >"tree/file-$(printf %02d "$number")"; done
for signal in INT TERM HUP; do
  for whom in it group; do
    fresh
    ended SIG$signal $whom 1.5 create -C zstd,19 "$url::x" tree
    grep -qE 'there is no archive x(\. [0-9]+ files?,|[.,].* stored)' said || fail "it says: $(cat said)"
    tidy
    status 0 archivist check repo
    archivist list --consider-checkpoints --short repo | grep -qx 'x.checkpoint' ||
      fail "no checkpoint after SIG$signal to $whom: $(cat said)"
  done
done

say "a server that is ended leaves no upload and no lease behind"
for signal in TERM HUP INT; do
  fresh
  # What a client has begun is given up when it, or its connection, is stopped; here the server is.
  python3 - "$ARCHIVIST" SIG$signal "$url" "$work/bin/archivist" <<'PYTHON' || fail "SIG$signal"
import glob, os, signal, subprocess, sys, time
program, name, url, remote = sys.argv[1:]
signal.signal(signal.SIGINT, signal.SIG_DFL)
client = subprocess.Popen([program, "create", "-C", "zstd,19", url + "::y", "tree"],
                          stderr=subprocess.DEVNULL)
def servers():
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            words = open(path, "rb").read().split(b"\0")
        except OSError:
            continue
        if words[:2] == [remote.encode(), b"serve"]: found.append(int(path.split("/")[2]))
    return found
def left(): return os.listdir("repo/tmp") + os.listdir("repo/locks")
end = time.monotonic() + 20
while not (servers() and os.listdir("repo/tmp") and os.listdir("repo/locks")):
    assert time.monotonic() < end and client.poll() is None, "no upload"
    time.sleep(0.02)
# So that the client, who would connect again, does not.
client.send_signal(signal.SIGSTOP)
server, = servers()
os.kill(server, getattr(signal, name))
begin = time.monotonic()
while os.path.exists(f"/proc/{server}") and time.monotonic() < begin + 5: time.sleep(0.05)
took = time.monotonic() - begin
print(f"  {name}: ended after {took:.2f} s, left {left()}")
files = left()
client.kill()
client.wait()
assert took < 2 and not files
PYTHON
done

say "at a terminal ssh asks for what it needs, and an interrupt there leaves the terminal as it was"
status 0 archivist create repo::one tree/a
ssh-keygen -q -p -P '' -N phrase -f "$SSH_KEY" >/dev/null
sed 's/BatchMode yes/BatchMode no/' "$SSH_CONFIG" >asking_config
python3 - "$ARCHIVIST" "$url" "ssh -F $work/asking_config" <<'PYTHON' || fail "the question of ssh"
import os, pty, signal, sys, termios, time
program, url, rsh = sys.argv[1:]
def run(answer):
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execv(program, [program, "list", "--rsh", rsh, url])
    seen, answered, deadline = b"", False, time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            break
        if not piece: break
        seen += piece
        if b"assphrase for key" in seen and not answered:
            answered = True
            time.sleep(0.3)
            assert not termios.tcgetattr(terminal)[3] & termios.ECHO
            os.write(terminal, answer)
            time.sleep(0.5)
            if answer == b"\x03": shown = termios.tcgetattr(terminal)[3] & termios.ECHO
    _, status = os.waitpid(pid, 0)
    assert answered, seen
    if answer == b"\x03":
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGINT, (status, seen)
        assert shown, "the terminal stays silent"
    else:
        assert status == 0 and b"one" in seen, (status, seen)
run(b"phrase\n")
run(b"\x03")
PYTHON
fresh
status 0 archivist create repo::warm tree/a

say "a listing that nobody reads to its end says nothing, and leaves nothing"
mkdir many && (cd many && seq 20000 | xargs touch)
status 0 archivist create repo::many many
status 0 archivist create repo::more many/1
rm many/*; echo 1 >many/2
status 0 archivist create repo::fewer many
# nothing_said ARGUMENTS…: archivist writes to a pipe that nobody reads from any more.
nothing_said() {
  python3 - "$ARCHIVIST" "$@" 2>err <<'PYTHON' || fail "$(cat err)"
import os, subprocess, sys
reading, writing = os.pipe()
os.close(reading)
run = subprocess.run(sys.argv[1:], stdout=writing, stderr=subprocess.PIPE)
assert run.returncode == 141 and not run.stderr, (sys.argv[2:], run.returncode, run.stderr)
PYTHON
  tidy
}
for arguments in "list repo::many" "list --json-lines repo::many" "diff repo::many fewer" \
  "extract --stdout repo::warm tree/a" "list repo" "info repo" "info repo::many" "key list repo" \
  "check repo" "--help" "list --help" "--version" "help format"; do
  nothing_said $arguments
done
status 0 archivist check --verify-data repo
