#!/bin/bash
# What is different between two archives.
source "$(dirname "$0")/lib.sh"

mkdir -p tree/directory tree/gone
echo same >tree/same
echo one >tree/content
echo two >tree/removed
echo mode >tree/mode
ln -s here tree/link
seq 100000 >tree/directory/long
archivist init repo
archivist create repo::first tree

echo other >tree/content
rm -r tree/removed tree/gone
chmod 600 tree/mode
ln -sf there tree/link
echo new >tree/added
echo more >>tree/directory/long
mkfifo tree/fifo
archivist create repo::second tree

say "equal archives have no differences"
status 0 archivist diff repo::first first
[ ! -s out ] || fail "a difference to itself"

say "every kind of difference is shown, in the order of the paths"
status 0 archivist diff repo::first second
prints '^ +\+6 B +-4 B \[mtime: .* -> .*\] tree/content$' '^added +4 B tree/added$' \
  '^removed +4 B tree/removed$' '^removed directory +tree/gone$' '^changed link .*tree/link$' \
  '^\[-rw-r--r-- -> -rw-------\] tree/mode$' '^added fifo +tree/fifo$' 'tree/directory/long$'
if grep -q 'tree/same' out; then fail "what is the same is shown"; fi
sed 's/.* //' out >paths
LC_ALL=C sort -c paths || fail "not in order"

say "contents only, and only what is named"
status 0 archivist diff --content-only repo::first second
if grep -q 'tree/mode\|mtime' out; then fail "metadata with --content-only"; fi
status 0 archivist diff repo::first second tree/mode
[ "$(wc -l <out)" = 1 ] || fail "more than what was named"

say "JSON has an object on each line"
status 0 archivist diff --json-lines repo::first second
python3 -c '
import json
changes = {entry["path"]: entry["changes"] for entry in map(json.loads, open("out"))}
assert changes["tree/added"] == [{"size": 4, "type": "added"}], changes
assert changes["tree/content"][0] == {"added": 6, "removed": 4, "type": "modified"}, changes
assert changes["tree/mode"] == [
  {"new_mode": "-rw-------", "old_mode": "-rw-r--r--", "type": "mode"}], changes
assert changes["tree/gone"] == [{"type": "removed directory"}], changes
'

say "other chunks of the same bytes are no difference"
archivist create --chunker-params fixed,4096 --files-cache disabled repo::third tree
status 0 archivist diff repo::second third
[ ! -s out ] || fail "a difference in the chunks: $(cat out)"

say "an archive that is not there"
status 2 archivist diff repo::first missing
says 'missing'
