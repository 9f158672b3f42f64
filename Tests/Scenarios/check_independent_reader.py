#!/usr/bin/env python3
"""Has the independent reader read what the program writes, in every suite.

    check_independent_reader.py [PATH/TO/archivist]

Without a path, $ARCHIVIST says which program.

Makes trees with everything that is odd about file systems, backs them up, removes and compacts in
between, and compares what the independent reader restores, and what the program itself restores,
with what was backed up. Ends with 0 if nothing differs.
"""

import hashlib
import importlib.util
import json
import os
import random
import shutil
import stat
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
READER = os.path.join(HERE, "independent_reader.py")
SUITES = ["aes256-gcm", "chacha20-poly1305", "authenticated", "none"]
PASSPHRASE = b"correct \xff horse\x01"
SMALL_CHUNKS = ["--chunker-params", "buzhash,10,14,12,255"]

specification = importlib.util.spec_from_file_location("independent_reader", READER)
reader = importlib.util.module_from_spec(specification)
specification.loader.exec_module(reader)


class Failure(Exception):
    pass


def expect(condition, what):
    if not condition:
        raise Failure(what)


# What is backed up


def write(path, data, mode=0o644):
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, mode)


def make_odd_tree(root, numbers):
    os.makedirs(root)
    for name in (
        b"plain", b"with space", b"-dash", b"new\nline", b"back\\slash", b"latin1-\xe9",
        b"\xff\xfe", "nfc-\u00e9".encode(), "nfd-e\u0301".encode(), b"x" * 255, b"*?[a]", b" ",
        b"...", b"colon:colon", b"tab\t", b"\x7f", b"\x01",
    ):
        write(os.path.join(root, name), name * 3)
    # Neighbours whose order depends on where the slash sorts.
    for name in (b"a", b"a-b", b"a.b", b"a b", b"a0"):
        os.mkdir(os.path.join(root, b"order-" + name))
        write(os.path.join(root, b"order-" + name, b"inside"), name)
    deep = root
    for level in range(60):
        deep = os.path.join(deep, b"d%d" % level)
        os.mkdir(deep)
    write(os.path.join(deep, b"bottom"), b"down here")
    write(os.path.join(root, b"empty"), b"")
    write(os.path.join(root, b"one"), b"1")
    write(os.path.join(root, b"zeros"), bytes(3 << 20))
    write(os.path.join(root, b"repeats"), bytes(range(256)) * 9000)
    write(os.path.join(root, b"noise"), numbers.randbytes(3_000_001))
    write(os.path.join(root, b"setuid"), b"#!/bin/sh\n", 0o4755)
    write(os.path.join(root, b"secret"), b"nobody", 0o000)
    os.mkdir(os.path.join(root, b"empty directory"), 0o700)
    os.mkdir(os.path.join(root, b"sticky"))
    os.chmod(os.path.join(root, b"sticky"), 0o1777)
    os.symlink(b"plain", os.path.join(root, b"link"))
    os.symlink(b"../nowhere/\xff", os.path.join(root, b"dangling"))
    os.symlink(b"/etc", os.path.join(root, b"absolute"))
    for name in (b"hard-2", b"order-a/hard-3", b"hard-1"):
        os.link(os.path.join(root, b"noise"), os.path.join(root, name))
    os.mkfifo(os.path.join(root, b"fifo"))
    os.mkdir(os.path.join(root, b"many"))
    for number in range(400):
        write(os.path.join(root, b"many", b"file %d" % number), b"%d\n" % number * (number % 50))
    make_sparse(os.path.join(root, b"hole-front"), [(5 << 20, b"end")], None)
    make_sparse(os.path.join(root, b"hole-back"), [(0, b"start" * 2000)], 4 << 20)
    make_sparse(os.path.join(root, b"hole-only"), [], 7 << 20)
    make_sparse(
        os.path.join(root, b"holes"),
        [(1 << 20, numbers.randbytes(70_000)), (3 << 20, b"x" * 4096), (9 << 20, b"y")], 10 << 20,
    )
    try:
        os.setxattr(os.path.join(root, b"plain"), b"user.comment", b"\x00attribute\xff")
        os.setxattr(os.path.join(root, b"plain"), b"user.a", b"")
    except OSError:
        pass  # Not every file system has them.
    for name, when in (
        (b"one", -1), (b"empty", -10**9 * 86400 * 365 - 5), (b"plain", 1),
        (b"zeros", 4_102_444_800 * 10**9 + 123_456_789), (b"many", 999_999_999),
    ):
        os.utime(os.path.join(root, name), ns=(when, when))


def make_sparse(path, pieces, size):
    with open(path, "wb") as file:
        for offset, data in pieces:
            file.seek(offset)
            file.write(data)
        if size is not None:
            file.truncate(size)


def change(root, numbers):
    """What happens between two backups."""
    write(os.path.join(root, b"plain"), b"not the same any more")
    with open(os.path.join(root, b"noise"), "r+b") as file:
        file.seek(1_000_000)
        file.write(numbers.randbytes(1000))
    for number in range(0, 400, 3):
        os.unlink(os.path.join(root, b"many", b"file %d" % number))
    write(os.path.join(root, b"new"), numbers.randbytes(200_000))
    os.unlink(os.path.join(root, b"repeats"))


# Comparison


def picture(root):
    """Everything about a tree that a backup has to keep."""
    root = os.fsencode(root)
    result = {}
    links = {}
    for directory, directories, files in os.walk(root):
        for name in [b"."] + directories + files:
            path = directory if name == b"." else os.path.join(directory, name)
            info = os.lstat(path)
            relative = os.path.relpath(path, root)
            if stat.S_ISSOCK(info.st_mode):
                continue
            facts = {"mode": oct(info.st_mode), "mtime": info.st_mtime_ns}
            if os.geteuid() == 0:
                facts["owner"] = info.st_uid, info.st_gid
            if stat.S_ISLNK(info.st_mode):
                facts["target"] = os.readlink(path)
            elif stat.S_ISREG(info.st_mode):
                facts["size"] = info.st_size
                facts["hash"] = digest(path)
                facts["attributes"] = [
                    (attribute, os.getxattr(path, attribute))
                    for attribute in sorted(os.listxattr(path))
                    if attribute.startswith("user.")
                ]
                if info.st_nlink > 1:
                    links.setdefault(info.st_ino, set()).add(relative)
                # Holes are kept: what is stored takes no more than the data does.
                if info.st_size >= 4 << 20 and info.st_blocks * 512 < info.st_size // 2:
                    facts["is sparse"] = True
            result[relative] = facts
    for group in links.values():
        for path in group:
            result[path]["links"] = sorted(group)
    return result


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(
            hashlib, "file_digest") else hashlib.sha256(file.read()).hexdigest()


def compare(expected, found, what):
    for path in sorted(expected.keys() | found.keys()):
        expect(
            expected.get(path) == found.get(path),
            f"{what}: {path!r} is {found.get(path)}, and was {expected.get(path)}",
        )


# A run


class Scenario:
    def __init__(self, program, directory, suite):
        self.program = program
        self.directory = os.path.join(directory, suite)
        os.mkdir(self.directory)
        self.suite = suite
        self.repository = os.path.join(self.directory, "repository")
        self.base = os.path.join(self.directory, "client")
        self.count = 0
        self.environment = {
            b"PATH": os.environb.get(b"PATH", b"/usr/bin:/bin"),
            b"HOME": os.fsencode(self.base),
            b"ARCHIVIST_BASE_DIR": os.fsencode(self.base),
            b"ARCHIVIST_PASSPHRASE": PASSPHRASE,
            b"READER_PASSPHRASE": PASSPHRASE,
        }

    def run(self, *arguments, cwd=None):
        result = subprocess.run(
            arguments, env=self.environment, cwd=cwd, capture_output=True, check=False
        )
        if result.returncode != 0:
            said = (result.stdout + result.stderr).decode("utf-8", "backslashreplace")
            raise Failure(f"{self.suite}: {arguments} ended with {result.returncode}: {said}")
        return result.stdout

    def archivist(self, *arguments, cwd=None):
        return self.run(self.program, *arguments, cwd=cwd)

    def read(self, *arguments):
        options = []
        if self.suite == "keyfile":
            slot = os.path.join(self.directory, "slot")
            text = self.archivist("key", "export", "--paper", self.repository)
            write(slot, reader.parse_exported_key(text))
            options = ["--slot", slot]
        return self.run(sys.executable, READER, self.repository, *options, *arguments)

    def check(self, archive, root, expected):
        """Restores an archive with both programs, and compares."""
        self.count += 1
        beneath = os.fsdecode(root).lstrip("/")
        ours = os.path.join(self.directory, f"independent-{self.count}")
        self.read("extract", archive, ours)
        compare(expected, picture(os.path.join(ours, beneath)), f"{self.suite}: {archive}")
        shutil.rmtree(ours)
        theirs = os.path.join(self.directory, f"own-{self.count}")
        os.mkdir(theirs)
        self.archivist("extract", f"{self.repository}::{archive}", cwd=theirs)
        compare(
            expected, picture(os.path.join(theirs, beneath)), f"{self.suite}: {archive}, own"
        )
        shutil.rmtree(theirs)

    def verify(self):
        report = json.loads(self.read("verify"))
        expect(report["problems"] == [], f"{self.suite}: {report}")
        return report

    def names(self):
        return [json.loads(line)["name"] for line in self.read("list").splitlines()]

    def go(self):
        numbers = random.Random(self.suite)
        root = os.fsencode(os.path.join(self.directory, "tree"))
        make_odd_tree(root, numbers)
        first = picture(root)
        self.archivist("init", "--encryption", self.suite, self.repository)
        create = ["create", "--compression"]
        self.archivist(*create, "lz4", f"{self.repository}::first", root)
        self.check("first", root, first)

        change(root, numbers)
        second = picture(root)
        self.archivist(*create, "zstd,6", *SMALL_CHUNKS, f"{self.repository}::second", root)
        self.archivist("rename", f"{self.repository}::first", "renamed")
        expect(sorted(self.names()) == ["renamed", "second"], f"{self.suite}: {self.names()}")
        self.check("renamed", root, first)

        self.archivist("delete", f"{self.repository}::renamed")
        self.archivist("compact", self.repository)
        self.check("second", root, second)
        self.verify()

        self.archivist(*create, "none", f"{self.repository}::third", root)
        self.check("third", root, second)
        self.archivist("check", "--verify-data", self.repository)
        self.verify()
        if self.suite in ("aes256-gcm", "authenticated"):
            self.find_damage()

    def find_damage(self):
        """The reader can fail: one changed byte is found."""
        for kind in ("segments", "index", "archives"):
            paths = [
                os.path.join(directory, name)
                for directory, _, names in os.walk(os.path.join(self.repository, kind))
                for name in names
            ]
            path = max(paths, key=os.path.getsize)
            with open(path, "r+b") as file:
                file.seek(os.path.getsize(path) // 2)
                byte = file.read(1)
                file.seek(-1, os.SEEK_CUR)
                file.write(bytes([byte[0] ^ 1]))
            try:
                self.read("verify")
            except Failure:
                pass
            else:
                raise Failure(f"{self.suite}: a changed byte in {path} was not noticed")
            with open(path, "r+b") as file:
                file.seek(os.path.getsize(path) // 2)
                file.write(byte)
        self.verify()


class KeyWithClient(Scenario):
    """A repository whose key slot is not in it."""

    def go(self):
        root = os.fsencode(os.path.join(self.directory, "tree"))
        make_odd_tree(root, random.Random("keyfile"))
        self.archivist("init", "--encryption", "keyfile", self.repository)
        self.archivist("create", f"{self.repository}::first", root)
        self.check("first", root, picture(root))


class LargeFile(Scenario):
    """A file with so many chunks that the list of them is a tree of several levels."""

    def go(self):
        numbers = random.Random("large")
        root = os.fsencode(os.path.join(self.directory, "tree"))
        os.mkdir(root)
        path = os.path.join(root, b"large")
        write(path, numbers.randbytes(100 << 20))
        self.archivist("init", self.repository)
        self.archivist("create", *SMALL_CHUNKS, f"{self.repository}::first", root)
        first = picture(root)
        item = json.loads(self.read("items", "first").splitlines()[-1])
        expect(item["chunks in a tree"] > 10_000, f"a list that is no tree: {item}")
        with open(path, "r+b") as file:
            file.seek(50 << 20)
            file.write(numbers.randbytes(20 << 20))
        self.archivist("create", *SMALL_CHUNKS, f"{self.repository}::second", root)
        second = picture(root)
        self.check("first", root, first)
        self.archivist("delete", f"{self.repository}::first")
        self.archivist("compact", self.repository)
        self.check("second", root, second)
        self.verify()


class System(Scenario):
    """A tree of real files."""

    def go(self):
        self.archivist("init", self.repository)
        self.archivist("create", f"{self.repository}::etc", "/etc")
        self.check("etc", b"/etc", picture("/etc"))
        self.verify()


def main():
    given = sys.argv[1] if len(sys.argv) == 2 else os.environ.get("ARCHIVIST")
    if not given:
        print(__doc__, file=sys.stderr)
        return 2
    program = os.path.abspath(given)
    with tempfile.TemporaryDirectory(prefix="archivist-reader-") as directory:
        scenarios = [Scenario(program, directory, suite) for suite in SUITES]
        scenarios.append(KeyWithClient(program, directory, "keyfile"))
        scenarios.append(LargeFile(program, directory, "large"))
        if os.geteuid() == 0:
            scenarios.append(System(program, directory, "system"))
        for scenario in scenarios:
            start = time.monotonic()
            try:
                scenario.go()
            except Failure as failure:
                print(f"FAILED {failure}", file=sys.stderr)
                return 1
            print(f"{scenario.suite}: {time.monotonic() - start:.1f} s", flush=True)
            shutil.rmtree(scenario.directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
