#!/usr/bin/env bash
# A machine whose clock is wrong by days compacts while others back up: dates of files are compared
# with the storage's clock only.
source "$(dirname "$0")/lib.sh"

# Its clock is wrong, and that of the file system is not.
wrong() { NO_FAKE_STAT=1 faketime -f "$1" "$ARCHIVIST" "${@:2}"; }

archivist init -e none repo
mkfifo pipe
for shift in +2d +400d -2d; do
  say "a compaction with a clock that is wrong by $shift"
  "$ARCHIVIST" create "repo::made$shift" - <pipe >created 2>&1 &
  backup=$!
  exec 7>pipe
  head -c 50000000 /dev/urandom >&7
  until [ -n "$(ls repo/tmp)" ]; do kill -0 $backup || fail "no upload: $(cat created)"; done
  uploads=$(ls repo/tmp)
  # Left behind by a crash, two days ago.
  touch -d '2 days ago' repo/tmp/crashed
  ARCHIVIST_BASE_DIR=$work/other ARCHIVIST_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes \
    status 0 wrong $shift compact repo
  for upload in $uploads; do
    # One that has been finished meanwhile is an object by now.
    [ -e "repo/tmp/$upload" ] || kill -0 $backup || fail "$upload was removed: $(cat created)"
  done
  [ ! -e repo/tmp/crashed ] || fail 'what a crash left behind is still there'
  head -c 1000000 /dev/urandom >&7
  exec 7>&-
  wait $backup || fail "the backup failed: $(cat created)"
  status 0 archivist check --verify-data repo
done
[ "$(archivist list --short repo | wc -l)" = 3 ] || fail 'an archive is missing'
