#!/usr/bin/env bash
# One object that cannot be read (a bad sector, another user's file, no file at all) stops only what
# needs it; a message says which it is, why, and what can be done.
source "$(dirname "$0")/lib.sh"

mkdir tree
for number in $(seq 20); do echo "$number" >"tree/$number"; done
archivist init sound
archivist create sound::first tree
echo more >tree/more
archivist create sound::second tree
echo most >tree/most
archivist create sound::third tree
archivist rename sound::first renamed
ARCHIVIST_NEW_PASSPHRASE=other archivist key add sound >/dev/null
archivist with-lock sound cp -a "$work/sound/locks/." "$work/leases"
mv leases/* sound/locks/
cp -a home home-of-sound
first=$(archivist list --format '{id}{NL}' --first 1 sound)
last=$(archivist list --format '{id}{NL}' --last 1 sound)

begin() {
  rm -rf repo home restored
  cp -a sound repo
  cp -a home-of-sound home
  mkdir restored
}

# The slot that is not needed: the other passphrase opens without it.
spare() {
  for slot in repo/keys/*; do
    mv "$slot" aside
    if archivist list --short repo >/dev/null 2>&1; then mv aside "$slot" && echo "$slot" && return; fi
    mv aside "$slot"
  done
}

# restores NAME: it comes back whole, with status 0 or as given.
restores() {
  status "${2:-0}" in_restored extract "$work/repo::$1"
  [ -e restored/tree/1 ]
  rm -rf restored/tree
}
in_restored() (cd "$work/restored" && exec "$ARCHIVIST" "$@")

# spoil HOW FILE: makes it unreadable.
faults=$work/faults.so
gcc -O1 -shared -fPIC -o "$faults" "$scenarios/faults.c" -ldl
spoil() {
  unset LD_PRELOAD
  case $1 in
  directory) rm "$2" && mkdir "$2" ;;
  fifo) rm "$2" && mkfifo "$2" ;;
  socket) rm "$2" && python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$2" ;;
  device) rm "$2" && ln -s /dev/zero "$2" ;;
  'dangling link') rm "$2" && ln -s nowhere "$2" ;;
  loop) rm "$2" && ln -s "${2##*/}" "$2" ;;
  EIO) fault read 5 "$2" ;;
  EACCES) fault open 13 "$2" ;;
  *) false ;;
  esac
}
fault() {
  export FAULT_CALL=$1 FAULT_ERROR=$2 FAULT_AT=1 FAULT_ONWARD=1 FAULT_UNDER=$work/$3
  export LD_PRELOAD=$faults
}
mend() { unset LD_PRELOAD; }

for how in EIO EACCES directory fifo socket device 'dangling link' loop; do
  say "$how"
  begin
  spoil "$how" "repo/archives/$first"
  status 1 archivist list --short repo
  says "archives/$first"
  [ "$(grep -c . out)" = 2 ]
  case $how in EIO | directory | fifo) ;; *) mend && continue ;; esac
  status 1 archivist list --json repo
  status 1 archivist info repo
  status 1 archivist info --json --last 1 repo
  status 0 archivist list repo::third
  status 0 archivist diff repo::second third
  restores third
  restores "id:$last"
  restores @now 1
  says "archives/$first"
  status 1 archivist check repo
  says "archives/$first"
  status 1 archivist create repo::next tree
  status 1 archivist rename repo::second 2nd
  status 1 archivist info repo::third
  status 2 archivist list repo::renamed
  says "archives/$first"
  status 2 archivist prune --keep-last 1 repo
  says "archives/$first" 'nothing was deleted'
  status 2 archivist delete -a '*' repo
  status 2 archivist compact repo
  says "archives/$first"
  status 0 archivist delete repo::third
  # Recorded as given up, it does not count any more, whatever lies there.
  if [ "$how" != directory ]; then
    status 0 archivist delete --damaged "repo::id:$first"
    mend
    status 0 archivist list repo
    status 0 archivist compact repo
  fi
  mend
done

for kind in labels index locks quarantine; do
  say "$kind"
  for how in EIO EACCES directory fifo; do
    begin
    if [ "$kind" = quarantine ]; then
      echo junk >"repo/quarantine/$(printf 'ab%.0s' $(seq 32))"
    fi
    file=$(find "repo/$kind" -type f | sort | head -1)
    spoil "$how" "$file"
    want=0
    [ "$kind" != labels ] || want=1
    status "$want" archivist list --short repo
    [ "$(grep -c . out)" = 3 ]
    restores third "$want"
    restores "id:$last"
    status 1 archivist check repo
    says "${file#repo/}"
    "$ARCHIVIST" create repo::next tree 2>err || [ $? = 1 ]
    restores next "$want"
    status "$want" archivist rename repo::third 3rd
    case $kind in
    labels)
      # A name is a guess now; an id is none.
      status 2 archivist delete repo::second
      says "$file" 'id:'
      status 0 archivist delete "repo::id:$last"
      status 2 archivist prune --keep-last 1 repo
      ;;
    locks)
      status 1 archivist compact repo
      says "$file" 'running operation'
      ;;
    *) status 2 archivist compact repo && says "${file##*/}" ;;
    esac
    mend
  done
done

say "a key slot"
for how in EIO EACCES directory fifo; do
  begin
  spoil "$how" "$(spare)"
  status 1 archivist list repo
  restores third 1
  "$ARCHIVIST" create repo::next tree 2>err || [ $? = 1 ]
  mend
done

say "what is to go cannot be read: others may free it at any time"
begin
touch "repo/doomed/$(printf 'cd%.0s' $(seq 32))"
status 1 archivist check repo
doomed=$(find repo/doomed -type f)
fault open 13 "$doomed"
status 2 archivist create repo::next tree
says "$doomed" chown
status 2 archivist compact repo
restores third
mend

say "a repair leaves alone what cannot be read"
begin
index=$(find repo/index -type f | sort | head -1)
for file in "repo/archives/$first" "$index" "$(find repo/labels -type f | head -1)"; do
  cp "$file" kept
  fault read 5 "$file"
  ARCHIVIST_CHECK_I_KNOW_WHAT_I_AM_DOING=YES status 1 archivist check --repair repo
  says "$file" 'cannot be read'
  mend
  cmp kept "$file"
done
status 0 archivist check --verify-data repo

say "a directory that cannot be read is named, and nothing is concluded"
begin
fault open 13 repo/archives
status 2 archivist list repo
says repo/archives 'Permission denied'
mend

say "no error that speaks of the storage is taken for damage"
begin
for number in 24 107 110; do # EMFILE, ENOTCONN, ETIMEDOUT
  fault read "$number" "repo/archives/$first"
  status 2 archivist list repo
  status 2 archivist check repo
  status 2 archivist delete --damaged "repo::id:$first"
  mend
  [ -f "repo/archives/$first" ]
done

if [ "$(id -u)" = 0 ]; then
  say "root backs up once into a user's repository"
  begin
  chmod 755 "$work"
  chown -R 12345 repo home restored
  archivist create repo::byroot /etc/hostname
  ARCHIVIST_NEW_PASSPHRASE=third archivist key add repo >/dev/null
  chown -R 12345 home
  user() { setpriv --reuid 12345 --regid 12345 --clear-groups "$ARCHIVIST" "$@"; }
  install -d -o 12345 home
  status 1 user list --short repo
  says Permission chown
  [ "$(grep -c . out)" = 3 ]
  status 1 user create repo::mine tree
  says Permission chown
  (cd restored && status 1 user extract ../repo::mine && diff -r tree ../tree)
  status 1 user check repo
  status 2 user prune --keep-last 1 repo
  chown -R 12345 repo
  status 0 user list repo
  status 0 user check --verify-data repo
fi
