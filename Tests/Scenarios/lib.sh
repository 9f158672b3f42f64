# What all scenarios share. Source it first:
#
#   source "$(dirname "$0")/lib.sh"
#
# It makes a directory of its own, goes there, keeps what archivist remembers inside it, and removes
# everything when the scenario ends. A scenario reads like a terminal session; the first command
# that does not do what is expected of it ends it, and says so.

set -Eeuo pipefail
export LC_ALL=C TZ=UTC
umask 022

scenarios=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${ARCHIVIST:=$scenarios/../../.build/release/archivist}"
export ARCHIVIST
[ -x "$ARCHIVIST" ] || { echo "no program at $ARCHIVIST: swift build -c release" >&2; exit 2; }
ARCHIVIST=$(realpath "$ARCHIVIST")

# SCENARIO_TMPDIR is for those who want it on a certain disk.
work=$(mktemp -d "${SCENARIO_TMPDIR:-/tmp}/archivist-scenario.XXXXXX")
mounts=()
# What a scenario has to do at its end, whatever comes of it: commands.
endings=()
finish() {
  local status=$? mount ending
  trap - ERR
  set +e
  cd "$work" || true
  for ending in "${endings[@]}"; do eval "$ending"; done
  cd /
  for mount in "${mounts[@]}"; do umount -l "$mount"; done
  chmod -R u+rwX "$work" 2>/dev/null
  rm -rf "$work"
  exit "$status"
}
trap finish EXIT
trap 'echo "FAILED at ${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND" >&2' ERR
cd "$work"

for name in ${!ARCHIVIST_@} ${!BORG_@}; do unset "$name"; done
export ARCHIVIST_BASE_DIR=$work/home
# Long and random, so that it is stretched at the lower cost: most commands would take as long for a
# short one as for all else that they do.
passphrase=a5dff4e8b0d13ac9662b1f0c8e7d9a34
export ARCHIVIST_PASSPHRASE=$passphrase

archivist() { "$ARCHIVIST" "$@"; }

say() { printf '  %s\n' "$*"; }

fail() {
  echo "FAILED at ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}: $*" >&2
  exit 1
}

# status N COMMAND…: the command ends with status N. Its output is in the files out and err.
# Nothing that it prints may look like a crash of a Swift program.
status() {
  local wanted=$1 found=0
  shift
  "$@" >"$work/out" 2>"$work/err" || found=$?
  if [ "$found" != "$wanted" ]; then
    sed 's/^/    /' "$work/err" >&2
    fail "exit status $found instead of $wanted: $*"
  fi
  if grep -qaE 'Fatal error|Swift/|\.swift:|Stack dump|Crash|libswift|Illegal instruction' \
    "$work/out" "$work/err"; then
    sed 's/^/    /' "$work/err" >&2
    fail "a Swift runtime error: $*"
  fi
}

# says PATTERN…: the last `status` command said this on standard error (grep -E, any case).
says() {
  local pattern
  for pattern; do
    grep -qaiE -- "$pattern" "$work/err" || {
      sed 's/^/    /' "$work/err" >&2
      fail "no \"$pattern\" in what it said"
    }
  done
}

# prints PATTERN…: the same for standard output.
prints() {
  local pattern
  for pattern; do
    grep -qaE -- "$pattern" "$work/out" || {
      sed 's/^/    /' "$work/out" >&2
      fail "no \"$pattern\" in what it printed"
    }
  done
}

# same A B: rsync, told to compare everything it can, finds nothing to do.
same() {
  local difference
  difference=$(rsync -naHAXi --checksum --delete "$1/" "$2/" 2>&1)
  [ -z "$difference" ] || fail "$1 and $2 differ:"$'\n'"$(head -20 <<<"$difference")"
}

# figure WHAT NUMBER: something counted, which docs/reliability.md tells.
figures=$scenarios/../../.build/figures
mkdir -p "$figures" && figures=$(realpath "$figures")/$(basename "$0" .sh)
rm -f "$figures"
figure() { printf '%s\t%s\n' "$1" "$2" >>"$figures"; }

# bytes PATH…: how many bytes there are in all files below.
bytes() { find "$@" -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum + 0 }'; }

need_root() { [ "$(id -u)" = 0 ] || fail "has to run as root: $*"; }

# small_disk SIZE: a file system of its own, of that size, mounted on ./disk.
small_disk() {
  need_root "mounts a small file system"
  mkdir -p disk
  mount -t tmpfs -o "size=$1" scenario disk
  mounts+=("$work/disk")
}

# letters ARGUMENT…: a create, which ends well; what became of each item is in the file letters.
letters() {
  status 0 archivist create --list "$@"
  cp "$work/err" "$work/letters"
}

# letter L PATH…: the last of these gave this letter to these items.
letter() {
  local wanted=$1 path
  shift
  for path; do
    grep -qxF "$wanted $path" "$work/letters" ||
      fail "$path is not $wanted:"$'\n'"$(cat "$work/letters")"
  done
}

# client NAME PACKAGE…: a virtual environment of Python with these packages of PyPI, made once and kept
# beside the build; its programs are in $client/bin.
client() {
  client=$(realpath "$scenarios/../..")/.build/clients/$1
  mkdir -p "${client%/*}"
  (
    flock 9
    [ ! -e "$client/made" ] || [ "$(cat "$client/made")" != "${*:2}" ] || exit 0
    rm -rf "$client"
    /usr/bin/python3 -m venv "$client"
    "$client/bin/pip" install --quiet --disable-pip-version-check wheel
    "$client/bin/pip" install --quiet --disable-pip-version-check "${@:2}"
    echo "${*:2}" >"$client/made"
  ) 9>"$client.lock" || fail "the packages ${*:2} cannot be installed"
}

# as_borg: puts archivist in borg's place: the first `borg` on the PATH. CLIENT_BORG names another program,
# to see whether a scenario is right about borg itself.
as_borg() {
  mkdir -p "$work/bin"
  ln -s "${CLIENT_BORG:-$ARCHIVIST}" "$work/bin/borg"
  PATH=$work/bin:$PATH
  # A client says all this in borg's variables.
  unset ARCHIVIST_PASSPHRASE ARCHIVIST_BASE_DIR
  export HOME=$work/user
  mkdir -p "$HOME"
}
