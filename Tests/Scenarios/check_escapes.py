#!/usr/bin/env python3
"""No control character of somebody else's reaches a terminal, a pipe or a file.

A repository holds archives, owners, paths, leases and notes whose texts are full of them. Every
command shows these, to a terminal and to pipes, as text and as JSON.
"""

import json
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import time

from forged import Repository, format

HERE = os.path.dirname(os.path.realpath(__file__))
ARCHIVIST = os.path.realpath(
    os.environ.get("ARCHIVIST") or os.path.join(HERE, "../../.build/release/archivist"))
varint, blob, timestamp = format.varint, format.blob, format.timestamp
# Title, clear screen, colour, carriage return, C1, right-to-left override, backspace, delete.
EVIL = b"\x1b]0;pwned\x07\x1b[2J\x1b[31m\r\xc2\x9b31m\xe2\x80\xae\x08\x7f"
UNSAFE = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xa8-\xae]")
NOW = int(time.time())


def evil(text):
    return text.encode() + EVIL


def make(path):
    repository = Repository(path)
    owner = dict(user=evil("user"), group=evil("group"))
    items = [
        (b"d" + EVIL, format.plain(0o040755, **owner)),
        (b"d" + EVIL + b"/empty" + EVIL, format.plain(0o100644, size=varint(0), chunks=b"", **owner)),
        (b"d" + EVIL + b"/link" + EVIL, format.plain(0o120777, target=evil("to"), **owner)),
        (b"d" + EVIL + b"/lost" + EVIL, format.plain(
            0o100644, size=varint(7), chunks=format.reference((b"\5" * 32, 7)), **owner)),
        (b"d" + EVIL + b"/socket" + EVIL, format.plain(0o140755, **owner)),
        (b"d" + EVIL + b"/z\n\x1b[1mline", format.plain(0o100644, size=varint(0), chunks=b"")),
    ]
    entries, before = [], b""
    for name, data in items:
        entries.append(format.item_entry(before, name, data))
        before = name
    described = {3: evil("host"), 5: evil("user"), 9: blob(evil("a")) + blob(evil("b")),
                 1: evil("comment"), 11: evil("series"), 21: evil("program"),
                 13: blob(b"/root" + EVIL) + timestamp(1)}
    root = repository.node(format.node(1, 0, entries))
    repository.archive(root, len(entries), fields={4: evil("archive"), **described})
    # Of another time, and one whose tree is missing.
    repository.archive(root, len(entries), fields={
        4: b"other", 6: timestamp(1_600_000_000), **described})
    repository.archive(b"\6" * 32, 3, fields={4: evil("treeless"), **described})
    repository.segments()
    # A lease that says it runs.
    repository.sealed("locks", 5, format.fields({
        1: evil("operation"), 3: evil("host"), 5: evil("boot"), 7: varint(1), 9: varint(1),
        11: timestamp(NOW), 13: evil("space")}))


def main():
    failures, count = [], 0
    with tempfile.TemporaryDirectory(prefix="archivist-scenario.") as directory:
        environment = {
            "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "xterm",
            "HOME": directory, "ARCHIVIST_BASE_DIR": os.path.join(directory, "base"), "COLUMNS": "200",
            "ARCHIVIST_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
        }
        make(os.path.join(directory, "repo"))
        os.mkdir(os.path.join(directory, "source"))
        # The other machine, which says something before it serves.
        shell = os.path.join(directory, "shell")
        with open(shell, "wb") as file:
            file.write(b"#!/bin/sh\nprintf '%s' '" + EVIL + b"\nlast' >&2\nexec \"$ARCHIVIST\" serve\n")
        os.chmod(shell, 0o700)
        environment["ARCHIVIST"] = ARCHIVIST

        def piped(arguments):
            result = subprocess.run(
                [ARCHIVIST, *arguments], cwd=directory, env=environment, stdin=subprocess.DEVNULL,
                capture_output=True, timeout=120)
            return result.returncode, result.stdout + result.stderr

        def on_terminal(arguments):
            pid, terminal = pty.fork()
            if pid == 0:
                os.chdir(directory)
                os.execve(ARCHIVIST, [ARCHIVIST, *arguments], environment)
            output = b""
            while True:
                try:
                    data = os.read(terminal, 1 << 16)
                except OSError:
                    break
                if not data:
                    break
                output += data
            os.close(terminal)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            # What the progress line, and the terminal itself, are made of.
            for own in (b"\r\n", b"\r\x1b[K"):
                output = output.replace(own, b"\n")
            return status, output

        _, listed = piped(["list", "--json", "repo"])
        archives = json.loads(listed[listed.index(b"{"):listed.rindex(b"}") + 1])["archives"]
        ids = {archive["name"].split("\x1b")[0]: archive["id"] for archive in archives}
        if sorted(ids) != ["archive", "other", "treeless"]:
            sys.exit(f"FAILED: the archives are {sorted(ids)}")
        one, other = f"id:{ids['archive']}", f"id:{ids['other']}"
        archive_format = "{archive} {comment} {hostname} {username} {command_line} {name} {id}{NL}"
        item_format = "{user} {group} {path} {linktarget} {source} {extra} {type} {health}{NL}"
        commands = [
            ["list", "repo"], ["list", "--short", "repo"], ["list", "--json", "repo"],
            ["list", "--format", archive_format, "repo"],
            ["list", f"repo::{one}"], ["list", "--json-lines", f"repo::{one}"],
            ["list", "--format", item_format, f"repo::{one}"],
            ["info", "repo"], ["info", f"repo::{one}"], ["info", "--json", f"repo::{one}"],
            ["check", "repo"], ["check", "-v", "-p", "repo"], ["check", "--verify-data", "repo"],
            ["check", "--repair", "--dry-run", "repo"], ["key", "list", "repo"],
            ["diff", f"repo::{one}", other], ["diff", "--json-lines", f"repo::{other}", one],
            ["prune", "--dry-run", "--list", "--keep-last", "1", "repo"],
            ["delete", "--dry-run", "--list", "-a", "*", "repo"],
            ["create", "-v", "--list", "--dry-run", "repo::new", "source"],
            ["extract", "--list", "--dry-run", f"repo::{one}"],
            ["extract", "--list", f"repo::{one}"], ["extract", "--log-json", f"repo::{one}"],
            ["extract", "repo::@now"], ["compact", "-v", "repo"], ["rename", f"repo::{one}", evil("x")],
            ["list", b"repo::none" + EVIL], [b"nonsense" + EVIL], ["list", b"--nonsense" + EVIL],
            ["list", "--short", "--rsh", shell, f"ssh://host{directory}/repo"],
            ["break-lock", "-v", "repo"], ["delete", f"repo::{one}"],
        ]
        shown = 0
        for command in commands:
            for way in (piped, on_terminal):
                count += 1
                status, output = way(command)
                name = f"{way.__name__}: {b' '.join(map(os.fsencode, command))!r}"
                if status < 0 or b"Fatal error" in output:
                    failures.append(f"{name}: status {status}")
                if found := UNSAFE.search(output):
                    start = max(0, found.start() - 30)
                    failures.append(f"{name}: {output[start:found.end() + 20]!r}")
                shown += b"pwned" in output
                if "--rsh" in command and (status != 0 or b"pwned" not in output or b"last" not in output):
                    failures.append(f"{name}: the other machine is not heard: {output!r}")
        # Else nothing was tried.
        if shown < 40:
            failures.append(f"only {shown} of {count} runs showed any of it")
        # Names for programs are as they are.
        for arguments, wanted in (
                (["list", "--format", "{barchive}{NUL}", "repo"], evil("treeless")),
                (["list", "--format", "{bpath}{NUL}", f"repo::{other}"], b"d" + EVIL)):
            if wanted not in piped(arguments)[1].split(b"\0"):
                failures.append(f"{arguments}: no {wanted!r}")
    if failures:
        print("\n".join(failures))
        sys.exit(1)
    print(f"  {count} runs, {shown} of them with names of somebody else")


main()
