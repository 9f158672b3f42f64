#!/usr/bin/env python3
"""Every option and argument of every command says what it does, and every command has an example.

Also: the topics of `archivist help`, and what is said about a topic that there is not.
"""

import json
import os
import re
import subprocess
import sys

ARCHIVIST = os.path.realpath(
    os.environ.get("ARCHIVIST")
    or os.path.join(os.path.dirname(__file__), "../../.build/release/archivist"))


def run(*arguments):
    return subprocess.run(
        [ARCHIVIST, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)


def main():
    failures = []
    counts = {"commands": 0, "options": 0}

    def walk(command, above):
        path = above + [command["commandName"]]
        name = " ".join(path)
        if not command.get("shouldDisplay", True) or path[-1] == "help":
            return
        counts["commands"] += 1
        if not command.get("abstract", "").endswith("."):
            failures.append(f"{name}: no sentence says what it does")
        discussion = command.get("discussion", "")
        if not re.search(rf"(^|\| (\S+=\S+ )*){re.escape(name)}( |$)", discussion, re.M):
            failures.append(f"{name}: no example begins with it")
        for argument in command.get("arguments", []):
            if not argument.get("shouldDisplay", True):
                continue
            counts["options"] += 1
            shown = argument.get("preferredName", {}).get("name") or argument["valueName"]
            text = argument.get("abstract", "")
            if len(text) < 10:
                failures.append(f"{name}: {shown}: {text!r} does not say what it does")
            elif not text.endswith((".", ")")):
                failures.append(f"{name}: {shown}: {text!r} is no sentence")
        # Examples are printed as they are: one that is too long would be broken.
        for line in run("help", *path[1:]).stdout.split("\n"):
            if len(line) > 80 and not line.startswith("USAGE:"):
                failures.append(f"{name}: a line of its help has {len(line)} characters: {line}")
        for inner in command.get("subcommands", []):
            walk(inner, path)

    walk(json.loads(run("--experimental-dump-help").stdout)["command"], [])

    topics = re.findall(r"^  (\S+)  +\S", run("help", "topics").stdout, re.M)
    if len(topics) < 6:
        failures.append(f"only these topics: {topics}")
    overview = run("help").stdout
    for topic in topics:
        page = run("help", topic)
        if page.returncode != 0 or len(page.stdout) < 100:
            failures.append(f"help {topic}: {page}")
        if topic not in overview:
            failures.append(f"{topic} is not in the overview")
        for line in page.stdout.split("\n"):
            if len(line) > 80:
                failures.append(f"help {topic}: a line has {len(line)} characters: {line}")
    unknown = run("help", "nonsense")
    if unknown.returncode != 2 or "no command and no topic nonsense" not in unknown.stderr:
        failures.append(f"help nonsense: {unknown}")

    if failures:
        print("\n".join(failures))
        sys.exit(1)
    print(f"  {counts['commands']} commands, {counts['options']} options, {len(topics)} topics")


main()
