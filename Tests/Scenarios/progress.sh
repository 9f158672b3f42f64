#!/usr/bin/env bash
# What is shown while commands work: one line on a terminal, lines or JSON on request elsewhere,
# nothing where nobody asked.
source "$(dirname "$0")/lib.sh"

mkdir src
# Slow to compress, so that there is something to be seen.
head -c 18000000 /dev/urandom | base64 -w 0 >src/large
head -c 20000000 /dev/urandom >src/random
printf 'x' >src/$'zz\e[2Jname'
archivist init repo

# on_terminal COLUMNS COMMAND…: runs it on a terminal of its own; what the terminal got is in screen.
on_terminal() {
  local columns=$1
  shift
  script -qec "stty cols $columns; TERM=xterm $(printf '%q ' "$@")" "$work/screen" >/dev/null
  # The lines that script(1) puts at the beginning and the end are not of the program.
  sed -i -e '1{/^Script started/d}' -e '/^Script done/d' "$work/screen"
}

on_terminal 60 "$ARCHIVIST" create --list -C zstd,15 repo::a src
grep -qaE $'\r\e\\[Kread [0-9.]+ [kMG]?B, .* new  [0-9]+ files?' screen || fail "no progress line"
grep -qa 'src/' screen || fail "no path"
! grep -qaF $'\e[2J' screen || fail "a name did something to the terminal"
python3 - screen <<'PYTHON'
import re, sys
text = open(sys.argv[1], "rb").read().decode()
drawn = re.findall("\r\x1b\\[K([^\r\n]*)", text)
assert any(drawn), drawn
for line in drawn:
    assert len(line) < 60 or line.startswith(("A src/", "Created ")), line
# Whole lines of the list begin where the line was cleared, and nothing is left at the end.
assert re.search("\r\x1b\\[KA src/", text) or "\nA src/" in text, text
assert re.search("\r\x1b\\[KCreated archive a: 3 files, [^\r\n]*$", text.rstrip("\r\n")), text
assert not re.search("files[^\r\n]*A src", text), text
PYTHON

# The archive before says how much there is to do. Everything is read again, and stored anew. An
# estimate takes two seconds: what a fast machine has done by then was too little.
archivist init slow
mkdir much
estimate=
for megabytes in 20 60 180; do
  head -c ${megabytes}000000 /dev/urandom | base64 -w 0 >much/large
  archivist create -C none slow::$megabytes much
  touch much/large
  on_terminal 100 "$ARCHIVIST" create -C zstd,18 --chunker-params fixed,1000000 \
    slow::$megabytes-again much
  if grep -qaE '~[0-9]+ (s|min) left' screen; then
    estimate=shown
    break
  fi
done
[ -n "$estimate" ] || fail "no estimate"
rm -r slow much

on_terminal 100 "$ARCHIVIST" create --quiet repo::quiet src
[ -z "$(tr -d '\r\n' <screen)" ] || fail "--quiet said something"

# Nowhere but on a terminal, unless asked for.
status 0 archivist create repo::c src
[ ! -s err ] || fail "progress on a pipe"
status 0 archivist create --progress repo::d src
says '^read 44\.00 MB, 0 B new  3 files'
status 0 archivist check --progress --verify-data repo
says '^Verifying data  100\.0%'
mkdir restored
cd restored
status 0 archivist extract --progress ../repo::a src/random
cd ..
says '^Extracting  100\.0%  20\.00 MB of 20\.00 MB .* src/random$'
status 0 archivist prune --progress --keep-last 1 repo
says '^Deleting archives  100\.0%  3 of 3$'
status 0 archivist compact --progress repo
says '^Looking at archives|^Removing segments|^Rewriting segments'

status 0 archivist --log-json --progress create repo::json src
python3 - err <<'PYTHON'
import json, sys
seen = [json.loads(line) for line in open(sys.argv[1])]
assert seen[-1] == {"time": seen[-1]["time"], "type": "archive_progress", "finished": True}, seen
last = seen[-2]
assert (last["nfiles"], last["original_size"], last["finished"]) == (3, 44000001, False), last
PYTHON
status 0 archivist --log-json --progress check --verify-data repo
python3 - err <<'PYTHON'
import json, sys
seen = [json.loads(line) for line in open(sys.argv[1])]
last = seen[-2]
assert last["type"] == "progress_percent" and last["msgid"] == "check.verify_data", last
assert last["current"] == last["total"] > 0, last
assert seen[-1]["finished"] and seen[-1]["operation"] == last["operation"], seen[-1]
PYTHON
status 2 archivist --log-json --progress list repo::nothing
says '"msgid": "Archive.DoesNotExist"'
