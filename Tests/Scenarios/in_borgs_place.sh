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
says 'AES-256-GCM' 'borgbackup version 1.4.5' 'terminating with success status, rc 0'
status 0 borg -q init -e keyfile other
[ ! -s err ] || fail "init says something although it is to be quiet"
borg info --json repo | jq -e '.encryption == {cipher: "aes256-gcm", mode: "repokey"}' >out
borg info --json other | jq -e '.encryption.mode == "keyfile" and (.encryption.keyfile | test("^/"))' >out
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

say "a repository is deleted as a whole, but not without being asked"
status 2 borg delete other </dev/null
BORG_DELETE_I_KNOW_WHAT_I_AM_DOING=no status 2 borg delete other
[ -d other ] || fail "it is gone"
status 0 borg delete --cache-only other
touch other/mine
export BORG_DELETE_I_KNOW_WHAT_I_AM_DOING=YES
status 1 borg delete other
[ "$(ls other)" = mine ] || fail "not only what is of others stays"
status 0 borg delete repo
[ ! -e repo ] || fail "the directory stays"
status 0 borg init -e none repo

say "nor because a variable is not set, under others' hands, or where it leads elsewhere"
borg init -e none whole
export BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
echo text >a-file
borg create whole::a a-file
for name in whole:: :: ''; do
  BORG_REPO=whole status 2 borg delete --force "$name"
  says 'is a variable not set'
done
status 2 borg delete --damaged whole
status 2 borg with-lock whole "$ARCHIVIST" delete --force whole
says 'others work with this repository: .*with-lock'
mv whole/segments segments-elsewhere && ln -s ../segments-elsewhere whole/segments
status 2 borg delete --force whole
says 'a part of the repository is elsewhere'
rm whole/segments && mv segments-elsewhere whole/segments
[ "$(borg list --short whole)" = a ]
touch whole/segments/$'a\xff'
ln -s whole link-to-whole
status 0 borg delete --force link-to-whole/
[ ! -e whole ] || fail "something is left: $(find whole)"
mkdir whole && touch whole/mine && rm link-to-whole
mkdir mine-too && borg init -e none mine-too && touch mine-too/mine
status 1 borg delete --force mine-too
says 'the repository is deleted, and its directory stays: there are other files in it'
[ "$(ls mine-too)" = mine ]

say "a key that is bound to serve serves nothing else"
# It serves, and nobody says anything.
SSH_ORIGINAL_COMMAND='LANG=C borg serve --umask=077 --info' status 2 borg serve --append-only </dev/null
grep -qa ARCSRV out || fail "a command with a variable in front is not served"
SSH_ORIGINAL_COMMAND='borg init -e none /' status 2 borg serve --append-only </dev/null
says 'not done'
SSH_ORIGINAL_COMMAND='A=b rm -rf /' status 2 borg serve </dev/null
