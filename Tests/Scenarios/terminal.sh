#!/usr/bin/env bash
# People at a terminal, and programs that are not: who is told what.
source "$(dirname "$0")/lib.sh"
need_root "mounts file systems of its own"

# on_terminal COLUMNS COMMAND…: runs it on a terminal of its own; what the terminal got is in screen.
on_terminal() {
  local columns=$1
  shift
  script -qec "stty cols $columns; TERM=xterm $(printf '%q ' "$@")" "$work/screen" >/dev/null || true
  sed -i -e '1{/^Script started/d}' -e '/^Script done/d' -e 's/\r//g' "$work/screen"
}
# sees PATTERN…: the terminal showed it.
sees() {
  local pattern
  for pattern; do
    grep -qaE -- "$pattern" screen || fail "no \"$pattern\" on the screen: $(cat screen)"
  done
}

mkdir tree
echo text >tree/file

say "a job of cron is told nothing where all is well"
silent() {
  status 0 archivist "$@"
  [ ! -s out ] && [ ! -s err ] || fail "archivist $* said: $(cat out err)"
}
export ARCHIVIST_PASSPHRASE='orbit velvet canyon thunder maple quartz lantern bishop'
export ARCHIVIST_NEW_PASSPHRASE=$ARCHIVIST_PASSPHRASE
silent init repo
silent create repo::a tree
silent create repo::b tree
mkdir back
cd back
silent extract ../repo::a
cd ..
silent rename repo::a c
silent prune --keep-last 1 repo
silent delete repo::b
silent key export repo repo.key
silent key import repo repo.key
silent key change-passphrase repo
silent break-lock repo
silent init --like repo other
silent copy repo other

say "a person is told what was done, unless that was not wanted"
on_terminal 80 "$ARCHIVIST" create repo::d tree
sees '^Created archive d: 1 file, 5 B'
on_terminal 80 "$ARCHIVIST" create repo::e tree/file tree/none
sees '; 2 warnings\.$'
for option in --quiet --log-json; do
  on_terminal 80 "$ARCHIVIST" create $option repo::x$option tree
  ! grep -qa Created screen || fail "$option: $(cat screen)"
done
on_terminal 80 "$ARCHIVIST" create --stats repo::stats tree
! grep -qa Created screen || fail "twice: $(cat screen)"

say "a list fits its terminal, and is borg's elsewhere"
long=$(printf '%0100d' 7)-end
ARCHIVIST_HOSTNAME=a-machine-with-a-long-name.example.org archivist create "repo::$long" tree
for columns in 80 100; do
  on_terminal $columns "$ARCHIVIST" list repo
  [ "$(awk '{ print length }' screen | sort -n | tail -n 1)" -le $columns ] ||
    fail "wider than $columns: $(cat screen)"
  sees '^ID +ARCHIVE +HOST +TIME +SIZE$' '^[0-9a-f]{6} .*-end +a-ma.*org +[0-9]{4}-.*\+00:00 +5 B$'
done
id=$(awk '/-end/ { print $1 }' screen)
[ "$(archivist list --short "repo::id:$id")" = $'tree\ntree/file' ] || fail "the id names no archive"
on_terminal 80 "$ARCHIVIST" list --long repo
sees "$long +[A-Z][a-z][a-z], [0-9-]+ [0-9:]+ \\[$id[0-9a-f]{58}\\]"
status 0 archivist list repo
prints "^$long [A-Z][a-z][a-z], [0-9-]+ [0-9:]+ \\[$id[0-9a-f]{58}\\]\$"

say "a disk that is not mounted is no place for a new repository"
missing() {
  status 2 unshare -m bash -c "$1; exec \"\$ARCHIVIST\" list $2"
  ! grep -q 'archivist init' err || fail "$(cat err)"
}
cat >table <<EOF
# a table
UUID=1  $work/my\\040disk  ext4  noauto  0 2
UUID=2  none  swap  sw  0 0
EOF
mkdir 'my disk'
missing 'mount --bind table /etc/fstab' "'$work/my disk/repo'"
says 'my disk is not mounted, although /etc/fstab lists it'
for base in /mnt /media /run/media; do
  # On some machines a disk is mounted on the directory itself.
  if mountpoint -q $base; then continue; fi
  missing true $base/archivist-scenario-none/repo
  says "nothing is mounted at this path in $base"
done
status 13 archivist list "$work/nowhere" --exit-codes modern
says 'archivist init'

say "what nobody knows leads to what was meant"
for pair in restore:extract snapshots:list forget:prune creat:create lsit:list; do
  status 2 archivist "${pair%:*}" repo
  says "unknown command '${pair%:*}'; did you mean '${pair#*:}'"
done
status 2 archivist mount repo
says 'mounting is not there yet'
status 2 archivist xyz
says "unknown command 'xyz': .archivist help. lists"
for command in 'xyz --help' 'help xyz' 'key xyz --help'; do status 2 archivist $command; done
status 2 archivist list --shrt repo
says "did you mean '--short'"
status 2 archivist list --zzzz repo
! grep -q 'did you mean' err || fail "$(cat err)"

say "archivist help alone leads to everything a newcomer needs"
archivist help >overview
for line in 'create .*back up' 'extract .*one file' 'prune .*delete old' 'compact .*free' \
  'key add .*second passphrase' 'help passphrase .*lost' '^  restic ' '^  borg ' '^  retention '; do
  grep -qE -- "$line" overview || fail "no \"$line\" in the overview"
done
for topic in passphrase retention borg restic; do status 0 archivist help $topic; done
