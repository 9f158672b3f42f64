#!/usr/bin/env python3
"""Random trees with hostile names and every kind of metadata survive create and extract.

The seeds are 1 to SEEDS, or those given as arguments; a seed makes the same tree every time. The
comparison is made here, by descriptors and at any depth, from what the system says of both trees.
"""

import errno
import fcntl
import hashlib
import os
import random
import stat
import struct
import subprocess
import sys
import tempfile

SEEDS = 12
ARCHIVIST = os.path.realpath(
    os.environ.get("ARCHIVIST")
    or os.path.join(os.path.dirname(__file__), "../../.build/release/archivist"))

GETFLAGS, SETFLAGS = 0x80086601, 0x40086602
# Those that ext4 takes, of those that an archive keeps.
FLAGS = (0x10, 0x20, 0x40, 0x80, 0x8, 0x1, 0x2)
KEPT = 0x2283C4FF
IMMUTABLE = 0x30


def name(dice):
    """Bytes that have made programs stumble."""
    kind = dice.randrange(12)
    if kind == 0:
        return bytes(dice.choice([1, 7, 10, 13, 27, 92, 127, 128, 255, 0xC3, 42, 63, 91, 34, 39, 32])
                     for _ in range(dice.randint(1, 20)))
    if kind == 1:
        return (b"%d" % dice.randrange(10**6)) + b"n" * dice.randint(200, 245)
    if kind == 2:
        return dice.choice([b"-rf", b"--", b"-", b"~", b"*", b"...", b" ", b"\n", b"a:b::c", b"@now",
                            b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b".archivist-tmp"])
    if kind == 3:
        return dice.choice(["Å", "A\u030a", "ﬁ", "e\u0301", "é", "\u202etxt"]).encode()
    return b"%s%d" % (dice.choice([b"", b"file ", b"a", b"a.", b"a-"]), dice.randrange(1000))


def moment(dice):
    return dice.choice([
        dice.randint(-(2**31), 2**33) * 10**9 + dice.randrange(10**9), 0, -1,
        -dice.randrange(10**18), 2**31 * 10**9 + 1, 1_700_000_000_123_456_789])


def acl(dice, is_default):
    none = 2**32 - 1
    entries = [(1, dice.randrange(8), none)]
    ids = [1, 2, 3, 65534, 12345, 54321, 4_000_000_000]
    users = sorted(dice.sample(ids, dice.randint(0, 3)))
    groups = sorted(dice.sample(ids, dice.randint(0, 3)))
    entries += [(2, dice.randrange(8), id) for id in users]
    entries += [(4, dice.randrange(8), none)]
    entries += [(8, dice.randrange(8), id) for id in groups]
    if users or groups:
        entries.append((16, dice.randrange(8), none))
    entries.append((32, dice.randrange(8), none))
    value = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    return ("system.posix_acl_default" if is_default else "system.posix_acl_access"), value


class Maker:
    def __init__(self, dice):
        self.dice = dice
        self.linkable = []
        self.flags = []
        self.count = 0

    def content(self, fd):
        dice = self.dice
        size = dice.choice([0, 1, 100, 4096, 70_000, dice.randrange(3_000_000)])
        position = 0
        for _ in range(dice.choice([0, 1, 1, 1, 4])):
            position += dice.choice([0, 4096 * dice.randrange(1000)])
            os.pwrite(fd, dice.randbytes(size), position)
            position += size
        if dice.randrange(4) == 0:
            os.ftruncate(fd, position + dice.randrange(10_000_000))

    def metadata(self, directory, path, fd, is_directory):
        dice = self.dice
        if dice.randrange(2):
            os.chown(fd, dice.choice([0, 1, 1000, 65534, 4_000_000_000]), dice.choice([0, 5, 54321]))
        os.chmod(fd, dice.choice([0o644, 0o755, 0, 0o7777, 0o4711, 0o2750, 0o1777, 0o500]))
        for _ in range(dice.choice([0, 0, 1, 3])):
            prefix = dice.choice([b"user.", b"trusted."])
            key = prefix + dice.choice([b"a", b"\xff\xfe", b"k" * 200, b"%d" % dice.randrange(99)])
            os.setxattr(fd, key, dice.randbytes(dice.choice([0, 1, 100, 900])))
        if dice.randrange(4) == 0:
            try:
                os.setxattr(fd, *acl(dice, False))
                if is_directory:
                    os.setxattr(fd, *acl(dice, True))
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EINVAL):
                    raise
        if not is_directory and dice.randrange(8) == 0:
            os.setxattr(fd, "security.capability",
                        bytes.fromhex("0100000200200000000000000000000000000000"))
        os.utime(fd, ns=(moment(dice), moment(dice)))
        if dice.randrange(4) == 0:
            # Last of all, and not before hard links are made.
            self.flags.append((os.dup(fd), sum(set(dice.sample(FLAGS, dice.randint(1, 3))))))

    def fill(self, fd, depth):
        dice = self.dice
        for _ in range(dice.randint(1, 9)):
            if self.count > 400:
                return
            self.count += 1
            entry = name(dice)[:255]
            kind = dice.randrange(14)
            try:
                if kind < 3:
                    os.mkdir(entry, dir_fd=fd)
                    below = os.open(entry, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=fd)
                    self.fill(below, depth + 1)
                    self.metadata(fd, entry, below, True)
                    os.close(below)
                elif kind == 3 and self.linkable:
                    source_fd, source = dice.choice(self.linkable)
                    os.link(source, entry, src_dir_fd=source_fd, dst_dir_fd=fd, follow_symlinks=False)
                elif kind == 4:
                    os.symlink(dice.choice([name(dice), b"x" * dice.randint(1, 4095), b"../..", b"/"]),
                               entry, dir_fd=fd)
                    self.special(fd, entry)
                elif kind == 5:
                    os.mkfifo(entry, dice.choice([0o600, 0o666]), dir_fd=fd)
                    self.special(fd, entry)
                elif kind == 6:
                    os.mknod(entry, dice.choice([stat.S_IFCHR, stat.S_IFBLK]) | 0o640,
                             os.makedev(dice.randrange(4000), dice.randrange(2**20)), dir_fd=fd)
                    self.special(fd, entry)
                else:
                    file = os.open(entry, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=fd)
                    self.content(file)
                    self.metadata(fd, entry, file, False)
                    os.close(file)
                    self.linkable.append((os.dup(fd), entry))
            except FileExistsError:
                pass

    def special(self, fd, entry):
        if self.dice.randrange(2):
            os.chown(entry, 1234, 5, dir_fd=fd, follow_symlinks=False)
        time = moment(self.dice)
        os.utime(entry, ns=(time, time), dir_fd=fd, follow_symlinks=False)
        self.linkable.append((os.dup(fd), entry))

    def deep(self, fd):
        """A chain of directories that is longer than any path may be."""
        here = os.dup(fd)
        for level in range(self.dice.randint(18, 40)):
            entry = b"%02d" % level + b"d" * 230
            os.mkdir(entry, dir_fd=here)
            below = os.open(entry, os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        self.fill(here, 0)
        os.close(here)

    def finish(self):
        for fd, flags in self.flags:
            try:
                fcntl.ioctl(fd, SETFLAGS, struct.pack("l", flags_of(fd, False) | flags))
            except OSError as error:
                if error.errno not in (errno.EOPNOTSUPP, errno.ENOTTY):
                    raise
            os.close(fd)
        for fd, _ in self.linkable:
            os.close(fd)


def flags_of(fd, kept=True):
    try:
        flags = struct.unpack("l", fcntl.ioctl(fd, GETFLAGS, bytes(8)))[0] & 0xFFFFFFFF
    except OSError:
        return 0
    return flags & KEPT if kept else flags


def picture(root):
    """Everything below: relative path -> what it is."""
    found, inodes = {}, {}

    def describe(fd, info):
        entry = [flags_of(fd), sorted((os.fsencode(n), os.getxattr(fd, n)) for n in os.listxattr(fd))]
        if stat.S_ISREG(info.st_mode):
            digest = hashlib.sha256()
            position = 0
            while piece := os.pread(fd, 1 << 20, position):
                digest.update(piece)
                position += len(piece)
            entry += [digest.hexdigest(), info.st_size]
        return entry

    def visit(fd, prefix):
        for entry_name in sorted(map(os.fsencode, os.listdir(fd))):
            path = prefix + entry_name
            info = os.stat(entry_name, dir_fd=fd, follow_symlinks=False)
            entry = [oct(info.st_mode), info.st_uid, info.st_gid, info.st_mtime_ns]
            if not stat.S_ISDIR(info.st_mode):
                entry += [info.st_nlink, inodes.setdefault(info.st_ino, path)]
            if stat.S_ISLNK(info.st_mode):
                entry.append(os.readlink(entry_name, dir_fd=fd))
            elif stat.S_ISBLK(info.st_mode) or stat.S_ISCHR(info.st_mode):
                entry.append(info.st_rdev)
            elif stat.S_ISREG(info.st_mode) or stat.S_ISDIR(info.st_mode):
                below = os.open(entry_name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NOATIME, dir_fd=fd)
                entry += describe(below, info)
                if stat.S_ISDIR(info.st_mode):
                    visit(below, path + b"/")
                os.close(below)
            found[path] = entry

    fd = os.open(root, os.O_RDONLY)
    visit(fd, b"")
    os.close(fd)
    return found


def unlock(root):
    """Takes flags off, so that the tree can be removed."""
    def visit(fd):
        for entry in os.listdir(fd):
            mode = os.stat(entry, dir_fd=fd, follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
                below = os.open(entry, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=fd)
                if flags_of(below) & IMMUTABLE:
                    fcntl.ioctl(below, SETFLAGS, struct.pack("l", flags_of(below, False) & ~IMMUTABLE))
                if stat.S_ISDIR(mode):
                    visit(below)
                os.close(below)
    fd = os.open(root, os.O_RDONLY)
    visit(fd)
    os.close(fd)


def compare(a, b, what):
    differing = [path for path in sorted(a.keys() | b.keys()) if a.get(path) != b.get(path)]
    for path in differing[:10]:
        fields = zip(a.get(path, ["missing"]), b.get(path, ["missing"]))
        print(f"{what}: {path[-100:]!r}: {[pair for pair in fields if pair[0] != pair[1]]}"[:500])
    if differing:
        sys.exit(1)


def run(seed):
    directory = tempfile.mkdtemp(prefix="archivist-random-", dir=os.environ.get("SCENARIO_TMPDIR"))
    environment = {
        "PATH": os.environ["PATH"], "ARCHIVIST_BASE_DIR": os.path.join(directory, "home"),
        "ARCHIVIST_PASSPHRASE": "a5dff4e8b0d13ac9662b1f0c8e7d9a34", "TZ": "UTC"}

    def archivist(*arguments, cwd=directory):
        result = subprocess.run(
            [ARCHIVIST, *arguments], cwd=cwd, env=environment, stderr=subprocess.PIPE)
        # Only the sockets that there are none of could be a reason for anything but 0.
        if result.returncode != 0:
            sys.exit(f"seed {seed}: {arguments}: {result.returncode}\n{result.stderr.decode()[:4000]}")

    tree = os.path.join(directory, "tree")
    restored = os.path.join(directory, "restored")
    try:
        dice = random.Random(seed)
        os.mkdir(tree)
        fd = os.open(tree, os.O_RDONLY)
        maker = Maker(dice)
        maker.fill(fd, 0)
        for _ in range(3):
            maker.fill(fd, 0)
        maker.deep(fd)
        maker.finish()
        os.close(fd)
        before = picture(tree)
        archivist("init", "--encryption", "none", "repo")
        archivist("create", "repo::a", "tree")
        archivist("create", "--series", "s", "repo::b", "tree")
        archivist("create", "--series", "s", "repo::c", "tree")
        os.mkdir(restored)
        archivist("extract", "../repo::a", cwd=restored)
        compare(before, picture(os.path.join(restored, "tree")), f"seed {seed}: restored")
        # Over itself, and what the files cache gave.
        archivist("extract", "../repo::c", cwd=restored)
        compare(before, picture(os.path.join(restored, "tree")), f"seed {seed}: in place")
        archivist("extract", "--continue", "../repo::a", cwd=restored)
        compare(before, picture(os.path.join(restored, "tree")), f"seed {seed}: gone on with")
        # The tree without what rsync's paths do not reach.
        result = subprocess.run(
            ["rsync", "-naHAXi", "--checksum", "--exclude=/00d*", tree + "/",
             os.path.join(restored, "tree") + "/"], stdout=subprocess.PIPE, check=True)
        lines = [line for line in result.stdout.splitlines() if not line.startswith(b".d")]
        if lines:
            sys.exit(f"seed {seed}: rsync: {lines[:5]}")
        return len(before)
    finally:
        for root in (tree, restored):
            if os.path.isdir(root):
                unlock(root)
        subprocess.run(["rm", "-rf", directory], check=True)


sys.setrecursionlimit(10_000)
if os.geteuid() != 0:
    sys.exit("has to run as root: makes devices, and files of other owners")
seeds = [int(argument) for argument in sys.argv[1:]] or range(1, SEEDS + 1)
print(f"  {sum(map(run, seeds))} items in {len(seeds)} trees")
