"""How each program is told to make a backup, and to restore it: here, and over ssh."""

import os
import shlex
import shutil

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))


class Program:
    """One program; `place` is the directory of its repository, which `ssh` leads to if it is given."""

    def __init__(self, name, binary):
        self.name = name
        self.binary = binary

    def url(self, place, ssh):
        return f"ssh://peer{place}" if ssh else place


class Archivist(Program):
    def init(self, url, ssh, runner):
        return [self.binary, "init", url]

    def create(self, url, path, ssh, runner):
        return [self.binary, "create", f"{url}::a", path]

    def extract(self, url, ssh, runner):
        return [self.binary, "extract", f"{url}::a"]

    def environment(self, home, ssh, runner):
        return {"ARCHIVIST_BASE_DIR": home, "ARCHIVIST_PASSPHRASE": "a5dff4e8b0d13ac9662b1f0c8e7d9a34",
                **self.way("ARCHIVIST", ssh, runner)}

    def way(self, prefix, ssh, runner):
        return {f"{prefix}_RSH": shlex.join(ssh),
                f"{prefix}_REMOTE_PATH": shlex.join([*runner.watched("server"), self.binary])
                } if ssh else {}


class Borg(Archivist):
    def init(self, url, ssh, runner):
        return [self.binary, "init", "-e", "repokey", url]

    def environment(self, home, ssh, runner):
        return {"BORG_BASE_DIR": home, "BORG_PASSPHRASE": "secret",
                "BORG_RELOCATED_REPO_ACCESS_IS_OK": "yes", **self.way("BORG", ssh, runner)}


class Restic(Program):
    """Its server is sftp, which is a part of sshd here."""

    def url(self, place, ssh):
        return f"sftp:peer:{place}" if ssh else place

    def common(self, url, ssh):
        way = ["-o", f"sftp.command={shlex.join([*ssh, 'peer', '-s', 'sftp'])}"] if ssh else []
        return [self.binary, "-q", *way, "-r", url]

    def init(self, url, ssh, runner):
        return [*self.common(url, ssh), "init"]

    def create(self, url, path, ssh, runner):
        return [*self.common(url, ssh), "backup", path]

    def extract(self, url, ssh, runner):
        return [*self.common(url, ssh), "restore", "latest", "--target", "."]

    def environment(self, home, ssh, runner):
        return {"RESTIC_PASSWORD": "secret", "RESTIC_CACHE_DIR": home, "HOME": home}


def find():
    """All programs that are on this machine."""
    archivist = os.environ.get("ARCHIVIST", f"{ROOT}/.build/release/archivist")
    known = [
        Archivist("archivist", os.path.realpath(archivist)),
        Borg("borg", os.environ.get("BORG") or shutil.which("borg")),
        Restic("restic", os.environ.get("RESTIC") or shutil.which("restic")),
    ]
    return {program.name: program for program in known
            if program.binary and os.path.exists(program.binary)}
