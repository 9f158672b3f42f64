#!/usr/bin/env bash
# Operations that run keep what they need, whoever looks, and from wherever.
source "$(dirname "$0")/lib.sh"

# begin: puts a fresh repository under with-lock, and waits until the command runs. What the
# repository holds is not needed any more then.
begin() {
  rm -rf repo started go copy
  mkdir -m 2777 repo
  archivist init -e none repo
  archivist create repo::one tree
  chmod -R a+rwX repo
  # Of before the lease, by the storage's dates.
  find repo/segments -type f -exec touch -d '1 hour ago' {} +
  "$@" "$ARCHIVIST" with-lock repo bash -c \
    'touch started; while [ -e started ] && [ ! -e go ]; do sleep 0.05; done; cp -a repo copy' 2>with-lock.err &
  running=$!
  until [ -e started ]; do sleep 0.02; done
  chmod -R a+rwX repo
}

# finish_copy STATUS: lets the command go on, and looks at what it has copied.
finish_copy() {
  local found=0
  touch go
  wait "$running" || found=$?
  [ "$found" = "$1" ] || fail "with-lock ended with $found instead of $1: $(cat with-lock.err)"
}

whole() {
  [ "$(find copy/segments -type f | wc -l)" -gt 0 ] || fail "what was under a lease was freed"
  [ -z "$(ls repo/locks)" ] || fail "leases are left"
}

export ARCHIVIST_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
chmod 755 "$work"
mkdir tree
head -c 3000000 /dev/urandom >tree/file

say "a lease that is taken away"
begin env
archivist delete repo::one
archivist break-lock repo >out
grep -q 'with-lock' out || fail "break-lock names nobody"
archivist compact repo >out
finish_copy 2
grep -q 'lease was taken away' with-lock.err || fail "with-lock does not say why it fails"
begin env ARCHIVIST_EXIT_CODES=modern
archivist break-lock repo >out
finish_copy 74

# read_meanwhile COMMAND...: reads an archive into a pipe, takes the lease away in the middle of it, runs the
# command, and reads the rest. Sets `found` to the status of the reader.
read_meanwhile() {
  rm -rf repo pipe
  archivist init -e none repo
  archivist create -C none repo::one large
  mkfifo pipe
  archivist extract --stdout repo::one >pipe 2>extract.err & running=$!
  exec 7<pipe
  head -c 1000000 <&7 >part
  archivist break-lock repo >out
  "$@"
  sleep 1.2
  cat <&7 >>part
  exec 7<&-
  found=0
  wait "$running" || found=$?
}
mkdir large
head -c 150000000 /dev/urandom >large/file
# Of before the lease, by the storage's dates.
free_all() {
  find repo/segments -type f -exec touch -d '1 hour ago' {} +
  archivist delete repo::one
  archivist compact repo >out
}

say "a reader without its lease that misses nothing has all that it wanted"
read_meanwhile true
cmp part large/file
[ "$found" = 0 ] && [ ! -s extract.err ] || fail "extract ended with $found: $(cat extract.err)"

say "one that misses something is told why"
read_meanwhile free_all
[ "$found" != 0 ] || fail "extract does not say that something is missing"
grep -q 'lease of this operation was taken away' extract.err

say "a process that is killed"
begin env
archivist delete repo::one
kill -KILL "$running"
wait "$running" 2>wait.err || true
archivist compact repo >out
touch go
sleep 1
grep -q '^Freed' out || fail "nothing was freed after a kill"

if [ "$(id -u)" != 0 ] || ! unshare -m true 2>/dev/null; then
  say "without the right to make namespaces the rest is not tried"
  exit 0
fi

say "a process that is hidden"
begin env
cat >hidden.sh <<'SCRIPT'
mount -t proc -o hidepid=2 proc /proc
nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
! $nobody test -e "/proc/$1/stat" || exit 9
exec $nobody bash -c '
  set -e
  export ARCHIVIST_BASE_DIR=$PWD/home-of-nobody
  "$ARCHIVIST" delete repo::one
  "$ARCHIVIST" compact repo'
SCRIPT
mkdir -m 777 home-of-nobody
status 0 unshare -m --propagation private bash hidden.sh "$running"
prints 'with the next compact'
finish_copy 0
whole

say "a clone of the machine, which has its name and its id, and another boot"
begin unshare -m --propagation private bash -c '
  cat /proc/sys/kernel/random/uuid >boot
  mount --bind boot /proc/sys/kernel/random/boot_id
  exec "$@"' -
archivist delete repo::one
status 0 archivist compact repo
prints 'with the next compact'
finish_copy 0
whole

say "a container of the same machine"
begin unshare -p -m --mount-proc --fork
archivist delete repo::one
status 0 archivist compact repo
prints 'with the next compact'
finish_copy 0
whole

if unshare -T --boottime 100000 --fork true 2>/dev/null; then
  say "processes that seem to have begun at another time"
  begin env
  archivist delete repo::one
  status 0 unshare -T --boottime 100000 --fork "$ARCHIVIST" compact repo
  prints 'with the next compact'
  finish_copy 0
  whole
fi

say "a directory /proc that shows the processes of others"
begin env
archivist delete repo::one
status 0 unshare -p -m --propagation private --fork "$ARCHIVIST" compact repo
prints 'with the next compact'
finish_copy 0
whole
