#!/usr/bin/env bash
# `benchmark` runs everything that it tells of, tells it to people and programs, and leaves nothing.
source "$(dirname "$0")/lib.sh"

say "what one core does"
status 0 archivist benchmark cpu --json
python3 - out <<'PYTHON'
import json, sys
with open(sys.argv[1]) as file:
    parts = json.load(file)["cpu"]
names = " ".join(part["name"] for part in parts)
for word in ("buzhash", "SHA-256", "AES-256-GCM", "lz4", "zstd", "scrypt"):
    assert word in names, f"no {word} in {names}"
assert all(part["seconds"] > 0 for part in parts), parts
PYTHON

say "whole backups and restores"
mkdir scratch
status 0 archivist benchmark crud --json --divisor 1000 scratch
python3 - out <<'PYTHON'
import json, sys
with open(sys.argv[1]) as file:
    results = json.load(file)["crud"]
wanted = {f"{step}-{kind}-{size}" for step in "CURD" for kind in "ZR"
          for size in ("BIG", "MEDIUM", "SMALL")}
found = {result["id"] for result in results}
assert found == wanted, wanted ^ found
assert all(result["seconds"] > 0 and result["size"] > 0 for result in results)
PYTHON
[ -z "$(ls -A scratch)" ] || fail "it leaves $(ls -A scratch)"
status 0 archivist benchmark crud --divisor 1000 scratch
prints '^C-Z-BIG  .*/s \(10 \* ' '^D-R-SMALL .*random files'
[ ! -e home/cache ] || [ -z "$(find home -type f)" ] || fail "it leaves something of its own"

say "places that cannot be used"
status 2 archivist benchmark crud nowhere
says 'nowhere/.*: No such file'
status 2 archivist benchmark crud --divisor 0 scratch
