#!/usr/bin/env bash
# borgmatic, with archivist as its local_path: every action that it has for repositories of borg 1.
#
# BORGMATIC names the versions, for pip.
source "$(dirname "$0")/lib.sh"
need_root "a database server is started as its user"
as_borg

: "${BORGMATIC:=borgmatic==2.* borgmatic==1.9.*}"
export XDG_RUNTIME_DIR=$work/run
mkdir -p "$HOME" run
chmod 755 "$work"

say "a PostgreSQL server, and a SQLite file"
postgres=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
mkdir cluster socket
database=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
chown postgres cluster socket
as_postgres() { setpriv --reuid=postgres --regid=postgres --clear-groups env HOME=/tmp "$@"; }
as_postgres "$postgres/initdb" -A trust -U postgres -D cluster >initdb.log
as_postgres "$postgres/pg_ctl" -D cluster -w -l "$work/socket/log" \
  -o "-c listen_addresses=127.0.0.1 -p $database -c unix_socket_directories=$work/socket -c fsync=off" \
  start >start.log
endings+=('as_postgres "$postgres/pg_ctl" -D "$work/cluster" -m immediate stop >/dev/null')
sql() { psql -qAt -h 127.0.0.1 -p "$database" -U postgres "$@"; }

repository=$work/repo
export BORG_PASSPHRASE="a passphrase for borgmatic"

configure() {
  cat >config.yaml <<YAML
source_directories:
    - $work/source
    - $work/other
repositories:
    - path: $repository
      label: local
source_directories_must_exist: true
patterns:
    - "- $work/source/excluded"
exclude_patterns:
    - "*.tmp"
exclude_if_present:
    - .nobackup
exclude_caches: true
user_state_directory: $work/state
local_path: $work/bin/borg
encryption_passphrase: "a passphrase for borgmatic"
compression: auto,zstd,3
archive_name_format: "{hostname}-{now:%Y-%m-%dT%H:%M:%S.%f}"
files_cache: ctime,size,inode
checkpoint_interval: 600
umask: 0077
lock_wait: 5
upload_rate_limit: 0
retries: 1
keep_daily: 7
keep_weekly: 4
keep_monthly: 6
checks:
    - name: repository
      frequency: always
    - name: archives
      frequency: always
    - name: data
      frequency: always
    - name: extract
      frequency: always
    - name: spot
      frequency: always
      count_tolerance_percentage: 50
      data_sample_percentage: 50
      data_tolerance_percentage: 10
check_last: 3
before_backup:
    - touch $work/before
after_backup:
    - touch $work/after
postgresql_databases:
    - name: shop
      hostname: 127.0.0.1
      port: $database
      username: postgres
    - name: plain
      hostname: 127.0.0.1
      port: $database
      username: postgres
      format: plain
sqlite_databases:
    - name: notes
      path: $work/notes.db
healthchecks:
    ping_url: http://127.0.0.1:$port/ping
    send_logs: true
YAML
}

# A server that notes who calls: what monitoring services see.
cat >pings.py <<'PYTHON'
import http.server
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with open("pings", "a") as file:
            print(self.path, len(body), file=file)
        self.send_response(200)
        self.end_headers()

    do_GET = do_HEAD = do_POST

    def log_message(self, *arguments):
        pass


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
PYTHON
python3 pings.py >port & pings=$!
endings+=('kill "$pings"')
until [ -s port ]; do sleep 0.05; done
port=$(cat port)

# bm ARGUMENT…: borgmatic. It has no words for what went wrong but those of its log.
bm() {
  "$client/bin/borgmatic" --config "$work/config.yaml" --no-color --verbosity 1 "$@" >"$work/log" 2>&1 || {
    tail -n 60 "$work/log" >&2
    fail "borgmatic $*"
  }
  ! grep -aE 'Traceback|Fatal error|unrecognized|Unknown option' "$work/log" >&2 || fail "borgmatic $*"
}

try() {
  rm -rf repo source other notes.db state restored pings before after "$HOME/.local" "$HOME/.cache" "$HOME/.borgmatic" "$HOME/.config"
  mkdir -p source/deep/er source/excluded source/hidden other
  head -c 3000000 /dev/urandom >source/large
  echo one >source/deep/er/file
  echo temporary >source/deep/some.tmp
  echo no >source/excluded/file
  touch source/hidden/.nobackup source/hidden/file
  echo "with spaces" >"other/a file"
  mkfifo source/deep/fifo
  sql -c 'drop database if exists shop' -c 'create database shop'
  sql -c 'drop database if exists plain' -c 'create database plain'
  sql shop -c "create table things as select n, md5(n::text) as name from generate_series(1, 20000) n"
  sql plain -c "create table notes as select 'remember' as text"
  sqlite3 notes.db "create table notes (text); insert into notes values ('one'), ('two')"
  configure

  bm config validate
  local make=(repo-create)
  bm "${make[@]}" --encryption repokey-blake2
  # A repository that is there already; its mode is what borg would have called it.
  bm "${make[@]}" --encryption "$("$work/bin/borg" info --json "$repository" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["encryption"]["mode"])')"

  say "$1: create, with patterns, hooks, pings and dumps"
  timeout 120 "$client/bin/borgmatic" --version >/dev/null
  bm create --list --stats
  grep -q ' /ping/start\|/ping/start' pings && grep -q '/ping ' pings || fail "no pings: $(cat pings)"
  [ -e before ] && [ -e after ] || fail "no hooks"
  echo two >>source/deep/er/file
  bm create --progress
  bm create --json
  python3 - "$work/log" <<'PYTHON'
import json
import sys

text = open(sys.argv[1]).read()
archives = json.loads(text[text.index("["):text.rindex("]") + 1])
assert archives[0]["archive"]["stats"]["nfiles"] >= 5, archives
assert archives[0]["repository"]["label"] == "local", archives
PYTHON

  say "$1: list, info, and what is in it"
  bm repo-list
  [ "$(grep -c -- "$(hostname)-20" log)" -ge 3 ] || fail "three archives: $(cat log)"
  bm repo-list --json
  bm repo-list --prefix "$(hostname)-" --last 1
  bm list --archive latest
  grep -q "deep/er/file" log && grep -q "other/a file" log || fail "no list: $(cat log)"
  ! grep -E 'some.tmp|excluded|hidden/file|deep/fifo' log || fail "more than was asked for"
  grep -q 'postgresql_databases/.*/shop' log || fail "no dump"
  bm list --json
  bm list --find file
  grep -q 'deep/er/file' log || fail "list --find"
  bm repo-info
  bm repo-info --json
  bm info
  bm info --archive latest --json

  say "$1: check: repository, archives, data, extract, spot"
  bm check
  bm check --only spot --force
  bm check --only repository --only archives --force --progress

  say "$1: extract, export and restore"
  mkdir restored
  bm extract --archive latest --destination restored
  [ "$(tail -n 1 "restored$work/source/deep/er/file")" = two ] || fail "not what was backed up"
  cmp "restored$work/source/large" source/large
  bm extract --archive latest --path "${work#/}/other" --destination restored --strip-components all
  bm key export --path "$work/exported-$1"
  [ -s "exported-$1" ]
  sql shop -c 'drop table things'
  sql plain -c 'drop table notes'
  sqlite3 notes.db 'delete from notes'
  bm restore --archive latest
  [ "$(sql shop -c 'select count(*) from things')" = 20000 ] || fail "not restored: shop"
  [ "$(sql plain -c 'select text from notes')" = remember ] || fail "not restored: plain"
  [ "$(sqlite3 notes.db 'select count(*) from notes')" = 2 ] || fail "not restored: notes.db"

  say "$1: another command, prune, compact, delete, break-lock"
  bm borg list
  bm prune --list --stats
  bm prune --dry-run --list
  bm compact --progress
  bm compact --cleanup-commits
  bm break-lock
  bm key change-passphrase --help
  bm delete --archive latest --list
  bm repo-list --json
  bm prune create compact check
  bm --dry-run
  bm repo-delete --force
  [ ! -e repo/config ] || fail "the repository is still there"
}

for version in $BORGMATIC; do
  name=${version//[^a-z0-9.]/}
  client "$name" "$version"
  try "$("$client/bin/borgmatic" --version 2>/dev/null | tail -n 1 | sed 's/^/borgmatic /')"
done
