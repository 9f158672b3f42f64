#!/usr/bin/env bash
# prune, delete, compact and check with --json: one document on standard output, with the members that
# docs/usage/json.md names, the exit code as without it, and nothing else.
source "$(dirname "$0")/lib.sh"

document=$scenarios/../../docs/usage/json.md

# is CODE EXPRESSION…: the document of the last command, as d, has exactly the members that are
# documented for the heading `### CODE`, and makes each expression true.
is() {
  python3 - "$document" "$@" <<'PYTHON' || fail "$(cat out err)"
import json, re, sys
page, heading, *expressions = sys.argv[1:]
d = json.load(open("out"))
section = open(page, encoding="utf-8").read().split(f"\n### {heading}\n")
assert len(section) == 2, f"{page} has no heading {heading}"
section = re.split(r"\n##", section[1])[0]
named = set(re.findall(r"^\| `(\w+)` \|", section, re.M))
assert set(d) == named, f"{heading}: not documented or not there: {set(d) ^ named}"
assert list(d) == sorted(d), list(d)
for expression in expressions:
    if not eval(expression):
        print(f"{heading}: not true: {expression}", file=sys.stderr)
        print(json.dumps(d, indent=1), file=sys.stderr)
        sys.exit(1)
PYTHON
}

archivist init repo
mkdir tree
for day in 01 02 03 04; do
  head -c 300000 /dev/urandom >"tree/file-$day"
  rm -f "tree/file-$((10#$day - 2))"
  archivist create --timestamp "2026-11-${day}T12:00:00" repo::"day-$day" tree
done
id=$(archivist info --json repo | python3 -c 'import json, sys; print(json.load(sys.stdin)["repository"]["id"])')

say "prune"
for options in --dry-run '--list --stats'; do
  status 0 archivist prune --json $options --keep-daily 2 repo
  dry=False
  [[ $options != --dry* ]] || dry=True
  is 'archivist prune --json' "d['repository']['id'] == '$id'" "d['dry_run'] is $dry" \
    "d['kept'] == 2 and d['deleted'] == 2" \
    "[a['name'] for a in d['archives']] == ['day-04', 'day-03', 'day-02', 'day-01']" \
    "[a['deleted'] for a in d['archives']] == [False, False, True, True]" \
    "d['archives'][0]['rule'] == {'name': 'daily', 'number': 1, 'oldest': False}" \
    "d['archives'][2]['rule'] is None" "d['archives'][0]['start'].startswith('2026-11-04T12:00:00')" \
    "list(d['archives'][0]['group']) == ['host'] and len(d['archives'][0]['id']) == 64"
  [ ! -s err ] || fail "it said something: $(cat err)"
done
[ "$(archivist list --short repo | wc -l)" = 2 ]
status 2 archivist prune --json repo
[ ! -s out ]

say "delete"
archivist create repo::"gone" tree
status 0 archivist delete --json --list --dry-run repo::gone
is 'archivist delete --json' "d['dry_run'] is True" "d['deleted'] == 1" "d['archives'][0]['name'] == 'gone'"
status 0 archivist delete --json repo::gone
is 'archivist delete --json' "d['dry_run'] is False" "[a['name'] for a in d['archives']] == ['gone']" \
  "d['repository']['id'] == '$id'"
status 2 archivist delete --json repo::gone
[ ! -s out ]

say "compact"
status 0 archivist compact --json repo
is 'archivist compact --json' "d['removed_segments'] > 0 and d['waiting_segments'] == 0" \
  "d['freed_bytes'] == d['removed_bytes'] - d['moved_bytes'] > 0" "d['waits_for'] == []" \
  "d['kept_segments'] == 0 and d['damaged_segments'] == []" "d['repository']['id'] == '$id'"
status 0 archivist compact --json --quiet repo
is 'archivist compact --json' "d['freed_bytes'] == 0"

say "check"
status 0 archivist check --json repo
is 'archivist check --json' "d['problem_count'] == 0 and d['problems'] == []" "d['contents_read'] is False" \
  "d['archives'] == 2 and d['segments'] > 0" "d['verified_chunks'] == 0"
status 0 archivist check --json --verify-data repo
is 'archivist check --json' "d['contents_read'] is True" "d['verified_chunks'] > 0 < d['verified_bytes']"
status 0 archivist check --json --storage-only repo
is 'archivist check --storage-only --json' "d['problem_count'] == 0 and d['objects'] > 3" \
  "d['verified_bytes'] > 600000"

say "damage"
segment=$(find repo/segments -type f -size +200k | head -1)
printf 'x' | dd of="$segment" bs=1 seek=5000 conv=notrunc status=none
status 1 archivist check --json --verify-data repo
is 'archivist check --json' "d['problem_count'] == len(d['problems']) > 0" "d['problems'][0].startswith('segments/')"
says '^Warning: segments/'
status 90 archivist --exit-codes modern check --json --verify-data repo
status 1 archivist check --json --storage-only repo
is 'archivist check --storage-only --json' "d['problem_count'] == 1" "d['problems'][0].startswith('segments/')"
status 1 archivist check --json --verify-data --repair --dry-run repo
is 'archivist check --repair --json' "d['dry_run'] is True" "d['problem_count'] > 0 and d['actions']" \
  "d['lost'] == []"
status 2 archivist check --json --verify-data --repair repo
[ ! -s out ]
says 'ARCHIVIST_CHECK_I_KNOW_WHAT_I_AM_DOING=YES'
export ARCHIVIST_CHECK_I_KNOW_WHAT_I_AM_DOING=YES
status 1 archivist check --json --verify-data --repair repo
is 'archivist check --repair --json' "d['dry_run'] is False" "d['lost']" "d['contents_read'] is True"
status 1 archivist check --json repo
is 'archivist check --json' "d['quarantined_segments'] == 1"

say "an archive that is given up"
archive=$(ls repo/archives | head -1)
printf 'x' | dd of="repo/archives/$archive" bs=1 seek=200 conv=notrunc status=none
status 0 archivist delete --json --damaged "repo::id:$archive"
is 'archivist delete --json' "d['archives'] == [{'id': '$archive'}]" "d['deleted'] == 1"
