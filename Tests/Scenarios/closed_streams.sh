#!/usr/bin/env bash
# Standard streams that are closed, full or too short: what is said to nobody gets into no file, what
# was promised to be printed is missed, and a limit for files is an error like a full disk.
source "$(dirname "$0")/lib.sh"

mkdir tree
for number in $(seq 60); do head -c 60000 /dev/urandom >"tree/file-$number"; done

say "nothing that is said gets into the repository, whichever of the streams are closed"
# What is opened first by whom depends on the threads.
for round in 1 2 3 4; do
  for closed in '<&-' '>&-' '2>&-' '<&- 2>&-' '<&- >&- 2>&-'; do
    rm -rf repo
    archivist init repo
    eval "archivist create --list --progress -v repo::1 tree >said 2>&1 $closed" || fail "create with $closed"
    status 0 archivist check --verify-data repo
    grep -qaE 'file-[0-9]|Made repository' -r repo && fail "said into the repository with $closed"
    eval "archivist create --list repo::2 tree >said 2>&1 $closed" || fail "create with $closed"
    status 0 archivist check --verify-data repo
    rm -rf out && mkdir out
    (cd out && eval "archivist extract --list ../repo::1 >../said 2>&1 $closed") || fail "extract with $closed"
    diff -r tree out/tree
    rm -rf out
  done
done

say "the descriptors are what they are without a program: closed"
strace -f -o trace -e trace=openat,read "$ARCHIVIST" create repo::3 tree <&- >&- 2>&-
grep -m 3 'openat.*"/dev/null"' trace | grep -q 'O_WRONLY.* = 0' || fail "$(grep dev/null trace)"
[ "$(grep -c '"/dev/null", O_RDONLY) *= [12]$' trace)" = 2 ] || fail "$(grep dev/null trace)"

echo changed >tree/file-1
archivist create repo::4 tree
say "what was to be printed and cannot be is an error"
for to in '>&-' '>/dev/full'; do
  for command in "list repo" "list repo::1" "info repo" "diff repo::1 4" \
    "extract --stdout repo::1 tree/file-1" "key export repo" "key list repo" "check repo" \
    "create --json repo::{now:%s.%f} tree" "--version" "--help" "list --help" "help format"; do
    found=0
    eval "archivist $command $to" 2>err || found=$?
    [ "$found" = 2 ] || fail "exit status $found: $command $to"
    grep -q 'cannot write the output' err || fail "$command $to: $(cat err)"
  done
done

say "what was to be read and cannot be is an error"
found=0
archivist create repo::in - <&- 2>err || found=$?
[ "$found" = 2 ] || [ "$found" = 1 ] || fail "exit status $found"
grep -q 'Bad file descriptor' err || fail "$(cat err)"
found=0
archivist create --paths-from-stdin repo::in <&- 2>err || found=$?
[ "$found" = 2 ] && grep -q 'Bad file descriptor' err || fail "$found: $(cat err)"
found=0
(unset ARCHIVIST_PASSPHRASE && ARCHIVIST_PASSPHRASE_FD=0 archivist list repo) <&- 2>err || found=$?
[ "$found" = 2 ] && grep -q 'Bad file descriptor' err || fail "$found: $(cat err)"
status 2 archivist create --content-from-command repo::none
says 'which command'

say "a limit for files is an error that says what it is, and nothing is left half done"
head -c 3000000 /dev/urandom >tree/large
limited() { bash -c 'ulimit -f 1000; exec "$@"' limited "$ARCHIVIST" "$@"; }
rm -rf repo && archivist init -e none repo
export ARCHIVIST_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
status 2 limited create repo::a tree
says 'File too large.*ulimit -f'
[ -z "$(find repo/tmp repo/locks repo/archives -type f)" ] || fail "left: $(find repo -type f)"
status 0 archivist create repo::a tree
mkdir limited
found=0
(cd limited && limited extract ../repo::a) 2>err || found=$?
[ "$found" = 1 ] || [ "$found" = 2 ] || fail "exit status $found: $(cat err)"
says 'tree/large.*File too large.*ulimit -f'
[ "$(find limited -name 'file-*' | wc -l)" = 60 ] || fail "what is within the limit was not restored"
found=0
limited extract --stdout repo::a tree/large 2>err >limited/large || found=$?
[ "$found" = 2 ] || fail "exit status $found"
says 'File too large'
status 0 archivist check --verify-data repo
# A command that is run for us has the limit that it expects.
status 2 limited create --content-from-command repo::b -- sh -c 'exec cat tree/large >limited/copied'
says 'ended by signal 25'
