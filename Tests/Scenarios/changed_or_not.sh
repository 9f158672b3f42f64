#!/usr/bin/env bash
# Which files a backup takes for unchanged: wherever its sources are mounted, and whatever the times
# on their file systems are worth.
source "$(dirname "$0")/lib.sh"
need_root "mounts file systems"

archivist init repo
# backup ARGUMENT…: one that has a name, made of the time, of its own.
backup() { sleep 1.1 && letters "$@"; }

say "a snapshot that is mounted in another place each time is of the same series"
mkdir -p home/user source/home/documents
for name in $(seq 20); do echo "$name" >"source/home/documents/$name"; done
sleep 2.1
for number in 1 2 3; do
  mkdir -p "run/snapshot-$number-$RANDOM"
  place=$(echo run/snapshot-$number-*)
  mkdir "$place/home"
  mount --bind source/home "$place/home"
  mounts+=("$work/$place/home")
  case $number in
    1) backup "$work/repo::{now:%H%M%S}-snapshot" "$PWD/$place/./home" ;;
    2) (cd run && backup "$work/repo::{now:%H%M%S}-snapshot" "${place#run/}/./home") ;;
    3) (cd "$place" && backup "$work/repo::{now:%H%M%S}-snapshot" home) ;;
  esac
  [ $number = 1 ] || [ "$(grep -c '^U ' letters)" = 20 ] || fail "$number: $(cat letters)"
done
say "another tree under the same path costs time, and nothing else"
mkdir -p other/home
cp -a source/home/documents other/home/
echo '0' >other/home/documents/7
sleep 2.1
backup "$work/repo::{now:%H%M%S}-snapshot" other/./home
if grep '^U ' letters; then fail 'taken for unchanged'; fi
newest() { archivist list --short --last 1 "$work/repo"; }
[ "$(archivist extract --stdout "$work/repo::$(newest)" home/documents/7)" = 0 ]

say "a network file system beneath a local directory, whose server's clock is behind"
printf '#!/bin/sh\nexec /usr/lib/openssh/sftp-server\n' >ssh && chmod +x ssh
mkdir -p tree/mnt server
echo local >tree/local
sleep 2.1
sshfs -o "ssh_command=$work/ssh" -o cache=no,attr_timeout=0,entry_timeout=0 \
  "nobody@nowhere:$work/server" tree/mnt
mounts+=("$work/tree/mnt")
then=$(($(date +%s) - 10))
echo version-1 >server/f
echo old >server/old
touch -d "@$then" server/f
touch -d 2001-02-03 server/old
backup "$work/repo::{now}-tree" tree
echo version-2 >server/f
touch -d "@$then" server/f
backup "$work/repo::{now}-tree" tree
letter M tree/mnt/f
letter U tree/mnt/old
letter U tree/local
[ "$(archivist extract --stdout "$work/repo::$(newest)" tree/mnt/f)" = version-2 ]

say "times in the future: read again, and unchanged if the contents are"
touch -d 2100-01-01 server/f
backup "$work/repo::{now}-tree" tree
sleep 1.1
status 0 archivist create --debug --list "$work/repo::{now}-tree" tree
grep -qx 'U tree/mnt/f' err
grep -q 'tree/mnt/f: read again, because its time, .*2100-01-01' err || fail "$(cat err)"
echo VERSION-2 >server/f
touch -d 2100-01-01 server/f
backup "$work/repo::{now}-tree" tree
letter M tree/mnt/f
umount tree/mnt
unset 'mounts[-1]'

say "an image that was exchanged for one with the same times"
for version in 1 2; do
  mkdir "image-$version"
  echo "version-$version" >"image-$version/f"
  touch -d 2001-02-03 "image-$version/f" "image-$version"
  mksquashfs "image-$version" "$version.squashfs" -quiet -no-progress -mkfs-time 0 >/dev/null
done
for version in 1 2; do
  mount -o loop "$version.squashfs" tree/mnt
  backup "$work/repo::{now}-image" tree
  umount tree/mnt
done
letter M tree/mnt/f
[ "$(archivist extract --stdout "$work/repo::$(newest)" tree/mnt/f)" = version-2 ]
mount -o loop 2.squashfs tree/mnt
mounts+=("$work/tree/mnt")
backup "$work/repo::{now}-image" tree
letter U tree/mnt/f

say "one file system: what is mounted in it is listed as left out"
backup -x repo::one tree
letter x tree/mnt
archivist list --short repo::one | grep -qx tree/mnt
if archivist list --short repo::one | grep tree/mnt/; then fail 'not left out'; fi

say "a source that is a symbolic link"
mkdir big
echo photos >big/photos
ln -s big data
ln -s nowhere lost
for path in data/ data/.; do
  backup "$work/repo::link-${path//\//_}" "$path"
  grep -q ' data/photos$' letters
done
for path in data/ data/.; do
  echo "$path" | status 0 archivist create --paths-from-stdin "repo::listed-${path//\//_}"
  archivist list --format '{type} {path}{NL}' "repo::listed-${path//\//_}" | grep -qx 'd data'
done
status 1 archivist create repo::link data
grep -q 'data: is a symbolic link, and is backed up as one' err
[ "$(archivist list --short repo::link)" = data ]
# What it leads to is there as well, or nothing.
status 0 archivist create repo::both data big
status 0 archivist create repo::lost lost
