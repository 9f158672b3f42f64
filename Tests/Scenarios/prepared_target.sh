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
