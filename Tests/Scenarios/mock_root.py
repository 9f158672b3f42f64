#!/usr/bin/env python3
"""What is in a directory, down to nanoseconds and flags; and whether a restore did what it was asked to,
and nothing else.

usage: mock_root.py picture DIRECTORY FILE
       mock_root.py check ARCHIVE BEFORE AFTER [--asked PATH]… [--refused PATH]… [--at PATH=PLACE]…

ARCHIVE is the picture of what was backed up; BEFORE and AFTER are those of the directory that is
restored into. Of what was asked for (a path and all beneath; everything, without --asked) AFTER has to
have what ARCHIVE has, and all other things as BEFORE had them, even the same inode with the same
ctime. --refused names what is not restored although it was asked for. With --at, what the archive has
at PATH is looked for at PLACE, to which a link leads.
"""

import argparse
import fcntl
import hashlib
import json
import os
import stat
import sys

FS_IOC_GETFLAGS = 0x80086601
# Immutable, append-only, no dump, no access time, synchronous: what a person sets.
FLAGS = 0x10 | 0x20 | 0x40 | 0x80 | 0x08


def flags(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_NOATIME | os.O_NONBLOCK)
    try:
        return int.from_bytes(fcntl.ioctl(descriptor, FS_IOC_GETFLAGS, bytes(8)), sys.byteorder) & FLAGS
    except OSError:
        return 0
    finally:
        os.close(descriptor)


def describe(path):
    about = os.lstat(path)
    facts = {
        "mode": about.st_mode, "uid": about.st_uid, "gid": about.st_gid, "mtime": about.st_mtime_ns,
        "attributes": sorted(
            (name, os.getxattr(path, name, follow_symlinks=False).hex())
            for name in os.listxattr(path, follow_symlinks=False))}
    if stat.S_ISREG(about.st_mode):
        with open(path, "rb") as file:
            facts["content"] = hashlib.sha256(file.read()).hexdigest()
    elif stat.S_ISLNK(about.st_mode):
        facts["target"] = os.readlink(path)
    elif not stat.S_ISDIR(about.st_mode):
        facts["device"] = about.st_rdev
    if stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode):
        facts["flags"] = flags(path)
    return {
        "facts": facts, "inode": [about.st_dev, about.st_ino], "names": about.st_nlink,
        "ctime": about.st_ctime_ns}


def picture(top):
    found = {".": describe(top)}
    for directory, directories, files in os.walk(top):
        for name in directories + files:
            path = os.path.join(directory, name)
            found[os.path.relpath(path, top)] = describe(path)
    return found


def beneath(path, tops):
    return any(top == "." or path == top or path.startswith(top + "/") for top in tops)


def is_directory(entry):
    return entry is not None and stat.S_ISDIR(entry["facts"]["mode"])


def differences(archive, before, after, asked, refused, places):
    """Yields what is not as it should be."""
    def place(path):
        for link, leads_to in places.items():
            if path.startswith(link + "/"):
                return leads_to + path[len(link):]
        return path

    restored = {
        place(path): path for path in archive if beneath(path, asked) and not beneath(path, refused)}
    # Directories on the way to what is restored; and those in which something was made or replaced.
    above, around = set(), set()
    for path in restored:
        is_made = True
        while path:
            path = os.path.dirname(path)
            above.add(path or ".")
            if is_made:
                around.add(path or ".")
            is_made = path not in before
    for path, source in restored.items():
        wanted, found, old = archive[source], after.get(path), before.get(path)
        if found is None:
            yield f"{path} is missing"
        elif found["facts"] != wanted["facts"]:
            yield f"{path} is {found['facts']} instead of {wanted['facts']}"
        elif old is not None and "content" in old["facts"] and old["names"] == wanted["names"] == 1 \
                and old["facts"] == wanted["facts"] and old != found:
            yield f"{path} was right, and touched"
    # What is one file there, and nothing else, is one file here.
    there, here = {}, {}
    for path, source in restored.items():
        if path in after and not is_directory(after[path]):
            there.setdefault(tuple(archive[source]["inode"]), set()).add(path)
            here.setdefault(tuple(after[path]["inode"]), set()).add(path)
    for group in there.values():
        if group not in here.values():
            yield f"{sorted(group)} are one file in the archive"
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if path in restored or old == new:
            continue
        if old is None and path in above and is_directory(new):
            # Made on the way to something: as the archive has it.
            if path in archive and new["facts"] != archive[path]["facts"]:
                yield f"{path} was made as {new['facts']}, and is {archive[path]['facts']}"
        elif old is None or new is None:
            yield f"{path} was {'made' if old is None else 'removed'}"
        elif path in around and is_directory(old) and is_directory(new):
            # Its entries have changed, and so its times.
            if old["facts"] | {"mtime": 0} != new["facts"] | {"mtime": 0}:
                yield f"{path} is {new['facts']}, and was {old['facts']}"
        elif old["names"] != new["names"] and old["facts"] == new["facts"]:
            # Another name of it has become something else.
            continue
        else:
            yield f"{path} is {new}, and was {old}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["picture", "check"])
    parser.add_argument("arguments", nargs="+")
    parser.add_argument("--asked", action="append", default=[])
    parser.add_argument("--refused", action="append", default=[])
    parser.add_argument("--at", action="append", default=[])
    options = parser.parse_args()
    if options.what == "picture":
        top, out = options.arguments
        with open(out, "w", encoding="ascii") as file:
            json.dump(picture(top), file)
        return
    pictures = []
    for name in options.arguments:
        with open(name, encoding="ascii") as file:
            pictures.append(json.load(file))
    found = list(differences(
        *pictures, options.asked or ["."], options.refused,
        dict(place.split("=") for place in options.at)))
    for line in found[:20]:
        print(line.encode(errors="backslashreplace").decode(), file=sys.stderr)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
