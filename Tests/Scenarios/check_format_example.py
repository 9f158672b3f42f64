#!/usr/bin/env python3
"""docs/format-example.md is what it says: a repository that the program and an independent reader read.

The page is compared with what Tests/Vectors/format/example.py prints; the repository that this makes is
checked, listed and restored by both.
"""

import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
ARCHIVIST = os.path.realpath(
    os.environ.get("ARCHIVIST") or os.path.join(HERE, "../../.build/release/archivist"))
sys.path.insert(0, os.path.join(HERE, "../Vectors/format"))

import example  # noqa: E402


def main():
    with open(os.path.join(HERE, "../../docs/format-example.md"), encoding="utf-8") as file:
        page = file.read()
    made = example.document()
    if page != made:
        for number, (one, other) in enumerate(zip(page.split("\n"), made.split("\n")), 1):
            if one != other:
                sys.exit(f"docs/format-example.md, line {number}: {one!r} should be {other!r}")
        sys.exit("docs/format-example.md: another number of lines than example.py prints")

    with tempfile.TemporaryDirectory(prefix="archivist-example.") as directory:
        repository = os.path.join(directory, "repo")
        example.write(repository)
        environment = {
            "PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC",
            "ARCHIVIST_BASE_DIR": os.path.join(directory, "home"),
            "ARCHIVIST_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
            "ARCHIVIST_PASSPHRASE": example.PASSPHRASE.decode(),
            "READER_PASSPHRASE": example.PASSPHRASE.decode(),
        }

        def run(*arguments, cwd=directory):
            result = subprocess.run(
                arguments, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
            if result.returncode != 0:
                sys.exit(f"{arguments} ended with {result.returncode}: {result.stdout}{result.stderr}")
            return result.stdout

        said = run(ARCHIVIST, "check", "--verify-data", repository)
        if "no problems found" not in said:
            sys.exit(f"check says: {said}")
        if run(ARCHIVIST, "list", "--short", repository) != "example\n":
            sys.exit("another archive is listed")
        reader = os.path.join(HERE, "independent_reader.py")
        report = json.loads(run(sys.executable, reader, repository, "verify"))
        if report["problems"]:
            sys.exit(f"the independent reader finds {report}")
        run(sys.executable, reader, repository, "extract", "example", os.path.join(directory, "one"))
        os.mkdir(os.path.join(directory, "two"))
        run(ARCHIVIST, "extract", f"{repository}::example", cwd=os.path.join(directory, "two"))
        for place in ("one", "two"):
            path = os.path.join(directory, place, example.PATH.decode())
            with open(path, "rb") as file:
                if file.read() != example.CONTENT:
                    sys.exit(f"{place}: another content")
            if os.stat(path).st_mtime_ns != 1_700_000_000 * 10**9 + 5:
                sys.exit(f"{place}: another time")
    print(f"  {len(page.splitlines())} lines, as they are made")


main()
