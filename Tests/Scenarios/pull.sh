#!/usr/bin/env bash
# A server backs up a remote machine through sshfs, chrooted into what it has mounted, with the static
# program.
source "$(dirname "$0")/lib.sh"
need_root "mounts, and changes its root"
[ -e /dev/fuse ] || { say "(no /dev/fuse here)"; exit 0; }
services=$scenarios/../Services

say "the static program"
# Links what is compiled; a build of its own is only needed where there is none.
build=$(dirname "$ARCHIVIST")
if [ -e "$build/archivist.product/Objects.LinkFileList" ]; then
  "$scenarios/../../scripts/dist" "$build" "$work/static" >dist.log || { cat dist.log; exit 1; }
else
  "$scenarios/../../scripts/dist" >dist.log
  cp "$scenarios/../../dist/archivist" static
fi
say "$(sed -n 's/.*: //p' dist.log)"
figure "static program, bytes" "$(stat -c %s static)"
if readelf -l static | grep -q INTERP; then fail "it needs a dynamic linker"; fi

# The remote machine: another system, without any library of ours. It has access times, by which it
# is known what has been read.
# sshd changes its root only into what nobody else can write to, which /tmp is not.
remote=$(mktemp -d /run/archivist-scenario.XXXXXX)
ln -s "$remote" remote
mount -t tmpfs -o strictatime,mode=755,size=200M remote "$remote"
mounts+=("$remote")
mkdir -p remote/{dev,proc,sys,tmp,mnt,run,etc,home/alice,home/bob,var/log,usr/bin}
# There is no name for root, to have all sources asked for it.
printf 'alice:x:1001:1001::/home/alice:/bin/sh\n' >remote/etc/passwd
printf 'root:x:0:\nstaff:x:1001:alice\n' >remote/etc/group
# Other sources of names would have to be loaded; there is nothing to load, and nothing is.
printf 'passwd: files systemd sss\ngroup: files systemd sss\n' >remote/etc/nsswitch.conf
echo remote-machine >remote/etc/hostname
for number in $(seq 300); do echo "note $number" >"remote/home/alice/note-$number"; done
head -c 3000000 /dev/urandom >remote/home/alice/photo
ln remote/home/alice/photo remote/home/alice/hard
truncate -s 10M remote/home/bob/sparse
ln -s ../alice/note-1 remote/home/bob/relative
ln -s /etc/hostname remote/home/bob/absolute
mkfifo remote/home/bob/fifo
echo scratch >remote/tmp/scratch
chown -hR 1001:1001 remote/home/alice
chown -hR 1002:1002 remote/home/bob
chmod 640 remote/home/alice/note-1
find remote/ ! -type d -exec touch -h -d '2001-02-03 04:05:06' {} +
# Not all the same: that would be no time at all.
find remote/ -type d -exec touch -d '2001-02-03 04:05:07' {} +

stop() {
  local status=$?
  "$services/pull-sshd.sh" stop "$work/sshd"
  umount -l "$remote"
  unset 'mounts[0]'
  rmdir "$remote"
  return "$status"
}
endings+=(stop)
ssh_config=$("$services/pull-sshd.sh" start sshd "$remote")

# pass: the password manager.
mkdir bin
printf '#!/bin/sh\n[ "$*" = "show backup" ] && printf "a5dff4e8b0d13ac9662b1f0c8e7d9a34\\n"\n' >bin/pass
chmod +x bin/pass
PATH=$work/bin:$PATH
unset ARCHIVIST_PASSPHRASE
export PROGRAM=$work/static STATE=$work/state SSHFS_OPTIONS="-F $ssh_config"
# Names have the second in them: the next backup begins in another one.
next_second() {
  local now=$EPOCHSECONDS
  while [ "$EPOCHSECONDS" = "$now" ]; do sleep 0.05; done
}
pull() {
  next_second
  pass show backup | ARCHIVIST_PASSPHRASE_FD=0 "$scenarios/../../docs/examples/archivist-pull" "$@"
}
local_() { pass show backup | ARCHIVIST_PASSPHRASE_FD=0 "$ARCHIVIST" "$@"; }
local_ init repo
newest() { local_ list --short --last 1 repo; }

say "only files are to be had there, and nothing can be changed"
if ssh -F "$ssh_config" web true 2>err; then fail "the remote machine runs commands"; fi
mkdir mnt
sshfs -F "$ssh_config" web:/ mnt
mounts+=("$work/mnt")
if touch mnt/etc/new 2>err; then fail "the remote machine can be written to"; fi
umount mnt
unset 'mounts[-1]'

say "the first backup"
status 0 pull web repo --list
grep -q '^A home/alice/photo$' err
[ "$(grep -c '^A home/alice/' err)" = 302 ] || fail "$(grep -c '^A home/alice/' err) files"
first=$(newest)
[[ $first == web-* ]]
local_ list --short "repo::$first" >items
for path in etc/hostname home/bob/absolute home/bob/fifo proc dev mnt; do
  grep -qx "$path" items || fail "no $path in the archive"
done
# The repository is not in it, nor anything else that was mounted for the backup.
if grep -E '^(mnt|proc|dev|sys|tmp|run)/' items; then fail "that is not the remote machine's"; fi
mkdir restored
(cd restored && local_ extract --numeric-ids "../repo::$first" etc home)
# sshfs shows times in whole seconds, and no hard links and holes.
same remote/etc restored/etc
difference=$(rsync -naXi --checksum --delete remote/home/ restored/home/)
[ -z "$difference" ] || fail "restored differently: $difference"
[ "$(local_ list --format '{user}:{group}:{uid}{NL}' "repo::$first" home/alice/photo)" = \
  '::1001' ] || [ "$(local_ list --format '{uid}{NL}' "repo::$first" home/alice/photo)" = 1001 ]

say "nothing stays mounted"
if grep -F "$work" /proc/self/mounts; then fail "something is mounted"; fi

# The inode numbers of a mount, in the order of looking.
inodes() {
  sshfs -F "$ssh_config" web:/ mnt
  (cd mnt/home/alice && ls -U | "$1" | xargs stat -c '%n %i' | sort)
  umount mnt
}
say "after a remount all inode numbers are others, and no file is read"
inodes sort >one
inodes tac >two
[ "$(comm -12 one two | wc -l)" -lt 100 ] || fail "the inode numbers did not change"
touch -a -d '2005-01-01' remote/home/alice/* remote/home/bob/sparse remote/etc/*
status 0 pull web repo --list
[ "$(grep -c '^U home/alice/' err)" = 302 ] || fail "$(grep '^[AM] home' err | head -3)"
if grep -E '^[AM] ' err; then fail "files were read again"; fi
[ -z "$(find remote/home/ -type f -newerat 2006-01-01)" ] ||
  fail "read: $(find remote/home/ -type f -newerat 2006-01-01 | head -3)"
echo changed >remote/home/alice/note-7
status 0 pull web repo --list
[ "$(grep -c '^M ' err)" = 1 ] && grep -qx 'M home/alice/note-7' err

say "names come from the remote machine's own files, and nothing is loaded for them"
sed 's/ --numeric-ids//; s/ ARCHIVIST_USERNAME=$(id -un)//; s/chroot "\$root"/strace -f -o "$TRACE" -e trace=openat,open,execve &/' \
  "$scenarios/../../docs/examples/archivist-pull" >named
chmod +x named
next_second
pass show backup | TRACE=$work/trace ARCHIVIST_PASSPHRASE_FD=0 ./named web repo
[ "$(local_ list --format '{user}:{group}{NL}' "repo::$(newest)" home/alice/photo)" = alice:staff ]
# Behind where chroot(8) has become the program.
sed -n '\|execve("/mnt/archivist"|,$p' trace >program-trace
grep -q 'passwd' program-trace
if grep -E '\.so' program-trace; then fail "libraries were loaded"; fi

say "a link that cannot be read is a warning that names it"
sed 's/,no_contain_symlinks//' "$scenarios/../../docs/examples/archivist-pull" >contained
chmod +x contained
result=0
next_second
pass show backup | ARCHIVIST_PASSPHRASE_FD=0 ./contained web repo >out 2>err || result=$?
[ "$result" = 1 ] || fail "exit status $result with a link that cannot be read"
grep -q 'Warning: .*home/bob/absolute' err || { cat err; fail "the link is not named"; }

say "a remote machine that disappears is noticed, and no file is missing without a word"
# There is so much to read, and to compress, that it is cut off in the middle, wherever that is.
mkdir remote/home/many
for number in $(seq 120); do head -c 1000000 /dev/urandom >"remote/home/many/$number"; done
# The connection is cut, and sshfs tells of errors from then on; or sshfs itself is killed, and what it
# has mounted is there no more.
cut_connection() { "$services/pull-sshd.sh" drop "$work/sshd"; }
kill_sshfs() {
  local pid
  for pid in $(pgrep -x sshfs); do
    if grep -qszF -- "$ssh_config" "/proc/$pid/cmdline"; then kill -KILL "$pid"; fi
  done
}
# when PATTERN COMMAND: waits until the backup has come so far.
when() {
  for _ in $(seq 1000); do
    if grep -qs "$1" err; then break; fi
    sleep 0.02
  done
  "$2"
}
# unannounced: what the newest archive lacks, and nobody was told of.
unannounced() {
  local path above
  local_ list --short "repo::$(newest)" | grep -E '^home(/|$)' | sort >found
  (cd remote && find home) | sort >wanted
  # What is not there was said: the file, or a directory above it that could not be read.
  comm -23 wanted found >missing
  while read -r path; do
    above=$path
    until grep -qF -e "Warning: $above:" -e "Warning: /$above:" err; do
      [ "$above" != . ] || { echo "$path"; return; }
      above=$(dirname "$above")
    done
  done <missing
}
for end in cut_connection kill_sshfs; do
  dropped=0
  for reached in ' etc/hostname' ' home/alice/note' ' home/many/'; do
    : >err
    when "$reached" "$end" &
    before=$(newest)
    result=0
    pull web repo --list --files-cache disabled -C zstd,19 >out 2>err || result=$?
    wait $!
    if grep -F "$work" /proc/self/mounts | grep -v "$remote"; then fail "something is mounted"; fi
    if [ "$(newest)" = "$before" ]; then
      [ "$result" != 0 ] || fail "no archive, and the exit status is 0"
      dropped=$((dropped + 1))
      continue
    fi
    silent=$(unannounced)
    [ -z "$silent" ] || { head -5 err; fail "$silent is missing without a word"; }
    if [ -s missing ]; then
      dropped=$((dropped + 1))
      [ "$result" != 0 ] || fail "files are missing, and the exit status is 0"
    fi
  done
  say "$end: $dropped of 3 backups were cut short, and said so"
  [ "$dropped" -gt 0 ] || fail "no backup was cut short"
done
status 0 pull web repo
status 0 local_ check --verify-data repo
