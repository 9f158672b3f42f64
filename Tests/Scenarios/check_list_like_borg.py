#!/usr/bin/env python3
"""`list --format` prints what borg prints: the same tree, the same formats, the same bytes.

The order of items is not compared: ours are in the order of their paths, borg's in that of their
inodes. Left out are fields whose meaning differs: ids; what depends on how contents are cut, packed
and shared (csize, num_chunks); ctime, which we record for files only; and hard links, of which only
ours have the content in each member (size, digests).
"""

import json
import os
import subprocess
import sys
import tempfile

ARCHIVIST = os.path.realpath(
    os.environ.get("ARCHIVIST")
    or os.path.join(os.path.dirname(__file__), "../../.build/release/archivist"))
BORG = os.environ.get("BORG", "borg")

HASHES = [
    "blake2b", "blake2s", "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_224",
    "sha3_256", "sha3_384", "sha3_512",
]
ITEM_FORMATS = [
    None,
    "{path}{NL}",
    "{bpath}{NUL}",
    "{type}{mode} {uid:>8}{gid:<8}|{user:^10}|{group:*>12}{LF}",
    "{size:8}|{size:<12}|{size:,}|{size:012}|{size:x}{NL}",
    "{mtime} {isomtime} {mtime:%Y/%m/%d %H:%M:%S.%f} {NEWLINE}",
    "{atime:%Y} {SPACE}{TAB}{isoatime}{LF}",
    "{source}>{linktarget}>{extra}{NL}",
    "{{literal}} {path:.3} {path:30}|{flags} {health} {archivename}{NL}",
    "{nonsense}",
    "{path",
    "path}",
] + ["{%s} {path}{NL}" % name for name in HASHES]
ARCHIVE_FORMATS = [
    None,
    "{archive}{NL}",
    "{name:>20}|{barchive:<20}|{comment}|{bcomment}{NUL}",
    "{time:%Y-%m-%d} {start} {hostname} {username} {tam}{NL}",
    "{nonsense}",
]


def main():
    failures = []
    with tempfile.TemporaryDirectory(prefix="archivist-scenario.") as directory:
        environment = {
            "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "Europe/Berlin",
            "HOME": directory, "ARCHIVIST_BASE_DIR": directory, "ARCHIVIST_PASSPHRASE": "a5dff4e8b0d13ac9662b1f0c8e7d9a34",
            "BORG_BASE_DIR": directory, "BORG_PASSPHRASE": "a5dff4e8b0d13ac9662b1f0c8e7d9a34",
        }

        def run(program, *arguments, good=(0,)):
            result = subprocess.run(
                [program, *arguments], cwd=directory, env=environment, stdin=subprocess.DEVNULL,
                capture_output=True)
            if result.returncode not in good:
                sys.exit(f"FAILED: {program} {arguments}: {result.stderr.decode()}")
            return result

        make_tree(os.path.join(directory, "tree"))
        for program, init in ((ARCHIVIST, []), (BORG, ["-e", "repokey"])):
            repo = "ours" if program == ARCHIVIST else "theirs"
            run(program, "init", *init, repo)
            for name, time in (("b-1", "2026-05-01T10:00:00"), ("a-2", "2026-06-01T10:00:00"),
                               ("b-3", "2026-07-01T10:00:00")):
                run(program, "create", "--timestamp", time, "--comment", f"c {name}",
                    f"{repo}::{name}", "tree")
            environment["TZ"] = "Europe/Berlin"

        def compare(what, *arguments, archive=""):
            options = [a for a in arguments if a is not None]
            theirs = run(BORG, "list", *options, f"theirs{archive}", good=range(256))
            ours = run(ARCHIVIST, "list", *options, f"ours{archive}", good=range(256))
            if (theirs.returncode == 0) != (ours.returncode == 0):
                failures.append(
                    f"{what}: status {ours.returncode}, borg's {theirs.returncode}: "
                    f"{ours.stderr.decode()}")
            end = b"\0" if b"\0" in theirs.stdout else b"\n"
            theirs, ours = (
                result.stdout.split(end) if theirs.returncode == 0 else []
                for result in (theirs, ours))
            if archive:
                theirs, ours = sorted(theirs), sorted(ours)
            if theirs != ours:
                pair = next((p for p in zip(theirs, ours) if p[0] != p[1]), (theirs, ours))
                failures.append(f"{what}:\n  borg {pair[0]!r}\n  ours {pair[1]!r}")

        count = 0
        for text in ITEM_FORMATS:
            compare(f"items {text}", *(["--format", text] if text else []), archive="::a-2")
            count += 1
        for options in ("--short",), ("--json-lines",), ("--json-lines", "--short"):
            if options == ("--short",):
                compare("items --short", *options, archive="::a-2")
            else:
                theirs, ours = (
                    sorted(
                        (json.loads(line) for line in
                         run(program, "list", *options, f"{repo}::a-2").stdout.splitlines()),
                        key=lambda item: item["path"])
                    for program, repo in ((BORG, "theirs"), (ARCHIVIST, "ours")))
                if theirs != ours:
                    pair = next((p for p in zip(theirs, ours) if p[0] != p[1]), (theirs, ours))
                    failures.append(f"items {options}:\n  borg {pair[0]}\n  ours {pair[1]}")
            count += 1
        selections = [
            [], ["--first", "2"], ["--last", "1"], ["-a", "b-*"], ["-P", "a"],
            ["--sort-by", "name"], ["--sort-by", "name", "--last", "2"],
            ["--sort-by", "timestamp,name"], ["--sort-by", "archive", "--first", "1"],
            ["--sort-by", "nonsense"], ["--first", "0"],
        ]
        for selection in selections:
            compare(f"archives {selection}", "--format", "{archive} {time}{NL}", *selection)
            count += 1
        for text in ARCHIVE_FORMATS:
            if text is None:
                # The id is another one.
                compare("archives", "--short")
            else:
                compare(f"archives {text}", "--format", text)
            count += 1
    if failures:
        print("\n".join(failures))
        sys.exit(1)
    print(f"  {count} listings")


def make_tree(top):
    os.mkdir(top)
    for name, content in (("empty", b""), ("small", b"hello\n"), ("large", b"x" * 3_000_000),
                          ("\u00fcml\u00e4ut", b"abc"), ("spaces  and 'quotes'", b"1")):
        with open(os.path.join(top, name), "wb") as file:
            file.write(content)
    os.mkdir(os.path.join(top, "directory"))
    os.symlink("small", os.path.join(top, "link"))
    os.symlink("nowhere/at/all", os.path.join(top, "directory/broken"))
    os.mkfifo(os.path.join(top, "pipe"))
    os.chmod(os.path.join(top, "small"), 0o4755)
    os.chmod(os.path.join(top, "directory"), 0o1777)
    if os.getuid() == 0:
        os.chown(os.path.join(top, "empty"), 54321, 54322)
    with open(os.path.join(top, "sparse"), "wb") as file:
        file.write(b"begin")
        file.seek(5_000_000)
        file.write(b"end")
        file.truncate(9_000_000)
    for directory, names, files in os.walk(top, topdown=False):
        for number, name in enumerate(sorted(names + files)):
            time = 1_700_000_000_123_456_000 + number * 86_400_000_000_000
            os.utime(os.path.join(directory, name), ns=(time, time), follow_symlinks=False)
    # Whole microseconds: borg rounds what is behind them, through a floating-point number.
    os.utime(top, ns=(1_700_000_000_654_321_000,) * 2)


main()
