#!/usr/bin/env python3
"""Texts for people and comments keep to plain technical words.

Help texts, messages, comments and documents have none of the phrases below, which were replaced by the
term that a reader would search for; and no comment opens with a pronoun whose noun is somewhere else.
"""

import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.realpath(os.path.join(HERE, "../.."))
ARCHIVIST = os.path.realpath(
    os.environ.get("ARCHIVIST") or os.path.join(ROOT, ".build/release/archivist"))
# Written with a gap, so that this file has none of them.
PHRASES = [phrase.replace("_", " ") for phrase in """
    [Ff]older
    Verify_data_for_so_many_seconds
    at_most_so_many_KiB
    Compress_so:
    Cut_contents_so
    one_for_each_(second|minute|hour|day|week|month|year)\\b
    is_damaged_or_forged
    what_vouches_for
    never_matched:
    no_archive_is_as_old_as_that
    Kept_are
    more_are_too_many
    are_gone,_nobody_with_the_key
    something_else_than_`archivist_serve`
    is_not_an_empty_directory
    what_ssh_says_above
    is_taken_for_hostile
    where_their_content_says_so
    journeys?_there_and_back
    ^What_is_not:
    Is_it_all_there
    What_a_repository_refuses
    ///_A_place_for_objects
    How_many_bytes_of_what_was_announced
    What_may_be_stored_here
    whoever_is_too_fast
    whoever_wants_one_more
    what_threads_wait_for_each_other_with
    The_other_direction\\.
    What_a_segment_is_worth
    The_same,_where_it_lies
    It_is_what_it_is
    One_thread's_way_into
    Whoever_writes_is_no_further
    Which_numbers_the_shell_gets
    a_wish_to_end
""".split()]
OPENING = re.compile(r"\s*///? ?(What|Whoever|That|The same|So)\b")
COMMENT = re.compile(r"\s*//")


def texts():
    """Every text that is checked: its name, and its lines."""
    names = subprocess.run(
        ["git", "ls-files", "Sources", "Tests", "docs", "scripts", "Benchmarks", "README.md",
         "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "Package.swift"],
        cwd=ROOT, capture_output=True, text=True)
    if names.returncode == 0:
        found = names.stdout.split("\n")
    else:
        found = [
            os.path.relpath(os.path.join(directory, name), ROOT)
            for top in ("Sources", "Tests", "docs", "scripts", "Benchmarks")
            for directory, _, files in os.walk(os.path.join(ROOT, top)) for name in files]
        found += ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"]
    for name in found:
        path = os.path.join(ROOT, name)
        if not os.path.isfile(path) or path == os.path.realpath(__file__):
            continue
        # Vectors and corpora are bytes; names of borg's tests and regular expressions of others' messages are theirs.
        if name.startswith(("Tests/Vectors", "Tests/Fuzzing/Corpus")) or "like_borg" in name or name.endswith("borg_suite.txt"):
            continue
        with open(path, encoding="utf-8", errors="ignore") as file:
            yield name, file.read().split("\n")
    help_of = [[]]
    while help_of:
        words = help_of.pop()
        text = subprocess.run(
            [ARCHIVIST, "help", *words], capture_output=True, text=True, check=True).stdout
        yield " ".join(["archivist help", *words]), text.split("\n")
        if not words:
            overview = text[text.index("OPTIONS:"):]
            help_of += [[word] for word in re.findall(r"^  ([a-z][a-z-]+)  ", overview, re.M)]
        elif words == ["key"]:
            inner = text[text.index("SUBCOMMANDS:"):]
            help_of += [["key", word] for word in re.findall(r"^  ([a-z][a-z-]+)  ", inner, re.M)]


def main():
    phrases = re.compile("|".join(f"(?:{phrase})" for phrase in PHRASES))
    failures, counts = [], {"lines": 0, "texts": 0}
    for name, lines in texts():
        counts["texts"] += 1
        before = ""
        for number, line in enumerate(lines, 1):
            counts["lines"] += 1
            if found := phrases.search(line):
                failures.append(f"{name}:{number}: {found[0]!r}")
            if name.endswith(".swift") and OPENING.match(line) and not COMMENT.match(before):
                failures.append(f"{name}:{number}: {line.strip()}")
            before = line
    if counts["texts"] < 300:
        failures.append(f"only {counts['texts']} texts")
    if failures:
        print("\n".join(failures))
        sys.exit(1)
    print(f"  {counts['lines']} lines of {counts['texts']} texts")


main()
