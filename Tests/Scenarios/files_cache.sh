#!/usr/bin/env bash
# What counts as unchanged: each mode compares just what it says.
source "$(dirname "$0")/lib.sh"
need_root "mounts a file system over sftp"

archivist init repo
mkdir tree
numbers=0
# run MODE OPTION…: makes the next archive.
run() {
  numbers=$((numbers + 1))
  letters --files-cache "$1" "${@:2}" --series s "repo::$numbers" tree
}
old() { touch -d '2001-02-03 04:05:06.7' "$@"; }
fresh() { rm -rf tree && mkdir tree && for name in a b c d e; do echo "content $name" >"tree/$name"; done; }
# What changed less than two seconds before a backup began is read again by the next.
settle() { sleep 2.1; }

for time in ctime mtime; do
  for inode in ,inode ''; do
    mode=$time,size$inode
    say "$mode"
    fresh && old tree/* && settle
    run disabled
    run "$mode"
    run "$mode"
    letter U tree/a tree/b tree/c tree/d tree/e

    # Another ctime and the same mtime, size and inode.
    chmod 600 tree/a
    # Another mtime as well.
    touch -d 2002-02-02 tree/b
    # Another size, with the mtime as before.
    echo more >>tree/c && old tree/c
    # Another inode: size and mtime are the same, ctime is that of the move, so it differs too.
    cp -p tree/d tree/new && mv tree/new tree/d
    settle
    run "$mode"
    letter U tree/e
    letter M tree/b tree/c
    if [ $time = ctime ]; then letter M tree/a; else letter U tree/a; fi
    if [ $time = ctime ] || [ -n "$inode" ]; then letter M tree/d; else letter U tree/d; fi
  done
done

say "rechunk reads everything, and records for the next time"
fresh && old tree/* && settle
for time in ctime mtime; do
  run "rechunk,$time"
  letter A tree/a tree/b
  run "rechunk,$time"
  letter A tree/a tree/b
  run "$time,size,inode"
  letter U tree/a tree/b
done
run disabled
letter A tree/a tree/b
# It recorded nothing to compare with.
run ctime,size
letter M tree/a tree/b

say "--parent compares with the archive that it names"
fresh && old tree/* && settle
run ctime,size
first=$numbers
echo other >tree/b
settle
run ctime,size
letter M tree/b
run ctime,size
letter U tree/a tree/b
run ctime,size --parent "$first"
letter M tree/b
letter U tree/a

say "a change in the same tick of the clock as the backup is not missed"
fresh && settle
missed=0
for round in $(seq 10); do
  # The file is written, backed up, and written again with the same size: as fast as can be.
  echo "before $round" >tree/a
  run mtime,size
  echo "after_ $round" >tree/a
  # The same mtime as before, as within one tick of a coarse clock.
  run mtime,size
  [ "$(archivist extract --stdout "repo::$numbers" tree/a)" = "after_ $round" ]
done
echo "before" >tree/a
stamp=$(stat -c %y tree/a)
run mtime,size
echo "after_" >tree/a
touch -d "$stamp" tree/a
run mtime,size
letter M tree/a
[ "$(archivist extract --stdout "repo::$numbers" tree/a)" = after_ ]
# Only because it was so fresh: the same with a settled time is what mtime,size cannot see.
old tree/a && run mtime,size && echo BEFORE >tree/a && old tree/a && run mtime,size
letter U tree/a

say "a mount whose inode numbers change keeps every file unchanged"
if command -v sshfs >/dev/null && [ -e /dev/fuse ] && [ -x /usr/lib/openssh/sftp-server ]; then
  # sshfs, without a network between it and the server.
  printf '#!/bin/sh\nexec /usr/lib/openssh/sftp-server\n' >ssh && chmod +x ssh
  mkdir -p remote/directory mnt
  for name in $(seq 50); do echo "file $name" >"remote/directory/$name"; done
  find remote -type f -exec touch -d 2001-01-01 {} +
  mounted() {
    sshfs -o "ssh_command=$work/ssh" "nobody@nowhere:$work/remote" mnt
    mounts+=("$work/mnt")
    "$@"
    umount mnt
    unset 'mounts[-1]'
  }
  numbers_in_order() { (cd mnt/directory && stat -c '%n %i' $(seq 50)); }
  numbers_backwards() { (cd mnt/directory && stat -c '%n %i' $(seq 50 -1 1) | sort -n); }
  mounted numbers_in_order >one
  mounted numbers_backwards >two
  if cmp -s one two; then fail "the inode numbers did not change"; fi
  backup() {
    "$1" >/dev/null
    status 0 archivist create --list --files-cache "$2" --series remote "repo::remote-$3" mnt/directory
    cp "$work/err" letters
  }
  mounted backup numbers_in_order ctime,size 1
  [ "$(grep -c '^A ' letters)" = 50 ]
  mounted backup numbers_backwards ctime,size 2
  [ "$(grep -c '^U ' letters)" = 50 ]
  echo changed >remote/directory/7
  mounted backup numbers_in_order ctime,size 3
  [ "$(grep -c '^U ' letters)" = 49 ]
  grep -qx 'M mnt/directory/7' letters
  mounted backup numbers_in_order ctime,size,inode 4
  mounted backup numbers_backwards ctime,size,inode 5
  [ "$(grep -c '^M ' letters)" -gt 40 ]
else
  say "(no sshfs here)"
fi
status 0 archivist check --verify-data repo
