#!/usr/bin/env python3
"""Each kind of object, damaged in each way: which command notices, and what can still be restored.

usage: check_damage_table.py [--write | --markdown]

Whatever the damage, no command may end by a signal, no wrong byte is restored, and nothing that is
needed is deleted: when the object is put back after `create` and `compact` have run, everything is whole.
What each command says is compared with damage_table.txt beside this file; --write writes that file,
and --markdown prints it for docs/reliability.md.
"""

import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.realpath(__file__))
ARCHIVIST = os.path.realpath(
    os.environ.get("ARCHIVIST") or os.path.join(HERE, "../../.build/release/archivist"))
TABLE = os.path.join(HERE, "damage_table.txt")

KINDS = {
    "configuration": "config", "key slot": "keys", "content segment": "segments",
    "tree segment": "segments", "index object": "index", "archive": "archives",
    "label": "labels", "removal": "removed", "doomed object": "doomed", "lease": "locks",
}
DAMAGES = [
    "missing", "cut short", "bit flipped", "swapped", "rolled back", "duplicated", "zeros",
    "EIO", "EACCES", "directory in its place",
]
# Which call fails, and with which error number.
FAULTS = {"EIO": ("read", 5), "EACCES": ("open", 13)}
COMMANDS = {
    "list": ["list", "repo"],
    "create": ["create", "--files-cache", "disabled", "repo::next", "trees/b"],
    "extract": ["extract", "…"],
    "check": ["check", "repo"],
    "verify": ["check", "--verify-data", "repo"],
    "compact": ["compact", "repo"],
}
FILES = {"first": "a", "renamed": "b"}


class Place:
    """A directory in which a repository lies under the same path each time."""

    def __init__(self, directory, suite):
        self.directory, self.suite = directory, suite
        # What makes calls of the program fail, while an object is damaged in that way.
        self.faults = {}
        os.makedirs(directory)

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def run(self, arguments, cwd=".", **more):
        environment = {
            "PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC",
            "ARCHIVIST_BASE_DIR": self.path("home"), "ARCHIVIST_PASSPHRASE": "a5dff4e8b0d13ac9662b1f0c8e7d9a34",
            **self.faults, **more,
        }
        return subprocess.run(
            [ARCHIVIST, *arguments], cwd=self.path(cwd), env=environment,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=120)

    def must(self, *arguments, **more):
        result = self.run(arguments, **more)
        assert result.returncode == 0, (arguments, result.stderr)

    def objects(self, directory):
        return {
            os.path.relpath(os.path.join(parent, name), self.path("repo"))
            for parent, _, names in os.walk(self.path("repo", directory)) for name in names}

    def make(self, library):
        self.library = library
        generator = random.Random(7)
        for name in "abc":
            os.makedirs(self.path("trees", name))
            for number in range(5):
                with open(self.path("trees", name, str(number)), "wb") as file:
                    file.write(generator.randbytes(200) * 40)
            with open(self.path("trees", name, "large"), "wb") as file:
                file.write(generator.randbytes(150_000))
        self.targets, self.others = {}, {}
        known = {}

        def note(step):
            for directory in set(KINDS.values()):
                for name in sorted(self.objects(directory) - known.get(directory, set())):
                    kind = next(kind for kind, value in KINDS.items() if value == directory)
                    with open(self.path("repo", name), "rb") as file:
                        head = file.read(9)
                    if directory == "segments" and head[8] == 2:
                        kind = "tree segment"
                    if step == "target":
                        self.targets.setdefault(kind, name)
                    else:
                        self.others.setdefault(kind, name)
                known[directory] = self.objects(directory)

        self.must("init", "-e", self.suite, "repo")
        self.must("create", "repo::first", "trees/a")
        note("other")
        shutil.copytree(self.path("repo"), self.path("earlier"))
        self.must("create", "repo::second", "trees/b")
        self.must("rename", "repo::second", "renamed")
        note("target")
        if self.suite != "none":
            self.must("key", "add", "repo", ARCHIVIST_NEW_PASSPHRASE="other")
        self.must("create", "repo::waste", "trees/c")
        self.must("delete", "repo::waste")
        # A compaction that ends before it deletes anything leaves its doomed object and its lease.
        self.run(
            COMMANDS["compact"], LD_PRELOAD=library, FAULT_CALL="unlink", FAULT_AT="1",
            FAULT_KILL="1", FAULT_UNDER=self.path("repo", "segments"))
        os.rename(self.path("home"), self.path("home.kept"))
        shutil.copytree(self.path("home.kept"), self.path("home"))
        # Of what is there once only, the other one is of another repository.
        os.rename(self.path("repo"), self.path("mine"))
        self.must("init", "-e", self.suite, "repo", ARCHIVIST_BASE_DIR=self.path("stranger"))
        self.must("create", "repo::first", "trees/a", ARCHIVIST_BASE_DIR=self.path("stranger"))
        self.must("create", "repo::x", "trees/b", ARCHIVIST_BASE_DIR=self.path("stranger"))
        self.must("rename", "repo::first", "y", ARCHIVIST_BASE_DIR=self.path("stranger"))
        self.must("delete", "repo::x", ARCHIVIST_BASE_DIR=self.path("stranger"))
        self.run(
            COMMANDS["compact"], ARCHIVIST_BASE_DIR=self.path("stranger"), LD_PRELOAD=library,
            FAULT_CALL="unlink", FAULT_AT="1", FAULT_KILL="1",
            FAULT_UNDER=self.path("repo", "segments"))
        self.stranger = {directory: sorted(self.objects(directory)) for directory in KINDS.values()}
        os.rename(self.path("repo"), self.path("foreign"))
        os.rename(self.path("mine"), self.path("repo"))
        note("target")
        # The first slot is the one that the passphrase opens.
        for kind in ("configuration", "key slot"):
            self.targets[kind], self.others[kind] = self.others[kind], self.targets.get(kind)
        os.rename(self.path("repo"), self.path("sound"))

    def reset(self):
        self.faults = {}
        for name in ("repo", "home", "restored"):
            shutil.rmtree(self.path(name), ignore_errors=True)
        for source, target in (("sound", "repo"), ("home.kept", "home")):
            subprocess.run(["cp", "-a", self.path(source), self.path(target)], check=True)
        os.mkdir(self.path("restored"))

    def damage(self, kind, how):
        """False if there is no such damage for this kind."""
        directory, name = KINDS[kind], self.targets[kind]
        path = self.path("repo", name)
        if how in FAULTS:
            call, number = FAULTS[how]
            self.faults = {
                "LD_PRELOAD": self.library, "FAULT_CALL": call, "FAULT_AT": "1",
                "FAULT_ONWARD": "1", "FAULT_ERROR": str(number), "FAULT_UNDER": path}
            return True
        with open(path, "rb") as file:
            data = bytearray(file.read())
        if how == "directory in its place":
            os.remove(path)
            os.mkdir(path)
            return True
        if how == "missing":
            os.remove(path)
            return True
        if how == "rolled back":
            shutil.rmtree(self.path("repo", directory))
            subprocess.run(
                ["cp", "-a", self.path("earlier", directory), self.path("repo", directory)], check=True)
            return self.objects(directory) != {
                os.path.relpath(os.path.join(parent, file), self.path("sound"))
                for parent, _, files in os.walk(self.path("sound", directory)) for file in files}
        if how == "duplicated":
            if directory == "config":
                copy = "config/00000002"
            else:
                digits = "ab" * 32
                copy = f"segments/ab/{digits}" if directory == "segments" else f"{directory}/{digits}"
            shutil.copy2(path, self.path("repo", copy))
            return True
        if how == "cut short":
            data = data[: len(data) // 2]
        elif how == "bit flipped":
            data[len(data) // 2] ^= 0x10
        elif how == "zeros":
            data = bytearray(len(data))
        elif how == "swapped":
            other = self.others.get(kind)
            if other and os.path.exists(self.path("repo", other)):
                source = self.path("repo", other)
                with open(source, "rb") as file:
                    replacement = file.read()
                with open(source, "wb") as file:
                    file.write(data)
            else:
                with open(self.path("foreign", self.stranger[directory][0]), "rb") as file:
                    replacement = file.read()
            data = replacement
        with open(path, "wb") as file:
            file.write(data)
        return True

    def put_back(self):
        """What the damage took is there again; what commands have made since then stays."""
        self.faults = {}
        if os.path.exists(self.path("repo/config/00000002")):
            os.remove(self.path("repo/config/00000002"))
        for name in self.targets.values():
            if os.path.isdir(self.path("repo", name)):
                os.rmdir(self.path("repo", name))
        subprocess.run(["cp", "-a", self.path("sound") + "/.", self.path("repo")], check=True)


def restored(place, archive):
    """How much of an archive comes back; an error if a byte of it is wrong."""
    shutil.rmtree(place.path("restored"), ignore_errors=True)
    os.mkdir(place.path("restored"))
    result = place.run(["extract", f"{place.path('repo')}::{archive}"], cwd="restored")
    problem = crashed(result)
    tree = place.path("trees", FILES[archive])
    target = place.path("restored/trees", FILES[archive])
    names, found = sorted(os.listdir(tree)), 0
    for name in names:
        if os.path.exists(os.path.join(target, name)):
            with open(os.path.join(tree, name), "rb") as file:
                data = file.read()
            with open(os.path.join(target, name), "rb") as file:
                if file.read() != data:
                    problem = f"wrong bytes in {name} of {archive}"
            found += 1
    if result.returncode == 0 and found != len(names):
        problem = f"{archive} is incomplete, and extract ended with 0"
    return result, found / len(names), problem


def crashed(result):
    if result.returncode < 0 or result.returncode > 2:
        return f"exit status {result.returncode}: {result.stderr}"
    if re.search(r"Fatal error|\.swift:|Stack dump", result.stderr):
        return f"a crash: {result.stderr}"
    return None


def message(text):
    """The first line of a message, without what is different each time."""
    line = text.strip().split("\n")[0]
    line = re.sub(r"^(Warning|Error): ", "", line)
    line = re.sub(r"[^\s:]*/(?=(config|keys|segments|index|archives|labels|removed|doomed|locks)/)",
                  "", line)
    line = re.sub(r"segments/[0-9a-f]{2}/", "segments/", line)
    line = re.sub(r"[0-9a-f]{10,64}", "…", line)
    line = re.sub(r"/\S*/(repo|repositories|locations)\b", r"\1", line)
    return re.sub(r"\d+", "N", line.replace(" Run `archivist check` to see what is affected", ""))


def row(place, kind, how):
    """A line of the table, and what is wrong with it."""
    cells, said, problems = [], "", []
    for name, arguments in COMMANDS.items():
        place.reset()
        if not place.damage(kind, how):
            return None, []
        if name == "extract":
            result, _, problem = restored(place, "renamed")
        else:
            result = place.run(arguments)
            problem = crashed(result)
        if problem:
            problems.append(f"{name}: {problem}")
        text = "\n".join(
            line for line in result.stderr.split("\n") if "no parent" not in line.lower())
        noticed = bool(text.strip())
        cells.append(f"{result.returncode}" + ("!" if noticed and result.returncode == 0 else ""))
        if noticed and (not said or name == "verify"):
            said = message(text)
        if name in ("create", "compact"):
            # Nothing that is needed has gone.
            place.run(COMMANDS["compact"])
            place.put_back()
            for archive in FILES:
                _, share, problem = restored(place, archive)
                if problem or share != 1:
                    problems.append(
                        f"after {name} and compact, and the object put back: {archive}: {problem}, "
                        f"{share:.0%}")
            result = place.run(["check", "--verify-data", "repo"])
            if result.returncode != 0 and how not in ("duplicated", "swapped"):
                problems.append(f"after {name}, compact, put back: {result.stderr}")
    place.reset()
    place.damage(kind, how)
    shares = []
    for archive in FILES:
        _, share, problem = restored(place, archive)
        shares.append(share)
        if problem:
            problems.append(problem)
    left = {0: "nothing", 2: "all"}.get(sum(shares))
    left = left or ("the other archive" if sorted(shares) == [0, 1] else "what does not need it")
    return " | ".join([kind, how, *cells, left, said or "–"]), problems


def table():
    directory = tempfile.mkdtemp(prefix="archivist-damage.", dir=os.environ.get("SCENARIO_TMPDIR"))
    rows, problems = {}, []
    try:
        library = os.path.join(directory, "faults.so")
        subprocess.run(
            ["gcc", "-O1", "-shared", "-fPIC", "-o", library, os.path.join(HERE, "faults.c"),
             "-ldl"], check=True)

        def work(suite):
            place = Place(os.path.join(directory, suite), suite)
            place.make(library)
            for kind in KINDS:
                # Keys are worth a passphrase; it costs time with each command.
                if (kind in ("configuration", "key slot")) == (suite == "none"):
                    continue
                for how in DAMAGES:
                    line, wrong = row(place, kind, how)
                    if line:
                        rows[kind, how] = line
                    problems.extend(f"{kind}, {how}: {text}" for text in wrong)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(work, ["none", "aes256-gcm"]))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return [rows[kind, how] for kind in KINDS for how in DAMAGES if (kind, how) in rows], problems


def markdown():
    names = list(COMMANDS)
    print("| object | damage | " + " | ".join(names) + " | can be restored | what is said |")
    print("|---|---|" + ":-:|" * len(names) + "---|---|")
    with open(TABLE, encoding="utf-8") as file:
        for line in file:
            print("| " + line.rstrip("\n") + " |")


def main():
    if "--markdown" in sys.argv:
        markdown()
        return
    lines, problems = table()
    text = "".join(line + "\n" for line in lines)
    for problem in problems:
        print(problem[:1000])
    if "--write" in sys.argv:
        with open(TABLE, "w", encoding="utf-8") as file:
            file.write(text)
    else:
        with open(TABLE, encoding="utf-8") as file:
            expected = file.read().splitlines()
        for line in sorted(set(lines) ^ set(expected)):
            print(("found:    " if line in lines else "expected: ") + line)
            problems.append(line)
    print(f"  {len(lines)} kinds of damage, {len(lines) * (len(COMMANDS) + 1)} commands, "
          f"{len(problems)} surprises")
    figures = os.path.join(HERE, "../../.build/figures")
    os.makedirs(figures, exist_ok=True)
    with open(os.path.join(figures, "check_damage_table"), "w", encoding="ascii") as file:
        file.write(f"kinds of damage\t{len(lines)}\n")
        file.write(f"commands on damaged repositories\t{len(lines) * (len(COMMANDS) + 2)}\n")
    sys.exit(1 if problems else 0)


main()
