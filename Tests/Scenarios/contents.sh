#!/usr/bin/env bash
# Where contents come from: standard input, commands, devices, FIFOs, sparse files, and files that
# change while they are read.
source "$(dirname "$0")/lib.sh"
need_root "makes a loop device"
archivist init repo

say "standard input"
seq 300000 >numbers
status 0 archivist create --list repo::in - <numbers
says '^i stdin$'
archivist extract --stdout repo::in | cmp - numbers
status 0 archivist list repo::in
prints '^-rw-rw---- root   root    1988895 .* stdin$'
mkdir tree && echo a >tree/a && echo z >tree/z
status 0 archivist create --list --stdin-name tree/middle --stdin-mode 100640 --stdin-user daemon \
  --stdin-group 7 repo::mixed tree - <numbers
grep -q '^A tree/a' err && grep -q '^i tree/middle' err && grep -q '^A tree/z' err
status 0 archivist list repo::mixed
prints '^-rw-r----- daemon lp .* tree/middle$'
status 0 archivist create --dry-run --list repo::dry tree - <numbers
says '^- stdin' '^- tree/a'
status 2 archivist create --stdin-name tree/a repo::clash tree - <numbers
says 'tree/a.*--stdin-name'
status 2 archivist create --stdin-user nobody-at-all repo::clash - <numbers
says 'no such user'
status 2 archivist create --stdin-name ../x repo::clash - <numbers
status 0 archivist create --content-from-command repo::nothing -- true
[ -z "$(archivist extract --stdout repo::nothing)" ]

say "together with a passphrase on standard input"
unset ARCHIVIST_PASSPHRASE
status 2 env ARCHIVIST_PASSPHRASE_FD=0 "$ARCHIVIST" create repo::both - <<<"$passphrase"
says 'both the passphrase and .* standard input'
ARCHIVIST_PASSPHRASE_FD=3 archivist create repo::fd - <numbers 3<<<"$passphrase"
status 0 env ARCHIVIST_PASSPHRASE_FD=0 "$ARCHIVIST" create --content-from-command --list \
  repo::command -- sh -c 'cat numbers; cat' <<<"$passphrase"
says '^i stdin$'
export ARCHIVIST_PASSPHRASE=$passphrase
archivist extract --stdout repo::command | cmp - numbers
archivist extract --stdout repo::fd | cmp - numbers

say "a command that fails makes no archive"
status 2 archivist create --content-from-command repo::failed -- sh -c 'cat numbers; exit 3'
says 'exit status 3.*no archive'
status 2 archivist create --content-from-command repo::failed -- sh -c 'kill -9 $$'
says 'signal 9.*no archive'
status 2 archivist create --content-from-command repo::failed -- /no/such/command
says 'could not be started'
if archivist list --short repo | grep -q failed; then fail "there is an archive"; fi

say "devices and FIFOs"
mkdir special
head -c 5000001 /dev/urandom >image
truncate -s 5001216 image
device=$(losetup -f --show image)
mkfifo special/fifo special/also
chmod 640 special/fifo
cp -a "$device" special/block
ln -s "$device" special/link
ln -s nowhere special/dangling
ln -s . special/directory
(echo through a pipe >special/fifo) &
status 0 timeout 60 "$ARCHIVIST" create --read-special --list --exclude 'special/also' repo::special special
wait
losetup -d "$device"
says '^A special/block' '^A special/fifo' '^A special/link' '^s special/dangling' '^s special/directory'
mkdir got && cd got
status 0 archivist extract ../repo::special
cmp special/block ../image
cmp special/link ../image
[ -f special/block ] && [ -f special/link ] && [ ! -L special/link ]
[ "$(cat special/fifo)" = 'through a pipe' ] && [ "$(stat -c %a special/fifo)" = 640 ]
[ "$(readlink special/dangling)" = nowhere ]
cd ..
ln -s special/fifo a-link
(echo through a link >special/fifo) &
status 0 timeout 60 "$ARCHIVIST" create --read-special repo::link a-link
wait
[ "$(archivist extract --stdout repo::link)" = 'through a link' ]
status 0 archivist create --list repo::plain special
says '^f special/fifo' '^f special/also' '^s special/link' '^b special/block'

say "a file of 1 TiB with 1 MiB of data"
mkdir holes
truncate -s 1T holes/file
for place in 0 300000000000 900000000000 1099511500000; do
  head -c 262144 /dev/urandom | dd of=holes/file bs=64K oflag=seek_bytes seek=$place conv=notrunc status=none || true
done
truncate -s 1T holes/file
start=$EPOCHREALTIME
status 0 archivist create repo::sparse holes
middle=$EPOCHREALTIME
mkdir sparse && cd sparse
status 0 archivist extract --sparse ../repo::sparse
end=$EPOCHREALTIME
seconds() { awk "BEGIN { printf \"%.1f\", $2 - $1 }"; }
say "$(seconds "$start" "$middle") s to back it up, $(seconds "$middle" "$end") s to restore it"
[ "$(awk "BEGIN { print ($end - $start < 20) }")" = 1 ]
[ "$(stat -c %s holes/file)" = 1099511627776 ]
[ "$(stat -c %b holes/file)" -le "$(($(stat -c %b ../holes/file) + 64))" ]
python3 - ../holes/file holes/file <<'PYTHON'
import os, sys
def extents(path):
    fd, position, found = os.open(path, os.O_RDONLY), 0, []
    while True:
        try:
            start = os.lseek(fd, position, os.SEEK_DATA)
        except OSError:
            return found
        position = os.lseek(fd, start, os.SEEK_HOLE)
        found.append((start, position, os.pread(fd, position - start, start)))
a, b = map(extents, sys.argv[1:])
assert a == b and len(a) >= 3, [x[:2] for x in a + b]
PYTHON
say "and in place"
start=$EPOCHREALTIME
status 0 archivist extract ../repo::sparse
[ "$(awk "BEGIN { print ($EPOCHREALTIME - $start < 10) }")" = 1 ]
cd ..
rm -r sparse
truncate -s 20M small-hole && mkdir full && cd full
archivist create ../repo::hole -- ../small-hole 2>/dev/null || archivist create ../repo::hole "$work/small-hole"
status 0 archivist extract --no-sparse ../repo::hole
[ "$(find . -name small-hole -printf %b)" -ge $((20 * 2048)) ]
cd ..

say "files that change while they are read"
mkdir changing
head -c 30000000 /dev/urandom >changing/appended
head -c 30000000 /dev/urandom >changing/rewritten
head -c 30000000 /dev/urandom >changing/shrinking
echo still >changing/still
cat >writer.py <<'PYTHON'
import os, sys, time
# Changes its files every millisecond, until it is told to stop.
appended = open("changing/appended", "ab", buffering=0)
rewritten = os.open("changing/rewritten", os.O_WRONLY)
size = 30_000_000
print("ready", flush=True)
while not os.path.exists("stop"):
    appended.write(b"one more line\n")
    os.pwrite(rewritten, b"%20d" % time.time_ns(), 1000)
    size -= 100
    os.truncate("changing/shrinking", size)
    time.sleep(0.001)
PYTHON
coproc writer { exec python3 writer.py; }
read -r -u "${writer[0]}" line
status 1 archivist create --list repo::changed changing
says '^C changing/appended' '^C changing/rewritten' '^C changing/shrinking' '^A changing/still' \
  'changing/appended: changed while it was read'
status 100 archivist --exit-codes modern create --files-cache mtime,size repo::changed-modern changing
status 1 archivist create --list --files-changed mtime repo::changed-mtime changing
says '^C changing/appended'
status 0 archivist create --list --files-changed disabled repo::changed-disabled changing
if grep -q '^C' err; then fail "C with --files-changed disabled"; fi
touch stop
wait
sleep 2.1
say "what changed is read again, even if it looks the same"
status 0 archivist create --list --series c repo::c1 changing
status 0 archivist create --list --series c repo::c2 changing
says '^U changing/appended' '^U changing/rewritten'
mkdir came-back && cd came-back
for name in changed changed-modern changed-mtime changed-disabled; do
  archivist extract --dry-run "../repo::$name"
done
archivist extract ../repo::c2
diff -r changing ../changing
cd ..

say "a file that comes to rest is stored whole, without a warning"
head -c 20000000 /dev/urandom >changing/rests
(sleep 0.02; echo last >>changing/rests) &
status 0 archivist create repo::rests changing/rests
wait

say "a file that vanishes is a warning"
mkdir vanishing && for number in $(seq 2000); do echo "$number" >"vanishing/$number"; done
(while [ ! -e go ]; do :; done; cd vanishing && rm -f 1[0-9]*) &
touch go
archivist create repo::vanish vanishing >out 2>err || [ $? = 1 ]
wait
status 0 archivist check --verify-data repo
