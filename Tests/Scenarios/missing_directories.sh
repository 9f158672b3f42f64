#!/usr/bin/env bash
# Directories of a repository that are missing: a disk that is unmounted, a copy that is not complete.
source "$(dirname "$0")/lib.sh"
need_root 'mounts file systems'

mkdir tree
for number in $(seq 5000); do echo "$number"; done | split -l 1 -a 4 - tree/file-
head -c 3000000 /dev/urandom >tree/large

say 'the disk is unmounted while a backup runs: it goes on there, or fails'
small_disk 400m
archivist init -e none disk
archivist create disk::one tree
# Whoever pulls the disk again and again meets the backup at different points.
for round in 1 2 3 4 5; do
  mkdir -p kept && mount --bind disk kept
  echo "round $round" | tee tree/file-aaaa >tree/zz-new
  "$ARCHIVIST" create --list "disk::round-$round" tree >out 2>&1 &
  backup=$!
  case $round in
  1) ;;
  2) until grep -q file-aaaa out; do kill -0 $backup || fail "it has ended: $(tail -3 out)"; done ;;
  *) until [ -n "$(ls disk/locks)" ]; do kill -0 $backup || break; done; sleep "0.$round" ;;
  esac
  umount -l disk
  found=0
  wait $backup || found=$?
  [ -z "$(ls -A disk)" ] || fail "round $round: made beneath the mount point: $(ls disk)"
  mount --bind kept disk && umount kept
  archivist list --short disk >listed
  say "round $round: exit status $found"
  if [ "$found" = 0 ]; then grep -qx "round-$round" listed || fail "reported, and not there"; fi
  status 0 archivist check --verify-data disk
done

# broken DIRECTORY: a repository without it, as another machine sees it.
broken() {
  rm -rf broken other && cp -a repo broken && mv "broken/$1" saved
  export ARCHIVIST_BASE_DIR=$work/other
}
mended() { mv saved "broken/$1" && status 0 archivist check --verify-data broken; }

say 'a directory that is missing is damage, and never taken for an empty one'
archivist init repo
archivist create repo::one tree
archivist create repo::two tree
for directory in archives index segments removed doomed quarantine labels; do
  broken $directory
  status 1 archivist list broken
  says "$directory: this directory of the repository is missing" 'check --repair'
  status 1 archivist check broken
  says "$directory/: the directory is missing"
  status 1 archivist check --storage-only broken
  for command in "compact broken" "prune --keep-last 1 broken" "delete -a * broken"; do
    read -ra words <<<"$command"
    found=0
    (set -f && exec "$ARCHIVIST" "${words[@]}") >out 2>err || found=$?
    [ $found = 2 ] || fail "$directory: $command: exit status $found"
    says "$directory"
  done
  [ ! -e "broken/$directory" ] || fail "$directory was made"
  mended $directory
  [ "$(archivist list --short broken | wc -l)" = 2 ] || fail "archives are gone"
done

say 'what can be had without it is had'
broken labels
status 1 archivist extract --dry-run broken::one
status 1 archivist create broken::three tree
mended labels
broken archives
status 2 archivist create broken::three tree
says 'archives: this directory'
mended archives

export ARCHIVIST_BASE_DIR=$work/of-the-copy
say 'leases and uploads are of nobody in a copy; what writes says what to do'
rm -rf copy && rsync -a --exclude=/tmp/ --exclude=/locks/ repo/ copy
status 0 archivist list copy
status 0 archivist check copy
status 2 archivist create copy::three tree
says 'locks: this directory' 'check --repair'
export ARCHIVIST_CHECK_I_KNOW_WHAT_I_AM_DOING=YES
status 0 archivist check --repair copy
prints 'make the missing directories anew, empty: tmp, locks'
status 0 archivist create copy::three tree

say 'a copy without empty directories is repaired'
rm -rf copy of-the-copy && rsync -a --prune-empty-dirs repo/ copy
status 1 archivist check copy
status 1 archivist check --repair copy
prints 'make the missing directories anew'
status 0 archivist check --verify-data copy
status 0 archivist create copy::three tree
status 0 archivist compact copy
