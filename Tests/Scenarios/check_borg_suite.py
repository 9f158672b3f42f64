#!/usr/bin/env python3
"""borg 1.4.5's own tests of its command line, run against archivist in borg's place.

The tests come with borg itself, from PyPI; nothing of them is kept here. They call a program instead of
borg's modules when that is what their class says, so a plug-in of pytest says it. What does not pass is
in borg_suite.txt, each with its reason: another outcome than that, better or worse, is an error.

    check_borg_suite.py              everything, about six minutes
    check_borg_suite.py --quick      a part of it, for every day
    check_borg_suite.py NAME…        tests whose names contain one of these
    check_borg_suite.py --write      writes the outcomes into the list, with the reasons that it has
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

here = Path(__file__).resolve().parent
build = here.parents[1] / ".build"
expectations = here / "borg_suite.txt"
VERSION = "1.4.5"

# A part that takes a minute: of each command something.
QUICK = """test_info test_list_json test_delete_multiple test_prune_repository test_init_parent_dirs
test_create_pattern test_rename test_diff test_sort_option test_key_import_errors test_exit_codes
test_return_codes test_log_json test_extract_hardlinks1""".split()

PLUGIN = """
def pytest_configure(config):
    from borg.testsuite import archiver
    archiver.ArchiverTestCaseBase.EXE = "borg.exe"
    archiver.ArchiverTestCaseBase.FORK_DEFAULT = True

def pytest_collection_modifyitems(config, items):
    # Of each test once: the class for programs has all of the one for modules.
    kept, left = [], []
    for item in items:
        owner = item.cls.__name__ if item.cls else ""
        isWanted = owner not in ("ArchiverTestCase", "RemoteArchiverTestCase", "Test_Archiver") and (
            owner.startswith("Archiver") or owner.startswith("Diff") or owner.startswith("Manifest")
            or owner.startswith("ArchiveAuth") or item.name.startswith("test_return_codes"))
        # Some GB are made for this one.
        isWanted = isWanted and "benchmark_crud" not in item.name
        (kept if isWanted else left).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = kept

outcomes = {}

def pytest_runtest_logreport(report):
    name = report.nodeid.split("::", 1)[1].replace("::", ".").replace("ArchiverTestCaseBinary", "Archiver")
    if report.failed:
        outcomes[name] = "fails"
    elif report.skipped:
        outcomes.setdefault(name, "skipped")
    elif report.when == "call":
        outcomes.setdefault(name, "passes")

def pytest_sessionfinish(session):
    import os
    with open(os.environ["OUTCOMES"], "w") as file:
        for name in sorted(outcomes):
            print(name, outcomes[name], file=file)
"""


def python():
    """The python of an environment with borg and pytest."""
    place = build / "borg-suite"
    program = place / "bin" / "python"
    if not (place / "complete").exists():
        shutil.rmtree(place, ignore_errors=True)
        venv.create(place, with_pip=True)
        subprocess.run(
            [program, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
             f"borgbackup=={VERSION}", "pytest==8.*", "python-dateutil"], check=True)
        (place / "complete").touch()
    return program


def expected():
    """Name of a test: its outcome, and why it is not another one."""
    known = {}
    for line in expectations.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        name, outcome, *reason = line.split(None, 2)
        known[name] = (outcome, reason[0] if reason else "")
    return known


def run(archivist, words, work):
    """Runs the tests; the outcome of each."""
    (work / "bin").mkdir()
    (work / "tmp").mkdir()
    (work / "home").mkdir()
    # The tests look for this name.
    (work / "bin" / "borg.exe").symlink_to(archivist)
    (work / "borg_suite_plugin.py").write_text(PLUGIN)
    environment = {k: v for k, v in os.environ.items() if not re.match("(BORG|ARCHIVIST)_", k)}
    environment |= {
        "ARCHIVIST_COMPAT": "borg", "PATH": f"{work}/bin:{os.environ['PATH']}",
        "PYTHONPATH": str(work), "TMPDIR": str(work / "tmp"), "HOME": str(work / "home"),
        "OUTCOMES": str(work / "outcomes"), "LC_ALL": "C.UTF-8",
    }
    command = [
        python(), "-m", "pytest", "-p", "borg_suite_plugin", "-p", "no:cacheprovider", "-q",
        "--tb=native", "--pyargs", "borg.testsuite.archiver",
    ]
    if words:
        command += ["-k", " or ".join(words)]
    with open(work / "log", "w") as log:
        subprocess.run(command, env=environment, cwd=work, stdout=log, stderr=subprocess.STDOUT)
    if not (work / "outcomes").exists():
        sys.exit("the tests did not run:\n" + (work / "log").read_text()[-3000:])
    return dict(line.rsplit(" ", 1) for line in (work / "outcomes").read_text().splitlines())


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    if "--quick" in sys.argv or os.environ.get("BORG_SUITE") != "all" and len(sys.argv) == 1:
        words = QUICK
    archivist = Path(os.environ.get("ARCHIVIST", build / "release" / "archivist")).resolve()
    known = expected()
    work = Path(tempfile.mkdtemp(prefix="archivist-borg-suite."))
    try:
        found = run(archivist, words, work)
        if "--write" in sys.argv:
            with open(expectations, "w") as file:
                file.write("# test outcome reason; see check_borg_suite.py\n")
                for name, outcome in sorted(found.items()):
                    reason = known.get(name, ("", ""))[1] if outcome != "passes" else ""
                    print(f"{name} {outcome} {reason}".rstrip(), file=file)
            return
        wrong = []
        for name, outcome in sorted(found.items()):
            wanted, reason = known.get(name, ("", ""))
            if wanted != outcome:
                wrong.append(f"{name}: {outcome}, and not {wanted or 'anything'} as in the list")
            elif outcome == "fails" and not reason:
                wrong.append(f"{name}: fails without a reason in the list")
        if not words:
            wrong += [f"{name}: is in the list, and was not run" for name in known.keys() - found.keys()]
        count = lambda outcome: sum(1 for one in found.values() if one == outcome)
        print(
            f"  borg's own tests: {count('passes')} pass, {count('fails')} fail as listed, "
            f"{count('skipped')} are skipped")
        if not count("passes") and (not words or words is QUICK):
            wrong.append("none passes")
        if wrong:
            print((work / "log").read_text()[-20000:])
            sys.exit("\n".join(wrong))
    finally:
        subprocess.run(["chmod", "-R", "u+rwX", work], stderr=subprocess.DEVNULL)
        shutil.rmtree(work, ignore_errors=True)


main()
