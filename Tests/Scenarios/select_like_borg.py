#!/usr/bin/env python3
"""Asks borg and archivist what they select, and compares the answers.

usage: BORG_PYTHON select_like_borg.py ARCHIVIST DIRECTORY COUNT SEED

(the interpreter that borg is installed for.) DIRECTORY is empty; ARCHIVIST_… are set. COUNT times each,
`create --dry-run --list` with roots and options, `create` with lists of paths, `extract --dry-run
--list` and `list` are given to both, about generated trees with odd names. What has to be the same
is which paths get which letters, which paths of a command line never matched, and the exit status, but
that archivist's `list` warns of a path that is not there.

borg runs in this process, because starting it takes longer than what it does. It shows names that
are not UTF-8 with question marks: here it is told to show them as they are.
"""

import base64
import contextlib
import fcntl
import io
import json
import logging
import os
import random
import re
import socket
import struct
import subprocess
import sys

import borg.archiver
import borg.helpers
import borg.helpers.parseformat
from borg.archiver import Archiver

ARCHIVIST, DIRECTORY, COUNT, SEED = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
NAMES = ["a", "b", "c", "ab", "a.o", "b.o", "a b", " a", "ä", "a\u0308", "€", "\udcff", "a\udce4b", "[a]", "*", "?", "\\",
         "a\nb", "-e", "!a", "+", "#c", "R", "(a)", "a|b", "a$", ".cache", ".x", "...", "A", "AB", "😀", "'", '"', "{}", "~",
         "CACHEDIR.TAG", ".nobackup", "tag"]
SIGNATURE = "Signature: 8a477f597d28d172789f06886806bc55"


def main():
    random.seed(SEED)
    os.chdir(DIRECTORY)
    for name in ("borg.archiver", "borg.helpers", "borg.helpers.parseformat"):
        sys.modules[name].remove_surrogates = lambda text, errors="replace": text
    os.environ.update(BORG_BASE_DIR=os.path.join(DIRECTORY, "borg-home"), BORG_EXIT_CODES="legacy",
                      BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK="yes")
    trees = [Tree(f"t{number}") for number in range(3)]
    try:
        compare_all(trees)
    finally:
        for tree in trees:
            tree.close()


def compare_all(trees):
    must(run_borg("init", "-e", "none", "borg-repo"))
    must(run_archivist("init", "-e", "none", "repo"))
    for tree in trees:
        must(run_borg("create", f"borg-repo::{tree.name}", tree.name))
        must(run_archivist("create", f"repo::{tree.name}", tree.name))
    counts = {}
    for number in range(COUNT):
        for kind in (check_create, check_paths_from, check_extract, check_list):
            tree = random.choice(trees)
            counts[kind.__name__] = counts.get(kind.__name__, 0) + kind(tree)
    print("  " + ", ".join(f"{name.removeprefix('check_')}: {count} paths" for name, count in counts.items())
          + f" in {COUNT} runs each, the same as borg's")


# MARK: what is compared

def check_create(tree):
    where, roots, strip = tree.roots()
    options = some_patterns(tree, [spelled for root in roots for spelled in tree.beneath(root)], where)
    for option in ("--exclude-caches", "--keep-exclude-tags", "--exclude-nodump", "-x", "--exclude-if-present=.nobackup",
                   "--exclude-if-present=tag"):
        if random.random() < 0.2:
            options.append(option)
    moved = [root for root in roots if random.random() < 0.2 and root == root.strip()]
    options += [f"--pattern=R{random.choice(['', ' '])}{root}" for root in moved]
    roots = [root for root in roots if root not in moved]
    random.shuffle(options)
    words = ["create", "--log-json", "--dry-run", "--list", *options]
    theirs = run_borg(*words, f"{DIRECTORY}/borg-repo::new", "--", *roots, where=where)
    ours = run_archivist(*words, f"{DIRECTORY}/repo::new", "--", *roots, where=where)
    if any(root.endswith(("/", "/.")) and os.path.islink(os.path.normpath(os.path.join(where, root)))
           for root in roots + moved):
        return 0  # There archivist goes where the link leads, and borg does not.
    return compare((where, words, roots), theirs, ours, lambda answer: letters(answer, strip))


def check_paths_from(tree):
    where, roots, strip = tree.roots()
    pool = [path for root in roots for path in tree.beneath(root)] + ["missing", "./", "../" + os.path.basename(where)]
    if strip is not None:
        pool = [path for path in tree.beneath(roots[0]) if "/./" in path]
    delimiter, text = random.choice([(None, "\n"), ("\\n", "\n"), ("\\0", "\0"), ("|;", "|;"), ("\\x01", "\x01"), ("", "\n")])
    paths = [path for path in random.choices(pool, k=random.randint(0, 20)) if text not in path]
    paths = [path for path in paths if path and text[0] not in (path[0], path[-1])]
    # Two places that would be archived as one: we take the first, whether it is there or not.
    paths = [path for path in paths if f"../{path}" not in paths]
    listed = text.join(paths) + random.choice(["", text])
    if len(listed) > 4000 or listed == text:
        return 0
    options = ([] if delimiter is None else [f"--paths-delimiter={delimiter}"]) + (["-e", "*"] if random.random() < 0.2 else [])
    words = ["create", "--log-json", "--dry-run", "--list", *options]
    command, data = [], listed.encode("utf-8", "surrogateescape")
    if random.random() < 0.3:
        with open(f"{DIRECTORY}/listed", "wb") as file:
            file.write(data)
        words.append("--paths-from-command")
        command, data = ["--", "sh", "-c", f"cat {DIRECTORY}/listed; exit {random.choice([0, 0, 0, 3])}"], b""
    else:
        words.append("--paths-from-stdin")
    theirs = run_borg(*words, f"{DIRECTORY}/borg-repo::new", *command, where=where, data=data)
    ours = run_archivist(*words, f"{DIRECTORY}/repo::new", *command, where=where, data=data)
    if theirs[0] == ours[0] == 2:
        return 0  # The command failed: we say so before anything is listed.
    return compare((where, words, paths), theirs, ours, lambda answer: letters(answer, strip))


def check_extract(tree):
    words = ["extract", "--log-json", "--dry-run", "--list", *some_patterns(tree, tree.paths, DIRECTORY)]
    paths = some_paths(tree)
    theirs = run_borg(*words, f"borg-repo::{tree.name}", "--", *paths)
    ours = run_archivist(*words, f"repo::{tree.name}", "--", *paths)
    return compare((words, paths), theirs, ours, extracted)


def check_list(tree):
    words = ["list", "--json-lines", *some_patterns(tree, tree.paths, DIRECTORY)]
    paths = some_paths(tree)
    theirs = run_borg(*words, f"borg-repo::{tree.name}", "--", *paths)
    ours = run_archivist(*words, f"repo::{tree.name}", "--", *paths)
    return compare((words, paths), theirs, ours, lambda answer: {path_of(line) for line in objects(answer[1])})


def compare(what, theirs, ours, read):
    if theirs[0] == ours[0] == 2:
        return 0
    a, b = read(theirs), read(ours)
    if {"-x", "--one-file-system"} & set(what[-2]):
        # Where another file system is mounted, archivist says that its contents are left out.
        b = {("-", entry[1]) if entry[0] == "x" and ("-", entry[1]) in a else entry for entry in b}
    if theirs[0] == ours[0] and a == b:
        return len(a)
    # Of a path that is a link archivist warns.
    if (theirs[0], ours[0]) == (0, 1) and a == b and "is backed up as one; what it leads to is not" in ours[2]:
        return len(a)
    # Of a path to be listed that is not in the archive archivist warns.
    if what[0][0] == "list" and (theirs[0], ours[0]) == (0, 1) and a == b and "no match in the archive" in ours[2]:
        return len(a)
    # Of nothing borg makes an empty archive, and archivist none.
    if ours[0] == 2 and theirs[0] < 2 and "no archive was made" in ours[2] and a == b:
        return len(a)
    print(f"They differ for {what}")
    for path in {path for _, path in (a ^ b) if isinstance(path, str)} | set(what[-1]):
        if os.path.lexists(path):
            print("   ", repr(path), os.lstat(path))
    print(f"exit status: borg {theirs[0]}, archivist {ours[0]}")
    print("only borg:", sorted(a - b, key=repr)[:20])
    print("only archivist:", sorted(b - a, key=repr)[:20])
    for answer in (theirs, ours):
        print("\n".join(line[:300] for line in answer[2].split("\n") if "file_status" not in line)[-1500:])
    sys.exit(1)


def letters(answer, strip):
    found = set()
    for line in objects(answer[2]):
        if line.get("type") == "file_status":
            found.add((line["status"], archived(path_of(line), strip)))
    return found


def extracted(answer):
    """What was listed, and which paths never matched."""
    found = set()
    for line in objects(answer[2]) + objects(answer[1]):
        if line.get("name") == "borg.output.list":
            found.add(line["message"])
        elif line.get("name") == "archivist.output.list":
            found.add(unquoted(line["message"]))
        elif line.get("type") == "file_status" or "path" in line:
            found.add(path_of(line))
        elif match := re.search(r"(?s)^Include pattern '(.*)' never matched|^(.*): no match in the archive", line.get("message", "")):
            # borg leaves out the style.
            found.add(("never", match[1] if match[2] is None else re.sub("^(fm|sh|pp|re):", "", unquoted(match[2]))))
    if not objects(answer[1]):
        found |= {unquoted(line) for line in answer[1].split("\n") if line}
    return found


def archived(path, strip):
    """The path in the archive of what borg shows as it walked there."""
    path = os.path.normpath(path)
    if strip is not None:
        path = "." if path + "/" == strip else path.removeprefix(strip)
    return re.sub(r"^((\.\.)?/+|\.\.$)+", "", path) or "."


def path_of(line):
    if "path_b64" in line:
        return base64.b64decode(line["path_b64"]).decode("utf-8", "surrogateescape")
    return line["path"]


def unquoted(text):
    """What archivist shows as $'…' because it is no plain text."""
    if not text.startswith("$'"):
        return text
    escapes = {"t": b"\t", "n": b"\n", "r": b"\r"}
    found = re.findall(r"(?s)\\([0-7]{3})|\\(.)|([^\\]+)", text[2:-1])
    return b"".join(
        bytes([int(octal, 8)]) if octal else escapes.get(one, one.encode()) if one else plain.encode()
        for octal, one, plain in found).decode("utf-8", "surrogateescape")


def objects(text):
    found = []
    for line in text.split("\n"):
        if line.startswith("{"):
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
    return found


# MARK: what is asked

def some_paths(tree):
    """Paths to extract or list."""
    paths = []
    for _ in range(random.choice([0, 0, 1, 1, 2, 3])):
        path = random.choice(tree.paths)
        if random.random() < 0.3:
            path = mutated(path)
        path = random.choice(["", "", "", "/", "pf:", "pp:", "fm:", "sh:"]) + path
        if not quirk(path) and not path.startswith("-"):
            paths.append(path)
    return paths


def some_patterns(tree, paths, where):
    """Options that choose by path, some of them in files."""
    options = []
    for _ in range(random.choice([0, 1, 1, 2, 3, 5])):
        kind = random.choice(["--exclude", "--exclude", "--pattern", "--pattern", "--exclude-from", "--patterns-from"])
        if kind == "--exclude":
            options.append("--exclude=" + a_pattern(paths))
        elif kind == "--pattern":
            options.append("--pattern=" + a_rule(paths))
        else:
            lines = []
            for _ in range(random.randint(0, 4)):
                line = a_rule(paths) if kind == "--patterns-from" else a_pattern(paths)
                if line.isprintable() and line.encode("utf-8", "replace").decode() == line:
                    lines.append(random.choice(["", " ", "\t"]) + line + random.choice(["", " "]))
                if random.random() < 0.2:
                    lines.append(random.choice(["", "  ", "# comment", " #"]))
                if kind == "--patterns-from" and random.random() < 0.3:
                    lines.append(random.choice("Pp") + random.choice(["", " "]) + random.choice(["fm", "sh", "re", "pp", "pf"]))
            lines = [line for line in lines if usable(line, kind)]
            name = f"{DIRECTORY}/patterns-{random.randrange(50)}"
            while any(option.endswith("=" + name) for option in options):
                name += "x"
            with open(name, "w", encoding="utf-8") as file:
                file.write("\n".join(lines) + "\n")
            options.append(f"{kind}={name}")
    return options


def usable(line, kind):
    """Whether a `P re` before it would not make a line an expression that Python takes and we do not."""
    return not re.search(r"\(\?[=!<>(]|[*+?}]\+|\\[1-9]", line)


def a_rule(paths):
    return random.choice(["+", "+", "-", "-", "!"]) + random.choice(["", " "]) + a_pattern(paths)


def a_pattern(paths):
    while True:
        path = random.choice(paths)
        style = random.choice(["", "", "", "fm:", "sh:", "pp:", "pf:", "re:", "re:"])
        if style == "re:":
            text = a_regex(path.replace("/./", "/"))
        else:
            text = mutated(path.replace("/./", "/")) if random.random() < 0.7 else path
        if "\r" not in text and (style + text) and (style == "re:" or not quirk(style + text)) and text.strip() == text:
            return style + text


def a_regex(path):
    name = random.choice([part for part in path.split("/") if part] or ["a"])
    text = re.escape(random.choice([path, name, name[:2], name[-1:]]).lstrip("/"))
    return random.choice([
        text, f"^{text}", f"{text}$", f"^{text}$", f"/{text}$", f"(^|/){text}(/|$)", f"(?i){text}", f"{text}.*{text}",
        r"\.(o|x)$", r"^[^/]+/[^/]+$", r"\bb", "[äa-b]/", r"(?s)a.b", r"\s", r"[^\x00-\x7f]", f"(?:{text}|x)+$", "(a+)+$",
        r"\w{2,3}$", "", ".", "^$", "(?x) a  # comment", r"[\udc80-\udcff]", "(", "[", "a**", r"\q", r"(?P<name>b)/?$"])


def mutated(text):
    text = list(text)
    for _ in range(random.randint(0, 3)):
        i = random.randrange(len(text) + 1)
        j = min(len(text), i + random.randint(0, 4))
        text[i:j] = random.choice(["*", "**", "**/", "?", "[a-c]", "[!a]", "/", "", "*", "./", "../", "*/"])
    if random.random() < 0.15:
        text = text[:random.randrange(len(text) + 1)]
    if random.random() < 0.15:
        text.append("/")
    if random.random() < 0.15:
        text.insert(0, "/")
    if random.random() < 0.1:
        text.append("/**")
    # Two invalid bytes side by side may be a valid character.
    return "".join(text).encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def quirk(text):
    """[b-a!x]: Python drops the empty range and then takes the ! for a negation. We do not."""
    return re.search(r"(?s)\[[^]]-.+!", text) is not None


class Tree:
    """A generated tree, and the paths in it."""

    def __init__(self, name):
        self.name = name
        self.mounts = []
        os.mkdir(name)
        self.paths = [name]
        self.fill(name, 0)
        self.directories = [path for path in self.paths if os.path.isdir(path) and not os.path.islink(path)]

    def fill(self, directory, depth):
        for name in random.sample(NAMES, random.randint(*((1, 7) if depth else (9, 14)))):
            path = f"{directory}/{name}"
            self.paths.append(path)
            kind = random.random()
            if name == "CACHEDIR.TAG" and kind < 0.8:
                self.write(path, SIGNATURE + random.choice(["", "\nmore", ""]))
            elif kind < 0.4 and depth < 4:
                os.mkdir(path)
                if random.random() < 0.1 and os.geteuid() == 0:
                    if subprocess.run(["mount", "-t", "tmpfs", "none", path], stderr=subprocess.DEVNULL).returncode == 0:
                        self.mounts.append(path)
                self.fill(path, depth + 1)
            elif kind < 0.5:
                os.symlink(random.choice(["a", "..", "/nowhere", "b/c"]), path)
            elif kind < 0.53:
                os.mkfifo(path)
            elif kind < 0.58 and (files := [p for p in self.paths[:-1] if os.path.isfile(p) and not os.path.islink(p)]):
                with contextlib.suppress(OSError):
                    os.link(random.choice(files), path)
                    continue
                self.write(path, "not linked")
            else:
                self.write(path, path)
            if random.random() < 0.05 and not os.path.islink(path):
                no_dump(path)

    @staticmethod
    def write(path, text):
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)

    def roots(self):
        """A directory to stand in, roots as they are written there, and what `/./` strips."""
        kind = random.randrange(6)
        if kind == 0:  # Inside the tree, with a path that goes up.
            return os.path.join(DIRECTORY, self.name), [f"../{self.name}"], None
        if kind == 1:  # Everything here.
            where = os.path.join(DIRECTORY, random.choice(self.directories))
            return where, [random.choice([".", "./"])], None
        if kind == 2:  # A part of the path is stripped.
            directory = random.choice(self.directories)
            parts = os.path.join(DIRECTORY, directory).split("/")
            cut = random.randint(DIRECTORY.count("/") + 1, len(parts))
            kept = "/".join(parts[cut:])
            strip = "/".join(parts[:cut])
            return DIRECTORY, [f"{strip}/./{kept}"], strip + "/"
        prefix = random.choice(["", "", "./", f"{DIRECTORY}/", f"../{os.path.basename(DIRECTORY)}/"])
        # Where a root is a file, borg leaves out its other names everywhere: we do not.
        unlinked = [path for path in self.paths if path in self.directories or os.lstat(path).st_nlink == 1]
        roots = [prefix + random.choice(unlinked) for _ in range(random.choice([1, 1, 2, 3]))]
        if random.random() < 0.7:
            roots.append(prefix + self.name)
        return DIRECTORY, [root + random.choice(["", "/"] if os.path.isdir(root) else [""]) for root in roots], None

    def beneath(self, root):
        """Paths that a root leads to, as they may be written."""
        tail = root.split(self.name, 1)[-1] if self.name in root else None
        if tail is None:
            return [path.split("/", 1)[-1] for path in self.paths]
        prefix = root[:len(root) - len(tail) - len(self.name)]
        if "/./" in tail:
            marked = tail.index("/./")
            return [root] + [prefix + self.name + tail[:marked] + "/./" + path[len(self.name + tail[:marked]) + 1:]
                             for path in self.paths if path.startswith(self.name + tail[:marked] + "/")]
        return [prefix + path for path in self.paths]

    def close(self):
        for path in reversed(self.mounts):
            subprocess.run(["umount", "-l", os.path.join(DIRECTORY, path)], check=True)


def no_dump(path):
    FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_NODUMP_FL = 0x80086601, 0x40086602, 0x40
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        try:
            flags = struct.unpack("l", fcntl.ioctl(descriptor, FS_IOC_GETFLAGS, struct.pack("l", 0)))[0]
            fcntl.ioctl(descriptor, FS_IOC_SETFLAGS, struct.pack("l", flags | FS_NODUMP_FL))
        finally:
            os.close(descriptor)


# MARK: how they are asked

def must(answer):
    if answer[0] != 0:
        sys.exit(answer[1] + answer[2])


def run_archivist(*words, where=None, data=b""):
    result = subprocess.run([ARCHIVIST, *words], cwd=where or DIRECTORY, input=data, capture_output=True)
    texts = [text.decode("utf-8", "surrogateescape") for text in (result.stdout, result.stderr)]
    if result.returncode < 0 or "Fatal error" in texts[1]:
        sys.exit(f"archivist crashed for {words}:\n{texts[1]}")
    return result.returncode, *texts


def run_borg(*words, where=None, data=b""):
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="surrogateescape") for _ in range(2))
    saved = sys.stdin, sys.stdout, sys.stderr
    sys.stdin = io.TextIOWrapper(io.BytesIO(data))
    sys.stdout, sys.stderr = out, err
    os.chdir(where or DIRECTORY)
    try:
        # What an earlier run has left.
        logging.root.handlers.clear()
        archiver = Archiver()
        archiver.prerun_checks = lambda *arguments: None
        borg.helpers.init_ec_warnings()
        try:
            status = archiver.run(archiver.parse_args(list(words)))
        except SystemExit as error:
            status = error.code
        except Exception as error:
            print(repr(error), file=err)
            status = 2
    finally:
        os.chdir(DIRECTORY)
        sys.stdin, sys.stdout, sys.stderr = saved
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode("utf-8", "surrogateescape"))
    return status, *texts


main()
