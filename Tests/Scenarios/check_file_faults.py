#!/usr/bin/env python3
"""Every call of the program to the system fails in turn, for files that are saved or restored.

For each of `create` and `extract` (into an empty directory, over changed files, with --continue), each
kind of call and each error, such calls fail one at a time. What the command then says has to be true:
status 0 if everything is as it was asked for, in every detail, and otherwise a message. No file may be
left under its name with something that is not whole, and nothing is lost in the repository.

FAULTS_PER_CALL is how many calls of a kind are tried for each command, spread over all of them; 0 tries
every one. FAULTS_ONLY is a part of what is tried, as in "extract: stat".
"""

import fcntl
import filecmp
import os
import random
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

ARCHIVIST = os.path.realpath(
    os.environ.get("ARCHIVIST")
    or os.path.join(os.path.dirname(__file__), "../../.build/release/archivist"))
PER_CALL = int(os.environ.get("FAULTS_PER_CALL", "2"))
ONLY = os.environ.get("FAULTS_ONLY", "")
HERE = os.path.dirname(os.path.realpath(__file__))

EPERM, EIO, EAGAIN, ENOMEM, EINVAL, EMFILE, ENOSPC, EMLINK, ENOSYS, ESTALE = (
    1, 5, 11, 12, 22, 24, 28, 31, 38, 116)
READING = {
    "open": [EIO, EMFILE], "read": [EIO], "stat": [EIO, ENOSYS], "list": [EIO], "readlink": [EIO],
    "listxattr": [EIO], "getxattr": [EIO], "ioctl": [EIO], "lseek": [EIO, EINVAL], "close": [EIO],
    "mmap": [ENOMEM], "thread": [EAGAIN], "random": [ENOSYS],
}
WRITING = {
    "open": [EIO, ENOSPC], "read": [EIO], "stat": [EIO, ENOSYS], "write": [EIO, ENOSPC],
    "truncate": [EIO], "close": [EIO], "chown": [EIO, EPERM], "chmod": [EIO, EPERM],
    "utimens": [EIO], "setxattr": [ENOSPC], "removexattr": [EIO], "getxattr": [EIO],
    "listxattr": [EIO], "ioctl": [EIO, ESTALE], "link": [EIO, EMLINK], "symlink": [ENOSPC],
    "mknod": [EPERM], "mkdir": [ENOSPC], "rename": [EIO], "unlink": [EIO], "lseek": [EIO],
    "mmap": [ENOMEM], "thread": [EAGAIN],
}
# The command, the directory that it runs in, where calls fail, and which.
COMMANDS = {
    "create": (["create", "--files-cache", "disabled", "repo::new", "tree"], ".", "tree", READING),
    "create again": (["create", "--list", "repo::new", "changed"], ".", "changed", READING),
    "extract": (["extract", "../repo::one"], "empty", "empty", WRITING),
    "extract over": (["extract", "../repo::one"], "over", "over", WRITING),
    "extract on": (["extract", "--continue", "../repo::one"], "over", "over", WRITING),
}


class Failed(Exception):
    pass


def has_no_access_time(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        flags = fcntl.ioctl(descriptor, 0x80086601, bytes(8))
        return bool(int.from_bytes(flags, sys.byteorder) & 0x80)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def picture(top, has_links=True):
    """Everything about what is in a directory that a restored one has to have.

    Without links, a file whose other names are missing is what it was.
    """
    found, inodes = {}, {}
    for directory, directories, files in os.walk(top):
        for name in directories + files:
            path = os.path.join(directory, name)
            about = os.lstat(path)
            key = os.path.relpath(path, top)
            facts = [oct(about.st_mode), about.st_uid, about.st_gid, about.st_mtime_ns]
            if stat.S_ISREG(about.st_mode):
                with open(path, "rb") as file:
                    facts.append(hash(file.read()))
                if has_links and about.st_nlink > 1:
                    facts += [about.st_nlink, inodes.setdefault(about.st_ino, key)]
            elif stat.S_ISLNK(about.st_mode):
                facts.append(os.readlink(path))
            elif not stat.S_ISDIR(about.st_mode):
                facts.append(about.st_rdev)
            facts.append(sorted(
                (name, os.getxattr(path, name, follow_symlinks=False))
                for name in os.listxattr(path, follow_symlinks=False)))
            if stat.S_ISREG(about.st_mode) or stat.S_ISDIR(about.st_mode):
                facts.append(has_no_access_time(path))
            found[key] = facts
    return found


class Place:
    """A directory with a copy of everything, for one thread."""

    def __init__(self, directory, library):
        self.directory, self.library = directory, library
        self.model = directory + ".model"
        os.mkdir(directory)

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def run(self, arguments, cwd=".", under=None, **fault):
        environment = {
            "PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC",
            "ARCHIVIST_BASE_DIR": self.path("home"),
        }
        if fault:
            environment |= {
                "LD_PRELOAD": self.library, "FAULT_UNDER": self.path(under),
                "FAULT_DONE": self.path("done"),
            } | {f"FAULT_{key.upper()}": str(value) for key, value in fault.items()}
        result = subprocess.run(
            [ARCHIVIST, *arguments], cwd=self.path(cwd), env=environment,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=120)
        if re.search(r"Fatal error|\.swift:|Stack dump|libswift", result.stderr):
            raise Failed(f"a crash: {result.stderr}")
        if result.returncode < 0 and not fault.get("kill"):
            raise Failed(f"signal {-result.returncode}")
        return result

    def must(self, *arguments, cwd="."):
        result = self.run(arguments, cwd)
        if result.returncode != 0:
            raise Failed(f"{' '.join(arguments)}: {result.returncode}: {result.stderr}")

    def make_tree(self, name, generator):
        tree = self.path(name)
        os.makedirs(tree + "/a/b/c")
        for number in range(8):
            with open(f"{tree}/a/f{number}", "wb") as file:
                file.write(generator.randbytes(generator.randrange(1, 20_000)))
        with open(tree + "/large", "wb") as file:
            file.write(generator.randbytes(700_000))
        with open(tree + "/holes", "wb") as file:
            file.seek(300_000)
            file.write(b"x" * 5000)
            file.truncate(800_000)
        open(tree + "/empty", "wb").close()
        os.link(tree + "/a/f1", tree + "/a/b/l1")
        os.link(tree + "/a/f1", tree + "/a/b/c/l2")
        os.symlink("../x", tree + "/a/link")
        os.mkfifo(tree + "/fifo", 0o640)
        os.mknod(tree + "/device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        os.setxattr(tree + "/a/f2", "user.k", b"v" * 50)
        os.setxattr(tree + "/a/b", "user.k", b"v" * 50)
        os.chown(tree + "/a/f3", 1000, 1001)
        os.chmod(tree + "/a/f4", 0o4755)
        os.chmod(tree + "/a/b", 0o2750)
        subprocess.run(["setfacl", "-m", "u:1000:rw", tree + "/a/f5"])
        subprocess.run(["chattr", "+A", tree + "/a/f6", tree + "/a/b/c"], capture_output=True)
        for number in range(8):
            os.utime(f"{tree}/a/f{number}", ns=(1, 1_600_000_000_123_456_789 + number))
        for directory in "/a/b", "/a", "":
            os.utime(tree + directory, ns=(1, 1_500_000_000_000_000_000))

    def make(self):
        generator = random.Random(1)
        self.make_tree("tree", generator)
        self.make_tree("changed", generator)
        self.must("init", "-e", "none", "repo")
        self.must("create", "repo::one", "tree")
        self.must("create", "repo::two", "changed")
        with open(self.path("changed/a/f0"), "ab") as file:
            file.write(b"more")
        for name in "empty", "over":
            os.mkdir(self.path(name))
        self.must("extract", "../repo::one", cwd="over")
        for name in "a/f1", "a/f2", "large":
            with open(self.path("over/tree", name), "r+b") as file:
                file.write(b"another")
        os.chmod(self.path("over/tree/a/f7"), 0o700)
        os.remove(self.path("over/tree/a/link"))
        subprocess.run(["setfacl", "-m", "u:1001:r", self.path("over/tree/a/f0")])
        self.sources = {
            (name, has_links): picture(self.path(name), has_links)
            for name in ("tree", "changed") for has_links in (True, False)}
        subprocess.run(["cp", "-a", self.directory, self.model], check=True)

    def reset(self, command):
        names = ["repo", "home"] if command.startswith("create") else [COMMANDS[command][1]]
        old = [self.path(name) for name in [*names, "done", "restored"]]
        subprocess.run(["rm", "-rf", *old], check=True)
        models = [os.path.join(self.model, name) for name in names]
        subprocess.run(["cp", "-a", *models, self.directory], check=True)
        os.mkdir(self.path("restored"))

    def hit(self):
        return os.path.exists(self.path("done"))


def is_said(path, top, said):
    """Whether a path is named, or a directory that it is in."""
    while path:
        if f"{top}/{path}: " in said:
            return True
        path = os.path.dirname(path)
    return f"{top}: " in said


def count(place, command):
    """How many calls of each kind a command makes."""
    arguments, cwd, under, _ = COMMANDS[command]
    place.reset(command)
    path = place.path("counts")
    place.run(arguments, cwd, under, counts=path)
    with open(path, encoding="ascii") as file:
        return {call: int(number) for call, number in (line.split() for line in file)}


def look_for_remains(place, cwd, said):
    """After a restore: every file is whole, or what was there before, or it is said."""
    for directory, _, names in os.walk(place.path(cwd, "tree")):
        for name in names:
            mine = os.path.join(directory, name)
            path = os.path.relpath(mine, place.path(cwd))
            if os.path.islink(mine) or not os.path.isfile(mine) or "could not be removed" in said:
                continue
            before = os.path.join(place.model, cwd, path)
            if not any(
                os.path.isfile(known) and filecmp.cmp(mine, known, False)
                for known in (place.path(path), before)
            ):
                raise Failed(f"{path} is not whole: {said}")


def try_one(place, command, call, error, at):
    arguments, cwd, under, _ = COMMANDS[command]
    place.reset(command)
    result = place.run(arguments, cwd, under, call=call, at=at, error=error)
    if not place.hit():
        return "not reached"
    status, said = result.returncode, result.stderr
    if status not in (0, 1, 2):
        raise Failed(f"exit status {status}: {said}")
    if status != 0 and not re.search(r"^(Warning|Error): ", said, re.M):
        raise Failed(f"exit status {status}, and nothing is said: {said}")
    if command.startswith("create"):
        top, mine = under, place.path("restored", under)
        if status < 2:
            place.must("extract", "../repo::new", cwd="restored")
        place.must("check", "--verify-data", "repo")
    else:
        top, mine = "tree", place.path(cwd, "tree")
        look_for_remains(place, cwd, said)
    if status < 2:
        wanted = place.sources[top, status == 0]
        found = picture(mine, status == 0)
        for path in sorted(path for path in wanted | found if wanted.get(path) != found.get(path)):
            if status == 0:
                raise Failed(
                    f"0, and {path} is {found.get(path)} instead of {wanted.get(path)}: {said}")
            # What is said of one name of a file is said of all.
            names = [path] + [
                other for other in found if path in found and other != path
                and os.path.samestat(os.lstat(os.path.join(mine, other)), os.lstat(os.path.join(mine, path)))]
            if not any(is_said(name, top, said) for name in names):
                raise Failed(f"{path} differs, and that is not said: {said}")
    return f"exit status {status}"


def chosen(total):
    if not PER_CALL or total <= PER_CALL:
        return range(1, total + 1)
    step = (total - 1) / (PER_CALL - 1) if PER_CALL > 1 else total
    return sorted({round(1 + step * n) for n in range(PER_CALL)})


def main():
    directory = tempfile.mkdtemp(prefix="archivist-faults.", dir=os.environ.get("SCENARIO_TMPDIR"))
    verdicts, failures = {}, []
    try:
        library = os.path.join(directory, "faults.so")
        subprocess.run(
            ["gcc", "-O1", "-shared", "-fPIC", "-o", library, os.path.join(HERE, "faults.c"),
             "-ldl"], check=True)
        tasks = [
            (command, call) for command in COMMANDS for call in COMMANDS[command][3]
            if ONLY in f"{command}: {call}"]
        number = 2 * (os.cpu_count() or 1)

        def work(index):
            place = Place(os.path.join(directory, f"place{index}"), library)
            place.make()
            totals = {}
            for command, call in tasks[index::number]:
                if command not in totals:
                    totals[command] = count(place, command)
                total = totals[command].get(call, 0)
                for error in COMMANDS[command][3][call]:
                    for at in chosen(total):
                        try:
                            verdict = try_one(place, command, call, error, at)
                        except (Failed, OSError, subprocess.SubprocessError) as failure:
                            verdict = "FAILED"
                            failures.append(
                                f"{command}: {call} {at} of {total}, error {error}: {failure}")
                        verdicts[verdict] = verdicts.get(verdict, 0) + 1

        with ThreadPoolExecutor(number) as pool:
            list(pool.map(work, range(number)))
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    for failure in failures[:40]:
        print(failure)
    total = sum(verdicts.values()) - verdicts.get("not reached", 0)
    print(f"  {total} faults: " + ", ".join(f"{n} × {v}" for v, n in sorted(verdicts.items())))
    if not failures:
        figures = os.path.join(HERE, "../../.build/figures")
        os.makedirs(figures, exist_ok=True)
        with open(os.path.join(figures, "check_file_faults"), "w", encoding="ascii") as file:
            file.write(f"calls for files that are saved or restored that failed\t{total}\n")
    sys.exit(1 if failures else 0)


main()
