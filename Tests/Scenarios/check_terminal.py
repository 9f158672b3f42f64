#!/usr/bin/env python3
"""docs/usage/terminal.md shows what a person at a terminal of 80 columns sees.

The commands of the page run in one shell, on a terminal of their own. Passphrases are typed where they
are asked for. What the screen shows at the end of each command is compared with the page; times, ids
and sizes that differ from run to run are masked. With --write the page gets what is shown now.
"""

import fcntl
import os
import pty
import re
import select
import struct
import sys
import tempfile
import termios
import time

HERE = os.path.dirname(os.path.realpath(__file__))
ARCHIVIST = os.path.realpath(
    os.environ.get("ARCHIVIST") or os.path.join(HERE, "../../.build/release/archivist"))
PAGE = os.path.join(HERE, "../../docs/usage/terminal.md")
COLUMNS = 80
PASSPHRASE = "orbit velvet canyon thunder maple quartz lantern bishop"
MASKS = [
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\+00:00)?", "TIME"),
    (r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), TIME", "TIME"),
    (r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", "ID"), (r"(?<![0-9a-z])(?=[0-9a-f]*\d)[0-9a-f]{6,16}(?![0-9a-z])", "ID"),
    (r"\d+\.\d\d seconds", "DURATION"), (r"\d+(\.\d+)? [kM]?B", "SIZE"), (r"process \d+", "PROCESS"),
    (r" +", " "),
]


def blocks(lines):
    """The parts of the page: hidden commands, and blocks as (first line, end, commands)."""
    found, number = [], 0
    while number < len(lines):
        comment = re.fullmatch(r"<!--\s*run:?\s*(.*?)\s*-->", lines[number].strip())
        if comment:
            found.append((number, number + 1, [comment[1]], True))
        elif lines[number] == "```console":
            end = lines.index("```", number)
            commands = [line[2:] for line in lines[number:end] if line.startswith("$ ")]
            found.append((number + 1, end, commands, False))
            number = end
        number += 1
    return found


def script(found):
    text = ""
    for _, _, commands, _ in found:
        for command in commands:
            text += f"{command}\nshown=$?; printf '\\036%d\\036' $shown\n"
    return text


def run(text):
    """What each command showed, and its status."""
    with tempfile.TemporaryDirectory(prefix="archivist-scenario.") as directory:
        home = os.path.join(directory, "home")
        os.makedirs(os.path.join(directory, "bin"))
        os.mkdir(home)
        os.symlink(ARCHIVIST, os.path.join(directory, "bin/archivist"))
        with open(os.path.join(directory, "script"), "w", encoding="utf-8") as file:
            file.write(text)
        environment = {
            "HOME": home, "LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "xterm", "USER": "ann",
            "PATH": os.path.join(directory, "bin") + ":/usr/local/bin:/usr/bin:/bin",
            "ARCHIVIST_BASE_DIR": home, "ARCHIVIST_HOSTNAME": "laptop", "ARCHIVIST_USERNAME": "ann",
        }
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(home)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
            os.execve(
                "/bin/bash", ["bash", "--norc", "--noprofile", os.path.join(directory, "script")],
                environment)
        output, answered, end = b"", 0, time.time() + 300
        while time.time() < end:
            if not select.select([terminal], [], [], 1)[0]:
                continue
            try:
                data = os.read(terminal, 1 << 16)
            except OSError:
                break
            if not data:
                break
            output += data
            # Asked for on the terminal, and not shown.
            if re.search(rb"assphrase[^\n]*: $", output[answered:]):
                answered = len(output)
                os.write(terminal, PASSPHRASE.encode() + b"\n")
        else:
            sys.exit(f"FAILED: it does not end: {output[-300:]!r}")
        os.close(terminal)
        os.waitpid(pid, 0)
    text = output.decode(errors="replace").replace("\r\n", "\n").replace(home, "/home/ann")
    parts = text.split("\036")
    return [(screen(shown), int(status)) for shown, status in zip(parts[::2], parts[1::2])]


def screen(text):
    """The lines that stay on the screen, as wide as it is."""
    lines = []
    for line in text.split("\n"):
        # The progress is drawn over itself.
        line = line.split("\r\x1b[K")[-1].replace("\r", "")
        while len(line) > COLUMNS:
            lines.append(line[:COLUMNS])
            line = line[COLUMNS:]
        lines.append(line.rstrip(" "))
    while lines and not lines[-1]:
        lines.pop()
    return lines


def masked(lines):
    """The lines of the screen as lines that were written, without what changes."""
    text = ""
    for line in lines:
        text += line + ("" if len(line) == COLUMNS else "\n")
    for pattern, mask in MASKS:
        text = re.sub(pattern, mask, text)
    return text.strip()


def main():
    if not os.access(ARCHIVIST, os.X_OK):
        sys.exit(f"no program at {ARCHIVIST}: swift build -c release")
    with open(PAGE, encoding="utf-8") as file:
        lines = file.read().split("\n")
    found = blocks(lines)
    shown = iter(run(script(found)))
    failures, count, new = [], 0, []
    position = 0
    for start, end, commands, is_hidden in found:
        new += lines[position:start]
        position = end
        block = []
        for command in commands:
            count += 1
            result = next(shown, None)
            if result is None:
                sys.exit(f"FAILED: the session ended before: {command}")
            output, status = result
            if is_hidden:
                if status:
                    failures.append(f"{command}: status {status}: {output}")
                continue
            if any("\x1b" in line for line in output):
                failures.append(f"{command}: {output!r}")
            if status:
                output = output + [f"(exit status {status})"]
            block += [f"$ {command}", *output]
        if is_hidden:
            new += lines[start:end]
            continue
        new += block
        # The lines that stand between two commands on the page are those of the first.
        if masked(block) != masked(lines[start:end]):
            wanted, got = masked(lines[start:end]).split("\n"), masked(block).split("\n")
            for one, other in zip(wanted + [""] * len(got), got + [""] * len(wanted)):
                if one != other:
                    failures.append(f"terminal.md:{start + 1}:\n  page:  {one}\n  shown: {other}")
                    break
    new += lines[position:]
    if "--write" in sys.argv[1:]:
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write("\n".join(new))
        failures = [failure for failure in failures if not failure.startswith("terminal.md")]
    if failures:
        print("\n".join(failures))
        sys.exit(1)
    print(f"  {count} commands on a terminal of {COLUMNS} columns")


main()
