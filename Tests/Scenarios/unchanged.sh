#!/usr/bin/env bash
# A second backup of what has not changed reads no file, and adds almost nothing.
source "$(dirname "$0")/lib.sh"

archivist init repo
archivist create repo::first /etc /usr/share
before=$(bytes repo)
status 0 strace -f -qq -e trace=open,openat,openat2,read,pread64,readlink -e signal=none -o trace \
  "$ARCHIVIST" create --json repo::second /etc /usr/share
after=$(bytes repo)
say "the repository grew by $((after - before)) of $before bytes"
[ $(((after - before) * 1000)) -lt "$before" ] || fail "more than 0.1 %"

# Files below the roots are opened relative to their directory, so the names are compared. A name
# that is opened without O_DIRECTORY or O_PATH is a file that is read. /etc has files that everything opens.
grep -E 'open(at|at2)?\(' trace | grep -vE 'O_DIRECTORY|O_PATH|ENOENT|O_CREAT' |
  sed -E 's/.*open(at2?)?\(([^"]*)"([^"]*)".*/\2 \3/' | sort | uniq -c | sort -rn >opened
say "$(wc -l <opened) different files were opened, for itself"
# Relative to a directory: only the walk does that, and the repository's own directories.
grep -vE 'AT_FDCWD' opened >relative || true
find /etc /usr/share -type f -printf '%f\n' | sort -u >names
awk '{ print $NF }' relative | sort -u | comm -12 - names >reread
[ ! -s reread ] || fail "unchanged files were opened: $(head -5 reread | xargs)"
# By full path: nothing below /usr/share, but for the locale and zone data of the C library.
grep AT_FDCWD opened | awk '{ print $NF }' |
  grep -E '^/usr/share/' | grep -vE '^/usr/share/(zoneinfo|locale|i18n)/' && fail "opened by path"

say "a changed file, and only that one, is read"
mkdir tree
for number in $(seq 200); do echo "$number" >"tree/unchanged-$number"; done
touch -d '1 hour ago' tree/*
sleep 2.1 # a file as young as the backup counts as unsettled
archivist create repo::a tree
echo more >>tree/unchanged-7
strace -f -qq -e trace=open,openat,openat2 -e signal=none -o trace "$ARCHIVIST" create --list repo::b tree 2>listing
[ "$(grep -cE '^M .*unchanged-7$' listing)" = 1 ]
[ "$(grep -cE '^U ' listing)" = 199 ]
[ "$(grep -E 'open' trace | grep -oE '"[^"]*unchanged-[0-9]+"' | sort -u)" = '"unchanged-7"' ] ||
  grep -oE '"[^"]*unchanged-[0-9]+"' trace | sort -u | grep -qxE '".*unchanged-7"'

say "the racy moment: a file that is as young as the backup is read again"
echo x >tree/racy
archivist create repo::c tree
archivist create --debug --list repo::d tree 2>listing
grep -qE '^U tree/racy$' listing || fail "the same contents are said to be others"
grep -q 'tree/racy: read again' listing || fail "a file changed within the clock's granularity was taken for settled"

say "a client without its cache and memory is as quick"
rm -rf home
strace -f -qq -e trace=open,openat,openat2 -e signal=none -o trace \
  "$ARCHIVIST" create --list repo::third /etc /usr/share 2>listing
[ "$(grep -cE '^U ' listing)" -gt 1000 ]
[ "$(grep -cE '^[AM] ' listing)" = 0 ] || fail "$(grep -E '^[AM] ' listing | head -3)"
archivist check repo
