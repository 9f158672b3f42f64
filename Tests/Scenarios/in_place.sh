#!/usr/bin/env bash
# Restoring over what is there: what is right is left alone, what is wrong is replaced, and a
# restore that was killed is gone on with.
source "$(dirname "$0")/lib.sh"
need_root "owners and flags are part of it"

mkdir tree
for number in $(seq 300); do head -c $((number * 37)) /dev/urandom >"tree/small $number"; done
mkdir tree/sub tree/locked
head -c 20000000 /dev/urandom >tree/large
truncate -s 200M tree/sparse
printf data | dd of=tree/sparse bs=1 seek=100000000 conv=notrunc status=none
echo one >tree/sub/a
echo text >tree/locked/file
setfattr -n user.k -v v tree/sub/a
setfacl -m u:nobody:r tree/sub/a
ln tree/sub/a tree/sub/b
ln -s a tree/sub/link
chmod 550 tree/locked
touch -d 2001-02-03 tree/sub/* tree/sub tree/locked tree
archivist init repo
archivist create repo::a tree

picture() { find "$1" -printf '%p %i %C@ %T@ %m %U %s\n' | sort; }

mkdir there
cd there
status 0 archivist extract ../repo::a
same ../tree tree

say "a second time nothing is written, and no file is touched"
find . -type f -links 1 -printf '%p %i %C@\n' | sort >../before
status 0 strace -f -o ../trace -e trace=write,pwrite64,ftruncate,fchmod,chmod,fchown,utimensat \
  "$ARCHIVIST" extract ../repo::a
find . -type f -links 1 -printf '%p %i %C@\n' | sort >../after
diff ../before ../after
# Names of one file (sub/a, sub/b) and the link are made anew: that is all.
written=$(grep -c pwrite64 ../trace || true)
[ "$written" -le 2 ] || fail "$written writes"
same ../tree tree

say "only what differs is replaced, at once, and never written to"
mkdir ../elsewhere
ln "tree/small 7" ../elsewhere/other-name
ln "tree/small 8" ../elsewhere/kept
echo changed >"tree/small 7"
printf X | dd of=tree/large bs=1 seek=12345678 conv=notrunc status=none
printf X | dd of=tree/sparse bs=1 seek=150000000 conv=notrunc status=none
truncate -s 100 "tree/small 200"
chmod 600 "tree/small 9"
setfattr -n user.extra -v v "tree/small 10"
setfacl -m u:daemon:rwx "tree/small 11"
touch "tree/small 12"
chown 1234 "tree/small 13"
rm "tree/small 14"
ln -sf /etc/passwd "tree/small 15"
rm "tree/small 16" && mkfifo "tree/small 16"
rm "tree/small 17" && mkdir "tree/small 17"
chattr +i "tree/small 18" && chattr +a "tree/small 19"
old=$(stat -c %i "../elsewhere/kept")
status 0 archivist extract ../repo::a
same ../tree tree
[ "$(cat ../elsewhere/other-name)" = changed ]
[ "$(stat -c '%i %h' ../elsewhere/kept)" = "$old 1" ]
[ -z "$(ls -A tree | grep -F .archivist || true)" ]
find . -type f -links 1 -printf '%p %i %C@\n' | sort >../now
# A file whose name does not appear here is the very same as before.
diff ../before ../now | grep '^>' | grep -o 'tree/.* [0-9]* ' | sed 's/ [0-9]* $//' | sort >../touched || true
printf 'tree/%s\n' large sparse "small 7" "small 8" "small 200" "small 9" "small 10" "small 11" \
  "small 12" "small 13" "small 14" "small 15" "small 16" "small 17" "small 18" "small 19" | sort >../expected
diff ../expected ../touched
# Metadata alone was set where the content was right.
for name in "small 9" "small 10" "small 12" "small 18"; do
  [ "$(grep -F "tree/$name " ../before | cut -d' ' -f3)" = "$(stat -c %i "tree/$name")" ]
done
cd ..

say "killed at any moment, and gone on with"
killed=0 half=0
mkdir again && cd again
start=$EPOCHREALTIME
archivist extract --no-sparse ../repo::a
duration=$(awk "BEGIN { print $EPOCHREALTIME - $start }")
cd ..
# killing COMMAND…: restores with it, looks at what a kill has left, and goes on with it.
killing() {
  local file result=0
  rm -rf again && mkdir again && cd again
  "$@" extract --no-sparse ../repo::a >/dev/null 2>&1 || result=$?
  [ "$result" = 0 ] || killed=$((killed + 1))
  for file in tree/large tree/sparse; do
    if [ -e "$file" ] && ! cmp -s "$file" "../$file"; then half=$((half + 1)); fi
  done
  status 0 archivist extract --continue ../repo::a
  same ../tree tree
  cd ..
}
# At the n-th write of a thread, which meets a large file in the middle.
for number in 1 2 3 4 6 9 14 60; do
  killing strace -f -o /dev/null -e trace=write,pwrite64,pwritev \
    -e inject=write,pwrite64,pwritev:signal=KILL:when="$number" "$ARCHIVIST"
done
# And at any time. Most of it goes into opening the key: the kills come in the part behind.
for part in 0.5 0.6 0.7 0.8 0.9; do
  killing timeout -s KILL "$(awk "BEGIN { print $duration * $part }")" "$ARCHIVIST"
done
say "$killed restores were killed, and left $half files half written"
[ "$killed" -gt 2 ]
[ "$half" -gt 0 ]

say "--continue does not read what is finished and known to be on the disk"
# With this the mark is made at once, which comes after two minutes otherwise.
gcc -shared -fPIC -o hurry.so -x c - <<'SHIM'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <time.h>

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                           const struct timespec *until) {
  int (*wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *) =
      dlsym(RTLD_NEXT, "pthread_cond_timedwait");
  struct timespec soon;
  clock_gettime(CLOCK_MONOTONIC, &soon);
  soon.tv_nsec += 1000000;
  if (soon.tv_nsec >= 1000000000) { soon.tv_sec++; soon.tv_nsec -= 1000000000; }
  return wait(condition, mutex, &soon);
}
SHIM
mkdir known
mount -t tmpfs -o size=200m scenario known
mounts+=("$work/known")
cd known
for _ in 1 2; do LD_PRELOAD=$work/hurry.so status 0 archivist extract ../repo::a; done
strace -f -o ../trace -e trace=pread64,openat "$ARCHIVIST" extract --continue ../repo::a
number=$(grep -c 'pread64' ../trace || true)
strace -f -o ../trace -e trace=pread64 "$ARCHIVIST" extract ../repo::a
full=$(grep -c 'pread64' ../trace)
say "$number reads instead of $full"
[ "$number" -lt "$((full / 2))" ]
printf half >"tree/small 20"
touch -d 2001-01-01 tree/large
status 0 archivist extract --continue ../repo::a
same ../tree tree
cd ..

say "--continue reads what a power cut may have left as it never was"
cd again
for name in large "small 20"; do
  touch -r "tree/$name" time
  printf torn | dd of="tree/$name" bs=1 conv=notrunc status=none
  touch -r time "tree/$name"
done
rm time
status 0 archivist extract --continue ../repo::a
same ../tree tree
cd ..

say "parts of paths left out, contents written out, nothing written at all"
mkdir strip && cd strip
status 0 archivist extract --strip-components 2 ../repo::a tree/sub
[ "$(ls -A)" = "$(printf 'a\nb\nlink')" ] && cmp a ../tree/sub/a && [ "$(stat -c %h a)" = 2 ]
status 2 archivist extract --strip-components 9 ../repo::a
[ "$(ls -A | wc -l)" = 3 ]
archivist extract --stdout ../repo::a tree/sub/a tree/large | cmp - <(cat ../tree/large ../tree/sub/a)
archivist extract --stdout ../repo::a tree/sparse | cmp - ../tree/sparse
mkdir ../dry && cd ../dry
archivist extract --dry-run --list ../repo::a tree/sub >../listed 2>&1
grep -q 'tree/sub/link' ../listed
[ -z "$(ls -A)" ]
cd ..

say "with few open files"
for number in 32 96; do
  (ulimit -n "$number" && status 0 archivist create "repo::few-$number" tree)
  mkdir "few-$number" && cd "few-$number"
  (ulimit -n "$number" && status 0 archivist extract ../repo::a)
  same ../tree tree
  (ulimit -n "$number" && status 0 archivist extract "../repo::few-$number")
  same ../tree tree
  cd ..
done

say "as a user, over directories that may not be written to"
mkdir mine && chown nobody mine && chmod 755 "$work"
cp -r repo repo-of-nobody && chown -R nobody repo-of-nobody
as_nobody() {
  setpriv --reuid nobody --regid nogroup --clear-groups \
    env ARCHIVIST_BASE_DIR="$work/mine/home" ARCHIVIST="$ARCHIVIST" bash -c "cd '$work/mine' && $1"
}
as_nobody 'exec "$ARCHIVIST" extract ../repo-of-nobody::a tree/locked tree/sub'
[ "$(stat -c %a mine/tree/locked)" = 550 ]
as_nobody 'chmod 200 tree/locked/file; chmod 0 tree/locked; exec "$ARCHIVIST" extract ../repo-of-nobody::a tree/locked'
[ "$(stat -c %a mine/tree/locked)" = 550 ]
diff tree/locked/file mine/tree/locked/file

status 0 archivist check --verify-data repo
