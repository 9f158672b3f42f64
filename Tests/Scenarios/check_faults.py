#!/usr/bin/env python3
"""Every call of the program to the system fails in turn, for files of the repository.

For each command, each kind of call and each error, the first such call fails, then the second, and so
on until there are no more. Each time the command has to end with 2 and a message that names the
error and a path in the repository, or with 0 and all of its work done. The repository has to be
sound afterwards: `check --verify-data` finds nothing, the archives that were reported as made are
restored byte for byte, and the next backup goes well and uses what the failed one has stored.

Then the program is killed at the call instead: whatever is left has to be as sound.

FAULTS_PER_CALL is how many calls of a kind are tried for each command, spread over all of them; 0 tries
every one.
"""

import filecmp
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

ARCHIVIST = os.path.realpath(
    os.environ.get("ARCHIVIST")
    or os.path.join(os.path.dirname(__file__), "../../.build/release/archivist"))
PER_CALL = int(os.environ.get("FAULTS_PER_CALL", "2"))
HERE = os.path.dirname(os.path.realpath(__file__))

EIO, EACCES, ENOSPC = 5, 13, 28
REASONS = {
    EIO: "Input/output error", ENOSPC: "disk is full|No space left", EACCES: "Permission denied"}
CALLS = [
    ("open", [EIO, ENOSPC, EACCES]), ("list", [EIO]), ("read", [EIO]), ("stat", [EIO]),
    ("write", [EIO, ENOSPC]), ("fsync", [EIO, ENOSPC]), ("rename", [EIO, ENOSPC]),
    ("unlink", [EIO]),
]
# The command, whether it may remove `old`, and the archive that it makes.
COMMANDS = {
    "create": (["create", "repo::new", "trees/new"], [], "new"),
    "delete": (["delete", "repo::old"], ["old"], None),
    "prune": (["prune", "--keep-last", "1", "repo"], ["old", "gone"], None),
    "compact": (["compact", "--threshold", "0", "repo"], [], None),
    "rename": (["rename", "repo::old", "other"], ["old"], "other"),
    "extract": (["extract", "../repo::kept"], [], None),
    "check": (["check", "--verify-data", "repo"], [], None),
    "list": (["list", "repo::kept"], [], None),
}
TREES = {"kept": "kept", "old": "old", "gone": "old", "new": "new", "other": "old", "next": "new"}


class Failed(Exception):
    pass


class Place:
    """A directory with a copy of the repository, for one thread."""

    def __init__(self, directory, library):
        self.directory, self.library = directory, library
        self.model = directory + ".model"
        os.mkdir(directory)

    def run(self, arguments, cwd=".", **fault):
        environment = {
            "PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC",
            "ARCHIVIST_BASE_DIR": os.path.join(self.directory, "home"),
        }
        if fault:
            environment |= {
                "LD_PRELOAD": self.library, "FAULT_UNDER": os.path.join(self.directory, "repo"),
                "FAULT_DONE": os.path.join(self.directory, "done"),
            } | {f"FAULT_{key.upper()}": str(value) for key, value in fault.items()}
        result = subprocess.run(
            [ARCHIVIST, *arguments], cwd=os.path.join(self.directory, cwd), env=environment,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=300)
        if re.search(r"Fatal error|\.swift:|Stack dump|libswift", result.stderr):
            raise Failed(f"a crash: {result.stderr}")
        if result.returncode < 0 and not fault.get("kill"):
            raise Failed(f"signal {-result.returncode}")
        return result

    def must(self, *arguments):
        result = self.run(arguments)
        if result.returncode != 0:
            raise Failed(f"{' '.join(arguments)}: {result.returncode}: {result.stderr}")
        return result.stdout

    def make(self, generator):
        for name in ("old", "kept", "new"):
            tree = os.path.join(self.directory, "trees", name)
            os.makedirs(tree)
            for number in range(12):
                with open(os.path.join(tree, str(number)), "wb") as file:
                    file.write(b"%d of all\n" % number * 50)
            for part, size in ("own", 90_000), ("more", 20_000):
                with open(os.path.join(tree, part), "wb") as file:
                    file.write(generator.randbytes(size))
        self.must("init", "-e", "none", "repo")
        for name in ("gone", "old", "kept"):
            self.must("create", f"repo::{name}", f"trees/{TREES[name]}")
        # For `compact`, which has to find something to do.
        self.must("create", "repo::waste", "trees/new")
        self.must("delete", "repo::waste")

    def keep(self):
        shutil.copytree(self.directory, self.model)

    def reset(self):
        for name in ("repo", "home", "done", "restored"):
            path = os.path.join(self.directory, name)
            shutil.rmtree(path) if os.path.isdir(path) else os.path.exists(path) and os.remove(path)
        for name in ("repo", "home"):
            # Times are kept, and modes: no more has to be made anew than that.
            subprocess.run(
                ["cp", "-a", os.path.join(self.model, name), self.directory], check=True)
        os.mkdir(os.path.join(self.directory, "restored"))

    def is_restored(self, archive):
        target = os.path.join(self.directory, "restored")
        shutil.rmtree(target)
        os.mkdir(target)
        result = self.run(["extract", f"../repo::{archive}"], cwd="restored")
        if result.returncode != 0:
            raise Failed(f"extract {archive}: {result.stderr}")
        self.compare(archive)

    def compare(self, archive):
        tree = os.path.join("trees", TREES[archive])
        restored = os.path.join(self.directory, "restored", tree)
        names = os.listdir(os.path.join(self.directory, tree))
        same, _, _ = filecmp.cmpfiles(os.path.join(self.directory, tree), restored, names, False)
        if sorted(same) != sorted(names):
            raise Failed(f"{archive} is not what was backed up")

    def bytes(self):
        return sum(
            os.path.getsize(os.path.join(directory, name))
            for directory, _, names in os.walk(os.path.join(self.directory, "repo/segments"))
            for name in names)


def count(place, command, call):
    """How many such calls a command makes."""
    arguments, _, _ = COMMANDS[command]
    low, high = 0, 1
    while True:
        place.reset()
        place.run(arguments, "restored" if command == "extract" else ".",
                  call=call, at=high, error=EIO, kill=1)
        if not os.path.exists(os.path.join(place.directory, "done")):
            break
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        place.reset()
        place.run(arguments, "restored" if command == "extract" else ".",
                  call=call, at=middle, error=EIO, kill=1)
        if os.path.exists(os.path.join(place.directory, "done")):
            low = middle
        else:
            high = middle
    return low


def try_one(place, command, call, error, at, normal):
    arguments, removed, made = COMMANDS[command]
    place.reset()
    fault = {"call": call, "at": at} | ({"kill": 1} if error is None else {"error": error})
    if error == ENOSPC:
        fault["onward"] = 1
    result = place.run(arguments, "restored" if command == "extract" else ".", **fault)
    if not os.path.exists(os.path.join(place.directory, "done")):
        return "not reached"
    status = result.returncode
    if error is not None:
        if status == 0:
            if command == "extract":
                place.compare("kept")
        elif status == 1 and command in ("check", "list", "extract", "create", "rename"):
            if not re.search(REASONS[error], result.stderr):
                raise Failed(f"the reason is not said: {result.stderr}")
        elif status != 2:
            raise Failed(f"exit status {status}: {result.stderr}")
        elif not re.search(REASONS[error], result.stderr):
            raise Failed(f"the reason is not said: {result.stderr}")
        elif not re.search(r"repo(/|:)", result.stderr):
            raise Failed(f"the path is not said: {result.stderr}")
    names = place.must("list", "--short", "repo").split()
    for name in ("kept", "old", "gone"):
        if name not in names and name not in removed:
            raise Failed(f"{name} is gone")
    # What goes on without one object has done the rest of its work.
    if status == 0 or status == 1:
        for name in removed:
            if name in names:
                raise Failed(f"{name} is not gone")
        if made and made not in names:
            raise Failed(f"{made} is not there")
    for name in names:
        place.is_restored(name)
    place.must("check", "--verify-data", "repo")
    place.must("create", "repo::next", "trees/new")
    if command == "create":
        # What is the same as in `waste` is used; nothing is stored twice.
        if place.bytes() > normal + 20_000:
            raise Failed(f"{place.bytes()} bytes after the next backup, {normal} without the fault")
    place.must("compact", "repo")
    place.must("check", "--verify-data", "repo")
    place.is_restored("next")
    place.is_restored("kept")
    return f"exit status {status}"


def main():
    directory = tempfile.mkdtemp(prefix="archivist-faults.", dir=os.environ.get("SCENARIO_TMPDIR"))
    verdicts, failures = {}, []
    try:
        library = os.path.join(directory, "faults.so")
        subprocess.run(
            ["gcc", "-O1", "-shared", "-fPIC", "-o", library, os.path.join(HERE, "faults.c"),
             "-ldl"], check=True)
        generator = random.Random(1)
        places = []
        for number in range(2):
            place = Place(os.path.join(directory, f"place{number}"), library)
            place.make(generator)
            # Something of the new tree is in no archive and in no segment yet.
            with open(os.path.join(place.directory, "trees/new/own"), "ab") as file:
                file.write(generator.randbytes(50_000))
            place.keep()
            places.append(place)
        normals = []
        for place in places:
            place.reset()
            place.must("create", "repo::next", "trees/new")
            normals.append(place.bytes())

        def work(number):
            place = places[number]
            commands = list(COMMANDS)[number::2]
            for command in commands:
                for call, errors in CALLS:
                    total = count(place, command, call)
                    numbers = range(1, total + 1)
                    if PER_CALL and total > PER_CALL:
                        # The first and the last ones are where a protocol has its corners.
                        step = (total - 1) / (PER_CALL - 1) if PER_CALL > 1 else total
                        numbers = sorted({round(1 + step * n) for n in range(PER_CALL)})
                    for error in [*errors, None]:
                        for at in numbers:
                            try:
                                verdict = try_one(
                                    place, command, call, error, at, normals[number])
                            except Failed as failure:
                                verdict = "FAILED"
                                failures.append(
                                    f"{command}: {call} {at} of {total}, "
                                    + (f"error {error}" if error else "killed") + f": {failure}")
                            verdicts[verdict] = verdicts.get(verdict, 0) + 1

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(work, range(2)))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    for failure in failures[:30]:
        print(failure)
    total = sum(verdicts.values()) - verdicts.get("not reached", 0)
    print(f"  {total} faults: " + ", ".join(f"{n} × {v}" for v, n in sorted(verdicts.items())))
    if not failures:
        figures = os.path.join(HERE, "../../.build/figures")
        os.makedirs(figures, exist_ok=True)
        with open(os.path.join(figures, "check_faults"), "w", encoding="ascii") as file:
            killed = verdicts.get("exit status -9", 0)
            file.write(f"calls to the system that failed\t{total - killed}\n")
            file.write(f"calls to the system at which the program was killed\t{killed}\n")
    sys.exit(1 if failures else 0)


main()
