#!/usr/bin/env bash
# Programs that read borg's figures, with archivist in its place: borg2mqtt (with a real broker), what Prometheus
# exporters ask for and read; and the script for automatic backups of borg's documentation.
source "$(dirname "$0")/lib.sh"
as_borg

mkdir -p "$HOME" source
seq 20000 >source/file
mkfifo source/fifo

say "a script as borg documents it: create, prune, compact; its status is the highest of theirs"
export BORG_REPO=$work/repo BORG_PASSPHRASE='XYZl0ngandsecurepa_55_phrasea&&123'
cat >automatic <<'SCRIPT'
#!/bin/sh
info() { printf "\n%s %s\n\n" "$(date)" "$*" >&2; }
trap 'echo $(date) Backup interrupted >&2; exit 2' INT TERM
info "Starting backup"
borg create --verbose --filter AME --list --stats --show-rc --compression lz4 --exclude-caches \
  --exclude 'home/*/.cache/*' --exclude 'var/tmp/*' ::'{hostname}-{now}' "$@"
created=$?
info "Pruning repository"
borg prune --list --glob-archives '{hostname}-*' --show-rc --keep-daily 7 --keep-weekly 4 --keep-monthly 6
pruned=$?
info "Compacting repository"
borg compact --show-rc
compacted=$?
status=$((created > pruned ? created : pruned))
status=$((compacted > status ? compacted : status))
exit $status
SCRIPT
chmod +x automatic
borg init --encryption=repokey
status 0 ./automatic source
says '^A source/file$' 'terminating with success status, rc 0' 'This archive:' 'Keeping archive' 'Duration:'
[ ! -s out ] || fail "borg says all this on standard error: $(head -3 out)"
[ "$(grep -c 'rc 0$' err)" = 3 ] || fail "three commands say how they end"
echo more >>source/file
sleep 1.1
status 1 ./automatic source missing
says 'rc 1$' 'missing'
sleep 1.1
status 0 ./automatic source

say "borg2mqtt: figures of a repository, to a real broker"
client monitors 'borg2mqtt==0.2.*' 'amqtt' 'prometheus-client'
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >broker.yaml <<YAML
listeners:
  default:
    type: tcp
    bind: 127.0.0.1:$port
plugins:
  amqtt.plugins.authentication.AnonymousAuthPlugin:
    allow_anonymous: true
YAML
"$client/bin/amqtt" -c broker.yaml >broker.log 2>&1 & broker=$!
endings+=('kill "$broker"')
for _ in $(seq 100); do
  ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  sleep 0.1
done
cat >mqtt.yml <<YAML
mqtt:
  host: 127.0.0.1
  port: $port
  user: any
  password: any
repos:
  - repo: $work/repo
    name: Local Data
    key: "$BORG_PASSPHRASE"
    units: MB
YAML
"$client/bin/borg2mqtt" -c mqtt.yml -vvv setup >setup.out
"$client/bin/borg2mqtt" -c mqtt.yml update
timeout 20 "$client/bin/amqtt_sub" --url "mqtt://any:any@127.0.0.1:$port" -t 'borg/#' -n 1 >state 2>sub.log ||
  fail "nothing from the broker: $(cat sub.log broker.log)"
archives=$(borg list --short | wc -l)
python3 - state "$archives" <<'PYTHON'
import datetime
import json
import sys

text = open(sys.argv[1]).read()
state = json.loads(text[text.index("{"):text.rindex("}") + 1])
assert state["num_backups"] == int(sys.argv[2]), state
assert state["chunks_total"] >= state["chunks_unique"] > 0, state
assert state["size_og"] > 0 and state["size_dedup_comp"] > 0, state
age = datetime.datetime.now(datetime.timezone.utc) - datetime.datetime.fromisoformat(state["most_recent"])
assert abs(age.total_seconds()) < 600, state
PYTHON

say "exporters for Prometheus: the fields that they read, from JSON and from text"
cat >exporter.py <<'PYTHON'
"""The calls of three published exporters, and the fields that they read."""
import datetime
import json
import os
import re
import subprocess

from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

repository = os.environ["BORG_REPO"]


def borg(*arguments):
    return subprocess.run(["borg", *arguments], check=True, capture_output=True, text=True).stdout


registry = CollectorRegistry()


def gauge(name, value):
    Gauge(name, name, registry=registry).set(value)


info = json.loads(borg("info", "--json", repository))
for field in ("total_chunks", "total_csize", "total_size", "total_unique_chunks", "unique_csize", "unique_size"):
    gauge("borg_" + field, info["cache"]["stats"][field])
assert info["encryption"]["mode"] == "repokey", info["encryption"]
gauge("borg_last_modified", datetime.datetime.fromisoformat(info["repository"]["last_modified"]).timestamp())
last = json.loads(borg("info", "--json", "--last", "1", repository))["archives"][0]
for field in ("compressed_size", "deduplicated_size", "nfiles", "original_size"):
    gauge("borg_archive_" + field, last["stats"][field])
gauge("borg_archive_duration", last["duration"])
gauge("borg_archive_start", datetime.datetime.fromisoformat(last["start"]).timestamp())
gauge("borg_max_archive_size", last["limits"]["max_archive_size"])
assert last["hostname"] and last["username"] and last["command_line"], last
listed = json.loads(borg("list", "--json", repository))
gauge("borg_archives", len(listed["archives"]))
for archive in listed["archives"]:
    assert archive["archive"] == archive["barchive"] == archive["name"], archive
    assert archive["start"] == archive["time"] and len(archive["id"]) == 64, archive

# Those that take borg's text apart.
name, _, date, time = borg("list", "--last", "1", repository).split()[:4]
datetime.datetime.fromisoformat(f"{date} {time}")
text = borg("info", f"{repository}::{name}")
size = r"([\d.]+) (\w?B)"
this, = re.findall(rf"^This archive: +{size} +{size} +{size}$", text, re.M)
every, = re.findall(rf"^All archives: +{size} +{size} +{size}$", text, re.M)
unique, total = re.findall(r"^Chunk index: +(\d+) +(\d+)$", text, re.M)[0]
assert int(total) == info["cache"]["stats"]["total_chunks"], text
assert int(unique) == info["cache"]["stats"]["total_unique_chunks"], text
files, = re.findall(r"^Number of files: (\d+)$", text, re.M)
gauge("borg_files_count", int(files))
gauge("borg_last_size", float(this[0]))
gauge("borg_text_total_size", float(every[0]))
assert int(files) == last["stats"]["nfiles"]
write_to_textfile("borg.prom", registry)
PYTHON
"$client/bin/python" exporter.py
grep -qx "borg_archives $archives.0" borg.prom || fail "$(cat borg.prom)"
borg extract --dry-run "$BORG_REPO::$(borg list --short --last 1)"
