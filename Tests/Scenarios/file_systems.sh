#!/usr/bin/env bash
# Files whose sizes and times are false: those of the kernel, and some of FUSE file systems, also where
# they are mounted beneath a local directory.
source "$(dirname "$0")/lib.sh"
need_root "mounts file systems"

archivist init repo
# run NAME PATH…: makes an archive of the series.
run() { letters --series s "repo::$1" "${@:2}"; }
# holds ARCHIVE PATH TEXT
holds() {
  local found
  found=$(archivist extract --stdout "repo::$1" "$2")
  [ "$found" = "$3" ] || fail "$2 is '${found:0:200}' in $1, and not '${3:0:200}'"
}

say "files of the kernel, whatever they say of their size"
files=(/proc/version /proc/sys/kernel/pid_max /sys/kernel/mm/transparent_hugepage/enabled)
run kernel "${files[@]}" /proc/cpuinfo
for file in "${files[@]}"; do holds kernel "${file#/}" "$(cat "$file")"; done
archivist extract --stdout repo::kernel proc/cpuinfo | grep -q '^processor'
run kernel-2 "${files[@]}"
letter U "${files[@]#/}"
for file in "${files[@]}"; do holds kernel-2 "${file#/}" "$(cat "$file")"; done

say "all of them at once, without a pause for each"
count=$(find /sys/kernel/mm /sys/module -type f | wc -l)
started=$(date +%s%N)
# Some of them answer with an error.
archivist create --list --series s repo::many /sys/kernel/mm /sys/module 2>letters || [ $? = 1 ]
took=$((($(date +%s%N) - started) / 1000000))
! grep -m 5 '^C ' letters || fail "they are called changed"
[ "$took" -lt $((count * 20)) ] || fail "$took ms for $count files"

say "what takes away, or does not end, is left out and told"
sleep 1000 &
sleeper=$!
status 1 archivist create --list repo::endless /proc/version /proc/kmsg "/proc/$sleeper/pagemap"
kill "$sleeper"
says "/?proc/kmsg: reading it would take" "pagemap: does not end" '^E proc/kmsg' '^A proc/version'

say "a single file of another file system"
mkdir -p tree
echo local >tree/a && echo covered >tree/b
mount --bind /proc/version tree/b
mounts+=("$work/tree/b")
sleep 2.1
run bound tree
run bound-2 tree
letter U tree/a
letter U tree/b
holds bound-2 tree/b "$(cat /proc/version)"
umount tree/b
unset 'mounts[-1]'

if [ -e /dev/fuse ]; then
  say "sizes and times of a FUSE file system"
  mkdir -p shown tree/fuse
  seq 100000 >shown/zero-long && echo short >shown/page-short && echo one >shown/other && : >shown/empty
  head -c 5000 /dev/zero | tr '\0' x >shown/page-long
  python3 "$scenarios/false_files.py" shown tree/fuse &
  for _ in $(seq 100); do mountpoint -q tree/fuse && break || sleep 0.1; done
  mounts+=("$work/tree/fuse")
  run fuse tree
  for file in shown/*; do holds fuse "tree/fuse/${file#shown/}" "$(cat "$file")"; done
  # The same size, the same times, the same inode number.
  echo two >shown/other && echo SHORT >shown/page-short
  run fuse-2 tree
  letter U tree/a
  for file in shown/*; do holds fuse-2 "tree/fuse/${file#shown/}" "$(cat "$file")"; done
  printf '%s\n' tree/a tree/fuse/other | status 0 archivist create --series s --paths-from-stdin repo::listed
  echo six >shown/other
  printf '%s\n' tree/a tree/fuse/other |
    status 0 archivist create --list --series s --paths-from-stdin repo::listed-2
  cp "$work/err" letters
  letter U tree/a
  holds listed-2 tree/fuse/other six
  umount tree/fuse
  unset 'mounts[-1]'
else
  say "(no FUSE here)"
fi

status 0 archivist check --verify-data repo
