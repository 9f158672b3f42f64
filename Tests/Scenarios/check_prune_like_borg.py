#!/usr/bin/env python3
"""`archivist prune` keeps what `borg prune` keeps, for the same reasons.

The same 40 archives are made by both programs, with --timestamp; then both say what they would keep
under many sets of rules, in several time zones: `prune --dry-run --list`. The unit tests hold far
more cases, recorded once (make_prune_vectors.py); this one asks the installed borg.
"""

import os
import random
import re
import subprocess
import sys
import tempfile
import time

ARCHIVIST = os.path.realpath(
    os.environ.get("ARCHIVIST")
    or os.path.join(os.path.dirname(__file__), "../../.build/release/archivist"))
BORG = os.environ.get("BORG", "borg")
HOUR, DAY = 3600, 86400
RULES = [
    ["--keep-daily=7"], ["--keep-last=3"], ["--keep-hourly=5", "--keep-daily=3"],
    ["--keep-within=3d", "--keep-weekly=4"], ["--keep-within=1m", "--keep-yearly=-1"],
    ["--keep-daily=2", "--keep-weekly=3", "--keep-monthly=12", "--keep-yearly=10"],
    ["--keep-13weekly=6"], ["--keep-3monthly=-1"], ["--keep-minutely=4", "--keep-monthly=-1"],
    ["--keep-secondly=2", "--keep-3monthly=3"], ["--keep-weekly=100"], ["--keep-within=25H"],
    ["-d", "2", "-w", "2", "-m", "2", "-y", "2"], ["-H", "-1"], ["--keep-within=2w", "-d4"],
]
ZONES = ["UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "<+0545>-5:45", "EST5EDT,M3.2.0,M11.1.0"]


def times(now, generator):
    """40 moments: close together lately, far apart long ago, some around midnight and new year."""
    moments = {now - 90, now - 91, now - 150, now - HOUR - 5, now - 2 * HOUR}
    moments |= {now - day * DAY - generator.randrange(DAY) for day in range(12)}
    moments |= {now - week * 7 * DAY - generator.randrange(7 * DAY) for week in range(2, 10)}
    moments |= {now - month * 31 * DAY - generator.randrange(31 * DAY) for month in range(3, 12)}
    year = time.gmtime(now).tm_year
    for back in (0, 1, 3):
        midnight = int(time.mktime((year - back, 1, 1, 0, 0, 0, 0, 0, 0)))
        moments |= {midnight - 1, midnight}
    return sorted(moments)[-40:]


def verdicts(text):
    """What happens to each archive: {name: rule, or None}."""
    found = {}
    for line in text.splitlines():
        if match := re.match(r"Keeping archive \(rule: (.*?)\): +(\S+) ", line):
            found[match[2]] = match[1]
        elif match := re.match(r"Would prune: +(\S+) ", line):
            found[match[1]] = None
    return found


def main():
    os.environ["TZ"] = "UTC0"
    time.tzset()
    generator = random.Random(7)
    with tempfile.TemporaryDirectory(prefix="archivist-scenario.") as directory:
        environment = {
            "PATH": os.environ["PATH"], "LC_ALL": "C", "TZ": "UTC0", "ARCHIVIST_BASE_DIR": directory,
            "BORG_BASE_DIR": directory, "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes",
        }

        def run(program, *arguments, **more):
            result = subprocess.run(
                [program, *arguments], cwd=directory, env={**environment, **more},
                stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if result.returncode != 0:
                sys.exit(f"FAILED: {program} {arguments}: {result.stderr}")
            return result.stdout + result.stderr

        os.mkdir(os.path.join(directory, "empty"))
        run(BORG, "init", "-e", "none", "borg-repo")
        run(ARCHIVIST, "init", "-e", "none", "repo")
        archives, seen = os.path.join(directory, "repo", "archives"), set()
        for number, moment in enumerate(times(int(time.time()), generator)):
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
            name = f"a{number:02}" if number % 4 else f"b{number:02}"
            run(BORG, "create", "--files-cache=disabled", "--timestamp", stamp,
                f"borg-repo::{name}", "empty")
            run(ARCHIVIST, "create", "--timestamp", stamp, f"repo::{name}", "empty")
            # As if it had been stored then: others do not displace those that were.
            for new in set(os.listdir(archives)) - seen:
                os.utime(os.path.join(archives, new), (moment, moment))
                seen.add(new)
        cases = differing = 0
        for zone in ZONES:
            for number, rules in enumerate(RULES):
                options = [*rules, *(["-a", "a*"] if number % 3 == 2 else [])]
                common = ["prune", "--dry-run", "--list", *options]
                theirs = verdicts(run(BORG, *common, "borg-repo", TZ=zone))
                ours = verdicts(run(ARCHIVIST, *common, "repo", TZ=zone, ARCHIVIST_COMPAT="borg"))
                cases += 1
                if ours != theirs or not ours:
                    differing += 1
                    print(f"FAILED: {zone} {' '.join(options)}")
                    for name in sorted(ours.keys() | theirs.keys()):
                        if ours.get(name, "?") != theirs.get(name, "?"):
                            print(f"  {name}: borg {theirs.get(name, '?')}, "
                                  f"archivist {ours.get(name, '?')}")

        # And for real: the same ones are left.
        rules = ["--keep-daily=4", "--keep-monthly=5", "--keep-yearly=1"]
        for zone in ZONES[:1]:
            run(BORG, "prune", *rules, "borg-repo", TZ=zone)
            run(ARCHIVIST, "prune", *rules, "repo", TZ=zone)
            theirs = run(BORG, "list", "--short", "borg-repo").split()
            ours = run(ARCHIVIST, "list", "--short", "repo").split()
            if ours != theirs:
                differing += 1
                print(f"FAILED: left by borg {theirs}, by archivist {ours}")
        run(ARCHIVIST, "compact", "repo")
        run(ARCHIVIST, "check", "--verify-data", "repo")
        print(f"  {cases} sets of rules, {differing} answered in another way than borg does")
        sys.exit(1 if differing else 0)


main()
