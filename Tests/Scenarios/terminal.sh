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

say "a repository that is known, and not there, is asked for in its place"
mkdir usb
archivist init usb/photos
archivist create usb/photos::one tree
mv usb/photos away
for command in 'create usb/photos::two tree' 'list usb/photos' 'list ./usb//photos' 'info usb/photos' 'check usb/photos' \
  'check --storage-only usb/photos' 'extract usb/photos::one' 'prune --keep-last 1 usb/photos' 'compact usb/photos' \
  'copy usb/photos repo' 'copy repo usb/photos' 'key list usb/photos' 'delete usb/photos'; do
  status 13 archivist --exit-codes modern $command
  says "there is no repository here now. Repository [0-9a-f]{12} was here; this client's last backup to it was at $(date +%F)T" \
    'disk not connected or not mounted'
  ! grep -q 'archivist init' err || fail "$command: $(cat err)"
done
status 0 archivist init usb/photos
says 'Repository [0-9a-f]{12} was here' 'a new repository is made here'
rm -r usb/photos
mkdir usb/photos
status 13 archivist list usb/photos --exit-codes modern
says 'Repository .* was here'
echo something >usb/photos/file
status 15 archivist list usb/photos --exit-codes modern
says 'another disk mounted'
rm -r usb/photos
mv away elsewhere
archivist list elsewhere 2>/dev/null
status 13 archivist list usb/photos --exit-codes modern
says "It is in $work/elsewhere"
status 13 archivist create usb/photo::x tree --exit-codes modern
says "did you mean $work/usb/photos\?"
mv elsewhere usb/photos

say "a slip between a repository and its archive gets the right form"
meant() {
  local line=$1
  shift
  status 2 archivist "$@"
  grep -qiF "did you mean $line?" err || fail "no $line: $(cat err)"
}
archivist list --short repo >before
meant '`archivist list repo::@now`' list repo @now
meant '`archivist extract repo::@now tree/file`' extract repo tree/file
meant '`archivist info repo::@now`' info repo @now
meant '`archivist rename repo::e f`' rename repo e f
meant '`archivist rename repo::e f`' rename repo::e repo::f
meant '`archivist diff repo::e d`' diff repo e d
meant 'repo::@now' list repo::latest
meant 'repo::@now' list repo:@now
meant 'repo::e' create repo:e tree
meant 'repo::@now' list repo@now
meant './repo::e' list ./repo:e
meant 'repo::e' list repo/e
meant '::e' list :e
meant d diff repo::e repo::d
meant stats list repo::stast
status 2 archivist create repo tree
says "archivist create 'repo::\{now\}' tree"
status 2 archivist create repo::@now tree
says 'name of a new archive'
status 2 archivist create -e x '' tree
archivist list --short repo | cmp before - || fail "something was changed"

say "an option that nobody knows is the first thing that is wrong"
status 2 archivist prune --keep-dayly 7 repo
says "unknown option '--keep-dayly'; did you mean '--keep-daily'"
status 2 archivist prune repo
says 'archivist prune --dry-run --list --keep-daily 7 repo'
status 2 archivist compact --threshold 100 --dry-rum repo
says "did you mean '--dry-run'"

say "nothing is said where there is nothing to list, but to people"
archivist init empty
status 0 archivist list empty
[ ! -s out ] && [ ! -s err ] || fail "$(cat out err)"
on_terminal 80 "$ARCHIVIST" list empty
sees '^empty: no archives yet$'
on_terminal 80 "$ARCHIVIST" list --json empty
! grep -qa 'no archives' screen || fail "$(cat screen)"
status 1 archivist list repo::d tree/none tree/file
says 'tree/none: no match in the archive'
says "archivist list --short repo::d 'fm:\*tree/none'"
status 1 archivist list repo::d file
eval "$(sed "s/.*\`archivist \(.*\)\`.*/archivist \1/" err)" >out
prints '^tree/file$'
prints 'tree/file'
status 101 archivist list --exit-codes modern repo::d tree/none
status 0 env ARCHIVIST_COMPAT=borg BORG_PASSPHRASE="$ARCHIVIST_PASSPHRASE" "$ARCHIVIST" list repo::d tree/none

say "the cache is left out by those who leave caches out, and nothing else is"
cache=$ARCHIVIST_BASE_DIR/.cache/archivist
[ "$(head -c 43 "$cache/CACHEDIR.TAG")" = 'Signature: 8a477f597d28d172789f06886806bc55' ] || fail "no tag"
archivist create --exclude-caches repo::tagged "$ARCHIVIST_BASE_DIR"
archivist list --short repo::tagged >listing
! grep -q '\.cache/archivist/.*/index' listing || fail "the cache is in it"
grep -q 'repositories/' listing || fail "more than the cache is left out"
mkdir shared
echo precious >shared/file
ARCHIVIST_CACHE_DIR=$work/shared archivist list repo
[ ! -e shared/CACHEDIR.TAG ] || fail "what is no cache was marked"

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
for pair in lost:passphrase password:passphrase keep:retention exclude:patterns latest:archives; do
  status 2 archivist help "${pair%:*}"
  says "did you mean '${pair#*:}'"
done
status 2 archivist help mount
says 'mounting is not there yet'
status 2 archivist -r repo list
says "the repository is the first argument of each command.*archivist list /backup/repo"
