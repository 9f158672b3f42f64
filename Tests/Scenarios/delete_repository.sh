#!/usr/bin/env bash
# A repository that is deleted as a whole: only if it is meant, all that is its own, and nothing else; at once,
# or in parts that say what they are.
source "$(dirname "$0")/lib.sh"

export ARCHIVIST_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
echo text >a-file
fresh() {
  chattr -R -i repo 2>/dev/null || true
  rm -rf repo
  archivist init -e none repo
  archivist create repo::a a-file
}
whole() { [ "$(archivist list --short repo)" = a ] && archivist check --verify-data repo >/dev/null; }

say "not because a variable is not set, and not under others' hands"
fresh
for name in repo:: :: ''; do
  ARCHIVIST_REPO=repo status 2 archivist delete --force "$name"
  says 'is a variable not set'
done
ARCHIVIST_REPO=repo status 2 archivist delete --force
says 'what is to be deleted'
status 2 archivist delete --damaged repo
status 2 archivist delete repo </dev/null
says 'no terminal to ask on'
status 2 archivist delete --force --json repo
status 2 archivist with-lock repo "$ARCHIVIST" delete --force repo
says 'others work with this repository: .*with-lock'
status 0 archivist delete --dry-run repo
prints 'Would delete archive: a ' 'Would delete the repository repo: [0-9]+ files, '
whole || fail "something is gone"

say "nothing is deleted where something cannot be"
mv repo/segments elsewhere && ln -s ../elsewhere repo/segments
status 2 archivist delete --force repo
says 'a part of the repository is elsewhere'
rm repo/segments && mv elsewhere repo/segments
whole || fail "something is gone"
mkdir repo/config.deleted
status 2 archivist delete --force repo
says 'is in the way'
rmdir repo/config.deleted
if [ "$(id -u)" = 0 ]; then
  mv repo/segments elsewhere && mkdir repo/segments && mount --bind elsewhere repo/segments
  mounts+=("$work/repo/segments")
  status 2 archivist delete --force repo
  says 'repo/segments: a part of the repository is on a disk, or a directory, that is mounted here'
  whole || fail "something is gone"
  umount repo/segments && mounts=() && rmdir repo/segments && mv elsewhere repo/segments
  segment=$(find repo/segments -type f | head -1)
  if chattr +i "$segment" 2>/dev/null; then
    status 2 archivist delete --force repo
    says 'protected from being removed: .chattr'
    whole || fail "something is gone"
    chattr -i "$segment"
  fi
  # Another user's.
  chmod 755 "$work" && chmod -R a+rX repo
  status 2 setpriv --reuid 65534 --clear-groups env ARCHIVIST_BASE_DIR=/tmp/nobody-$$ \
    "$ARCHIVIST" delete --force "$work/repo"
  rm -rf "/tmp/nobody-$$"
  whole || fail "something is gone"
else
  chmod 500 repo/segments/00
  status 2 archivist delete --force repo
  chmod 700 repo/segments/00
fi
whole || fail "something is gone"

say "what is not the repository's stays, and is named"
mkdir -p repo/segments/00/@eaDir repo/lost+found
touch repo/notes repo/segments/$'a\xff' repo/segments/00/@eaDir/thumb repo/keys/mine
mkdir repo/index/deep
(cd repo/index/deep && for ((i = 0; i < 300; i++)); do mkdir 0123456789 && cd 0123456789; done)
ln -s repo link
status 0 archivist delete --dry-run link/
says 'Would stay: .*notes' 'segments/00/@eaDir'
whole || fail "something is gone"
status 1 archivist delete --force link/
says 'the repository is deleted, and its directory stays: these are not the repository.s: ' 'index/deep' \
  'keys/mine' 'lost\+found' 'segments/00/@eaDir'
[ "$(find repo -type f | LC_ALL=C sort | tr '\n' ' ')" = \
  "repo/keys/mine repo/notes repo/segments/00/@eaDir/thumb repo/segments/"$'a\xff ' ] ||
  fail "$(find repo -type f)"
[ "$(find repo/index -mindepth 1 | wc -l)" = 301 ] || fail "the deep tree"
[ ! -e repo/segments/01 ] || fail "an empty directory stays"
rm link
status 2 archivist list repo
says 'not a repository of archivist'

say "interrupted, it says what it is, and is gone on with"
for moment in 1 2 3; do
  fresh
  for ((i = 0; i < 400; i++)); do
    printf x >"repo/segments/$(printf %02x $((i % 256)))/$(printf "%02x%062x" $((i % 256)) $i)"
  done
  case $moment in
    1) mv repo/config repo/config.deleted ;;
    2) mv repo/config repo/config.deleted && rm -r repo/segments/0* repo/archives ;;
    # For real.
    3)
      "$ARCHIVIST" delete --force repo &
      while [ ! -e repo/config.deleted ] && kill -0 $! 2>/dev/null; do :; done
      kill -9 $! 2>/dev/null || true
      wait $! 2>/dev/null || true
      # If it was quicker, there is nothing more to see.
      [ -n "$(ls -A repo 2>/dev/null)" ] || continue
      ;;
  esac
  status 2 archivist list repo
  says 'repo: this repository was deleted in part, .*`archivist delete repo`'
  status 2 archivist init -e none repo
  says 'deleted in part'
  status 0 archivist delete --dry-run repo
  prints 'Would delete the rest of the repository repo'
  status 2 archivist delete repo </dev/null
  # No key is asked for.
  ARCHIVIST_PASSPHRASE=other status 0 archivist delete --force repo
  [ ! -e repo ] || fail "something is left: $(find repo | head)"
done

say "over ssh it is refused, and what to do is said"
fresh
cat >ssh <<'END'
#!/bin/sh
shift
exec sh -c "$*"
END
chmod +x ssh
for options in '' --dry-run; do
  # shellcheck disable=SC2086
  status 2 archivist delete $options --force --rsh "$work/ssh" --remote-path "$ARCHIVIST" "ssh://host$work/repo"
  says "log in at host and run there: archivist delete $work/repo"
done
whole || fail "something is gone"
mv repo/config repo/config.deleted
status 2 archivist list --rsh "$work/ssh" --remote-path "$ARCHIVIST" "ssh://host$work/repo"
says 'deleted in part'
status 2 archivist delete --force --rsh "$work/ssh" --remote-path "$ARCHIVIST" "ssh://host$work/repo"
says 'log in at host'
status 0 archivist delete --force repo
[ ! -e repo ] || fail "something is left"
