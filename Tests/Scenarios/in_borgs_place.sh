#!/usr/bin/env bash
# Called as borg, archivist does what scripts and programs that call borg expect of it.
source "$(dirname "$0")/lib.sh"

mkdir bin
ln -s "$ARCHIVIST" bin/borg
borg() { "$work/bin/borg" "$@"; }
unset ARCHIVIST_BASE_DIR ARCHIVIST_PASSPHRASE
export BORG_BASE_DIR=$work/base BORG_PASSPHRASE='4 words, and none of them known'
mkdir -p source/sub
echo one >source/file
head -c 300000 /dev/urandom >source/sub/data

say "the version, and what is not there"
[ "$(borg --version)" = 'borg 1.4.5' ] || fail "the version"
[ "$(ARCHIVIST_COMPAT=borg archivist -V)" = 'borg 1.4.5' ] || fail "the version by a variable"
[[ $(archivist --version) == archivist* ]] || fail "archivist's own version"
status 2 env ARCHIVIST_COMPAT=restic "$ARCHIVIST" --version
for command in mount recreate export-tar config; do
  status 2 borg $command repo
  says "$command: borg's command is not there"
done
status 2 borg init repo
says 'encryption is required'

say "modes of encryption"
status 0 borg init -e repokey-blake2 --show-rc --show-version --umask 0077 repo
says 'AES-256-GCM' 'borgbackup version 1.4.5' 'terminating with success status, rc 0' \
  'you will need both KEY AND PASSPHRASE' '^   borg key export         repo encrypted-key-backup$'
status 0 borg -q init -e keyfile other
[ ! -s err ] || fail "init says something although it is to be quiet"
borg info --json repo | jq -e '.encryption == {cipher: "aes256-gcm", mode: "repokey"}' >out
borg info --json other | jq -e '.encryption.mode == "keyfile" and (.encryption.keyfile | test("^/"))' >out
for umask in 0077 0027; do
  borg --umask $umask init -e none "mask-$umask"
  borg init --umask $umask -e none "behind-$umask"
  [ "$(stat -c %a "mask-$umask" "mask-$umask/config/00000001")" = \
    "$(stat -c %a "behind-$umask" "behind-$umask/config/00000001")" ] || fail "--umask in front"
done
[ "$(stat -c %a mask-0027)" = 750 ] || fail "the mask does not count"
[ -d base/.config/archivist ] || fail "BORG_BASE_DIR does not count"
HOME=$work/nobody status 2 "$ARCHIVIST" list other
says 'no key for this repository'

say "create: lists source paths, and says figures on standard error"
status 0 borg --lock-wait=5 -p create --list --stats -C lzma,6 --noatime --no-cache-sync \
  --chunker-params 19,23,21,4095 "repo::{hostname:.3}-{borgversion}" "$work/source"
says "^A $work/source/sub/data" '^This archive: ' '^All archives: ' '^Chunk index: ' 'zstd,19 is used'
[ ! -s out ] || fail "something on standard output"
status 0 borg create --dry-run --list repo::x source
says '^- source/file'
status 0 borg create --log-json --list --stats repo::two source
jq -es 'map(select(.type == "file_status").path) | index("source/file")' err >out
jq -es 'map(select(.name == "borg.output.stats").message) | index("Archive name: two")' err >out
status 0 borg create --quick-stats repo::three source
says '^This archive: '
! grep -q 'All archives' err || fail "figures of the repository with --quick-stats"
status 2 borg create -s --quick-stats repo::four source
says 'mutually exclusive'

say "what else is understood"
status 0 borg list --last 1 repo::two
status 0 borg list --format '{path} {dsize} {dcsize} {unique_chunks} {xxh64}{NL}' repo::two
prints "^source/file 0 0 0 [0-9a-f]{16}$"
status 0 borg diff --sort --same-chunker-params repo::two three
status 0 borg check repo
[ ! -s out ] && [ ! -s err ] || fail "check says something"
status 0 borg check repo::two
status 0 borg check --archives-only --verify-data -v repo
status 0 borg check --repository-only repo
status 0 borg create repo::two.checkpoint source
[ "$(borg list --short repo | wc -l)" = 3 ] || fail "an archive with the name of a checkpoint is listed"
[ "$(borg list --short --consider-checkpoints repo | wc -l)" = 4 ] || fail "it is not there"
status 0 borg info -a 'none*' --json repo
jq -e '.archives == []' out >err
status 0 borg info repo::two
prints '^Working Directory: ' '^Archive fingerprint: '
status 0 borg prune --list --stats --force --save-space -c 5 --keep-last 2 repo
says '^Keeping archive \(rule: secondly #1\):' '^Keeping checkpoint archive:' \
  '^Pruning archive \(1/1\):' '^Deleted data:'
status 0 borg delete --list --stats --force repo::two
says '^Deleting archive: two .*\(1/1\)' '^Deleted data:'
status 0 borg compact --cleanup-commits repo
[ ! -s out ] && [ ! -s err ] || fail "compact says something"
status 0 borg --iec compact --dry-run -v repo

say "a checkpoint of one machine is not superseded by another one's archives"
borg init -e none machines
export BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
BORG_HOSTNAME=web borg create --timestamp 2026-11-01T01:00:00 machines::web.checkpoint source
BORG_HOSTNAME=web borg create --timestamp 2026-11-02T01:00:00 machines::web.checkpoint.1 source
BORG_HOSTNAME=db borg create --timestamp 2026-11-03T01:00:00 machines::db source
status 0 borg prune --list --keep-daily 7 machines
says 'Keeping checkpoint archive: +web.checkpoint.1 ' 'Pruning archive \(1/1\): +web.checkpoint '
status 0 borg prune --list --group-by none --keep-daily 7 machines
says 'Pruning archive \(1/1\): +web.checkpoint.1 '

say "words that look like options"
mkdir -- '-a b'
echo one >'./-a b/file'
status 0 borg create --comment '-x y' machines::dashes '-a b' --list source
says '^A -a b/file$' '^A source/file$'
status 0 borg create machines::dashes-again -- '-a b'
status 0 borg info machines::dashes
prints '^Comment: -x y$'
status 0 borg create machines::a::b source
status 0 borg list machines::a::b source/file
prints source/file
status 2 borg rename machines::a::b c::d
says 'no ::'

say "numbers that mean nothing are refused in both faces"
for option in --lock-wait=nan --lock-wait=-1 --upload-ratelimit=-5 --remote-ratelimit=-5; do
  status 2 borg list $option machines
done
for option in --lock-wait=nan --lock-wait=-1 --upload-ratelimit=-5 --download-ratelimit=-5; do
  status 2 archivist list $option machines
  says 'from 0 on|number of KiB'
done

say "hints name what borg has as borg does"
status 2 borg list nowhere
says '`borg init --encryption=repokey nowhere` makes one'
status 2 borg list machines::nothing
says '`borg list` shows those there are'
status 2 borg list --shrt machines
says 'Usage: borg list' "See 'borg list --help'"
status 2 archivist list nowhere
says '`archivist init nowhere` makes one'
ln -s "$ARCHIVIST" bin/borg-1.4
status 2 bin/borg-1.4 list nowhere
says '`borg-1.4 init '

say "at a terminal, too, borg's lines, and no progress that was not asked for"
script -qec 'TERM=xterm bin/borg list machines' /dev/null </dev/null >out
prints '^db +Tue, 2026-11-03 01:00:00 \['
script -qec 'TERM=xterm bin/borg create machines::quiet source' /dev/null </dev/null >out
[ ! -s out ] || fail "it says something: $(cat -v out)"

say "diff: times of all kinds of items, as borg has them"
mkdir -p kinds/directory kinds/becomes-link
echo one >kinds/file
mkfifo kinds/fifo
borg create machines::before kinds
sleep 1.1
chmod 700 kinds/directory kinds/fifo
chmod 755 kinds/directory
chmod 644 kinds/fifo
rmdir kinds/becomes-link
ln -s file kinds/becomes-link
borg create machines::after kinds
status 0 borg diff machines::before after
prints '^\[ctime: [^]]*\] kinds/directory$' '^\[ctime: [^]]*\] kinds/fifo$' \
  '^\[ctime: [^]]*\] \[mtime: [^]]*\] kinds$' '^\[drwxr-xr-x -> lrwxrwxrwx\] .* kinds/becomes-link$'
status 0 borg diff --content-only machines::before after
[ "$(sed 's/^ *//' out)" = kinds/becomes-link ] || fail "$(cat out)"
status 0 borg diff --content-only --json-lines machines::before after
[ "$(cat out)" = '{"changes": [], "path": "kinds/becomes-link"}' ] || fail "$(cat out)"
status 0 archivist diff machines::before after
! grep -q ctime out || fail "archivist's own style tells of ctime"

say "keys come back to where they were"
borg key export other other.key
borg key export --paper other page
rm -r base/.config/archivist/keys
status 2 borg list other
status 0 borg key import other other.key
status 0 borg list other
[ -z "$(ls other/keys)" ] || fail "the key of a keyfile repository went into it"
rm -r base/.config/archivist/keys
status 0 borg key import --paper other <page
status 0 borg list other
status 2 borg key import --paper other <<<'no key'
export BORG_KEY_FILE=$work/key
status 0 borg key import other other.key
cmp key base/.config/archivist/keys/* || fail "BORG_KEY_FILE"
status 2 borg init -e keyfile third
says 'there already'
unset BORG_KEY_FILE

say "archives are named, or selected: not both; one that is named twice is deleted once"
status 0 borg init -e none selected
for number in 1 2 3; do status 0 borg create selected::a$number source/file; done
for words in '--last 1 selected a1' 'selected::a1 -a a*' '-n selected::a1 --first 1'; do
  status 2 borg delete $words
  says 'only one of the two'
done
[ "$(borg list --short selected | wc -l)" = 3 ] || fail "something is deleted"
status 0 borg delete -s --list selected::a1 a1
says 'Deleting archive: a1 .*\(1/1\)'
[ "$(borg list --short selected | tr '\n' ' ')" = 'a2 a3 ' ] || fail "not a1"

say "a pattern that matches nothing ends well"
for words in 'prune --keep-daily 1 -a x*' 'check -a x*' 'delete -a x*'; do
  status 0 borg $words selected
done
[ "$(borg list --short selected | wc -l)" = 2 ] || fail "something is deleted"

say "borg's variables count before ours"
ARCHIVIST_REPO=nowhere BORG_REPO=selected status 0 borg list
ARCHIVIST_DELETE_I_KNOW_WHAT_I_AM_DOING=YES BORG_DELETE_I_KNOW_WHAT_I_AM_DOING=NO status 2 borg delete selected
says 'NO \(from BORG_DELETE_I_KNOW_WHAT_I_AM_DOING\)'
ARCHIVIST_DELETE_I_KNOW_WHAT_I_AM_DOING=NO BORG_DELETE_I_KNOW_WHAT_I_AM_DOING= status 2 borg delete selected
says 'NO \(from ARCHIVIST_DELETE_I_KNOW_WHAT_I_AM_DOING\)'
[ -d selected ] || fail "it is gone"

say "a repository is deleted as a whole, but not without being asked"
unset BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK
status 2 borg delete other </dev/null
says 'Type YES to go on:'
BORG_DELETE_I_KNOW_WHAT_I_AM_DOING=no status 2 borg delete other
says 'no \(from BORG_DELETE_I_KNOW_WHAT_I_AM_DOING\)' 'Aborting\.'
[ -d other ] || fail "it is gone"
status 2 borg delete --log-json other <<<perhaps
jq -es '.[0].type == "question_prompt" and .[0].msgid == "BORG_DELETE_I_KNOW_WHAT_I_AM_DOING"
  and (.[0].message | test("Type YES")) and .[1].type == "question_invalid_answer"' err >out
BORG_DELETE_I_KNOW_WHAT_I_AM_DOING=NO status 2 borg delete --log-json other
jq -es '.[1].type == "question_env_answer" and .[1].env_var == "BORG_DELETE_I_KNOW_WHAT_I_AM_DOING"
  and .[2].type == "question_accepted_false"' err >out
status 0 borg delete --cache-only other
touch other/mine
status 1 borg delete other <<<YES
[ "$(ls other)" = mine ] || fail "not only what is of others stays"
export BORG_DELETE_I_KNOW_WHAT_I_AM_DOING=YES
status 0 borg delete repo
[ ! -e repo ] || fail "the directory stays"
status 0 borg init -e none repo

say "a key that is bound to serve serves nothing else"
# It serves, and nobody says anything.
SSH_ORIGINAL_COMMAND='LANG=C borg serve --umask=077 --info' status 2 borg serve --append-only </dev/null
grep -qa ARCSRV out || fail "a command with a variable in front is not served"
SSH_ORIGINAL_COMMAND='borg init -e none /' status 2 borg serve --append-only </dev/null
says 'not done'
SSH_ORIGINAL_COMMAND='A=b rm -rf /' status 2 borg serve </dev/null
