#!/usr/bin/env bash
# Every error says what happened, to what, and what to do; nothing is lost; nothing crashes.
source "$(dirname "$0")/lib.sh"
need_root "takes the permissions of another user"

mkdir tree
echo content >tree/file
archivist init repo
archivist create repo::first tree

# whole: after whatever went wrong, the first archive is there and the repository is sound.
whole() {
  rm -rf restored && mkdir restored
  (cd restored && archivist extract ../repo::first)
  diff -r tree restored/tree
  status 0 archivist check --verify-data repo
}

say "wrong passphrase"
status 2 env ARCHIVIST_PASSPHRASE=wrong "$ARCHIVIST" list repo
says 'passphrase' 'wrong'
status 52 env ARCHIVIST_PASSPHRASE=wrong "$ARCHIVIST" --exit-codes modern list repo
status 52 env ARCHIVIST_PASSPHRASE=wrong ARCHIVIST_EXIT_CODES=modern "$ARCHIVIST" create repo::x tree

say "no passphrase and no terminal"
status 2 setsid env -u ARCHIVIST_PASSPHRASE "$ARCHIVIST" list repo </dev/null
says 'no passphrase' 'ARCHIVIST_PASSPHRASE_FD' 'terminal'
status 50 setsid env -u ARCHIVIST_PASSPHRASE "$ARCHIVIST" list --exit-codes modern repo </dev/null
status 2 env -u ARCHIVIST_PASSPHRASE ARCHIVIST_PASSPHRASE_FD=17 "$ARCHIVIST" list repo
says "ARCHIVIST_PASSPHRASE_FD" "Bad file descriptor"
status 2 env -u ARCHIVIST_PASSPHRASE ARCHIVIST_PASSPHRASE_FD=x "$ARCHIVIST" list repo
status 2 env -u ARCHIVIST_PASSPHRASE ARCHIVIST_PASSCOMMAND=false "$ARCHIVIST" list repo
says 'ARCHIVIST_PASSCOMMAND' 'status 1'
status 0 env -u ARCHIVIST_PASSPHRASE BORG_PASSCOMMAND="echo $passphrase" "$ARCHIVIST" list repo

say "the passphrase reaches no child and no argument"
status 0 env -u ARCHIVIST_PASSPHRASE ARCHIVIST_NEW_PASSPHRASE=hidden \
  ARCHIVIST_PASSCOMMAND="sh -c 'env >seen; echo $passphrase'" "$ARCHIVIST" list repo
grep -q hidden seen && fail "a new passphrase reached the command that asks for the old one"

say "paths that cannot be meant"
for words in "create --dry-run repo::x" "extract --dry-run repo::first" "list repo::first" "diff repo::first first"; do
  status 2 archivist $words ""
  says 'path is empty'
done
mkdir -p deep && cd deep
status 2 archivist create ../repo::x ../tree /tree
says "\.\./tree and /tree are different" "archived as"
cd ..

say "missing repository, not a repository, and a repository that is there already"
status 2 archivist create missing::x tree
says 'missing' 'no repository' 'archivist init'
[ ! -e missing ]
status 13 archivist list missing --exit-codes modern
mkdir plain && touch plain/file
for command in list info check compact "create"; do
  where=plain
  [ "$command" != create ] || where=plain::x
  status 2 archivist $command $where $([ "$command" != create ] || echo tree)
  says 'plain'
done
[ "$(ls plain)" = file ]
status 2 archivist list tree/file
says 'tree/file'
status 2 archivist init plain
says 'plain' 'empty'
[ "$(ls plain)" = file ]
status 2 archivist init repo
status 10 archivist init repo --exit-codes modern
ARCHIVIST_RSH=/bin/false status 2 archivist list user@host:repo
says 'could not start archivist on the server'
status 2 env -u ARCHIVIST_REPO "$ARCHIVIST" list
says 'ARCHIVIST_REPO'
status 0 env ARCHIVIST_REPO=repo "$ARCHIVIST" list ::first

say "archive names"
status 2 archivist create repo::first tree
says 'first' 'exists'
status 30 archivist create --exit-codes modern repo::first tree
for command in extract list info delete "rename"; do
  status 2 archivist $command repo::nothing $([ "$command" != rename ] || echo other)
  says 'nothing' 'archivist list'
done
status 31 archivist info --exit-codes modern repo::nothing
for name in '' 'a/b' '@10D' 'id:1' ' x' $'a\nb'; do status 2 archivist create "repo::$name" tree; done
status 2 archivist create repo::"$(printf 'a\xff')" tree
says 'UTF-8'
status 2 archivist create 'repo::{nonsense}' tree
says 'nonsense'
status 2 archivist rename repo::first 'a/b'
status 2 archivist delete repo
status 2 archivist extract repo
whole

say "options"
status 0 archivist
prints 'create' 'extract'
status 2 archivist nonsense
says 'nonsense'
status 2 archivist create
status 2 archivist create repo::x
status 2 archivist create --nonsense repo::x tree
says 'nonsense'
status 2 archivist create -C lzma repo::x tree
says 'lzma'
status 2 archivist create -C zstd,99 repo::x tree
status 2 archivist create --chunker-params buzhash,1,2,3,4 repo::x tree
status 2 archivist create --chunker-params fixed,0 repo::x tree
status 2 archivist create --chunker-params fixed,99999999999999999999 repo::x tree
status 2 archivist create --files-cache nonsense repo::x tree
status 2 archivist create --timestamp yesterday-ish repo::x tree
status 2 archivist create --exclude-from missing-file repo::x tree
says 'missing-file'
status 2 archivist create -e 're:(' repo::x tree
status 2 archivist prune repo
says 'keep'
status 2 archivist prune --keep-within 5x repo
status 2 archivist prune --keep-3monthly 1 --keep-13weekly 1 repo
status 2 archivist prune --keep-daily 99999999999999999999 repo
status 2 archivist init -e nonsense other
[ ! -e other ]
status 2 archivist compact --threshold 100 repo
status 2 archivist list --first -1 repo
status 0 archivist --help
prints 'create' 'extract'
status 0 archivist --version
prints '^archivist [0-9]'
for command in init create extract list info delete rename prune compact check key break-lock; do
  status 0 archivist $command --help
  prints 'archivist'
done
[ "$(archivist list --short repo)" = first ]

say "what cannot be read is a warning, and the backup goes on"
chmod 755 "$work"
mkdir -p open home-of-nobody/tree/locked home-of-nobody/tree/open
cd home-of-nobody
echo secret >tree/unreadable
echo readable >tree/open/readable
echo x >tree/locked/inside
chown -R nobody .
chown root tree/unreadable tree/locked
chmod 600 tree/unreadable
chmod 700 tree/locked
as_nobody=(setpriv --reuid nobody --regid nogroup --clear-groups env ARCHIVIST_BASE_DIR="$work/home-of-nobody/home")
status 0 "${as_nobody[@]}" "$ARCHIVIST" init repo
status 1 "${as_nobody[@]}" "$ARCHIVIST" create --list repo::x tree
says 'tree/unreadable: Permission denied' 'tree/locked: Permission denied' '^E tree/unreadable' '^A tree/open/readable'
status 1 "${as_nobody[@]}" "$ARCHIVIST" create repo::missing-root tree/open no-such-directory
says 'no-such-directory: No such file'
status 107 "${as_nobody[@]}" "$ARCHIVIST" create --exit-codes modern repo::modern tree/open no-such-directory
status 105 "${as_nobody[@]}" "$ARCHIVIST" create --exit-codes modern repo::modern2 tree
[ "$("${as_nobody[@]}" "$ARCHIVIST" list --short repo::x)" = $'tree\ntree/locked\ntree/open\ntree/open/readable' ]
chown -R root repo
status 2 "${as_nobody[@]}" "$ARCHIVIST" create repo::y tree/open
says 'Permission denied'
status 21 "${as_nobody[@]}" "$ARCHIVIST" create --exit-codes modern repo::y tree/open
cd ..

say "files that vanish or change while they are read"
mkdir busy
for number in $(seq 400); do head -c 200000 /dev/urandom >"busy/$number"; done
(for number in $(seq 400 -1 150); do rm "busy/$number"; done) &
found=0
"$ARCHIVIST" create repo::vanishing busy 2>err || found=$?
wait
[ "$found" = 0 ] || [ "$found" = 1 ] || fail "exit status $found"
grep -vE '^Warning: .*(No such file|changed while)' err && fail "something else than a warning"
head -c 100000000 /dev/zero | openssl enc -aes-128-ctr -pass pass:x -nosalt 2>/dev/null >busy/changing
(for _ in $(seq 200); do echo more >>busy/changing; sleep 0.005; done) &
status 1 archivist create --list repo::changing busy
says 'busy/changing: changed while it was read' '^C busy/changing'
wait
archivist delete repo vanishing changing

say "a repository beneath what is backed up is left out"
status 0 archivist create repo::all "$work" -e "$work/restored" -e "$work/out" -e "$work/err"
archivist list --short repo::all >listing
grep -q "archivist-scenario.*/tree/file" listing
grep -E "/repo/segments" listing | grep -v home-of-nobody && fail "it is in there"
archivist delete repo::all

say "output that nobody reads"
found=0
{ archivist list repo::first; echo "$?" >found; } | true || true
grep -qxE '141|0' found || fail "exit status $(cat found)"
head -c 3000000 /dev/zero >tree-large
archivist create repo::large tree-large
{ "$ARCHIVIST" extract --stdout repo::large 2>err; echo "$?" >found; } | head -c 10 >/dev/null || true
grep -qx 141 found || fail "exit status $(cat found)"
found=0
"$ARCHIVIST" list repo >/dev/full 2>err || found=$?
[ "$found" = 2 ] || fail "exit status $found for a full device behind the output"
status 0 archivist delete repo::large

say "JSON on standard output stays JSON, with warnings beside it"
status 1 archivist create --json --list repo::json tree no-such-directory
python3 -m json.tool <out >/dev/null
status 1 archivist create --log-json --json --list repo::json2 tree no-such-directory
python3 -c 'import json, sys; [json.loads(line) for line in open("err")]'
grep -q '"levelname": *"WARNING"' err
status 2 archivist --log-json info repo::nothing
python3 -c 'import json, sys; [json.loads(line) for line in open("err")]'
status 0 archivist list --json-lines repo::json
python3 -c 'import json, sys; [json.loads(line) for line in open("out")]'
whole
