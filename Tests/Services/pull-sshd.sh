#!/usr/bin/env bash
# A private OpenSSH server on loopback that serves files only, read-only: the remote machine of the
# pull story.
#
#   pull-sshd.sh start DIR ROOT   serves sftp, chrooted into ROOT; prints the name of an ssh_config
#   pull-sshd.sh drop DIR         cuts every live connection, and goes on listening
#   pull-sshd.sh stop DIR         ends the server and its connections
#
# The client's key has `restrict` and the forced command internal-sftp. All files are in DIR; ROOT
# and its parents belong to root and are not writable by others, which sshd demands.
set -euo pipefail

verb=$1
mkdir -p "$2"
dir=$(cd "$2" && pwd)

# The server that DIR's pid file names, if it is still that server.
server() {
  [ -s "$dir/sshd.pid" ] || return 1
  local pid
  pid=$(<"$dir/sshd.pid")
  tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$dir/sshd_config" || return 1
  echo "$pid"
}

descendants() {
  local child
  for child in $(pgrep -P "$1" || true); do
    descendants "$child"
    echo "$child"
  done
}

start() {
  local root=$1 port attempt
  ssh-keygen -q -t ed25519 -N '' -f "$dir/host_key"
  ssh-keygen -q -t ed25519 -N '' -f "$dir/key"
  echo "restrict,command=\"internal-sftp -R\" $(<"$dir/key.pub")" >"$dir/authorized_keys"
  mkdir -p /run/sshd
  for attempt in 1 2 3 4 5; do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    cat >"$dir/sshd_config" <<CONFIG
ListenAddress 127.0.0.1
Port $port
HostKey $dir/host_key
PidFile $dir/sshd.pid
AuthorizedKeysFile $dir/authorized_keys
AuthenticationMethods publickey
PermitRootLogin forced-commands-only
StrictModes no
UsePAM no
UseDNS no
Subsystem sftp internal-sftp
ChrootDirectory $root
CONFIG
    if /usr/sbin/sshd -f "$dir/sshd_config" -E "$dir/sshd.log"; then
      for _ in $(seq 100); do
        [ -s "$dir/sshd.pid" ] && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break 2
        sleep 0.02
      done
    fi
    [ "$attempt" -lt 5 ] || { cat "$dir/sshd.log" >&2; exit 1; }
  done
  echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 "$dir/host_key.pub")" >"$dir/known_hosts"
  cat >"$dir/ssh_config" <<CONFIG
Host *
  HostName 127.0.0.1
  Port $port
  User root
  IdentityFile $dir/key
  IdentitiesOnly yes
  IdentityAgent none
  BatchMode yes
  UserKnownHostsFile $dir/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
CONFIG
  echo "$dir/ssh_config"
}

case $verb in
start) start "$3" ;;
drop) for child in $(descendants "$(server)"); do kill -KILL "$child" 2>/dev/null || true; done ;;
stop)
  pid=$(server) || exit 0
  children=$(descendants "$pid")
  kill "$pid"
  for child in $children; do kill "$child" 2>/dev/null || true; done
  for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || exit 0; sleep 0.02; done
  kill -KILL "$pid"
  ;;
*)
  echo "pull-sshd.sh: start, drop or stop" >&2
  exit 64
  ;;
esac
