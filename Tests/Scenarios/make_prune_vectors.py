#!/usr/bin/env python3
"""Asks borg what it would prune, and writes its answers to Tests/Vectors.

usage: make_prune_vectors.py BORG OUTPUT

Makes one repository without encryption, with archives of an empty directory at many times. Each
case is a subset of them (a name prefix), a time zone and a set of keep rules; what is recorded is
the output of `borg prune --dry-run --list`. `borg` measures --keep-within from the real clock,
so the archives' times are relative to the moment this runs, which each case states as `now`;
none lies within a minute of a full hour before it, where the seconds that borg takes would count.

Time zones are POSIX rules, so that a reader of the vectors needs no zone database.
"""

import os
import random
import re
import subprocess
import sys
import tempfile
import time

ZONES = [
    "UTC0",
    "CET-1CEST,M3.5.0,M10.5.0/3",
    "EST5EDT,M3.2.0,M11.1.0",
    "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",  # half an hour of daylight saving
    "<+0545>-5:45",
    "<+14>-14",
    "<-12>12",
    "NZST-12NZDT,M9.5.0,M4.1.0/3",
]
COUNTED = [
    "secondly", "minutely", "hourly", "daily", "weekly", "monthly", "13weekly", "3monthly", "yearly",
]
HOUR, DAY = 3600, 86400
CASES_PER_SET = 24


def main():
    borg, output = sys.argv[1], sys.argv[2]
    random.seed(20261121)
    with tempfile.TemporaryDirectory() as home:
        env = {
            "PATH": os.environ["PATH"], "BORG_BASE_DIR": home, "LC_ALL": "C",
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes", "TZ": "UTC0",
        }
        repository, empty = os.path.join(home, "repository"), os.path.join(home, "empty")
        os.mkdir(empty)
        run = lambda *arguments, **more: subprocess.run(
            [borg, *arguments], env={**env, **more}, check=True, capture_output=True, text=True)
        version = run("--version").stdout.split()[1]
        run("init", "-e", "none", repository)
        sets = {letter: times for letter, times in zip("abcdefgh", time_sets(int(time.time())))}
        moments = {}
        for letter, times in sets.items():
            for number, moment in enumerate(times):
                name = f"{letter}{number:03}"
                moments[name] = moment
                stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
                run("create", "--files-cache=disabled", "--timestamp", stamp,
                    f"{repository}::{name}", empty)
        with open(output, "w") as file:
            file.write(f"# Made by Tests/Scenarios/make_prune_vectors.py with borg {version}.\n")
            number = 0
            for letter in sets:
                for _ in range(CASES_PER_SET):
                    number += 1
                    zone, rules = random.choice(ZONES), random_rules()
                    now = time.time_ns() // 1_000_000_000
                    options = [f"--keep-{rule}={value}" for rule, value in rules]
                    listing = run("prune", "--dry-run", "--list", "-a", letter + "*", *options,
                                  repository, TZ=zone).stderr
                    file.write(f"\ncase {number}\nzone {zone}\nnow {now}\n")
                    file.write("rules " + " ".join(f"{r}={v}" for r, v in rules) + "\n")
                    for name, verdict in answers(listing):
                        file.write(f"archive {name} {moments[name]} {verdict}\n")


def time_sets(now):
    """Lists of Unix times. All but the first are spread so that one kind of rule is at work."""
    full = lambda ago: now - ago * HOUR - random.randint(300, 3300)
    yield sorted(full(random.randint(0, 12 * 365 * 24)) for _ in range(40))
    yield sorted(full(n * 24 + random.randint(0, 9)) for n in range(60))  # nearly daily
    yield sorted(full(random.randint(0, 72)) for _ in range(40))  # many in an hour
    minutes = [now - 2 * DAY - random.randint(0, 600) for _ in range(25)]
    yield sorted(minutes + minutes[:6])  # equal times
    yield around_changes(now)
    yield sorted(around_new_years(now))
    yield sorted(full(n * 24 * 29 + random.randint(0, 72)) for n in range(40))  # nearly monthly
    yield [now - 5 * HOUR - 600]  # a single one


def around_changes(now):
    """Every half hour around the changes to and from daylight saving of last year."""
    year = time.gmtime(now).tm_year - 1
    times = []
    for text in (f"{year}-03-{last_sunday(year, 3)}T01:00", f"{year}-10-{last_sunday(year, 10)}T01:00"):
        moment = utc(text)
        times += [moment + 1800 * n + random.randint(0, 30) for n in range(-9, 10)]
    return sorted(times)


def around_new_years(now):
    """Days where the ISO year is not the calendar year, and the ends of quarters."""
    for year in range(time.gmtime(now).tm_year - 7, time.gmtime(now).tm_year):
        for day in ("12-28T12:00", "12-30T23:30", "12-31T23:30"):
            yield utc(f"{year}-{day}")
        for day in ("01-01T00:30", "01-03T12:00", "04-01T02:00", "06-30T22:00"):
            yield utc(f"{year}-{day}")


def utc(text):
    import calendar
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M"))


def last_sunday(year, month):
    import calendar
    return max(week[6] for week in calendar.monthcalendar(year, month))


def random_rules():
    rules = []
    if random.random() < 0.3:
        number, unit = random.randint(1, 40), random.choice("Hdwmy")
        rules.append(("within", f"{number}{unit}"))
    names = random.sample(COUNTED, random.choice([1, 1, 2, 3, 4]))
    if "13weekly" in names and "3monthly" in names:
        names.remove(random.choice(["13weekly", "3monthly"]))
    for name in names:
        rules.append((name, random.choice([1, 2, 3, 4, 7, 12, 30, 100, -1, 0])))
    if not any(value for _, value in rules):
        rules.append(("last", 2))
        rules = [rule for rule in rules if rule[0] != "secondly"]
    return rules


def answers(listing):
    """The name and the verdict of each archive, in borg's order."""
    for line in listing.splitlines():
        match = re.match(r"(Would prune:|Keeping archive \(rule: (.*)\):) +(\w+) ", line)
        if not match:
            sys.exit(f"unexpected line: {line}")
        yield match[3], match[2] or "pruned"


main()
