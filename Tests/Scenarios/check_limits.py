#!/usr/bin/env python3
"""Hostile objects cost no more memory and time than docs/reliability.md says.

Whoever has a key can make any object. Here such repositories are made, by the code that makes the
vectors of docs/format.md: with counts that promise more than there is, packed blocks that unpack to
gigabytes, trees that are deeper and wider than any archive, files of a terabyte. Every command on
them has to end, not by a signal, within MEMORY and SECONDS of processor time; key slots have limits of
their own. LIMITS_FACTOR=N multiplies the time, for slow machines.
"""

import hashlib
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
ARCHIVIST = os.path.realpath(
    os.environ.get("ARCHIVIST") or os.path.join(HERE, "../../.build/release/archivist"))
from forged import Repository, format

import zstandard  # what generate.py needs as well

MEBI = 1 << 20
MEMORY, SECONDS = 768 * MEBI, 20 * float(os.environ.get("LIMITS_FACTOR", "1"))
# A key slot may ask for 1 GiB, and for ten seconds of a machine of 2023.
KEY_MEMORY, KEY_SECONDS = 1280 * MEBI, 60 * float(os.environ.get("LIMITS_FACTOR", "1"))
# What opening costs when one of them is good, and of the default cost.
GOOD_MEMORY, GOOD_SECONDS = 160 * MEBI, 3 * float(os.environ.get("LIMITS_FACTOR", "1"))
varint, blob, fields, node = format.varint, format.blob, format.fields, format.node


def raw_segment(repository, plaintext, raw_length, references, type=1):
    """A segment with one block whose plaintext is given, and described at will."""
    ring = repository.ring
    head = format.header(type, ring, salt=format.fixed("raw"))
    key = ring.object_key(format.reader.Header(format.Reader(head)), format.reader.TYPES[type])
    sealed = format.seal(ring.suite, key, format.reader.nonce(0, 0), head, plaintext)
    body = format.directory([head], [(len(sealed), 0, 0, references, raw_length)])
    data = head + sealed
    size = format.padded(len(data) + 56 + len(body))
    listing = (struct.pack(">Q", len(body)) + body).ljust(size - len(data) - 48, b"\0")
    key = ring.object_key(format.reader.Header(format.Reader(head)), "index")
    sealed = format.seal(ring.suite, key, format.reader.nonce(1, 0), head, listing)
    trailer = struct.pack(">QQ", len(data), len(sealed))
    data += sealed + format.seal(ring.suite, key, format.reader.nonce(2, 0), head, trailer)
    repository.named("segments", data)


def bomb(size, window=None):
    """A Zstandard frame of that many zeros, which does not say so."""
    parameters = zstandard.ZstdCompressionParameters(compression_level=1, **(
        {"window_log": window} if window else {}))
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    zeros, data = bytes(4 * MEBI), b""
    for _ in range(size // len(zeros)):
        data += compressor.compress(zeros)
    return data + compressor.flush()


def zstd_bomb(repository, declared=1000, window=None):
    chunk = (b"\7" * 32, declared)
    plaintext = struct.pack(">BI", 2, declared) + bomb(1 << 30, window)
    raw_segment(repository, plaintext, declared, [chunk])
    repository.file(size=varint(declared), chunks=format.reference(chunk))


def zstd_bomb_of_full_size(repository):
    zstd_bomb(repository, 32 * MEBI)


def zstd_window(repository):
    zstd_bomb(repository, 32 * MEBI, 27)


def wide_tree(repository, length=1):
    """A list of 25,000³ chunks, in four nodes."""
    child = repository.node(node(
        3, 0, [format.reference((b"\5" * 32, length))] * 25_000))
    count = 25_000
    for level in (1, 2):
        count *= 25_000
        entry = child + varint(count // 25_000) + varint(count // 25_000 * length)
        child = repository.node(node(4, level, [entry] * 25_000))
    repository.file(size=varint(count * length), tree=child + varint(count) + varint(count * length))


def wide_tree_of_nothing(repository):
    wide_tree(repository, 0)


def wide_tree_of_one_chunk(repository):
    """The same, of a chunk that is there: it has no bytes, so that nothing ever fills the disk."""
    reference = format.chunk(repository.ring, b"")
    raw_segment(repository, struct.pack(">BI", 0, 0), 0, [reference])
    child = repository.node(node(3, 0, [format.reference(reference)] * 25_000))
    count = 25_000
    for level in (1, 2):
        count *= 25_000
        entry = child + varint(count // 25_000) + varint(0)
        child = repository.node(node(4, level, [entry] * 25_000))
    repository.file(size=varint(0), tree=child + varint(count) + varint(0))


def deep_tree(repository):
    """Items of items, twelve levels of them, and a node that names its own level."""
    child = repository.node(node(1, 0, [format.item_entry(b"", b"a", format.plain(0o040755))]))
    other = repository.node(node(1, 0, [format.item_entry(b"", b"b", format.plain(0o040755))]))
    for level in range(1, 40):
        entries = [format.path_entry(b"", b"a") + child + varint(level),
                   format.path_entry(b"a", b"b") + other + varint(1)]
        child = repository.node(node(2, min(level, 255), entries))
    repository.archive(child, 41)
    repository.segments()


def counts(repository):
    """Everything that begins with a count begins with an enormous one."""
    most = varint(2**64 - 1)
    repository.sealed("index", 3, most)
    repository.sealed("index", 3, varint(2**20) + b"\0" * 1000)
    for kind in (1, 2, 3, 4):
        root = repository.node(bytes([kind, 0 if kind in (1, 3) else 1]) + most + bytes(100))
        repository.archive(root, 2**63)
    repository.segments()
    repository.sealed("doomed", 8, varint(2) + most)
    repository.sealed("labels", 9, varint(2) + varint(2**40) + b"x")
    repository.sealed("locks", 5, varint(1) + most + b"x")


def large_index(repository):
    """As many entries as an index object may hold bytes for."""
    head = format.header(1, repository.ring)
    directory = varint(1) + head + varint(0) + varint(0)
    entries = [
        hashlib.sha256(b"%d" % n).digest() + varint(4096) + directory for n in range(500_000)]
    repository.sealed("index", 3, varint(len(entries)) + b"".join(entries))
    repository.archive()


def large_directory(repository):
    """A segment with as many chunks as there may be, all in one block of zeros."""
    references = [(hashlib.sha256(b"%d" % n).digest(), 4) for n in range(1 << 18)]
    raw_segment(repository, struct.pack(">BI", 3, 1 << 20), 1 << 20, references)
    repository.archive()


def large_node(repository):
    """Items of a megabyte, in a node of the greatest size: with as many entries as possible."""
    entries, before = [], b""
    for number in range(60_000):
        path = b"%06d" % number
        entries.append(format.item_entry(before, path, fields({2: varint(0o040755)})))
        before = path
    repository.archive(repository.node(node(1, 0, entries)), len(entries))
    repository.segments()


def large_manifest(repository):
    roots = b"".join(blob(b"/%d" % n) + format.timestamp(1) for n in range(60_000))
    repository.archive(fields={9: blob(b"x") * 100_000, 13: roots})


def many_small_objects(repository):
    for number in range(1500):
        label = fields({2: b"\1", 4: format.fixed("x"), 6: b"n", 8: format.timestamp(number)})
        for directory, type, body in (("labels", 9, label), ("locks", 5, fields({1: b"create"}))):
            data = format.whole(body, type, repository.ring, salt=format.fixed(f"{number}"))
            repository.put(f"{directory}/{format.fixed(f'{directory} {number}').hex()}", data)
    repository.archive()


def terabytes(repository):
    """Files of a terabyte, which take no room, under names of objects."""
    repository.archive()
    for directory in ("keys", "index", "archives", "labels", "removed", "doomed", "locks",
                   "segments/77"):
        path = os.path.join(repository.path, directory, "77" * 32)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.truncate(1 << 40)


def terabyte_of_configuration(repository):
    with open(os.path.join(repository.path, "config/00000002"), "wb") as file:
        file.truncate(1 << 40)


def costly_slots(repository, number, log_n, p):
    for salt in range(number):
        head = b"arcvslot" + struct.pack(">BBBBI", 1, 1, log_n, p, 8) + format.ID
        head += hashlib.sha256(b"%d" % salt).digest() + bytes(32)
        repository.named("keys", head + bytes(1040))


def beside_a_good_one(number, log_n, p):
    """The good slot is the youngest, and the passphrase is its own."""
    def case(repository):
        costly_slots(repository, number, log_n, p)
        for name in os.listdir(os.path.join(repository.path, "keys")):
            os.utime(os.path.join(repository.path, "keys", name), (1, 1))
        repository.named("keys", format.slot(format.bundle_fields(1), b"a5dff4e8b0d13ac9662b1f0c8e7d9a34"))
    return case


def of_every_cost(repository):
    for log_n in range(15, 21):
        for p in range(1, 5):
            costly_slots(repository, 1, log_n, p)


KEYS = {
    "32 slots that take the most": lambda r: costly_slots(r, 32, 20, 4),
    "one slot that takes the most": lambda r: costly_slots(r, 1, 20, 4),
    "a slot that takes more": lambda r: costly_slots(r, 1, 30, 200),
    "1000 slots": lambda r: costly_slots(r, 1000, 15, 1),
    "slots of every cost": of_every_cost,
}
GOOD = {
    "a good slot beside 32 that take the most": beside_a_good_one(32, 20, 4),
    "a good slot beside 2000 of its cost": beside_a_good_one(2000, 15, 1),
}
CASES = [
    zstd_bomb, zstd_bomb_of_full_size, zstd_window, wide_tree, wide_tree_of_nothing,
    wide_tree_of_one_chunk, deep_tree, counts, large_index, large_directory, large_node,
    large_manifest, many_small_objects, terabytes, terabyte_of_configuration,
]
COMMANDS = {
    "list": ["list", "repo"], "items": ["list", "repo::hostile"],
    "extract": ["extract", "../repo::hostile"], "create": ["create", "repo::new", "tree"],
    "check": ["check", "--verify-data", "repo"], "compact": ["compact", "repo"],
}


def run(arguments, cwd, base, seconds):
    """Exit status, standard error, seconds of processors, and the most memory that it had."""
    environment = {
        "PATH": os.environ["PATH"], "LC_ALL": "C", "ARCHIVIST_BASE_DIR": base,
        "ARCHIVIST_PASSPHRASE": "a5dff4e8b0d13ac9662b1f0c8e7d9a34",
        "ARCHIVIST_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
    }
    with open(os.path.join(base, "err"), "w+b") as errors:
        process = subprocess.Popen(
            # Its own figure would be that of Python, from which it is forked.
            ["/usr/bin/time", "-f", "%M %U %S", "-o", os.path.join(base, "memory"),
             "timeout", "-s", "KILL", str(10 * seconds), ARCHIVIST, *arguments], cwd=cwd,
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors)
        process.wait()
        errors.seek(0)
        text = errors.read().decode(errors="replace")
    with open(os.path.join(base, "memory"), encoding="ascii") as file:
        memory, user, system = file.read().split()[-3:]
    return process.returncode, text, float(user) + float(system), int(memory) * 1024


def main():
    directory = tempfile.mkdtemp(prefix="archivist-limits.", dir=os.environ.get("SCENARIO_TMPDIR"))
    problems, most_memory, most_seconds, runs = [], 0, 0, 0
    try:
        os.mkdir(os.path.join(directory, "tree"))
        with open(os.path.join(directory, "tree/file"), "w", encoding="ascii") as file:
            file.write("something\n")

        def examine(title, commands, memory, seconds, statuses=(0, 1, 2)):
            nonlocal most_memory, most_seconds, runs
            worst = 0, 0
            for name in commands:
                os.makedirs(os.path.join(directory, "home"), exist_ok=True)
                shutil.rmtree(os.path.join(directory, "out"), ignore_errors=True)
                os.mkdir(os.path.join(directory, "out"))
                status, text, took, used = run(
                    COMMANDS[name], os.path.join(directory, "out" if name == "extract" else "."),
                    os.path.join(directory, "home"), seconds)
                runs += 1
                worst = max(worst[0], used), max(worst[1], took)
                if status not in statuses or re.search(r"Fatal|\.swift:|Stack dump", text):
                    problems.append(f"{title}: {name}: exit status {status}: {text[:300]}")
                if took > seconds or used > memory:
                    problems.append(
                        f"{title}: {name}: {took:.1f} s, {used // MEBI} MiB: {text[:300]}")
            most_memory, most_seconds = max(most_memory, worst[0]), max(most_seconds, worst[1])
            if "-v" in sys.argv:
                print(f"{title}: {worst[0] // MEBI} MiB, {worst[1]:.1f} s")
            for name in ("repo", "home"):
                shutil.rmtree(os.path.join(directory, name), ignore_errors=True)

        for case in CASES:
            case(Repository(os.path.join(directory, "repo")))
            examine(case.__name__.replace("_", " "), COMMANDS, MEMORY, SECONDS)
        usual = most_memory, most_seconds
        for title, case in KEYS.items():
            case(Repository(os.path.join(directory, "repo"), 1))
            examine(title, ["list"], KEY_MEMORY, KEY_SECONDS, {2})
        for title, case in GOOD.items():
            case(Repository(os.path.join(directory, "repo"), 1))
            examine(title, ["list"], GOOD_MEMORY, GOOD_SECONDS, {0})
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    for problem in problems:
        print(problem)
    print(f"  {len(CASES) + len(KEYS) + len(GOOD)} hostile repositories, {runs} commands: at most "
          f"{usual[0] // MEBI} MiB and {usual[1]:.1f} s, with costly key slots "
          f"{most_memory // MEBI} MiB and {most_seconds:.1f} s")
    figures = os.path.join(HERE, "../../.build/figures")
    os.makedirs(figures, exist_ok=True)
    with open(os.path.join(figures, "check_limits"), "w", encoding="ascii") as file:
        file.write(f"hostile repositories\t{len(CASES) + len(KEYS) + len(GOOD)}\n")
        file.write(f"most memory for one of them, MiB (bound {MEMORY // MEBI})\t{usual[0] // MEBI}\n")
        file.write(f"longest command on one of them, s\t{usual[1]:.1f}\n")
        file.write(f"most memory for a hostile key slot, MiB\t{most_memory // MEBI}\n")
        file.write(f"longest opening with hostile key slots, s\t{most_seconds:.1f}\n")
    sys.exit(1 if problems else 0)


main()
