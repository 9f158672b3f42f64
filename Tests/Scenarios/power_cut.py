#!/usr/bin/env python3
"""What a power cut may leave of a directory, from a trace of the system calls that changed it.

usage: power_cut.py TRACE WORLD MARKS [--images N] [--seed N] [--worker I/N] [--ignore files|directories]
                    [--until-loss PATTERN] [--replay SEED] -- EXAMINE…

TRACE is what `strace -f -y -xx -s 100000000` wrote while programs worked below the directory WORLD, and
wrote lines to the file MARKS about what they had done. The trace is a history of operations. An image
is what may be left of WORLD when the power goes at some moment of it, and POSIX allows much:

- Bytes of a file are there for certain if `fsync` of the file began after they were written, and
  ended before the cut. Of later ones there may be all, none, the first, other pages than those, or
  zeros or noise in their place; the file's size may be known or not.
- An entry of a directory (made, renamed, removed) is there for certain if `fsync` of the directory began
  after that, and ended before the cut. Of later changes there may be any, whatever their order.
  A rename is two changes, one for each name.
- A call that was under way may have had its effect or not. `sync_file_range` promises nothing.

Each image is put at WORLD, and the program EXAMINE is run with the marks that were written before the
cut on its standard input. It exits with 0 if nothing is lost. Images that are equal to earlier ones
are not examined again. Of each image that is lost the seed is printed, with which it is made again.

--ignore takes `fsync` of files, or of directories, for nothing: a program that relies on it must lose
something then, or the analysis could not find a loss.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys

PAGE = 4096

# Calls that change nothing below WORLD but positions and modes; all others are an error there, so
# that nothing escapes the analysis.
HARMLESS = {
    "fchmod", "chmod", "fchmodat", "close", "fchown", "sync_file_range", "fadvise64", "utimensat",
    "flock", "fcntl", "chdir",
}


class Call:
    """A system call that succeeded, and when it began and ended, in lines of the trace."""

    def __init__(self, name, arguments, begun, ended):
        self.name, self.arguments, self.begun, self.ended = name, arguments, begun, ended


def decode(text):
    """A string or a path of strace -xx."""
    return bytes.fromhex(text.replace("\\x", ""))


ARGUMENT = re.compile(
    r'\s*(?:"(?P<string>(?:\\x[0-9a-f]{2})*)"(?P<cut>\.\.\.)?'
    r"|(?P<number>-?\w+)<(?P<path>(?:\\x[0-9a-f]{2}|[^>])*)>(?:\(deleted\))?"
    r"|(?P<word>[^,]*))\s*(?:,|$)")


def arguments_of(text):
    found, position = [], 0
    while position < len(text):
        match = ARGUMENT.match(text, position)
        position = match.end()
        if match["string"] is not None:
            if match["cut"]:
                sys.exit("the trace is cut off: a larger -s is needed")
            found.append(decode(match["string"]))
        elif match["path"] is not None:
            path = match["path"]
            found.append(("fd", decode(path) if path.startswith("\\x") else path.encode()))
        else:
            found.append(match["word"])
        if match.end() == match.start():
            break
    return found


def calls(trace):
    """The calls of a trace that succeeded, in the order in which they ended."""
    pending, found = {}, []
    with open(trace, encoding="ascii", errors="replace") as lines:
        for number, line in enumerate(lines):
            line = line.rstrip("\n")
            pid, _, rest = line.partition(" ")
            rest = rest.lstrip()
            if rest.startswith(("+++", "---")):
                continue
            begun = number
            if rest.endswith("<unfinished ...>"):
                pending[pid] = (rest[: -len("<unfinished ...>")], number)
                continue
            resumed = re.match(r"<\.\.\. \w+ resumed>", rest)
            if resumed:
                first, begun = pending.pop(pid)
                rest = first + rest[resumed.end():]
            match = re.match(r"(\w+)\((.*)\)\s+= (-?\d+)(.*)$", rest, re.S)
            if match and int(match[3]) >= 0:
                call = Call(match[1], arguments_of(match[2]), begun, number)
                call.result = int(match[3])
                path = re.match(r"<(.*)>", match[4])
                call.opened = decode(path[1]) if path and "\\x" in path[1] else None
                found.append(call)
    return found


class File:
    def __init__(self):
        self.position = 0
        self.changes = []  # (begun, ended, kind, offset, bytes or size)
        self.synced = []  # (begun, ended)


class Directory:
    def __init__(self):
        self.changes = []  # (begun, ended, name, node or None)
        self.synced = []


class World:
    """The history of everything below a directory."""

    def __init__(self, trace, root, marks):
        self.root, self.marks_path = root.encode(), marks.encode()
        self.tree = Directory()
        self.marks, self.moments = [], set()
        for call in calls(trace):
            self.take(call)

    def inside(self, path):
        """The names of a path below the root; None elsewhere."""
        if path is None or b"\0" in path:
            return None
        path = os.path.normpath(path)
        if path == self.root:
            return []
        if path.startswith(self.root + b"/"):
            return path[len(self.root) + 1:].split(b"/")
        return None

    def find(self, names):
        """What is there now, with all that was done so far."""
        node = self.tree
        for name in names:
            now = None
            for _, _, changed, to in node.changes:
                if changed == name:
                    now = to
            if now is None:
                raise LookupError(b"/".join(names))
            node = now
        return node

    def enter(self, call, names, node):
        self.find(names[:-1]).changes.append((call.begun, call.ended, names[-1], node))
        self.moments.update((call.begun, call.ended))

    def paths(self, call):
        """The paths that a call names, made absolute by the descriptor in front of them."""
        found, directory = [], b"/"
        for argument in call.arguments:
            if isinstance(argument, tuple):
                directory = argument[1]
            elif isinstance(argument, bytes):
                found.append(os.path.join(directory, argument))
        return found

    def take(self, call):
        name, first = call.name, call.arguments[0] if call.arguments else None
        descriptor = first[1] if isinstance(first, tuple) else None
        if name == "write" and descriptor == self.marks_path:
            for line in call.arguments[1].decode().splitlines():
                self.marks.append((call.begun, line))
            return
        if name in ("open", "openat", "creat"):
            flags = call.arguments[2 if name == "openat" else 1]
            names = self.inside(call.opened)
            if names is None or "O_PATH" in flags:
                return
            if "O_CREAT" in flags or name == "creat":
                try:
                    file = self.find(names)
                except LookupError:
                    file = File()
                    self.enter(call, names, file)
                if "O_TRUNC" in flags and file.changes:
                    file.changes.append((call.begun, call.ended, "size", 0, 0))
                    file.position = 0
            elif "O_TRUNC" in flags:
                raise SystemExit(f"not understood: {name} with O_TRUNC of {names}")
        elif name in ("write", "pwrite64", "ftruncate", "fallocate"):
            names = self.inside(descriptor)
            if names is None or descriptor.endswith(b" (deleted)"):
                return
            file = self.find(names)
            if name == "write":
                bytes_ = call.arguments[1][: call.result]
                change = ("write", file.position, bytes_)
                file.position += len(bytes_)
            elif name == "pwrite64":
                change = ("write", int(call.arguments[3]), call.arguments[1][: call.result])
            elif name == "ftruncate":
                change = ("size", 0, int(call.arguments[1]))
            else:
                change = ("grow", 0, int(call.arguments[2]) + int(call.arguments[3]))
            file.changes.append((call.begun, call.ended, *change))
            self.moments.update((call.begun, call.ended))
        elif name in ("fsync", "fdatasync"):
            names = self.inside(descriptor)
            if names is None or descriptor.endswith(b" (deleted)"):
                return
            self.find(names).synced.append((call.begun, call.ended))
            self.moments.update((call.begun, call.ended))
        elif name in ("rename", "renameat", "renameat2", "link", "linkat"):
            old, new = (self.inside(path) for path in self.paths(call))
            if old is None and new is None:
                return
            node = self.find(old)
            self.enter(call, new, node)
            if name.startswith("rename"):
                self.enter(call, old, None)
        elif name in ("unlink", "unlinkat", "rmdir"):
            names = self.inside(self.paths(call)[0])
            if names is not None:
                self.enter(call, names, None)
        elif name in ("mkdir", "mkdirat"):
            names = self.inside(self.paths(call)[0])
            if names is not None:
                self.enter(call, names, Directory())
        elif name not in HARMLESS:
            touched = [self.inside(path) for path in self.paths(call)]
            if self.inside(descriptor) is not None or any(path is not None for path in touched):
                raise SystemExit(f"not understood: {name} below the directory")


class Image:
    """One state that a power cut at a moment may leave, chosen by chance."""

    def __init__(self, world, seed, ignore=None):
        self.random = random.Random(seed)
        self.ignore = ignore
        moments = sorted(world.moments)
        self.moment = self.random.choice(moments)
        # Extremes are where losses are: everything that is not certain there, or nothing.
        self.bias = self.choose_bias()
        self.digest = hashlib.sha256()
        self.nodes = {}
        self.marks = [text for begun, text in world.marks if begun <= self.moment]
        self.entries = []  # (path, bytes or None for a directory)
        self.build(world.tree, b"")

    def choose_bias(self):
        choices = [0, 0, 0.2, 0.5, 0.9, 1, 1]
        return {kind: self.random.choice(choices) for kind in ("add", "remove", "data")}

    def split(self, node, kind):
        """Changes that are certain, and those that are not."""
        certain = -1
        if self.ignore != kind:
            for begun, ended in node.synced:
                if ended <= self.moment:
                    certain = max(certain, begun)
        happened = [change for change in node.changes if change[0] < self.moment]
        return (
            [change for change in happened if change[1] <= certain],
            [change for change in happened if change[1] > certain])

    def build(self, directory, path):
        certain, open_ = self.split(directory, "directories")
        bias = self.bias if self.random.random() < 0.6 else self.choose_bias()
        names, later = {}, {}
        for _, _, name, node in certain:
            names[name] = node
        for _, _, name, node in open_:
            later.setdefault(name, []).append(node)
        for name in sorted(later):
            # The state of a name may be that after any of its changes, or before all.
            for node in reversed(later[name]):
                if self.random.random() < bias["remove" if node is None else "add"]:
                    names[name] = node
                    break
        for name in sorted(names):
            node, below = names[name], path + b"/" + name
            if isinstance(node, Directory):
                self.entries.append((below, None))
                self.build(node, below)
            elif isinstance(node, File):
                if id(node) not in self.nodes:
                    self.nodes[id(node)] = self.content(node, bias)
                self.entries.append((below, self.nodes[id(node)]))

    @staticmethod
    def apply(data, kind, offset, value):
        if kind == "write":
            if len(data) < offset:
                data.extend(bytes(offset - len(data)))
            data[offset:offset + len(value)] = value
        elif kind == "grow":
            data.extend(bytes(max(0, value - len(data))))
        else:
            del data[value:]
            data.extend(bytes(max(0, value - len(data))))

    def content(self, file, bias):
        certain, open_ = self.split(file, "files")
        data = bytearray()
        for change in certain:
            self.apply(data, *change[2:])
        before = bytes(data)
        if not open_ or self.random.random() >= bias["data"] and self.random.random() < 0.5:
            return before
        for change in open_:
            self.apply(data, *change[2:])
        if self.random.random() < bias["data"]:
            return bytes(data)
        how = self.random.choice(["prefix", "zeros", "noise", "pages", "pages"])
        if how == "prefix":
            return bytes(data[: self.random.randint(min(len(before), len(data)), len(data))])
        for start in range(0, len(data), PAGE):
            end = min(start + PAGE, len(data))
            old = before[start:end].ljust(end - start, b"\0")
            kind = how if how != "pages" else self.random.choice(["new", "old", "zeros", "noise"])
            if bytes(data[start:end]) == before[start:end] or kind == "new":
                continue
            data[start:end] = {
                "old": old, "zeros": bytes(end - start),
                "noise": self.random.randbytes(end - start)}[kind]
        return bytes(data)

    def identity(self):
        digest = hashlib.sha256(repr(self.marks).encode())
        for path, data in self.entries:
            digest.update(path + b"\0" + (b"/" if data is None else hashlib.sha256(data).digest()))
        return digest.digest()

    def write(self, root):
        for name in os.listdir(root):
            path = os.path.join(root, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
        for path, data in self.entries:
            if data is None:
                os.mkdir(os.fsencode(root) + path)
            else:
                with open(os.fsencode(root) + path, "wb") as file:
                    file.write(data)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("trace")
    parser.add_argument("world")
    parser.add_argument("marks")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--worker", default="0/1")
    parser.add_argument("--ignore", choices=["files", "directories"])
    parser.add_argument("--until-loss", metavar="PATTERN")
    parser.add_argument("--replay")
    parser.add_argument("examine", nargs="+")
    options = parser.parse_args()
    worker, workers = map(int, options.worker.split("/"))
    world = World(options.trace, options.world, options.marks)
    seen, examined, losses, moments = set(), 0, 0, set()
    numbers = (
        [options.replay] if options.replay
        else [f"{options.seed}.{n}" for n in range(worker, options.images, workers)])
    for number in numbers:
        image = Image(world, number, options.ignore)
        identity = image.identity()
        moments.add(image.moment)
        if identity in seen:
            continue
        seen.add(identity)
        image.write(options.world)
        examined += 1
        result = subprocess.run(
            options.examine, input="".join(f"{mark}\n" for mark in image.marks), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
        if result.returncode != 0:
            losses += 1
            print(f"seed {number}, at line {image.moment} of the trace, after "
                  f"{image.marks[-1:]}:\n{result.stdout}", file=sys.stderr)
            if options.until_loss and re.search(options.until_loss, result.stdout):
                break
        if options.replay:
            print(result.stdout)
    print(json.dumps({
        "moments": len(world.moments), "cuts": len(moments), "images": examined,
        "losses": losses}))
    sys.exit(1 if losses else 0)


if __name__ == "__main__":
    main()
