"""Runs the programs, and keeps what they needed."""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time

import corpora

STEPS = corpora.Corpus.steps
# What a step cannot do without.
NEEDS = {"unchanged": "first", "changed": "first", "extract": "first", "list": "first",
         "verify": "first", "one": "first"}


class Results:
    """Measurements by scale, corpus, step and program; in a file, so that runs add up."""

    def __init__(self, path):
        self.path = path
        self.all = {"runs": {}, "corpora": {}, "samples": {}}
        if os.path.exists(path):
            with open(path) as file:
                self.all = json.load(file)
        self.run = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

    def note(self, corpus, tools, options):
        self.all["runs"].setdefault(self.run, {
            "command": " ".join(["python3", "Benchmarks/peers", *sys.argv[1:]]),
            "machine": machine(), "rounds": options.rounds, "versions": {}})["versions"].update(
            {tool.name: tool.version() for tool in tools})
        self.all["corpora"][f"{corpus.scale:g}/{corpus.name}"] = {
            "files": corpus.files, "bytes": corpus.bytes, "title": corpus.title}

    def add(self, corpus, step, tool, sample):
        key = f"{corpus.scale:g}/{corpus.name}/{step}/{tool.name}"
        entry = self.all["samples"].get(key)
        if not entry or entry["run"] != self.run:
            entry = self.all["samples"][key] = {"run": self.run, "of": []}
        entry["of"].append(sample)

    def save(self):
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path + ".new", "w") as file:
            json.dump(self.all, file, indent=1, sort_keys=True)
        os.rename(self.path + ".new", self.path)


def run(corpus, tools, options, results):
    """All rounds of one corpus."""
    results.note(corpus, tools, options)
    wanted = [step for step in STEPS if step in options.steps and step in corpus.steps]
    needed = [step for step in STEPS if step in wanted or any(NEEDS.get(w) == step for w in wanted)]
    one = corpus.one() if "one" in needed else None
    for turn in range(options.rounds):
        order = tools[turn % len(tools):] + tools[:turn % len(tools)]
        with tempfile.TemporaryDirectory(prefix="repositories.", dir=options.directory) as directory:
            empty, sizes = {}, {}
            for tool in order:
                home = f"{directory}/{tool.name}.home"
                os.makedirs(home)
                if hasattr(tool, "setup"):
                    execute(tool, tool.setup(f"{directory}/{tool.name}"), home, corpus.place)
                    # What an empty one takes up, space that is set aside for instance, is no growth.
                    empty[tool.name] = sizes[tool.name] = used(f"{directory}/{tool.name}")
            for step in needed:
                if step == "changed":
                    corpus.change()
                if step in ("first", "changed"):
                    # What was changed less than two seconds ago is read again.
                    time.sleep(3)
                try:
                    for tool in order:
                        if step not in tool.steps():
                            continue
                        if step in ("first", "changed"):
                            warm(corpus.path)
                        if step in ("first", "changed", "extract"):
                            touch(f"{options.target}/peers.touched", corpus.bytes)
                        sample = measure(corpus, step, tool, directory, one, options)
                        repository = f"{directory}/{tool.name}"
                        if step in ("first", "unchanged", "changed"):
                            size = used(repository)
                            sample["repository"] = size - empty.get(tool.name, 0)
                            sample["growth"] = size - sizes.get(tool.name, 0)
                            sizes[tool.name] = size
                        if step in wanted:
                            results.add(corpus, step, tool, sample)
                            print(f"{corpus.name:5} {step:10} {tool.name:16} "
                                  f"{sample['wall']:7.2f} s, {sample['cpu']:7.2f} s of CPU, "
                                  f"{sample['memory'] / 2**20:5.0f} MiB", flush=True)
                finally:
                    if step == "changed":
                        corpus.revert()
                results.save()


def measure(corpus, step, tool, directory, one, options):
    """One step of one program: what it needed. What it extracts is compared."""
    repository = f"{directory}/{tool.name}"
    command = tool.command(step, repository, corpus.name if step != "extract" or tool.name != "cp"
                           else corpus.path, one)
    if step not in ("extract", "one"):
        return execute(tool, command, f"{repository}.home", corpus.place)
    with tempfile.TemporaryDirectory(prefix="peers.", dir=options.target) as target:
        sample = execute(tool, command, f"{repository}.home", target)
        if step == "extract":
            difference = compare(corpus.path, f"{target}/{corpus.name}")
        else:
            difference = compare(os.path.join(corpus.place, one), os.path.join(target, one))
        if difference:
            sys.exit(f"{tool.name} restored {corpus.name} wrongly: {difference}")
        return sample


def execute(tool, command, home, directory):
    """Runs a command; wall seconds, seconds of CPU, and the most memory it had at once.

    Output goes nowhere. Status 1 is a warning.
    """
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **tool.environment(home)}
    launcher = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launch.py")
    run = subprocess.run(
        [sys.executable, "-I", "-S", launcher, *command], cwd=directory, env=environment,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    sample = json.loads(run.stdout) if run.returncode == 0 else {"status": run.returncode}
    if sample.pop("status") not in (0, 1):
        sys.exit(f"{' '.join(command)}: {run.stderr[-800:]}")
    return sample


def warm(path):
    """Reads all that is to be backed up: nobody finds it colder than the others."""
    for directory, _, names in os.walk(path):
        for name in names:
            if os.path.isfile(f"{directory}/{name}") and not os.path.islink(f"{directory}/{name}"):
                with open(f"{directory}/{name}", "rb") as file:
                    while file.read(1 << 20):
                        pass


def touch(path, size):
    """Takes memory for what is to be written, and lets it go.

    On a virtual machine, memory that nobody had for a while costs its next user more than the rest.
    """
    piece = bytes(1 << 20)
    with open(path, "wb") as file:
        for _ in range(size >> 20):
            file.write(piece)
    os.unlink(path)


def used(directory):
    """Bytes of all files."""
    return sum(os.lstat(os.path.join(parent, name)).st_size
               for parent, _, names in os.walk(directory) for name in names)


def compare(a, b):
    """The first difference between two files or trees: type, mode, time, size, contents."""
    if not os.path.lexists(b):
        return f"{b} is missing"
    first, second = os.lstat(a), os.lstat(b)
    if first.st_mode != second.st_mode:
        return f"{b} has another mode"
    if os.path.isdir(a):
        names = sorted(os.listdir(a))
        if names != sorted(os.listdir(b)):
            return f"{b} has other entries"
        for name in names:
            difference = compare(os.path.join(a, name), os.path.join(b, name))
            if difference:
                return difference
        return None
    if first.st_mtime_ns != second.st_mtime_ns:
        return f"{b} has another time"
    with open(a, "rb") as left, open(b, "rb") as right:
        while True:
            block = left.read(1 << 20)
            if block != right.read(1 << 20):
                return f"{b} has other contents"
            if not block:
                return None


def machine():
    """Processor, memory, kernel."""
    model = "unknown processor"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) / 2**20
    return (f"{os.cpu_count()} × {model}, {memory:.0f} GiB, Linux {platform.release()}")
