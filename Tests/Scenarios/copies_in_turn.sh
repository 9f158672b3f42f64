#!/usr/bin/env bash
# Copies of one repository: adopted, in turn, again, merged, and while backups are made.
source "$(dirname "$0")/lib.sh"

mkdir data safe usb
# change: the next backup has something new.
change() { date +%N >"data/$RANDOM"; }
# quiet STATUS COMMAND…: ends so, and says nothing.
quiet() {
  status "$@"
  [ ! -s err ] || fail "$*: $(cat err)"
}
# anew: nothing is there, and nothing is remembered.
anew() {
  chmod -R u+w home 2>/dev/null || true
  rm -rf home repo branch mirror usb safe copy[0-9]*
  mkdir usb safe
}
# insert DISK: it is at the mount point from now on.
inserted=
insert() {
  [ -z "$inserted" ] || mv usb/repo "safe/$inserted"
  mv "safe/$1" usb/repo
  inserted=$1
}
# works PLACE NAME: all that is done to a repository every day, without a word.
works() {
  change
  quiet 0 archivist create "$1::$2" data
  quiet 0 archivist list "$1"
  quiet 0 archivist prune --keep-last 50 "$1"
  quiet 0 archivist compact "$1"
  quiet 0 archivist check --verify-data "$1"
}

say "disks that are copies of each other are adopted once, in the place that they share"
for made in usb/repo repo; do
  anew
  archivist init "$made"
  archivist create "$made::0" data
  if [ "$made" = repo ]; then
    # Made at home, and on a disk from then on.
    mv repo usb/repo
    archivist create usb/repo::moved data 2>/dev/null
  fi
  cp -a usb/repo safe/b
  inserted=a
  insert b
  status 0 archivist adopt usb/repo
  prints 'A copy that was here before and comes back is accepted as well'
  works usb/repo b1
  cp -a usb/repo safe/c
  insert a
  works usb/repo a1
  insert c
  quiet 0 archivist adopt usb/repo
  for round in 2 3; do
    for disk in a b c; do
      insert "$disk"
      works usb/repo "$disk$round"
    done
  done
  # Each one notices what it loses itself.
  for disk in a b c; do
    insert "$disk"
    rm "usb/repo/archives/$(archivist list --format '{id}{NL}' usb/repo | tail -1)"
    status 2 archivist prune --keep-last 50 usb/repo
    says '1 archive that this client made is missing'
  done
done

say "one that nobody has adopted: both ways out are named, and each is one"
for way in adopt copy; do
  anew
  archivist init usb/repo
  archivist create usb/repo::0 data
  cp -a usb/repo safe/b
  inserted=a
  works usb/repo a1
  insert b
  change
  status 1 archivist create usb/repo::b1 data
  says 'archivist adopt usb/repo' 'archivist copy OTHER usb/repo'
  status 2 archivist prune --keep-last 50 usb/repo
  if [ "$way" = adopt ]; then
    status 0 archivist adopt usb/repo
  else
    status 0 archivist copy --list "$PWD/safe/a" usb/repo
    prints 'Copied: a1'
  fi
  works usb/repo b2
  if [ "$way" = adopt ]; then
    insert a
    works usb/repo a2
    insert b
    works usb/repo b3
  fi
done

say "a mirror that is adopted again has to have what is in it by then"
anew
archivist init repo
change && archivist create repo::1 data
cp -a repo mirror
quiet 0 archivist adopt mirror
prints 'with 1 archive of this client'
for name in 2 3 4; do
  change && archivist create "repo::$name" data
  rm -rf mirror && cp -a repo mirror
done
quiet 0 archivist adopt mirror
prints 'with 4 archives of this client'
for id in $(archivist list --format '{id}{NL}' mirror | tail -3); do rm "mirror/archives/$id"; done
status 1 archivist list mirror
says '3 archives that this client made are missing'
status 2 archivist prune --keep-last 1 mirror
quiet 0 archivist prune --keep-last 4 repo

say "what was brought by copy may be pruned"
anew
archivist init repo
archivist create repo::0 data
cp -a repo branch
change && archivist create branch::b1 data 2>/dev/null
change && status 1 archivist create repo::r1 data
status 0 archivist copy branch repo
rm -rf branch
quiet 0 archivist delete repo::b1
for command in "prune --keep-last 1" compact check list; do
  # shellcheck disable=SC2086
  quiet 0 archivist $command repo
done
works repo r2

say "what was made and deleted on one side is missed on neither"
anew
archivist init repo
archivist create repo::0 data
cp -a repo branch
change && archivist create branch::b1 data 2>/dev/null
status 0 archivist delete branch::b1
works repo r1
# And what is deleted on one side still has to be on the other.
status 2 archivist delete branch::0
says 'This client made it in .*/repo'
status 0 archivist adopt branch
quiet 0 archivist delete branch::0
quiet 0 archivist list repo
rm "repo/archives/$(archivist list --format '{id}{NL}' repo | head -1)"
status 1 archivist list repo
says 'is missing'

say "adopted while a backup is made in it"
anew
archivist init repo
archivist create repo::0 data
cp -a repo branch && cp -a repo copy1
# slowly PLACE NAME COMMAND…: a backup that ends after the command.
slowly() {
  local place=$1 name=$2
  shift 2
  mkfifo pipe
  "$ARCHIVIST" create "$place::$name" - <pipe 2>log &
  local pid=$!
  exec 5>pipe
  echo something >&5
  for _ in $(seq 200); do
    [ -n "$(ls -A "$place/locks" 2>/dev/null)" ] && break
    sleep 0.05
  done
  # It has looked at what is there once its lease is held and its archives are listed.
  sleep 1
  "$@"
  exec 5>&-
  wait "$pid" || fail "the backup: $(cat log)"
  rm pipe
}
slowly branch b1 quiet 0 archivist adopt branch
works repo r1
works branch b2
slowly repo r2 quiet 0 archivist adopt --only copy1
works copy1 c1
works repo r3

say "of more copies than are remembered the one that was not written to for the longest goes, and is told of"
anew
archivist init repo
archivist create repo::0 data
for number in $(seq 15); do
  cp -a repo "copy$number"
  quiet 0 archivist adopt "copy$number"
done
change && quiet 0 archivist create repo::1 data
cp -a copy2 copy16
status 0 archivist adopt copy16
says 'copy1: this is one of more than 16 copies'
for place in copy1 repo; do
  quiet 0 archivist list "$place"
  works "$place" "of-$place"
done

say "where nothing can be remembered, adopt says so, and where that would be"
anew
archivist init repo
: >occupied
status 2 env ARCHIVIST_CONFIG_DIR="$PWD/occupied" "$ARCHIVIST" adopt repo
says 'what this client remembers of repositories cannot be changed' 'ARCHIVIST_CONFIG_DIR'
