#!/usr/bin/env bash
# Deleting commands do no more than a careful reader of the command line expects: several machines in
# one repository, patterns that match nothing or everything, rules that would keep nothing.
source "$(dirname "$0")/lib.sh"

mkdir src
echo x >src/file
archivist init repo

# on HOST NAME [OPTION…]: an archive of that machine.
on() {
  local host=$1 name=$2
  shift 2
  ARCHIVIST_HOSTNAME=$host archivist create "$@" "repo::$name" src
}
names() { archivist list --short repo | sort | tr '\n' ' '; }
# expect NAME…: these are left.
expect() { [ "$(names)" = "$* " ] || fail "left: $(names)instead of $*"; }
# fresh: three days of two machines, of which one was off later on, and one of a third.
fresh() {
  rm -rf repo
  archivist init repo
  local day
  for day in 1 2 3; do on db "db-$day" --timestamp "2026-11-0${day}T01:00:00"; done
  for day in 4 5 6; do on web "web-$day" --timestamp "2026-11-0${day}T02:00:00"; done
  on web-db web-db-1 --timestamp 2026-11-01T03:00:00
}

say "rules apply to each machine by itself, and that is said"
fresh
status 0 archivist prune --dry-run --list --keep-daily 1 repo
says 'several machines \(db, web, web-db\)'
# What happens, and the name; the columns between are as wide as what is in them.
[ "$(sed -E 's/  +/|/g' out | cut -d'|' -f1,3)" = "|ARCHIVE
Host db:
keep: daily #1|db-3
would delete|db-2
would delete|db-1
Host web:
keep: daily #1|web-6
would delete|web-5
would delete|web-4
Host web-db:
keep: daily #1|web-db-1" ] || fail "$(cat out)"
[ "$(grep -o '.*[0-9]T[0-9:]*' out | awk '{ print length }' | sort -u | wc -l)" = 1 ] ||
  fail "the columns are not aligned: $(cat out)"
status 0 archivist prune --keep-daily 1 --quiet repo
[ ! -s err ] || fail "$(cat err)"
expect db-3 web-6 web-db-1

fresh
status 0 archivist prune --group-by host --keep-daily 1 repo
[ ! -s err ] || fail "$(cat err)"
expect db-3 web-6 web-db-1

say "a pattern does not change that"
fresh
status 0 archivist prune -a '*' --keep-daily 1 repo
says 'several machines'
expect db-3 web-6 web-db-1
fresh
status 0 archivist prune -a 'web*' --keep-daily 1 repo
expect db-1 db-2 db-3 web-6 web-db-1

say "other groups, or none"
fresh
on web web-home --timestamp 2026-11-02T02:00:00 --series home
status 0 archivist prune --group-by host,series --keep-daily 1 repo
expect db-3 web-6 web-db-1 web-home
on web elsewhere --timestamp 2026-11-02T02:00:00 --series home
status 0 archivist prune --list --group-by none --keep-daily 1 repo
[ ! -s err ] || fail "$(cat err)"
grep -q '^Host' out && fail "one group needs no heading"
expect web-6
status 2 archivist prune --group-by hostname --keep-daily 1 repo
says 'host, user, paths, series'

say "the pattern of one machine does not reach the archives of another whose name begins alike"
fresh
status 0 env ARCHIVIST_HOSTNAME=web "$ARCHIVIST" prune --info --list -a '{hostname}-*' --keep-last 1 repo
says 'Left alone: 1 archive .*web-db'
expect db-1 db-2 db-3 web-6 web-db-1
on web-db web-db-2
status 0 env ARCHIVIST_HOSTNAME=web "$ARCHIVIST" delete -P '{hostname}-' repo
expect db-1 db-2 db-3 web-db-1 web-db-2
status 2 env ARCHIVIST_HOSTNAME=web "$ARCHIVIST" prune -a '{hostname}-*' --keep-last 1 repo
says 'no archive of this machine, web,.* of others there are some \(web-db\)'
expect db-1 db-2 db-3 web-db-1 web-db-2
status 0 env ARCHIVIST_HOSTNAME=web \
  "$ARCHIVIST" prune -a '{hostname}-*' --group-by none --keep-last 1 repo
expect db-1 db-2 db-3 web-db-2

say "a machine that was off for long keeps its newest archive"
fresh
on web web-now
status 0 archivist prune --list --keep-within 1H repo
says 'No rule keeps any archive of host db: the newest one, db-3' 'web-db-1.*--allow-none'
prints '^keep: newest #1 +[0-9a-f]{64}  db-3 '
expect db-3 web-db-1 web-now
status 0 archivist prune --group-by host --allow-none --keep-within 1H repo
[ ! -s err ] || fail "$(cat err)"
expect web-now

say "the newest archives are kept, however close together they were made"
rm -rf repo
archivist init repo
for name in a b c d; do archivist create --timestamp 2026-11-01T00:00:00 "repo::$name" src; done
status 0 archivist prune --keep-last 3 repo
expect b c d
status 0 archivist prune --list --dry-run --keep-last 2 repo
prints '^keep: last #1 .* d ' '^keep: last #2 .* c ' '^would delete .* b '
status 0 archivist prune --list --dry-run --keep-yearly 3 repo
prints '^keep: yearly #1 .* d ' '^keep: yearly #2, oldest .* b '
status 0 archivist prune --list --keep-secondly 1 repo
expect d

say "patterns that are empty, or match nothing"
fresh
all="db-1 db-2 db-3 web-4 web-5 web-6 web-db-1"
for command in prune delete check copy list info; do
  case $command in
    prune) arguments=(--keep-daily 1 repo) ;;
    copy) archivist init --like repo other && arguments=(repo other) ;;
    *) arguments=(repo) ;;
  esac
  for empty in -P -a; do
    status 2 archivist "$command" "$empty" '' "${arguments[@]}"
    says 'is empty: is a variable not set'
  done
  wanted=2 modern=31
  if [ $command = list ] || [ $command = info ]; then wanted=1 modern=101; fi
  for pattern in '-P wbe-' '-a sh:web-*' '-a {hostname}-x'; do
    read -ra words <<<"$pattern"
    status $wanted archivist "$command" "${words[@]}" "${arguments[@]}"
    says 'no archive has a name that (matches|begins with)'
  done
  status $modern archivist --exit-codes modern "$command" -P wbe- "${arguments[@]}"
done
# shellcheck disable=SC2086
expect $all
[ "$(archivist list other)" = '' ]
status 1 archivist list --json -a 'wbe-*' repo
python3 -c 'import json; assert json.load(open("out"))["archives"] == []'
status 0 archivist list -a 'web-*' --as-of 2026-10-01 repo

say "a pattern that leaves nothing out does not delete the archives of all machines"
status 2 archivist delete -a '*' repo
says 'all 7 archives.* several machines \(db, web, web-db\)'
# shellcheck disable=SC2086
expect $all
status 0 archivist delete -a 'web*' repo
expect db-1 db-2 db-3
status 0 archivist delete -a '*' repo
[ "$(names)" = '' ]

say "archives with chosen times displace none that were stored at their time"
rm -rf repo
archivist init repo
# stored MOMENT NAME: an archive of that time, which the storage got ten minutes later.
stored() {
  local before
  before=$(ls repo/archives)
  archivist create --timestamp "$(date -d "@$1" +%Y-%m-%dT%H:%M:%S)" "repo::$2" src
  comm -13 <(echo "$before") <(ls repo/archives) | while read -r object; do
    touch -d "@$(($1 + 600))" "repo/archives/$object"
  done
}
now=$(date +%s)
midnight=$((now - now % 86400))
for age in 1 2 3 4 5 6 7 45 80 120; do stored $((midnight - age * 86400 + 43200)) "good-$age"; done
good=$(names)
for age in 1 2 3 4 5 6 7; do
  archivist create "repo::evening-$age" src \
    --timestamp "$(date -d "@$((midnight - (age - 1) * 86400 - 1))" +%Y-%m-%dT%H:%M:%S)"
done
for age in 1 2 3; do
  archivist create "repo::month-$age" src \
    --timestamp "$(date -d "$(date -d "@$now" +%Y-%m-01) -$((age - 1)) month -1 second" +%Y-%m-%dT%H:%M:%S)"
done
for hour in 1 2 3 4 5; do
  archivist create "repo::future-$hour" src \
    --timestamp "$(date -d "@$((midnight + hour * 2 * 86400))" +%Y-%m-%dT%H:%M:%S)"
done
archivist create repo::now src
status 0 archivist prune --keep-daily 8 --keep-monthly 12 repo
for name in $good; do
  archivist list --short repo | grep -qx "$name" || fail "$name is gone; left: $(names)"
done
