#!/usr/bin/env bash
# Bytes that are put into a large file in a few places cost a few chunks, not the file again.
# INSERTIONS_MIB scales the file.
source "$(dirname "$0")/lib.sh"

size=${INSERTIONS_MIB:-1024}
mkdir tree
python3 - "$size" <<'PYTHON'
import os, sys
mib = int(sys.argv[1])
with open("tree/before", "wb") as before:
    for _ in range(mib):
        before.write(os.urandom(1 << 20))
PYTHON
archivist init repo
archivist create -C none repo::before tree
before=$(bytes repo)
python3 - <<'PYTHON'
import os, shutil
size = os.path.getsize("tree/before")
with open("tree/before", "rb") as old, open("tree/after", "wb") as new:
    for place in (size // 5 + 123, size // 2 + 4567, size - size // 7):
        while old.tell() < place:
            new.write(old.read(min(1 << 20, place - old.tell())))
        new.write(os.urandom(200))
    shutil.copyfileobj(old, new, 1 << 20)
assert os.path.getsize("tree/after") == size + 600
os.unlink("tree/before")
PYTHON
archivist create -C none repo::after tree
added=$(($(bytes repo) - before))
say "600 bytes in three places of $size MiB added $((added / 1024)) KiB"
[ "$added" -lt $((40 << 20)) ] || fail "more than 40 MiB"
[ "$added" -gt 600 ]
archivist extract --stdout repo::after tree/after | cmp - tree/after
