#!/usr/bin/env bash
# Root restores into a directory that a local user has prepared: the user, who knows what will be
# restored and holds files of the same contents open, can change nothing of it afterwards.
source "$(dirname "$0")/lib.sh"
need_root "another user is part of it"

cat >user.py <<'EOF'
import mmap, os, sys, time
source, target = sys.argv[1:]
os.setgroups([]); os.setgid(65534); os.setuid(65534)
os.mkdir(target + "/etc")
files, maps = [], []
for name in sorted(os.listdir(source)):
    path = f"{target}/etc/{name}"
    with open(path, "wb") as file, open(f"{source}/{name}", "rb") as known: file.write(known.read())
    st = os.stat(f"{source}/{name}")
    os.chmod(path, 0o666 if "open" in name else 0o600)
    os.utime(path, ns=(st.st_mtime_ns, st.st_mtime_ns))
    files.append(os.open(path, os.O_RDWR))
    maps.append(mmap.mmap(files[-1], 0))
open(target + "/ready", "w").close()
while not os.path.exists(target + "/go"): time.sleep(0.05)
for number, map in zip(files, maps):
    os.pwrite(number, b"evil", 100)
    map[:4] = b"evil"; map.flush()
    try: os.fchmod(number, 0o777)
    except PermissionError: pass
EOF

mkdir known
head -c 5000 /dev/urandom >known/script
head -c 5000 /dev/urandom >known/program
head -c 5000 /dev/urandom >known/open-to-all
head -c 5000 /dev/urandom >known/of-the-user
chmod 700 known/script
chmod 4755 known/program
chmod 644 known/open-to-all
chown 65534:65534 known/of-the-user
chmod 666 known/of-the-user
touch -d 2020-01-01 known/*
chmod 755 . known
mkdir copy
cp -a known copy/etc
chmod 755 copy/etc
archivist init repo
(cd copy && archivist create ../repo::a etc)
mkdir readable
cp known/* readable
touch -r known/script readable/*
chmod 644 readable/*

for option in "" --continue; do
  mkdir -m 777 target
  chmod 777 target
  python3 user.py readable target &
  until [ -e target/ready ]; do sleep 0.05; done
  # shellcheck disable=SC2086
  (cd target && status 0 archivist extract $option ../repo::a)
  touch target/go
  wait $!
  for name in script program open-to-all; do
    cmp "known/$name" "target/etc/$name" || fail "the user has changed $name of root $option"
    [ "$(stat -c %a:%u "known/$name")" = "$(stat -c %a:%u "target/etc/$name")" ]
  done
  # Files of the user's own may be kept: they are the user's to change.
  [ "$(stat -c %a:%u target/etc/of-the-user)" = 777:65534 ] ||
    [ "$(stat -c %a:%u target/etc/of-the-user)" = 666:65534 ]
  rm -r target
done

say "what root has prepared is kept"
mkdir target
(cd target && status 0 archivist extract ../repo::a)
before=$(stat -c %i target/etc/*)
chmod 600 target/etc/script
(cd target && status 0 archivist extract ../repo::a)
[ "$(stat -c %i target/etc/*)" = "$before" ] || fail "files of root's own were replaced"
[ "$(stat -c %a target/etc/script)" = 700 ]

say "a link that the user has moved into a directory that everybody may write to"
mkdir -p moved/tmp moved/etc moved/users
chmod 1777 moved/tmp
ln -s ../etc moved/users/link
chown 65534 moved/users
setpriv --reuid 65534 --clear-groups mv moved/users/link moved/tmp/x
mkdir -p evil/tmp/x
echo evil >evil/tmp/x/passwd
(cd evil && archivist create ../repo::evil tmp/x)
(cd moved && status 2 archivist extract ../repo::evil tmp/x/passwd)
grep -q 'somebody else may have put there' err
[ -z "$(ls moved/etc)" ]

say "a directory of the user's that the archive gives to root, while files are restored into it"
mkdir -p wide/bin
for number in $(seq 3000); do echo good >"wide/bin/$number"; done
chmod 755 wide/bin
(cd wide && archivist create ../repo::wide bin)
rm -r target
mkdir -m 777 target
chmod 777 target
mkdir target/bin
chown 65534 target/bin
setpriv --reuid 65534 --clear-groups sh -c '
  cd target
  until [ -e bin/1 ] || [ -e go ]; do :; done
  echo evil >bin/.evil && mv -f bin/.evil bin/1' 2>/dev/null &
(cd target && status 0 archivist extract ../repo::wide)
touch target/go
wait $! || true
[ "$(stat -c %u:%a target/bin)" = 0:755 ]
if grep -rqv good target/bin; then fail "the user has exchanged a file of root's"; fi

say "an ACL that the user's directory hands down opens nothing, not even for a moment"
rm -r target
mkdir -p target/etc
setfacl -d -m u:65534:rwx target/etc
chown 65534 target/etc
(cd target && status 0 strace -f -o ../calls -y -e trace=fchmod,fremovexattr,fsetxattr \
  "$ARCHIVIST" extract ../repo::a etc/script)
[ -z "$(getfacl -ps target/etc/script)" ]
removed=$(grep -n 'fremovexattr.*etc/script.*posix_acl_access' calls | head -n 1 | cut -d: -f1)
opened=$(grep -n 'fchmod.*etc/script' calls | head -n 1 | cut -d: -f1)
[ "$removed" -lt "$opened" ] || fail "the permissions are set before the ACL is gone"
