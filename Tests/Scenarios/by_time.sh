#!/usr/bin/env bash
# Archives named by a time, and lists of them as of a time.
source "$(dirname "$0")/lib.sh"

mkdir src
archivist init repo
for day in 01 05 09; do
  echo "$day" >src/file
  archivist create --timestamp "2026-11-${day}T12:00:00" "repo::web-$day" src
done
archivist create --timestamp 2026-11-09T13:00:00 repo::db-09 src

[ "$(archivist list --short --as-of 2026-11-06 repo)" = $'web-01\nweb-05' ] || fail "as of"
[ "$(archivist list --short --as-of 2026-11-09T12:30 --last 1 repo)" = web-09 ] || fail "as of, last"
[ "$(archivist list --short --as-of 2026-10-01 repo)" = '' ] || fail "as of a time before all"
status 2 archivist list --as-of tomorrow repo
says '"@tomorrow" is not a time'

[ "$(archivist extract --stdout repo::@2026-11-05 src/file)" = 05 ] || fail "extract @day"
[ "$(archivist extract --stdout 'repo::web-*@now' src/file)" = 09 ] || fail "extract pattern@now"
[ "$(archivist extract --stdout 'repo::db-*@now' src/file)" = 09 ] || fail "extract pattern@now"
status 0 archivist info 'repo::web-*@2026-11-08T00:00'
prints 'Archive name: web-05'
status 0 archivist list --info 'repo::web-*@2026-11-01'
says '^Archive web-01, id:[0-9a-f]{16}$'
prints 'src/file'

status 2 archivist extract repo::@2026-10-01
says 'no archive before' 'the oldest is web-01'
status 2 archivist list 'repo::mail-*@now'
says 'no archive has a name that matches mail-\*'
status 2 archivist list repo::@yesterday
says '"@yesterday" is not a time'

# Two that were begun at the same moment.
archivist create --timestamp 2026-11-10T00:00:00 repo::x1 src
archivist create --timestamp 2026-11-10T00:00:00 repo::x2 src
status 2 archivist list repo::@2026-11-10
says '2 archives were begun at the same time.* id:'
[ "$(archivist list --short 'repo::x1@2026-11-10' | head -1)" = src ] || fail "one of the two"

# A name with an @ in it stays a name, even if a time follows.
archivist create repo::me@now src
status 0 archivist info repo::me@now
prints 'Archive name: me@now'
status 2 archivist list repo::you@home
says 'there is no archive you@home'
