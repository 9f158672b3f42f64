#!/usr/bin/env python3
"""What a client can make `archivist serve` hold in memory and on disk, and what it leaves behind.

The disk is made slow with strace, which delays each fsync."""

import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

PROGRAM = os.environ.get("ARCHIVIST") or str(
    pathlib.Path(__file__).resolve().parents[2] / ".build/release/archivist")
MAGIC = b"\x89ARCSRV\n"
LEASE, ARCHIVE = 9, 4
OPEN, PUT, BEGIN, PIECE, PING = 1, 3, 4, 5, 15
MOST_MEMORY = 150  # MiB; a debug build needs some 30 without any client


def sealed(kind, size):
    """What a server can take for an object: a header in the clear, then noise."""
    head = b"archivst" + bytes([kind, 1, 1, 0]) + struct.pack(">I", 1) + bytes(16 + 4 + 12)
    return head + os.urandom(size - len(head))


class Client:
    def __init__(self, repository, *options):
        self.server = subprocess.Popen(
            [PROGRAM, "serve", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, bufsize=0,
            # A shell starts what it runs in the background with this signal ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        self.answers = {}
        self.heard = threading.Condition()
        body = struct.pack(">HHQ", 1, 1, 0) + b"\x04test"
        self.write(MAGIC + struct.pack(">H", len(body)) + body)
        self.take(8)
        self.take(struct.unpack(">H", self.take(2))[0])
        threading.Thread(target=self.hear, daemon=True).start()
        path = os.fsencode(repository)
        self.last = 0
        assert len(path) < 128
        self.expect(self.send(OPEN, b"\0" + bytes([len(path)]) + path))

    def write(self, data):
        view = memoryview(data)
        while view:
            view = view[self.server.stdin.write(view):]

    def take(self, count):
        data = b""
        while len(data) < count:
            more = self.server.stdout.read(count - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def hear(self):
        try:
            while True:
                length, kind, number = struct.unpack(">IBI", self.take(9))
                body = self.take(length - 5)
                with self.heard:
                    self.answers[number] = (kind, body)
                    self.heard.notify_all()
        except (EOFError, OSError):
            return

    def send(self, kind, body=b"", number=None):
        if number is None:
            self.last += 1
            number = self.last
        self.write(struct.pack(">IBI", len(body) + 5, kind, number) + body)
        return number

    def answer(self, number):
        with self.heard:
            assert self.heard.wait_for(lambda: number in self.answers, 60), "no answer"
            return self.answers[number]

    def expect(self, number):
        kind, body = self.answer(number)
        assert kind == 129, body

    def lease(self, size=4096):
        name = os.urandom(32)
        return name, self.send(PUT, bytes([LEASE]) + name + sealed(5, size))

    def peak(self):
        for line in open(f"/proc/{self.server.pid}/status"):
            if line.startswith("VmHWM"):
                return int(line.split()[1]) // 1024

    def end(self):
        self.server.kill()
        self.server.wait()


def say(text):
    print(f"  {text}", flush=True)


def memory(repository):
    client = Client(repository, "--append-only")
    for _ in range(500):
        # Names that the bytes do not have: refused, after they were read.
        client.send(PUT, bytes([ARCHIVE]) + os.urandom(32) + sealed(4, (1 << 20) - 64))
    client.expect(client.send(PING))
    say(f"500 puts of 1 MiB that are refused: {client.peak()} MiB")
    assert client.peak() < MOST_MEMORY
    client.end()

    client = Client(repository, "--append-only")
    tracer = subprocess.Popen(
        ["strace", "-f", "-q", "-e", "trace=fsync", "-e", "inject=fsync:delay_enter=200000",
         "-o", os.devnull, "-p", str(client.server.pid)], stderr=subprocess.DEVNULL)
    time.sleep(1)
    sent = []

    def feed():
        try:
            for _ in range(400):
                sent.append(client.lease((1 << 20) - 64)[1])
        except (OSError, ValueError):
            pass

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()
    feeder.join(10)
    say(f"a slow disk: {len(sent)} puts of 1 MiB in 10 s, {len(client.answers)} answers, "
        f"{client.peak()} MiB")
    assert client.peak() < MOST_MEMORY
    # It has not been waiting for itself.
    assert len(client.answers) > 10 and len(sent) < 400
    client.end()
    tracer.wait()
    feeder.join(10)
    for name in os.listdir(f"{repository}/locks"):
        os.remove(f"{repository}/locks/{name}")


def leftovers(repository, how):
    for name in os.listdir(f"{repository}/tmp"):
        os.remove(f"{repository}/tmp/{name}")
    client = Client(repository, "--append-only")
    name, number = client.lease()
    client.expect(number)
    for _ in range(10):
        client.send(PIECE, b"x" * 100_000, client.send(BEGIN))
    client.expect(client.send(PING))
    assert len(os.listdir(f"{repository}/tmp")) == 10
    if how is None:
        client.server.stdin.close()
    else:
        client.server.send_signal(how)
    status = client.server.wait(30)
    left = os.listdir(f"{repository}/tmp"), os.listdir(f"{repository}/locks")
    say(f"ended by {how.name if how else 'the end of its input'}: status {status}, left {left}")
    assert left == ([], []), left
    assert status == (0 if how is None else 128 + how), status


def tiny_objects(repository):
    used = int(subprocess.check_output(["du", "-s", "-B1", repository]).split()[0])
    client = Client(repository, "--append-only", "--restrict-to-path", repository,
                    "--storage-quota", f"{(used + 6_000_000) // 1000}K")
    numbers = [client.lease()[1] for _ in range(1500)]
    stored = sum(client.answer(number)[0] == 129 for number in numbers)
    say(f"{stored} of 1500 tiny objects fit in 6 MB")
    assert 300 < stored < 1400, stored
    client.end()


def main():
    if shutil.which("strace") is None:
        print("strace is missing")
        return 1
    with tempfile.TemporaryDirectory(dir=os.environ.get("SCENARIO_TMPDIR")) as work:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ARCHIVIST_")}
        environment["ARCHIVIST_BASE_DIR"] = f"{work}/home"
        repository = f"{work}/repo"
        subprocess.run([PROGRAM, "init", "-e", "none", repository], env=environment, check=True)
        memory(repository)
        for how in (None, signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            leftovers(repository, how)
        tiny_objects(repository)
    return 0


sys.exit(main())
