#!/usr/bin/env python3
"""Every link in the documents leads to a file that is there, and to a heading that is in it.

    check_links.py              the documents of the project
    check_links.py DIRECTORY    those that are installed in a directory, and lead nowhere outside of it

Links to the network are not followed. Every § of the format that a document names is a section of
format.md or format-writing.md.
"""

import os
import re
import sys
import urllib.parse

PROJECT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))


def documents(root):
    for directory, directories, names in os.walk(root):
        directories[:] = [name for name in directories if not name.startswith(".")]
        for name in names:
            if name.endswith(".md"):
                yield os.path.join(directory, name)


def text(path):
    """What is text, without blocks and spans of code."""
    with open(path, encoding="utf-8") as file:
        content = re.sub(r"^```.*?^```", "", file.read(), flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", lambda span: span[0].replace("](", "] ("), content)


def anchors(path):
    """The anchors of the headings, as GitHub makes them."""
    found = set()
    for heading in re.findall(r"^#+ +(.*?)\s*$", text(path), re.M):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        number, anchor = 0, name
        while anchor in found:
            number += 1
            anchor = f"{name}-{number}"
        found.add(anchor)
    return found


def sections(directory):
    """The numbers of the sections of the format."""
    found = set()
    for name in ("format.md", "format-writing.md"):
        with open(os.path.join(directory, name), encoding="utf-8") as file:
            for first, last in re.findall(r"^##+ ([0-9.]+)(?: to ([0-9.]+))? ", file.read(), re.M):
                major, _, minor = first.partition(".")
                minors = range(int(minor or 0), int(last.partition(".")[2] or minor or 0) + 1)
                found |= {f"{major}.{number}" if minor else major for number in minors}
                found.add(major)
    return found


def references(page):
    """The sections of the format that a page names; those of an RFC are none."""
    with open(page, encoding="utf-8") as file:
        content = re.sub(r"RFC \d+, §[\d.]+", "", file.read())
    return {number.rstrip(".") for number in re.findall(r"§([\d.]+)", content)}


def main():
    root = os.path.realpath(sys.argv[1]) if len(sys.argv) > 1 else PROJECT
    if len(sys.argv) > 1:
        pages = sorted(documents(root))
    else:
        pages = sorted(
            [os.path.join(root, name) for name in os.listdir(root) if name.endswith(".md")]
            + list(documents(os.path.join(root, "docs"))))
    problems, count = [], 0
    for page in pages:
        for target in re.findall(r"\]\(([^)\s]+)\)", text(page)):
            if re.match(r"[a-z]+:", target):
                continue
            count += 1
            path, _, anchor = target.partition("#")
            where = os.path.relpath(page, root)
            full = os.path.realpath(
                os.path.join(os.path.dirname(page), urllib.parse.unquote(path))) if path else page
            if os.path.commonpath([full, root]) != root:
                problems.append(f"{where}: {target} leads outside")
            elif not os.path.exists(full):
                problems.append(f"{where}: {target} leads nowhere")
            elif anchor and anchor not in anchors(full):
                problems.append(f"{where}: {target}: there is no such heading")
    known = sections(os.path.join(root, "docs") if root == PROJECT else root)
    for page in pages:
        for number in sorted(references(page) - known):
            problems.append(f"{os.path.relpath(page, root)}: there is no §{number}")
    for problem in problems:
        print(problem)
    if len(pages) < 20 or count < 60:
        problems.append("too few")
        print(f"only {count} links in {len(pages)} pages: are they all there?")
    if problems:
        sys.exit(1)
    print(f"  {count} links in {len(pages)} pages")


main()
