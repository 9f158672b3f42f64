#!/usr/bin/env bash
# Emborg, with archivist as its borg_executable: each of its commands but mount, umount and compare.
source "$(dirname "$0")/lib.sh"
as_borg
client emborg 'emborg==1.*'
export XDG_CONFIG_HOME=$work/config XDG_DATA_HOME=$work/data
mkdir -p "$HOME/documents/deep" "$HOME/cache" config/emborg data/emborg store
seq 100000 >"$HOME/documents/numbers"
echo one >"$HOME/documents/deep/note"
echo no >"$HOME/cache/file"
echo no >"$HOME/documents/some.o"
cat >config/emborg/settings <<'SETTINGS'
configurations = "home"
default_configuration = "home"
SETTINGS
umask 077
cat >config/emborg/home <<SETTINGS
repository = "$work/store"
archive = "{host_name}-{user_name}-{config_name}-{{now:%Y-%m-%dT%H:%M:%S.%f}}"
glob_archives = "{host_name}-{user_name}-{config_name}-*"
borg_executable = "$work/bin/borg"
passphrase = "a passphrase for Emborg"
encryption = "repokey-blake2"
compression = "auto,zlib,6"
src_dirs = ["$HOME"]
excludes = """
    $HOME/cache
    *.o
"""
one_file_system = True
exclude_caches = True
exclude_nodump = True
check_after_create = True
prune_after_create = True
compact_after_delete = True
show_stats = True
lock_wait = 5
umask = "077"
keep_within = "1d"
keep_daily = 7
keep_weekly = 4
SETTINGS

# em ARGUMENT…: Emborg; what it says is in the file said.
em() {
  "$client/bin/emborg" "$@" >said 2>&1 || { tail -n 40 said "$work"/data/emborg/*.log >&2; fail "emborg $*"; }
  ! grep -E 'emborg error|Traceback|Fatal error' said >&2 || fail "emborg $*"
}

says_emborg() { grep -qE -- "$1" said || fail "no \"$1\": $(cat said)"; }

say "init, create, with check, prune and compact after it"
em init
em create
sleep 1.1
echo two >"$HOME/documents/deep/note"
em create --list
em --no-log create --fast
em due
say "list, manifest, info"
em list
[ "$(grep -c "$(hostname)-.*-home-" said)" = 3 ] || fail "not three archives: $(cat said)"
latest=$(grep -oE "$(hostname)-[^ ]*" said | tail -n 1)
first=$(grep -oE "$(hostname)-[^ ]*" said | head -n 1)
em manifest
says_emborg 'documents/deep/note'
! grep -E 'cache/file|some\.o' said || fail "more than was asked for"
em manifest --long
em manifest --sort-by-size --archive "$first" "$HOME/documents"
em info
says_emborg 'archive'
em info "$latest"
say "diff"
! "$client/bin/emborg" diff "$first" "$latest" >said 2>&1 || fail "Emborg's status for a difference is 1"
says_emborg 'documents/deep/note'
say "extract and restore"
mkdir elsewhere
(cd elsewhere && em extract "$HOME/documents/deep/note")
[ "$(find elsewhere -name note -exec cat {} +)" = two ] || fail "not extracted"
echo three >"$HOME/documents/deep/note"
em restore "$HOME/documents/deep/note"
[ "$(cat "$HOME/documents/deep/note")" = two ] || fail "not restored"
say "check, prune, compact, delete, breaklock, borg"
em check --all
em check --verify-data "$first"
em prune
em compact
em breaklock
em borg -- list --short @repo
says_emborg "$latest"
em delete "$first"
em list
[ "$(grep -c "$(hostname)-.*-home-" said)" = 2 ] || fail "not deleted: $(cat said)"
