# For the pages of documentation: a server named `storage`, and one named `storage-append` whose key
# is restricted. To be sourced.
services=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
eval "$("$services/sshd.sh" start "$HOME/.sshd")"
trap '"$services/sshd.sh" stop "$HOME/.sshd"' EXIT
program=$(command -v archivist)
"$services/sshd.sh" key "$HOME/.sshd" storage >/dev/null
"$services/sshd.sh" key "$HOME/.sshd" storage-append "$program serve --append-only" >/dev/null
export ARCHIVIST_RSH ARCHIVIST_REMOTE_PATH="$program"
