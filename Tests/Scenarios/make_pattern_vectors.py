#!/usr/bin/env python3
"""Asks borg which paths match which patterns, and writes its answers to Tests/Vectors.

usage: BORG_PYTHON make_pattern_vectors.py OUTPUT      (the interpreter that borg is installed for)

Lines of the output: `pattern P` starts a pattern, in the style that its prefix names or else fm;
`y PATH` and `n PATH` say whether it matches, `invalid` that borg refuses it, `unsupported` that it
is a regular expression which borg takes and archivist refuses on purpose. `list` starts a list of
rules, `exclude P`, `only P` (a path that extract names) and `verdict VERDICT PATH` belong to it.
`glob G`, with y and n, is a pattern of archive names; `trim TEXT`, in brackets, a line of a file
after its white space is removed. Bytes outside of printable ASCII, and backslashes, are escaped.
"""

import random
import re
import sys

import borg
from borg import patterns, shellpattern
from borg.helpers import clean_lines

CHARACTERS = ["a", "b", "c", "ä", "€", "😀", "\udcff", "\udcc3", "[", "]", "!", "-", "^", "*", "?",
              "\\", ".", " ", "\n", "x", "{", "(", "+", "$", "|", "&", "~"]
PLAIN = ["a", "b", "c", "ä", "€", ".", "x"]
FIXED = ["", "/", "//", ".", "./", "..", "../a", "/..", "/.", "a/../..", "a/..", "*", "**", "*/", "**/",
         "***/", "/**/*", "a**/b", "**/a", "**/a/", "a/**/b", "a/**/", "*a**/b", "[!a]b", "[a", "[]a]",
         "[!]a]b", "[^a]b", "[a-c]x", "[c-a]x", "[!c-a]x", "[a-]x", "[-a]x", "[--a]x", "[a-c-e]x", "[a-b-]x",
         "[\\]x", "[\\-a]x", "[[]a", "[[:alpha:]]", "[ä-ü]", "*.o", "a/*.o", "a?b", "a/", "/a/b/", "a//b",
         "a/./b", "[a/b]", "a[/]b", "a[!x]b", "*[!a]*b", "a/*", "a/*/", "?", "??", "*?", "*??", "home/*/.cache/"]
PATHS = [".", "a", "b", "x", "ab", "bx", "a/b", "a/b/c", "a/x/b", "axx/b", "xaab", "xa/b", "b/a", "b/a/c", "a.o",
         "a/a.o", "a/b/a.o", "home/u/.cache", "home/u/.cache/f", "home/u/v/.cache/f", "[a", "]", "-", "-x", "\\x",
         "\\", "^b", "cx", "ex", "ü", "ä", "€", "\udcc3", "../a", "x/yb", "a]", ":]", "l]", "!x", "dx", "a:b"]


REGEXES = [
    "", "a", "^a", "a$", "^a$", "^$", "a|b", "^(a|b)$", "^(?:a|b)c?$", "a*", "^a*$", "^a+$", "^a?$", "^a{2}$", "^a{2,}$",
    "^a{,2}$", "^a{1,2}$", "a{,}", "^a{}", "a{x", "a{1", "a{1,", "{", "{2}", "a{2}{3}", "a**", "a*?", "a+?", "a??b", "a{1,3}?",
    "a*+", "a++", "a?+", "a{1}+", "^*", "(?:^)*a", "$*", "\\b*", "*a", "+", "?", "(*)", "(|a)*b", "()", "(())*", "(a|)+$", "(", ")",
    "(a", "a)", "(?", "(?:", "(?:a", "(?P<n>a)", "(?P<n>a)(?P=n)", "(?P<>a)", "(?Pa)", "(?P", "(a)\\1", "\\1", "\\8", "(?=a)",
    "(?!a)", "(?<=a)b", "(?<!a)b", "(?<n>a)", "(?>a)", "(a)(?(1)b|c)", "(?#x)a", "(?#x", "a(?#x)*", "(?i)A", "(?i)\u00c4",
    "(?i)[A-C]", "(?i)[^a]", "(?ai)\u00e4", "(?i:A)b", "(?i:A)B", "(?-i:a)", "(?i)a(?-i:B)", "a(?i)", "(?i)(?s)a.b", "(?s)a.b",
    "a.b", "(?m)^b", "(?m)a$", "^b", "a$", "a\\Z", "\\Aa", "(?s:.)$", "(?x) a  b # c", "(?x) a\\ b", "(?x)[ ]b", "(?x: a ) b",
    "(?L)a", "(?au)a", "(?t)a", "(?z)a", "(?i", "(?i-", "(?i-:a)", "(?-:a)", "(?i-i:A)", "(?-a:b)", "(?a:\\w)", "(?u:\\w)",
    "\\d", "\\D", "^\\w+$", "\\W", "\\s", "^\\S+$", "(?a)^\\w+$", "(?a)\\W", "(?a)\\s", "\\bb", "b\\b", "\\Ba", "a\\B", "(?a)\\b\u00e4",
    "\\n", "a\\.b", "\\x61", "\\x6", "\\u00e4", "\\u00", "\\U0001F600", "\\U00110000", "\\101", "\\0", "\\07", "\\400", "\\377",
    "\\N{BULLET}", "\\q", "\\E", "\\", "\\-", "\\/", "\\\u00e4", "\\udcff", "[a]", "[^a]", "^[^a]*$", "[]a]", "[^]a]", "[", "[a", "[]",
    "[^]", "[a-c]", "[c-a]", "[a-]", "[-a]", "[a-\\d]", "[\\d-a]", "[\\d-]", "[\\da]", "[\\w]", "[^\\w]", "[^\\W]", "[\\D\\d]", "[\\b]", "[\\B]",
    "[\\x61-\\x63]", "[\\101]", "[\\8]", "[\\n]", "[\\]]", "[\\q]", "[[]", "[a&&b]", "[\u00e4-\u00fc]", "[\\udc80-\\udcff]", "^[^/]+$",
    "/b$", "^a/", "\\.o$", "^(a|x)+$", "(a+)+$", "(a|aa)+$", "(a*)*b", "(.*)*x$", "^(([^/]*)/)*b$", "(?i)\u0131", "(?i)k", "(?i)\u212a",
    "(?i)[\u017f]", "(?i)\u03c3", "(?i)[\u03c2]", "(?i)\u00df", "(?i)\u1e9e", "(?i)[^\u00e4]", "\u00e4|b", "a\u00e4*b", "(?i)\u1f80", "(?i)\u03d1",
]
REGEX_PATHS = ["", "a", "b", "A", "B", "ab", "aB", "AB", "ba", "aa", "aaa", "aaaa", "a/b", "a/a/b", "x", "aab", "a.b", "a.o", "a\nb",
               "b\n", "a\n", "\n", "\n\n", "a\n\n", "\u00e4", "\u00c4", "a\u00e4b", "\u00fc", "\u20ac", "a b", " ", "1", "a1", "_", "-", "{", "a{x",
               "{2}", "a{1", "\\", "[", "]", "\udcff", "a\udc80", "\ud7ff", "\U0001f600", "\u0661", "\u00b2", "\u00bd", "\u00a0", "\x1c", "k",
               "K", "\u212a", "s", "S", "\u017f", "i", "I", "\u0130", "\u0131", "\u03c3", "\u03c2", "\u03a3", "\u00df", "\u1e9e", "\u00e5", "\u212b",
               "\x00a", "q", "E", "\u4e2d", "a/", "o", "&", "\x07", "\x08", "~", "c", "axb", "\u1f88", "\u1f80", "\u03b8", "\u03d1", "\u03f4"]
# What needs more than linear time, or names that would need a table of all characters.
UNSUPPORTED = re.compile(r"\\(?![0-3][0-7][0-7])[1-9]|\(\?(=|!|<|>|P=|t|\()|[*+?}]\+|\\N")


def main():
    random.seed(20261121)
    with open(sys.argv[1], "w") as file:
        file.write(f"# Made by Tests/Scenarios/make_pattern_vectors.py with borg {borg.__version__}.\n")
        write = lambda kind, text="": file.write((kind + " " + escaped(text)).rstrip(" ") + "\n")
        for style in ("fm", "sh", "pp", "pf"):
            for pattern in FIXED:
                case(write, f"{style}:{pattern}", PATHS)
            for _ in range(300 if style in ("fm", "sh") else 50):
                paths = [path() for _ in range(6)]
                case(write, f"{style}:{mutated(random.choice(paths))}", paths)
        for regex in REGEXES:
            case(write, f"re:{regex}", REGEX_PATHS)
        for _ in range(1500):
            case(write, f"re:{a_regex(3)}", [path() for _ in range(3)] + random.sample(REGEX_PATHS, 6))
        for pattern in ("a:b", "a", "xy", "x:y", "f:m", "é:é"):
            case(write, pattern, PATHS)
        for _ in range(250):
            a_list(write)
        for glob in FIXED + [mutated(path()) for _ in range(150)]:
            globbed(write, glob)
        for text in ("", " a ", "\ta\u00a0", "\u2003a b\u3000", "\x1ca\x1f", "a\u200b", "\x85a", "\udca0a\udc85"):
            for line in clean_lines([text], remove_empty=False, remove_comments=False):
                write("trim", f"[{text}]")
                write("trimmed", f"[{line}]")


def case(write, text, paths):
    if not text.startswith("re:") and quirk(text):
        return
    write("pattern", text)
    if text.startswith("re:") and UNSUPPORTED.search(re.sub(r"\\[^0-9N]", "..", text)):
        write("unsupported")
        return
    try:
        pattern = patterns.parse_pattern(text)
    except (re.error, ValueError, OverflowError):
        write("invalid")
        return
    for candidate in dict.fromkeys(paths):
        write("y" if pattern.match(candidate) else "n", candidate)


def a_regex(depth):
    """A random regular expression, mostly a valid one."""
    def atom():
        kind = random.randrange(12)
        if kind < 4:
            return re.escape(random.choice(CHARACTERS + PLAIN * 3))
        if kind == 4:
            return random.choice([".", "[^/]", "[a-c]", "[^a]", "[\u00e4-\u20ac]", "[\\w-]", "[^\\s.]", "[]x]", "[\\d\\W]"])
        if kind == 5:
            return random.choice(["\\d", "\\w", "\\s", "\\D", "\\W", "\\S", "\\x61", "\\n", "\\u20ac"])
        if kind == 6:
            return random.choice(["^", "$", "\\b", "\\B", "\\A", "\\Z", "/"])
        if kind < 10 and depth > 0:
            return random.choice(["(", "(?:", "(?:", "(?i:", "(?s-i:", "(?m:", "(?a:"]) + a_regex(depth - 1) + ")"
        return random.choice(PLAIN)
    text = ""
    for _ in range(random.randint(0, 4)):
        text += atom()
        if random.random() < 0.4:
            text += random.choice(["*", "+", "?", "{2}", "{1,2}", "{,2}", "{0}", "{2,}", "*?", "+?", "??", "{1,2}?"])
        if random.random() < 0.15:
            text += "|"
    if depth == 3 and random.random() < 0.25:
        text = random.choice(["(?i)", "(?s)", "(?m)", "(?ai)", "(?x)", "(?im)"]) + text
    return text


def a_list(write):
    pool = [path() for _ in range(8)]
    matcher = patterns.PatternMatcher(fallback=True)
    write("list")
    for _ in range(random.randint(0, 5)):
        style = random.choice(["fm", "fm", "pp", "pf"])
        text = f"{style}:{mutated(random.choice(pool))}"
        if quirk(text):
            continue
        matcher.add_inclexcl([patterns.parse_exclude_pattern(text)])
        write("exclude", text)
    if random.random() < 0.5:
        only = [random.choice(["", "", "pf:", "fm:"]) + random.choice(pool) for _ in range(random.randint(0, 2))]
        only = [text for text in only if not quirk(text)]
        matcher.add_includepaths(only)
        for text in only:
            write("only", text)
    for candidate in dict.fromkeys(pool):
        included = matcher.match(candidate)
        verdict = "include" if included else "exclude" if matcher.recurse_dir else "excludeNoRecurse"
        write("verdict " + verdict, candidate)


def globbed(write, glob):
    if not glob or quirk(glob):
        return
    try:
        regex = re.compile(shellpattern.translate(glob))
    except re.error:
        return
    write("glob", glob)
    for name in ["a", "ab", "host-2026-11-21", "x/yb", "ä", "-x", "bx", "a.o", glob]:
        write("y" if regex.match(name) else "n", name)


def quirk(text):
    """[b-a!x]: Python drops the empty range and then takes the ! for a negation. We do not."""
    return re.search(r"\[[^]]-.+!", text) is not None


def path():
    components = []
    for _ in range(random.randint(1, 4)):
        pool = PLAIN if random.random() < 0.6 else CHARACTERS
        component = "".join(random.choice(pool) for _ in range(random.randint(1, 4)))
        components.append("a" if component in (".", "..") else component)
    return canonical("/".join(components))


def canonical(text):
    """Two invalid bytes side by side may be a valid character: as the file system would give it."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


def mutated(text):
    text = list(text)
    for _ in range(random.randint(0, 4)):
        i = random.randrange(len(text) + 1)
        j = min(len(text), i + random.randint(0, 3))
        text[i:j] = random.choice(["*", "**", "**/", "?", "[a-c]", "[!a]", "[!/]", "[ä-€]", "/", "", "[", "]", "*", "*",
                                   "[a-]", "[]x]", "./", "../"])
    if random.random() < 0.2:
        text = text[:random.randrange(len(text) + 1)]
    if random.random() < 0.2:
        text.append("/")
    if random.random() < 0.2:
        text.insert(0, "/")
    return canonical("".join(text))


def escaped(text):
    return "".join(
        chr(byte) if 0x20 <= byte < 0x7F and byte != 0x5C else f"\\x{byte:02x}"
        for byte in text.encode("utf-8", "surrogateescape")).replace(" ", "\\x20")


main()
