"""How each program is told to do each step."""

import json
import os
import shutil
import subprocess

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))


class Program:
    """One program in one configuration.

    `prefix` comes before each command. Every program has its caches and its passphrase; where it
    keeps its repository, and what is in `environment`, is for the runner to say.
    """

    versions = ("--version",)

    def __init__(self, name, binary, prefix=(), compression="lz4"):
        self.name = name
        self.binary = binary
        self.prefix = list(prefix)
        self.compression = compression

    def version(self):
        told = subprocess.run([self.binary, *self.versions], capture_output=True, text=True).stdout
        return told.splitlines()[0] if told else "unknown"

    def steps(self):
        return ("first", "unchanged", "changed", "extract", "list", "verify", "one")

    def command(self, step, repository, path, one):
        return [*self.prefix, self.binary, *self.arguments(step, repository, path, one)]


class Archivist(Program):
    init = ("init", "-e", "aes256-gcm")

    def setup(self, repository):
        return [self.binary, *self.init, repository]

    def arguments(self, step, repository, path, one):
        create = ("create", "-C", self.compression)
        return {
            "first": (*create, f"{repository}::first", path),
            "unchanged": (*create, f"{repository}::second", path),
            "changed": (*create, f"{repository}::third", path),
            "extract": ("extract", *self.sparse, f"{repository}::first"),
            "list": ("list", f"{repository}::first"),
            "verify": ("check", "--verify-data", repository),
            "one": ("extract", *self.sparse, f"{repository}::first", one),
        }[step]

    sparse = ()

    def environment(self, home):
        return {"ARCHIVIST_BASE_DIR": home, "ARCHIVIST_PASSPHRASE": "a5dff4e8b0d13ac9662b1f0c8e7d9a34"}


class Borg(Archivist):
    init = ("init", "-e", "repokey")
    sparse = ("--sparse",)

    def environment(self, home):
        return {"BORG_BASE_DIR": home, "BORG_PASSPHRASE": "secret",
                "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes"}


class BorgBlake(Borg):
    init = ("init", "-e", "repokey-blake2")


class Restic(Program):
    versions = ("version",)

    def setup(self, repository):
        return [self.binary, "init", "-q", "-r", repository]

    def arguments(self, step, repository, path, one):
        common = ("-q", "-r", repository)
        # The first snapshot is the first backup, whatever came later.
        first = "FIRST"
        return {
            "first": (*common, "backup", path),
            "unchanged": (*common, "backup", path),
            "changed": (*common, "backup", path),
            "extract": (*common, "restore", first, "--target", "."),
            "list": ("-r", repository, "ls", first),
            "verify": (*common, "check", "--read-data"),
            "one": (*common, "restore", first, "--target", ".", "--include", f"/{one}"),
        }[step]

    def command(self, step, repository, path, one):
        command = super().command(step, repository, path, one)
        if "FIRST" in command:
            snapshots = subprocess.run(
                [self.binary, "-r", repository, "snapshots", "--json"], capture_output=True,
                check=True, env=os.environ | self.environment(f"{repository}.home")).stdout
            first = min(json.loads(snapshots), key=lambda entry: entry["time"])["id"]
            command[command.index("FIRST")] = first
        return command

    def environment(self, home):
        return {"RESTIC_PASSWORD": "secret", "RESTIC_CACHE_DIR": home, "HOME": home}


class Copy(Program):
    """What the machine needs to copy the files, without any program for backups."""

    def steps(self):
        return ("extract",)

    def command(self, step, repository, path, one):
        return [*self.prefix, self.binary, "-a", os.path.abspath(path), "."]

    def environment(self, home):
        return {}


def find(directory):
    """All configurations whose program is on this machine; borg is installed in a directory if it
    is missing."""
    archivist = os.environ.get("ARCHIVIST", f"{ROOT}/.build/release/archivist")
    one_core = ("taskset", "-c", "0")
    found = [
        Archivist("archivist", archivist),
        Archivist("archivist-1core", archivist, prefix=one_core),
        Archivist("archivist-zstd", archivist, compression="zstd,3"),
        Copy("cp", shutil.which("cp")),
    ]
    borg = os.environ.get("BORG") or first_of("/opt/borg/bin/borg", f"{directory}/venv/bin/borg")
    found += [
        Borg("borg", borg), BorgBlake("borg-blake2", borg),
        Borg("borg-zstd", borg, compression="zstd,3"),
        Restic("restic", os.environ.get("RESTIC") or shutil.which("restic")),
    ]
    return {program.name: program for program in found}


def install_borg(directory):
    """borg 1.4 of PyPI, in an environment of its own."""
    subprocess.run(["python3", "-m", "venv", f"{directory}/venv"], check=True)
    subprocess.run(
        [f"{directory}/venv/bin/pip", "install", "-q", "borgbackup>=1.4,<1.5"], check=True)
    return f"{directory}/venv/bin/borg"


def first_of(*paths):
    return next((path for path in paths if os.path.exists(path)), None)
