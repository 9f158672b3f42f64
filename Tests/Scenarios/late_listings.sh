#!/usr/bin/env bash
# A repository on sshfs, which caches listings unless it is told otherwise: what others have put is
# seen late, so nothing is written or deleted there.
source "$(dirname "$0")/lib.sh"
services=$scenarios/../Services

eval "$("$services/sshd.sh" start "$work/sshd")"
endings+=('"$services/sshd.sh" stop "$work/sshd"')

# mount_with OPTIONS…: the directory `real` on ./far, as another machine has it.
mount_with() {
  mkdir -p far
  sshfs -F "$SSH_CONFIG" "peer:$work/real" far "$@"
  mounts=("$work/far")
}
unmount() { umount far && mounts=(); }

mkdir real tree
head -c 3000000 /dev/urandom >tree/file
archivist init -e none real/repo
archivist create real/repo::one tree

say 'as sshfs is by default, it is read, and not written to'
mount_with
status 0 archivist list far/repo
mkdir restored && (cd restored && status 0 archivist extract ../far/repo::one)
same tree restored/tree
status 0 archivist check --verify-data far/repo
before=$(find real -type f | sort)
for command in 'create far/repo::two tree' 'compact far/repo' 'delete far/repo::one' \
  'with-lock far/repo true' 'init -e none far/other'; do
  read -ra words <<<"$command"
  status 2 archivist "${words[@]}"
  says 'dir_cache=no' 'ssh://HOST/PATH'
done
[ "$before" = "$(find real -type f | sort)" ] || fail 'something was written'
[ ! -e real/other ] || fail 'a repository was begun'
unmount

say 'with dir_cache=no it is like any other disk'
mount_with -o dir_cache=no
status 0 archivist create far/repo::two tree
status 0 archivist init -e none far/other
status 0 archivist delete far/repo::one
status 0 archivist compact far/repo
status 0 archivist check --verify-data far/repo
[ -z "$(ls real/repo/tmp)" ] || fail "left behind: $(ls real/repo/tmp)"
unmount
status 0 archivist check --verify-data real/repo
