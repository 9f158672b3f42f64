#!/usr/bin/env python3
"""Watches what a server is asked for: whichever command runs, reads of segments begin and end at
multiples of 64 KiB, so that nobody who serves a repository learns where in it a file ends."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

program = os.path.realpath(os.environ["ARCHIVIST"])
work = tempfile.mkdtemp(prefix="archivist-scenario.", dir=os.environ.get("SCENARIO_TMPDIR"))
environment = {name: value for name, value in os.environ.items()
               if not name.startswith(("ARCHIVIST_", "BORG_"))}
environment.update(ARCHIVIST_BASE_DIR=f"{work}/home", ARCHIVIST_PASSPHRASE="a5dff4e8b0d13ac9662b1f0c8e7d9a34", LC_ALL="C",
                   ARCHIVIST_OTHER_PASSPHRASE="a5dff4e8b0d13ac9662b1f0c8e7d9a34", ARCHIVIST_CHECK_I_KNOW_WHAT_I_AM_DOING="YES")
granule = 1 << 16


def run(*arguments, status=0, cwd=work):
    done = subprocess.run([program, *arguments], cwd=cwd, env=environment, capture_output=True)
    assert done.returncode == status, (arguments, done.returncode, done.stderr.decode()[-1000:])


# Instead of ssh: the server as a child, with its reads on record.
shell = f"{work}/shell"
with open(shell, "w") as file:
    file.write(f"""#!/bin/sh
while case "$1" in -*) true;; *) false;; esac; do shift; done
shift
exec strace -f -y -o "{work}/trace.$$" -e trace=pread64,fadvise64,read /bin/sh -c "$*"
""")
os.chmod(shell, 0o755)
remote = ["--rsh", shell, "--remote-path", program]
there = f"ssh://localhost{work}/repo"

wide = re.compile(r"pread64\(\d+<([^>]*)>, .*, (\d+), (\d+)\) = (\d+)")
# What is sent without a copy goes in pieces as the pipe takes them; before, the whole is asked for.
announced = re.compile(r"fadvise64\(\d+<([^>]*)>, (\d+), (\d+), POSIX_FADV_WILLNEED")
plain = re.compile(r"read\(\d+<([^>]*/segments/[^>]*)>")


def watched(*arguments, reads=True, **options):
    """Runs a command against the server, and looks at each of its reads of segments."""
    for name in os.listdir(work):
        if name.startswith("trace."):
            os.unlink(f"{work}/{name}")
    run(*arguments[:1], *remote, *arguments[1:], **options)
    count = 0
    for name in os.listdir(work):
        if not name.startswith("trace."):
            continue
        with open(f"{work}/{name}", errors="replace") as file:
            lines = file.read().splitlines()
        for line in lines:
            assert not plain.search(line), f"{arguments}: {line}"
            if found := wide.search(line):
                path, length, start = found[1], int(found[2]), int(found[3])
                if int(found[4]) == 0:
                    continue  # The server sees for itself that the segment ends there.
            elif found := announced.search(line):
                path, start, length = found[1], int(found[2]), int(found[3])
            else:
                continue
            if "/segments/" not in path:
                continue
            count += 1
            end = start + length
            size = os.path.getsize(path) if os.path.exists(path) else None
            assert start % granule == 0, f"{arguments}: reads from byte {start}: {line}"
            assert end % granule == 0 or size is None or end == size, \
                f"{arguments}: reads to byte {end}: {line}"
    assert count > 0 or not reads, f"{arguments}: no read of a segment was seen"
    print(f"  {' '.join(arguments[:2])[:40]:40} {count} reads")


try:
    os.makedirs(f"{work}/tree/many")
    for number, size in enumerate((1, 123_457, 3_000_001, 70_003, 9_876_543)):
        with open(f"{work}/tree/{number}", "wb") as file:
            file.write(os.urandom(size))
    for number in range(3000):
        with open(f"{work}/tree/many/{number}", "wb") as file:
            file.write(os.urandom(number % 700))
    run("init", "repo")
    run("create", "-C", "none", "repo::a", "tree")
    # Each file a segment of its own: its directory begins where the file ends.
    for number in range(5):
        run("create", "-C", "none", f"repo::file-{number}", f"tree/{number}")
    with open(f"{work}/tree/more", "wb") as file:
        file.write(os.urandom(2_345_678))
    run("create", "repo::b", "tree")

    watched("list", f"{there}::a", "--short")
    watched("check", there)
    watched("check", "--verify-data", there)
    os.mkdir(f"{work}/out")
    watched("extract", f"{there}::b", cwd=f"{work}/out")
    watched("extract", f"{there}::a", "tree/1", cwd=f"{work}/out")
    watched("diff", f"{there}::a", "b")
    watched("create", "--files-cache", "disabled", f"{there}::c", "tree", reads=False)
    run("init", "copy")
    watched("copy", there, "copy")
    # Without an index, what segments hold is read from themselves.
    for parent, _, names in os.walk(f"{work}/repo/index"):
        for name in names:
            os.unlink(os.path.join(parent, name))
    shutil.rmtree(f"{work}/home/.cache")
    watched("extract", f"{there}::a", "tree/0", cwd=f"{work}/out")
    watched("check", "--repair", there)
    run("delete", "repo", "b", "file-2")
    watched("compact", "--threshold", "1", there)
    # A damaged block, found and salvaged.
    segments = sorted((os.path.getsize(os.path.join(parent, name)), os.path.join(parent, name))
                      for parent, _, names in os.walk(f"{work}/repo/segments") for name in names)
    with open(segments[-1][1], "r+b") as file:
        file.seek(400_000)
        file.write(b"damage")
    watched("check", "--verify-data", there, status=1)
    watched("check", "--repair", "--verify-data", there, status=1)
finally:
    subprocess.run(["chmod", "-R", "u+rwX", work])
    shutil.rmtree(work)
