"""Runs commands that talk over ssh, and tells what each party to it needed."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TICK = os.sysconf("SC_CLK_TCK")


class Server:
    """A private sshd on loopback, with keys of its own, in a directory; behind a proxy that lets so
    many MiB a second through, if `rate` is given."""

    sshd = os.path.join(HERE, "../../Tests/Services/sshd.sh")
    proxy = os.path.join(HERE, "../../Tests/Services/tcpfault.py")

    def __init__(self, directory, rate=None):
        self.directory = directory
        self.rate = rate

    def __enter__(self):
        said = assignments(self.sshd, "start", self.directory)
        self.pid, self.config = int(said["SSHD_PID"]), said["SSH_CONFIG"]
        if self.rate:
            port = said["SSHD_PORT"]
            said = assignments(self.proxy, "start", self.directory, port, "--seconds", "86400",
                               "--rate", f"{self.rate * 1024:.0f}")
            text = read(self.config).replace(f"  Port {port}", f"  Port {said['PROXY_PORT']}")
            with open(self.config, "w") as file:
                file.write(text)
        return self

    def __exit__(self, *_):
        if self.rate:
            subprocess.run([self.proxy, "stop", self.directory], check=True)
        subprocess.run([self.sshd, "stop", self.directory], check=True)

    def used(self):
        """Seconds of CPU of all connections so far, once they have ended."""
        end = time.monotonic() + 20
        while read(f"/proc/{self.pid}/task/{self.pid}/children").split():
            if time.monotonic() > end:
                sys.exit("a connection to the server does not end")
            time.sleep(0.02)
        fields = read(f"/proc/{self.pid}/stat").rsplit(")", 1)[1].split()
        return (int(fields[13]) + int(fields[14])) / TICK


class Runner:
    """Runs one command at a time, all parties watched; reports are kept in a directory."""

    def __init__(self, server, directory):
        self.server = server
        self.directory = f"{directory}/reports"

    def watched(self, party):
        """What goes in front of a command, to have it watched as this party."""
        return [sys.executable, "-I", "-S", f"{HERE}/watch.py", f"{self.directory}/{party}"]

    def ssh(self, cipher):
        """The ssh of all clients."""
        return ["ssh", "-F", self.server.config, "-c", cipher, "-o", "Compression=no"]

    def run(self, command, environment, directory, stdin=None):
        """Runs a command as the client; a dictionary of what each party needed."""
        shutil.rmtree(self.directory, ignore_errors=True)
        os.makedirs(self.directory)
        before = self.server.used()
        source = None
        if stdin:
            # Through a pipe, as ssh gets it from any program.
            source = subprocess.Popen(["cat", stdin], stdout=subprocess.PIPE)
        done = subprocess.run(
            [*self.watched("client"), *command], cwd=directory, text=True, errors="replace",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **environment},
            stdin=source.stdout if source else subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE)
        if source:
            source.stdout.close()
            source.wait()
        if done.returncode not in (0, 1):
            sys.exit(f"{shlex.join(command)}: {done.stderr[-800:]}")
        connections = self.server.used() - before
        parties = {name: json.loads(read(f"{self.directory}/{name}"))
                   for name in os.listdir(self.directory)}
        if connections > 0:
            there = parties.get("server", {"cpu": 0, "watching": 0})
            cpu = max(0, round(connections - there["cpu"] - there["watching"], 2))
            # It has one thread.
            parties["sshd"] = {"cpu": cpu, "threads": [("sshd", cpu)]}
        return Sample(parties)


class Sample:
    """What one run needed."""

    def __init__(self, parties):
        self.parties = parties
        self.wall = parties["client"]["wall"]
        self.cpu = sum(party["cpu"] for party in parties.values())
        self.busiest = max(
            (thread[1] for party in parties.values() for thread in party["threads"]), default=0)

    def of(self, party, what="cpu"):
        return self.parties.get(party, {}).get(what)

    def least(self, cores):
        """Seconds that it takes at least on so many cores that do nothing else."""
        return max(self.cpu / cores, self.busiest)


def assignments(*command):
    """What a command prints for a shell to assign."""
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(word.split("=", 1) for word in shlex.split(said))


def read(path):
    with open(path) as file:
        return file.read()
