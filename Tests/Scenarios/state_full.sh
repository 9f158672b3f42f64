#!/usr/bin/env bash
# What this client keeps for itself may be on a disk that is full, read-only, or not there, as on a
# rescue system: reading goes on all the same. And it is kept where the user can use it.
source "$(dirname "$0")/lib.sh"
need_root "mounts small disks, and becomes another user"

mkdir -p tree more many restored
for number in $(seq 30); do echo "file $number" >"tree/$number"; done
archivist init repo
archivist create repo::1 tree
mkdir bin && ln -s "$ARCHIVIST" bin/archivist

# For archivist alone: the shell has temporary files as well.
archivist() { TMPDIR=${temporary-/tmp} "$ARCHIVIST" "$@"; }
# reads WORDS [ARCHIVE OF]: everything that only reads works, and says that it does without its cache.
reads() {
  local repository archive=${2-1} of=${3-tree}
  for repository in repo "ssh://peer$work/repo"; do
    status 0 archivist list "$repository"
    prints '^1 '
    status 0 archivist list "$repository::$archive"
    says "$1"
    status 0 archivist info "$repository::$archive"
    status 0 archivist check "$repository"
    status 0 archivist check --verify-data "$repository"
    status 0 archivist check --verify-data --max-duration 10 "$repository"
    rm -rf restored && mkdir restored
    case $repository in repo) from=../repo ;; *) from=$repository ;; esac
    (cd restored && status 0 archivist extract "$from::$archive")
    same "$of" "restored/$of"
  done
  [ ! -e repo/locks ] || [ -z "$(ls repo/locks)" ] || fail "a lease is left"
}
# Instead of ssh, a shell on this machine.
printf '#!/bin/sh\nshift; exec %s/bin/archivist serve\n' "$work" >bin/rsh && chmod +x bin/rsh
export ARCHIVIST_RSH=$work/bin/rsh

say "a disk that is full"
small_disk 64k
head -c 70000 /dev/zero >disk/fill 2>/dev/null || true
ARCHIVIST_BASE_DIR=$work/disk/home reads 'No space left on device'
ARCHIVIST_BASE_DIR=$work/disk/home status 2 archivist create repo::2 tree
says 'disk/home/.*No space left on device'
! grep -q 'delete' err || fail "it says: $(cat err)"
[ "$(archivist list --short repo)" = 1 ] || fail "an archive was made that is not remembered"

say "only the cache is full: a backup is made all the same, of this machine and over the net"
head -c 3000000 /dev/urandom >more/large
ARCHIVIST_CACHE_DIR=$work/disk/cache status 0 archivist create repo::2 more
says 'disk/cache: this client.s cache cannot be written to .No space left'
ARCHIVIST_CACHE_DIR=$work/disk/cache status 0 archivist create "ssh://peer$work/repo::3" more
status 0 archivist check --verify-data repo
rm -rf restored && mkdir restored
(cd restored && status 0 archivist extract ../repo::3)
same more restored/more

say "a disk that becomes full"
rm disk/fill
mount -o remount,size=200k disk
for number in $(seq 40000); do echo "$number"; done | split -l 4 -a 4 - many/
archivist create repo::4 many
ARCHIVIST_BASE_DIR=$work/disk/home temporary=$work/disk reads 'No space left on device' 4 many
archivist delete repo::2 3 4
rm -rf disk/home

say "a disk that is read-only, and one on which there is a cache"
mount -o remount,size=4M disk
ARCHIVIST_BASE_DIR=$work/disk/other status 0 archivist list repo::1
mount -o remount,ro disk
ARCHIVIST_BASE_DIR=$work/disk/home reads 'Read-only file system'
ARCHIVIST_BASE_DIR=$work/disk/other status 0 archivist list repo::1
ARCHIVIST_BASE_DIR=$work/disk/home status 2 archivist create repo::2 tree
says 'disk/home.*Read-only file system'

ARCHIVIST_BASE_DIR=$work/disk/other status 2 archivist create repo::2 tree
says 'disk/other/.*Read-only file system'
[ "$(archivist list --short repo)" = 1 ] || fail "an archive was made that is not remembered"

say "a disk that becomes full while a backup is made: it is made"
mount -o remount,rw disk
head -c 5000000 /dev/zero >disk/fill 2>/dev/null || true
ARCHIVIST_BASE_DIR=$work/disk/other status 1 archivist create repo::2 tree
says 'disk/other/.*No space left on device.*archive 2 is made, but this client cannot remember'
status 0 archivist list repo::2
status 0 archivist delete repo::2

say "none at all"
: >nothing
ARCHIVIST_BASE_DIR=$work/nothing/home reads 'Not a directory'
ARCHIVIST_BASE_DIR=/proc/none reads 'No such file or directory'
(unset ARCHIVIST_BASE_DIR HOME; TMPDIR=/nonexistent ARCHIVIST_CONFIG_DIR=/proc/none \
  ARCHIVIST_CACHE_DIR=/proc/none status 0 archivist list repo)

say "the home is the user's own, whatever HOME says"
other=nobody
chmod 755 "$work"
mkdir -p homes/other homes/root && chown "$other" homes/other
# Whose home is where, as this scenario has it.
printf 'root:x:0:0::%s:/bin/sh\n%s:x:%s:%s::%s:/bin/sh\n' "$work/homes/root" "$other" \
  "$(id -u "$other")" "$(id -g "$other")" "$work/homes/other" >passwd
cp -a repo theirs && chown -R "$other" theirs
unset ARCHIVIST_BASE_DIR
# as USER COMMAND…: as that user, and with that table of users.
as() {
  local user=$1
  shift
  unshare -m sh -c 'mount --bind "$0" /etc/passwd && exec "$@"' "$work/passwd" \
    setpriv --reuid "$(id -u "$user")" --clear-groups "$@"
}
homes() { find homes -mindepth 2 -maxdepth 2 | sort | xargs; }
HOME=$work/homes/other status 0 as root "$ARCHIVIST" list repo
[ "$(homes)" = "homes/root/.cache homes/root/.config" ] || fail "root left $(homes)"
rm -rf homes/root/.c*
XDG_CACHE_HOME=$work/homes/other/x XDG_CONFIG_HOME=$work/homes/other/y HOME=$work/homes/root \
  status 0 as root "$ARCHIVIST" list repo
[ "$(homes)" = "homes/root/.cache homes/root/.config" ] || fail "root left $(homes)"
rm -rf homes/root/.c*
HOME=$work/homes/root status 0 as "$other" "$ARCHIVIST" list theirs
[ "$(homes)" = "homes/other/.cache homes/other/.config" ] || fail "$other left $(homes)"
rm -rf homes/other/.c*
(unset HOME; status 0 as "$other" "$ARCHIVIST" list theirs)
[ "$(homes)" = "homes/other/.cache homes/other/.config" ] || fail "$other left $(homes)"
rm -rf homes/other/.c*
HOME=$work/homes/other status 0 as "$other" "$ARCHIVIST" list theirs
[ "$(homes)" = "homes/other/.cache homes/other/.config" ] || fail "$other left $(homes)"
