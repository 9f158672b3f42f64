#!/usr/bin/env bash
# Making a repository: who may read it, what is in the way, and what an interruption leaves.
source "$(dirname "$0")/lib.sh"
need_root "another user is part of it"
export ARCHIVIST_EXIT_CODES=modern

say "nobody else reads a repository, encrypted or not"
umask 000
chmod 755 .
mkdir -m 755 there
mkdir -m 2775 shared
chgrp 12345 shared
echo text >file
for directory in there new; do
  archivist init -e none "$directory"
  ARCHIVIST_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes archivist create "$directory::a" file
  find "$directory" -mindepth 1 \( -perm /077 -o -not -user 0 \) -print >open
  [ ! -s open ] || fail "others may: $(head -3 open)"
done
archivist init shared
archivist create shared::a file
find shared -mindepth 1 -type f -not -perm 660 -print -o -type d -not -perm 2770 -print \
  -o -not -group 12345 -print >other
[ ! -s other ] || fail "not as the directory: $(head -3 other)"
archivist init --permissions group grouped
[ "$(stat -c %a grouped grouped/index grouped/README | tr '\n' ' ')" = '2770 2770 660 ' ]
archivist init --umask 027 masked
[ "$(stat -c %a masked masked/index masked/README | tr '\n' ' ')" = '750 750 640 ' ]
status 2 archivist init --umask 0x7 wrong
umask 022

for mode in 700 750 770 2770; do
  mkdir "shared-$mode" && chmod "$mode" "shared-$mode"
  (
    umask 077
    archivist init "shared-$mode"
    rmdir "shared-$mode/index"
    ARCHIVIST_CHECK_I_KNOW_WHAT_I_AM_DOING=YES status 90 archivist check --repair "shared-$mode"
    archivist create "shared-$mode::a" file
  )
  find "shared-$mode" -mindepth 1 -type d -not -perm "$mode" -print -o \
    -type f -not -perm "$(printf %o $((0$mode & 0666)))" -print >other
  [ ! -s other ] || fail "with a umask, not as the directory, $mode: $(head -3 other)"
done

mkdir -m 1777 everybodys
archivist init everybodys
[ "$(stat -c %a everybodys/index)" = 700 ] || fail "the group may use what stands where everybody may write"

say "what is in the way has its own words, and number"
status 18 archivist init no/such/place
grep -q 'make-parent-dirs' err
status 0 archivist init --make-parent-dirs no/such/place
status 10 archivist init there
grep -q 'there is a repository here already' err
# Nobody is asked for a passphrase first.
(
  unset ARCHIVIST_PASSPHRASE
  export ARCHIVIST_PASSCOMMAND="touch $PWD/asked"
  status 10 archivist init there
  status 18 archivist init another/such/place
  mkdir filled && touch filled/file
  status 19 archivist init filled
  [ ! -e asked ]
)
for inside in there/x there/segments/00/x there/x/y; do
  status 10 archivist init --make-parent-dirs "$inside"
  grep -q 'inside of the repository' err
  [ ! -e "$inside" ]
done
mkdir full && touch full/mine
status 19 archivist init full
[ "$(ls full)" = mine ]
status 19 archivist init full/mine

say "the same over ssh, in append-only mode as well"
cat >shell <<'EOF'
#!/bin/sh
while case "$1" in -*) true;; *) false;; esac; do shift; done
shift
exec /bin/sh -c "$* $SERVE_OPTIONS"
EOF
chmod +x shell
remote=(--rsh "$PWD/shell" --remote-path "$ARCHIVIST")
status 18 archivist init "${remote[@]}" "ssh://x$PWD/nowhere/far/r"
status 10 archivist init "${remote[@]}" "ssh://x$PWD/there"
status 10 archivist init "${remote[@]}" "ssh://x$PWD/there/y"
status 19 archivist init "${remote[@]}" "ssh://x$PWD/full"
export SERVE_OPTIONS=--append-only
status 83 archivist init "${remote[@]}" "ssh://x$PWD/appended"
grep -q 'make the repository where it is' err
status 13 archivist create "${remote[@]}" "ssh://x$PWD/appended::a" file
unset SERVE_OPTIONS

say "killed at any system call that changes something, init is run again"
export ARCHIVIST_EXIT_CODES=classic
number=0
for mode in none keyfile-aes256-gcm; do
  for call in mkdir mkdirat openat fchmodat write pwrite64 fallocate fsync rename renameat2 unlinkat; do
    for when in 1 2 3 5 9 40 280 400; do
      rm -rf r home
      strace -f -o /dev/null -e trace=$call -e "inject=$call:signal=KILL:when=$when" \
        "$ARCHIVIST" init -e $mode r &>/dev/null && continue
      number=$((number + 1))
      export ARCHIVIST_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes
      if ! "$ARCHIVIST" list r &>/dev/null; then
        status 0 archivist init -e $mode r
      fi
      status 0 archivist create r::a file
      status 0 archivist list r
      status 0 archivist check r
      [ ! -s err ] || fail "killed at $call $when: $(cat err)"
    done
  done
done
[ "$number" -gt 30 ] || fail "only $number were killed"
say "$number were killed"

say "a full disk, and then room"
mkdir small
mount -t tmpfs -o size=1M none small
mounts+=("$PWD/small")
head -c 1M /dev/zero >small/fill || true
mkdir small/r 2>/dev/null || true
status 2 archivist init small/r
grep -qi 'full' err
rm small/fill
status 0 archivist init small/r
status 0 archivist create small/r::a file

say "a delete that is killed leaves no name without an archive"
for call in unlinkat renameat2 fsync; do
  for when in 1 2 3 4 5 6; do
    rm -rf r home
    archivist init -e none r
    archivist create r::a file
    archivist rename r::a b
    strace -f -o /dev/null -e trace=$call -e "inject=$call:signal=KILL:when=$when" \
      "$ARCHIVIST" delete r b &>/dev/null || true
    [ -n "$(ls r/archives)" ] || [ -z "$(ls r/labels)" ] || fail "killed at $call $when: a label is left"
  done
done
