#!/usr/bin/env bash
# Whoever holds the repository, and no key, learns number, time and padded size of objects: no
# name, no content, no length of a file or a chunk.
source "$(dirname "$0")/lib.sh"

mkdir -p tree/conspicuous-directory
for number in $(seq 50); do
  # Incompressible text, so that compression could not hide it either.
  echo "conspicuous-content-$number" >"tree/conspicuous-directory/conspicuous-name-$number"
done
echo conspicuous-value | head -c 17 >tree/with-attribute
setfattr -n user.conspicuous -v conspicuous-value tree/with-attribute
ln -s conspicuous-target tree/link
# Runs that do not compress, and are looked for as bytes.
head -c 3000000 /dev/urandom >tree/random
head -c 40000 /dev/urandom >tree/small-random
user=$(id -un) host=$(hostname) # Short ones turn up by chance.

for mode in aes256-gcm chacha20-poly1305; do
  repo=repo-$mode
  ARCHIVIST_PASSPHRASE=conspicuous-passphrase-$passphrase archivist init -e $mode "$repo"
  for compression in none lz4; do
    ARCHIVIST_PASSPHRASE=conspicuous-passphrase-$passphrase archivist create -C $compression \
      --comment conspicuous-comment "$repo::conspicuous-archive-$compression" tree
    echo "$compression" >>tree/conspicuous-directory/conspicuous-name-1
  done
  ARCHIVIST_PASSPHRASE=conspicuous-passphrase-$passphrase archivist rename \
    "$repo::conspicuous-archive-none" conspicuous-renamed
  ARCHIVIST_PASSPHRASE=conspicuous-passphrase-$passphrase ARCHIVIST_NEW_PASSPHRASE=conspicuous-2-$passphrase \
    archivist key add --note conspicuous-note "$repo"

  find "$repo" -type f -exec strings -a -n 4 {} + >dump
  [ -s dump ]
  grep -i conspicuous dump && fail "$mode: a name, a content or a passphrase is readable"
  [ ${#host} -lt 6 ] || ! grep -wF "$host" dump || fail "$mode: the name of the machine is readable"
  [ ${#user} -lt 6 ] || ! grep -wF "$user" dump || fail "$mode: the name of the user is readable"
  grep -iE 'tree/|buzhash|user\.con' dump && fail "$mode: metadata is readable"

  python3 - "$repo" <<'PYTHON'
import os, sys

def padme(length):
    """The Padmé length for `length`: at most 12 % longer, and of few significant bits."""
    exponent = length.bit_length() - 1
    kept = exponent.bit_length()
    zeros = max(0, exponent - kept)
    return (length + (1 << zeros) - 1) >> zeros << zeros

samples = []
for name in ("tree/random", "tree/small-random"):
    with open(name, "rb") as file:
        data = file.read()
    samples += [data[start:start + 16] for start in range(0, len(data) - 16, 1009)]
lengths = {}
for parent, _, names in os.walk(sys.argv[1]):
    for name in names:
        path = os.path.join(parent, name)
        with open(path, "rb") as file:
            data = file.read()
        for sample in samples:
            assert sample not in data, f"a piece of a file is in {path}"
        kind = os.path.relpath(path, sys.argv[1]).split("/")[0]
        if kind in ("segments", "index", "archives", "labels", "removed", "doomed"):
            assert len(data) >= 4096 and padme(len(data)) == len(data), \
                f"{path} has {len(data)} bytes, which is not a padded length"
            lengths.setdefault(kind, []).append(len(data))
assert "segments" in lengths and "archives" in lengths
print("  " + ", ".join(f"{len(value)} in {kind}" for kind, value in sorted(lengths.items())))
PYTHON
done

say "nothing that this client keeps holds a name from the tree, or a key"
find home -type f -exec strings -a -n 4 {} + | grep -iE 'conspicuous|tree/' && fail "it does"

say "equal contents seal differently, in one repository and in two"
python3 - <<'PYTHON'
import os
seen = {}
for repo in ("repo-aes256-gcm", "repo-chacha20-poly1305"):
    for parent, _, names in os.walk(repo + "/segments"):
        for name in names:
            with open(os.path.join(parent, name), "rb") as file:
                data = file.read()
            for start in range(80, len(data) - 32, 32):
                block = data[start:start + 32]
                assert block not in seen, "the same 32 sealed bytes twice"
                seen[block] = True
print(f"  {len(seen)} stretches of 32 bytes, all different")
PYTHON

say "unencrypted repositories say so, and are opened by strangers only on request"
archivist init -e none open
archivist create open::x tree
status 2 env ARCHIVIST_BASE_DIR="$work/stranger" "$ARCHIVIST" list open
says 'ARCHIVIST_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK'
