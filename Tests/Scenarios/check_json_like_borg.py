#!/usr/bin/env python3
"""Programs that read borg's JSON can read ours: the same names, with the same types of values.

The same directory is backed up by both; the outputs of `list`, `info` and `create` with --json, of
`list --json-lines`, and the messages of --log-json are compared, key by key. What is missing
or more here is listed below, with the reason; anything else is a failure.
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

# Borg has them, and we do not.
MISSING = {
    # borg's own undocumented ones: the index in memory.
    "cache.stats.total_chunks": "there is no reference count of each chunk",
    "cache.stats.total_csize": "the same",
    "cache.stats.total_size": "the same",
    "cache.stats.unique_size": "the same",
    "encryption.keyfile": "only there with keys that the client keeps",
}
# We have them, and borg does not.
MORE = {
}


def keys(value, prefix=""):
    """{path of a key: type of its value}; lists are looked into by their first entry."""
    found = {}
    if isinstance(value, dict):
        for name, inner in value.items():
            path = f"{prefix}.{name}" if prefix else name
            found[path] = kind(inner)
            found.update(keys(inner, path))
    elif isinstance(value, list) and value:
        found.update(keys(value[0], prefix + "[]"))
    return found


def kind(value):
    if isinstance(value, bool):
        return "boolean"
    return {dict: "object", list: "array", str: "string", type(None): "null"}.get(
        type(value), "number")


def main():
    failures = []
    with tempfile.TemporaryDirectory(prefix="archivist-scenario.") as directory:
        environment = {
            "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "CET-1CEST",
            "ARCHIVIST_BASE_DIR": directory, "ARCHIVIST_PASSPHRASE": "a5dff4e8b0d13ac9662b1f0c8e7d9a34", "BORG_BASE_DIR": directory,
            "BORG_PASSPHRASE": "a5dff4e8b0d13ac9662b1f0c8e7d9a34",
        }

        def run(program, *arguments, error=False):
            result = subprocess.run(
                [program, *arguments], cwd=directory, env=environment, stdin=subprocess.DEVNULL,
                capture_output=True, text=True)
            if result.returncode not in (0, 1):
                sys.exit(f"FAILED: {program} {arguments}: {result.stderr}")
            return result.stderr if error else result.stdout

        def compare(what, borg, ours):
            borg, ours = keys(borg), keys(ours)
            for path in sorted(borg.keys() | ours.keys()):
                short = path.removeprefix("archives[].")
                if path not in ours:
                    if path not in MISSING and short not in MISSING:
                        failures.append(f"{what}: {path} is missing ({borg[path]})")
                elif path not in borg:
                    if path not in MORE and short not in MORE:
                        failures.append(f"{what}: {path} is not in borg's output")
                elif ours[path] != borg[path]:
                    failures.append(f"{what}: {path} is a {ours[path]}, borg's is a {borg[path]}")

        tree = os.path.join(directory, "tree")
        os.makedirs(tree + "/sub")
        with open(tree + "/file", "w") as file:
            file.write("content\n" * 1000)
        os.symlink("file", tree + "/link")
        os.link(tree + "/file", tree + "/hard")
        os.mkfifo(tree + "/fifo")
        run(BORG, "init", "-e", "repokey", "borg-repo")
        run(ARCHIVIST, "init", "repo")

        def both(*arguments, error=False):
            theirs = run(BORG, *[a.replace("REPO", "borg-repo") for a in arguments], error=error)
            ours = run(ARCHIVIST, *[a.replace("REPO", "repo") for a in arguments], error=error)
            return theirs, ours

        compare("create --json", *map(json.loads, both("create", "--json", "REPO::first", "tree")))
        both("create", "--comment", "a comment", "REPO::second", "tree")
        borg, ours = map(json.loads, both("list", "--json", "REPO"))
        compare("list --json", borg, ours)
        assert [a["name"] for a in ours["archives"]] == ["first", "second"]
        compare("info --json REPO", *map(json.loads, both("info", "--json", "REPO")))
        borg, ours = map(json.loads, both("info", "--json", "REPO::second"))
        compare("info --json REPO::ARCHIVE", borg, ours)
        for name in ("comment", "name", "hostname", "username"):
            if borg["archives"][0][name] != ours["archives"][0][name]:
                failures.append(f"info --json: {name} is {ours['archives'][0][name]!r}")
        compare("info --json --last 1", *map(json.loads, both("info", "--json", "--last", "1", "REPO")))

        lines = [
            {json.loads(line)["path"]: json.loads(line) for line in text.splitlines()}
            for text in both("list", "--json-lines", "REPO::first")]
        if lines[0].keys() != lines[1].keys():
            failures.append(f"list --json-lines: other paths: {lines[0].keys() ^ lines[1].keys()}")
        for path in lines[0].keys() & lines[1].keys():
            borg, ours = lines[0][path], lines[1][path]
            compare(f"list --json-lines {path}", borg, ours)
            for name in borg.keys() & ours.keys():
                # borg lists a directory as the file system does, so which member of a group of hard
                # links is the first one differs; and it rounds times through a float.
                if path in ("tree/file", "tree/hard"):
                    continue
                if borg[name] != ours[name] and (name != "mtime" or borg[name][:19] != ours[name][:19]):
                    failures.append(
                        f"list --json-lines {path}: {name} is {ours[name]!r}, borg's is {borg[name]!r}")

        # Messages: each line is an object of a type that borg documents.
        for text in both("create", "--log-json", "--list", "--info", "REPO::third", "tree", "missing",
                         error=True):
            for line in text.splitlines():
                message = json.loads(line)
                wanted = {
                    "file_status": {"type", "status", "path"},
                    "log_message": {"type", "time", "levelname", "name", "message"},
                }.get(message["type"])
                if not wanted or not wanted <= message.keys():
                    failures.append(f"--log-json: {line}")
    for failure in failures:
        print(f"FAILED: {failure}")
    print(f"  {len(MISSING)} keys are known to be missing, {len(MORE)} to be more")
    sys.exit(1 if failures else 0)


main()
