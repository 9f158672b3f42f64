"""The data that the programs are measured with: the same for each, and the same every time.

A corpus is a directory; `change` brings it to the state that follows the first backup, and `revert`
takes that back. All randomness is seeded. `tree` is made of real files of this machine.
"""

import hashlib
import os
import random
import shutil
import subprocess
import tempfile

MIB = 1 << 20
# Nothing is as new as the backups: a file that was changed a moment ago counts as unsettled.
OLD = 1_600_000_000
SOURCES = ("/usr", "/opt", "/etc")


def make(name, directory, scale):
    """Makes the corpus in `directory` unless it is there, and returns it."""
    corpus = KINDS[name](name, os.path.join(directory, f"{name}-{scale:g}"), scale)
    if not os.path.exists(f"{corpus.place}/complete"):
        shutil.rmtree(corpus.place, ignore_errors=True)
        os.makedirs(corpus.path)
        corpus.fill()
        open(f"{corpus.place}/complete", "w").close()
    corpus.count()
    return corpus


class Corpus:
    """A directory `path` in `place`, what is in it, and which steps make sense with it."""

    steps = ("first", "unchanged", "changed", "extract", "list", "verify", "one")
    title = ""

    def __init__(self, name, place, scale):
        self.name = name
        self.place = place
        self.path = f"{place}/{name}"
        self.scale = scale
        self.files = self.bytes = 0

    def count(self):
        for file in walk(self.path):
            status = os.lstat(file)
            self.files += 1
            # Holes cost nothing, and are no data.
            self.bytes += min(status.st_size, status.st_blocks * 512)

    def one(self):
        """The path of the file that `one` restores, as it is in the archive."""
        middle = random.Random(7).randrange(self.files)
        for number, file in enumerate(walk(self.path)):
            if number == middle:
                return os.path.join(self.name, os.path.relpath(file, self.path))

    def change(self):
        pass

    def revert(self):
        pass


class Tree(Corpus):
    title = "mixed files of this machine"

    def fill(self):
        count, size = round(73_000 * self.scale), round(2.1 * 1024 * MIB * self.scale)
        candidates = []
        for root in SOURCES:
            for file in walk(root):
                status = os.lstat(file)
                if 0 < status.st_size <= 64 * MIB:
                    candidates.append((hashlib.md5(os.fsencode(file)).digest(), file, status.st_size))
        candidates.sort()
        taken = used = 0
        # As many files as there are to be, none so large that the rest would have no room.
        for _, file, length in candidates:
            if taken == count:
                break
            if used + length > (taken + 1) * size / count + size / 50:
                continue
            target = self.path + file
            os.makedirs(os.path.dirname(target), exist_ok=True)
            try:
                shutil.copyfile(file, target)
            except OSError:
                continue
            os.chmod(target, os.lstat(file).st_mode & 0o7777)
            os.utime(target, (OLD, OLD + taken % 1000))
            taken += 1
            used += length

    def change(self):
        """One file in a hundred: half of them grow, a quarter is replaced, a quarter removed, and
        as many are new."""
        chance = random.Random(11)
        self.saved = {}
        for file in list(walk(self.path)):
            fate = chance.random() * 400
            if fate >= 4:
                continue
            with open(file, "rb") as source:
                original = source.read()
            self.saved[file] = original, os.stat(file)
            os.unlink(file)
            if fate >= 1:
                content = original if fate >= 2 else b""
                position = chance.randrange(len(content) + 1)
                write(file, content[:position] + chance.randbytes(300) + content[position:])
            else:
                new = f"{file}.new"
                self.saved[new] = None
                write(new, chance.randbytes(2000) + original)

    def revert(self):
        for file, saved in self.saved.items():
            if saved is None:
                os.unlink(file)
            else:
                content, status = saved
                write(file, content)
                os.chmod(file, status.st_mode & 0o7777)
                os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


class Many(Corpus):
    title = "small files of text"
    steps = ("first", "unchanged", "extract", "list", "verify", "one")

    def fill(self):
        chance = random.Random(2)
        text = Text(3)
        for number in range(round(200_000 * self.scale)):
            directory = f"{self.path}/{number // 10_000:03}/{number // 100 % 100:02}"
            if number % 100 == 0:
                os.makedirs(directory)
            file = f"{directory}/note-{number:06}.txt"
            # Half of it text, half of it not: real small files compress to about half.
            size = chance.randint(50, 4000)
            content = text.take(size // 2) + chance.randbytes(size - size // 2)
            write(file, content)
            os.utime(file, (OLD, OLD + number % 1000))


class Single(Corpus):
    """One large file, and another that takes its place."""

    def change(self):
        self.swap()

    def revert(self):
        self.swap()

    def swap(self):
        here, there = f"{self.path}/data", f"{self.place}/changed"
        os.rename(here, f"{self.place}/aside")
        os.rename(there, here)
        os.rename(f"{self.place}/aside", there)

    def one(self):
        return f"{self.name}/data"


class Disk(Single):
    title = "an ext4 image with holes"
    steps = ("first", "unchanged", "changed", "extract", "verify")

    def fill(self):
        size = round(2048 * self.scale) * MIB
        image, changed = f"{self.path}/data", f"{self.place}/changed"
        with tempfile.TemporaryDirectory(dir=self.place) as directory:
            tree = Tree("tree", directory, 0.7 * self.scale)
            tree.fill()
            run("mke2fs", "-q", "-F", "-t", "ext4", "-E", "hash_seed=" + "0" * 8 + "-0000-0000-0000-"
                + "0" * 12, "-d", tree.path, image, f"{size // 1024}k")
            run("cp", "--sparse=always", image, changed)
            # Inside the image: some files go, others come.
            chance = random.Random(5)
            commands = []
            for number, file in enumerate(walk(tree.path)):
                inside = "/" + os.path.relpath(file, tree.path)
                if chance.random() < 0.01:
                    commands.append(f"rm {inside}")
                elif chance.random() < 0.01:
                    commands.append(f"write {file} /new-{number}")
            run("debugfs", "-w", "-f", "-", changed, input="\n".join(commands).encode())
        for file in (image, changed):
            run("fallocate", "--dig-holes", file)


class Noise(Single):
    title = "random bytes"
    steps = ("first", "unchanged", "changed", "extract", "verify")

    def fill(self):
        chance = random.Random(13)
        blocks = round(1024 * self.scale)
        places = sorted(chance.randrange(blocks) for _ in range(3))
        with open(f"{self.path}/data", "wb") as data, open(f"{self.place}/changed", "wb") as changed:
            for block in range(blocks):
                content = chance.randbytes(MIB)
                data.write(content)
                changed.write(content[:1000])
                for _ in range(places.count(block)):
                    changed.write(b"inserted" * 3)
                changed.write(content[1000:])


class Logs(Corpus):
    title = "lines of a log"
    steps = ("first", "unchanged", "extract", "verify")

    def fill(self):
        chance = random.Random(17)
        text = Text(19)
        words = text.words
        with open(f"{self.path}/data", "wb") as data:
            second = OLD
            for _ in range(round(1024 * self.scale)):
                lines = []
                size = 0
                while size < MIB:
                    second += chance.randrange(3)
                    line = b"%d host-%d %s[%d]: %s request %08x took %d ms\n" % (
                        second, chance.randrange(20), words[chance.randrange(40)],
                        chance.randrange(30_000), b" ".join(chance.choices(words, k=6)),
                        chance.getrandbits(32), chance.randrange(5000))
                    lines.append(line)
                    size += len(line)
                data.write(b"".join(lines)[:MIB])


class Text:
    """Words that some are more frequent of than others."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        letters = b"etaoinshrdlucmfwypvbgk"
        self.words = [
            bytes(self.chance.choices(letters, k=self.chance.randint(2, 10))) for _ in range(5000)]
        self.weights = [1 / (rank + 1) for rank in range(5000)]
        self.rest = b""

    def take(self, size):
        while len(self.rest) < size:
            self.rest += b" ".join(self.chance.choices(self.words, self.weights, k=2000)) + b"\n"
        taken, self.rest = self.rest[:size], self.rest[size:]
        return taken


KINDS = {"tree": Tree, "many": Many, "vm": Disk, "rand": Noise, "logs": Logs}


def walk(root):
    """The regular files below `root`, always in the same order."""
    for parent, directories, names in os.walk(root):
        directories.sort()
        for name in sorted(names):
            file = os.path.join(parent, name)
            if os.path.isfile(file) and not os.path.islink(file):
                yield file


def write(file, content):
    with open(file, "wb") as target:
        target.write(content)


def run(*command, input=b""):
    subprocess.run(command, input=input, check=True, capture_output=True)
