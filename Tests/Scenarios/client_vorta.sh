#!/usr/bin/env bash
# Vorta, with archivist in borg's place: its own jobs, as its windows start them, without a screen.
source "$(dirname "$0")/lib.sh"
as_borg
client vorta 'vorta==0.11.*'
export QT_QPA_PLATFORM=offscreen BORG_BASE_DIR=$work/base
mkdir -p "$HOME" source out
seq 100000 >source/file
echo secret >source/out.tmp

cat >jobs.py <<'PYTHON'
import json
import os
import sys
import types

from peewee import SqliteDatabase
from vorta import config

work = os.getcwd()
sys.argv = ["vorta"]
config.init_dev_mode(work + "/vorta")
from vorta.store.connection import init_db

init_db(SqliteDatabase(str(config.SETTINGS_DIR / "settings.db")))
from vorta.store.models import ArchiveModel, BackupProfileModel, RepoModel, SettingsModel, SourceFileModel
from vorta.application import VortaApp

app = VortaApp([])
heard = []
app.backup_log_event.connect(lambda text, context: heard.append(text))
shown = []
app.backup_progress_event.connect(shown.append)

from vorta.borg.break_lock import BorgBreakJob
from vorta.borg.change_passphrase import BorgChangePassJob
from vorta.borg.check import BorgCheckJob
from vorta.borg.compact import BorgCompactJob
from vorta.borg.create import BorgCreateJob
from vorta.borg.delete import BorgDeleteJob
from vorta.borg.diff import BorgDiffJob
from vorta.borg.extract import BorgExtractJob
from vorta.borg.info_archive import BorgInfoArchiveJob
from vorta.borg.info_repo import BorgInfoRepoJob
from vorta.borg.init import BorgInitJob
from vorta.borg.list_archive import BorgListArchiveJob
from vorta.borg.list_repo import BorgListRepoJob
from vorta.borg.prune import BorgPruneJob
from vorta.borg.rename import BorgRenameJob
from vorta.borg.version import BorgVersionJob
from vorta.utils import borg_compat

keyring = SettingsModel.get(key="use_system_keyring")
keyring.value = False
keyring.save()


def run(kind, *arguments, status=0):
    """Runs a job, as the program does, and gives what it makes of borg's answer."""
    prepared = kind.prepare(*arguments)
    assert prepared["ok"], (kind, prepared)
    job = kind(prepared["cmd"], prepared, "site")
    results = []
    job.finished_event = results.append
    heard.clear()
    job.run()
    result, = results
    assert result["returncode"] == status, (result["cmd"], result["returncode"], result["errors"], heard)
    failures = [text for level, text in result["errors"] if level >= 40]
    assert status or not failures, (result["cmd"], failures)
    return result


version = run(BorgVersionJob)["data"]
borg_compat.set_version(version["version"], version["path"])
assert borg_compat.check("JSON_LOG") and borg_compat.check("ZSTD") and not borg_compat.check("V2"), version
print("  version " + version["version"])

repo = work + "/repo"
options = dict(repo_url=repo, repo_name="here", extra_borg_arguments="", ssh_key=None,
               encryption="repokey-blake2", password="a passphrase for Vorta")
run(BorgInitJob, options)
model = RepoModel.get(url=repo)
profile = BackupProfileModel.select().first()
profile.repo = model
profile.compression = "auto,zstd,3"
profile.exclude_patterns = "*.tmp"
profile.exclude_if_present = "[x] .nobackup"
profile.new_archive_name = "{hostname}-{now:%H%M%S%f}"
profile.save()
SourceFileModel(dir=work + "/source", profile=profile).save()

print("  create, as the timer does it")
for text in ("one", "two"):
    with open("source/changing", "w") as file:
        file.write(text)
    result = run(BorgCreateJob, profile)
    assert result["data"]["archive"]["stats"]["nfiles"] == 2, result["data"]
assert any("source/changing" in line for line in heard), heard
names = [a.name for a in ArchiveModel.select().order_by(ArchiveModel.time)]
assert len(names) == 2, names
assert RepoModel.get(url=repo).unique_size > 0

print("  list, info")
listed = run(BorgListRepoJob, profile)["data"]
assert [a["name"] for a in listed["archives"]] == names, listed
info = run(BorgInfoArchiveJob, profile, names[0])["data"]
assert info["archives"][0]["name"] == names[0], info
run(BorgInfoRepoJob, options | dict(repo_url=repo))
items = run(BorgListArchiveJob, profile, names[1])
rows = [json.loads(line) for line in items["data"].splitlines()]
assert any(row["path"].endswith("source/changing") and row["size"] == 3 for row in rows), rows
from vorta.views.dialogs.archive.extract import ExtractTree, ParseThread

tree = ExtractTree()
parser = ParseThread(items["data"], tree)
parser.run()

print("  diff")
changed = run(BorgDiffJob, profile, *names)
text = changed["data"] if isinstance(changed["data"], str) else json.dumps(changed["data"])
assert "source/changing" in text and "source/file" not in text, text
from vorta.views.dialogs.archive.diff_result import DiffTree, ParseThread as DiffParseThread

DiffParseThread(text, True, DiffTree()).run()

print("  extract of what is chosen in the tree")
from PyQt6.QtCore import QModelIndex, Qt


def check(parent, path):
    for number in range(tree.rowCount(parent)):
        index = tree.index(number, 0, parent)
        node = index.internalPointer()
        if node.subpath == path[0]:
            if len(path) == 1:
                node.data.checkstate = Qt.CheckState.Checked
                return
            return check(index, path[1:])
    raise AssertionError(path)


tree.setMode(tree.DisplayMode.TREE) if hasattr(tree, "setMode") else None
check(QModelIndex(), (work + "/source/changing").strip("/").split("/"))
run(BorgExtractJob, profile, names[1], tree, work + "/out")
found = [os.path.join(d, f) for d, _, files in os.walk("out") for f in files]
assert found == ["out" + work + "/source/changing"], found
assert open(found[0]).read() == "two"

print("  rename, check, prune, compact, change of the passphrase, delete, break-lock")
run(BorgRenameJob, profile, names[0], "renamed")
run(BorgCheckJob, profile)
profile.prune_keep_within = "1H"
profile.save()
run(BorgPruneJob, profile)
shown.clear()
run(BorgCompactJob, profile)
run(BorgChangePassJob, profile, "another passphrase")
assert run(BorgListRepoJob, profile)["returncode"] == 0
run(BorgDeleteJob, profile, ["renamed"])
listed = run(BorgListRepoJob, profile)["data"]
assert [a["name"] for a in listed["archives"]] == names[1:], listed
run(BorgBreakJob, profile)
os._exit(0)
PYTHON
"$client/bin/python" jobs.py 2>err || { grep -v '^QStandard\|propagateSizeHints' err | tail -n 30 >&2; fail "Vorta's jobs"; }
