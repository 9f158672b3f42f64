#!/usr/bin/env python3
"""A flipped bit anywhere in a repository is noticed, and never comes back as data.

Every object of a small repository is damaged, at many places. Each time `check --verify-data` has
to end with a status other than 0 (or nothing can be opened at all), and whatever `extract`
still restores has to be byte for byte what was backed up. Objects are cut short and taken
away as well. FLIPS_PER_KIND makes it denser, FLIPS_SEED makes it another sample.
"""

import filecmp
import os
import random
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

ARCHIVIST = os.path.realpath(
    os.environ.get("ARCHIVIST")
    or os.path.join(os.path.dirname(__file__), "../../.build/release/archivist"))
PER_KIND = int(os.environ.get("FLIPS_PER_KIND", "24"))
# What nothing depends on: a text for people, free space, uploads, leases of what no longer runs.
UNREAD = ("README", "reserve", "tmp", "locks")


def environment(base):
    return {
        "PATH": os.environ["PATH"], "LC_ALL": "C", "ARCHIVIST_BASE_DIR": base,
        "ARCHIVIST_PASSPHRASE": "a5dff4e8b0d13ac9662b1f0c8e7d9a34",
        "ARCHIVIST_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
    }


def archivist(base, cwd, *arguments):
    try:
        return subprocess.run(
            [ARCHIVIST, *arguments], cwd=cwd, env=environment(base), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", timeout=100)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(arguments, -1, "", "no end after 100 s")


def make(directory, mode, generator):
    """A repository with every kind of object in it: two archives, a third removed, a renamed one,
    a second key, what a compaction left."""
    tree = os.path.join(directory, "tree")
    os.makedirs(os.path.join(tree, "sub"))
    for number in range(40):
        with open(os.path.join(tree, "sub", f"{number}"), "wb") as file:
            file.write(b"%d " % number * number * 10)
    for name, size in ("random", 300_000), ("more", 5_000):
        with open(os.path.join(tree, name), "wb") as file:
            file.write(generator.randbytes(size))
    with open(os.path.join(tree, "zeros"), "wb") as file:
        file.write(bytes(100_000))
    base = os.path.join(directory, "home")

    def run(*arguments):
        result = archivist(base, directory, *arguments)
        assert result.returncode == 0, (arguments, result.stderr)

    run("init", "-e", mode, "repo")
    run("create", "repo::old", "tree")
    with open(os.path.join(tree, "late"), "wb") as file:
        file.write(generator.randbytes(50_000))
    run("create", "repo::first", "tree")
    run("create", "-C", "zstd,3", "repo::second", "tree")
    run("rename", "repo::first", "renamed")
    run("delete", "repo::old")
    run("check", "--verify-data", "repo")


def places(size, generator, count):
    """Offsets to damage: the ends, where headers and trailers are, and a sample of the rest."""
    ends = [0, 7, 8, 9, 10, 11, 12, 16, 32, 34, 36, 47, 48, 60, 79, 80, 95, size - 1, size - 16,
            size - 17, size - 40, size - 100, size - 200]
    ends = [place for place in ends if 0 <= place < size]
    generator.shuffle(ends)
    rest = [generator.randrange(size) for _ in range(count)]
    return (ends[: count // 2] + rest)[:count]


def damages(repository, generator, per_kind):
    """What to try: (path of the object, description, what it does to the bytes; None: no file)."""
    by_kind = {}
    for parent, _, names in os.walk(repository):
        for name in names:
            path = os.path.relpath(os.path.join(parent, name), repository)
            by_kind.setdefault(path.split("/")[0], []).append(path)
    for unknown in by_kind.keys() - {"config", "keys", "segments", "index", "archives", "labels",
                                     "removed", "doomed", *UNREAD}:
        sys.exit(f"a kind of object that this test does not know: {unknown}")
    found = []
    for kind in sorted(by_kind):
        if kind in UNREAD:
            continue
        paths = sorted(by_kind[kind])
        for path in paths:
            size = os.path.getsize(os.path.join(repository, path))
            for place in places(size, generator, max(3, per_kind // len(paths))):
                bit = generator.randrange(8)

                def flip(data, place=place, bit=bit):
                    data[place] ^= 1 << bit
                    return data

                found.append((path, f"bit {bit} of byte {place} of {size} flipped", flip))
            cut = generator.randrange(1, size)
            found.append((path, f"cut to {cut} bytes", lambda data, cut=cut: data[:cut]))
            found.append((path, "empty", lambda data: data[:0]))
            found.append((path, "one byte more", lambda data: data + b"\0"))
        found.append((paths[0], "gone", None))
        if len(paths) > 1:
            # The bytes of one object under the name of another.
            with open(os.path.join(repository, paths[1]), "rb") as file:
                other = bytearray(file.read())
            found.append((paths[0], "replaced by another of its kind", lambda _, other=other: other))
    return found


def wrong_files(source, restored):
    """Files that were restored and are not what was backed up."""
    wrong = []
    for parent, _, names in os.walk(restored):
        for name in names:
            path = os.path.join(parent, name)
            original = os.path.join(source, os.path.relpath(path, restored))
            if not os.path.exists(original) or not filecmp.cmp(path, original, shallow=False):
                wrong.append(os.path.relpath(path, restored))
    return wrong


def attempt(sound, damage, number):
    """Does one damage to a copy; returns what went wrong, or None."""
    path, what, change = damage
    with tempfile.TemporaryDirectory(prefix="flip.", dir=os.path.dirname(sound)) as directory:
        repository = os.path.join(directory, "repo")
        base = os.path.join(directory, "home")
        # Objects are never changed in place, so all but the damaged one can be shared.
        shutil.copytree(os.path.join(sound, "repo"), repository, copy_function=os.link)
        # Every second time the client has its table of the index, which must not hide anything.
        if number % 2:
            shutil.copytree(os.path.join(sound, "home"), base)
        target = os.path.join(repository, path)
        with open(target, "rb") as file:
            data = bytearray(file.read())
        os.unlink(target)
        if change:
            with open(target, "wb") as file:
                file.write(change(data))

        check = archivist(base, directory, "check", "--verify-data", "repo")
        # What is merely gone may not have been needed: an index object, a segment of the removed
        # archive, a label. That an archive should be there is what a client's memory tells it.
        kind = path.split("/")[0]
        is_visible = change is not None or kind in ("config", "keys") or (
            kind == "archives" and number % 2)
        problems = []
        if check.returncode == 0 and is_visible:
            problems.append("check noticed nothing")
        complaint = crash(check)
        restored = os.path.join(directory, "restored")
        # "first" is what "renamed" is called when the label is not there.
        for name in ("second",) if number % 3 else ("renamed", "first"):
            os.makedirs(restored, exist_ok=True)
            extract = archivist(base, restored, "extract", f"../repo::{name}")
            complaint = complaint or crash(extract)
            wrong = wrong_files(sound, restored)
            if wrong:
                problems.append(f"extract of {name} restored wrong bytes: {wrong[:3]}")
            elif (kind == "segments" and check.returncode == 0 and extract.returncode != 0
                  and name != "first"):
                problems.append("check noticed nothing, and extract fails")
            if extract.returncode == 0:
                missing = [
                    entry for entry in os.listdir(os.path.join(sound, "tree"))
                    if not os.path.exists(os.path.join(restored, "tree", entry))]
                if missing:
                    problems.append(f"extract of {name} said nothing of missing {missing[:3]}")
            shutil.rmtree(restored)
        if complaint:
            problems.append(complaint)
        return f"{path}: {what}: {'; '.join(problems)}" if problems else None


def crash(result):
    if result.returncode not in (0, 1, 2):
        return f"exit status {result.returncode}: {result.stderr[-300:]}"
    if any(sign in result.stderr for sign in ("Fatal error", "Stack dump", "Swift/")):
        return f"a Swift runtime error: {result.stderr[-300:]}"
    return None


def main():
    generator = random.Random(int(os.environ.get("FLIPS_SEED", "2026")))
    # Memory rather than a disk, if there is any: what is measured is not how fast fsync is.
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    failures, tried = [], 0
    with tempfile.TemporaryDirectory(prefix="archivist-flips.", dir=place) as directory:
        # Without a passphrase a run takes a few milliseconds: dense. With one: sparse.
        for mode, per_kind in ("none", PER_KIND * 2), ("aes256-gcm", PER_KIND // 3):
            sound = os.path.join(directory, mode)
            os.mkdir(sound)
            make(sound, mode, generator)
            todo = damages(os.path.join(sound, "repo"), generator, per_kind)
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                results = pool.map(
                    lambda entry: attempt(sound, entry[1], entry[0]), enumerate(todo))
                for result in results:
                    tried += 1
                    if result:
                        failures.append(f"{mode}: {result}")
    for failure in failures:
        print(f"FAILED: {failure}")
    print(f"  {tried} damaged repositories, {len(failures)} not handled")
    sys.exit(1 if failures or tried < 150 else 0)


main()
