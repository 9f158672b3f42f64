#!/usr/bin/env bash
# A part of an archive is restored: what was not asked for stays as it is, and what is made on the
# way to it shows nobody anything.
source "$(dirname "$0")/lib.sh"
need_root "owners are part of it"

archivist init repo

say "a system whose /lib is a link to usr/lib"
mkdir -p root/usr/lib/modules root/usr/bin
echo libc >root/usr/lib/libc.so
echo module >root/usr/lib/modules/m
ln -s usr/lib root/lib
ln -s /usr/bin root/bin
chmod 711 root/usr/lib/modules
cd root
archivist create ../repo::modules lib/modules
echo changed >usr/lib/modules/m
status 0 archivist extract ../repo::modules
[ -L lib ] && [ "$(cat lib/modules/m)" = module ] && [ -e lib/libc.so ]
[ "$(stat -c %a usr/lib/modules)" = 711 ]
echo changed >usr/lib/modules/m
rm -r usr/lib/modules
status 0 archivist extract ../repo::modules lib/modules/m
[ -L lib ] && [ "$(cat usr/lib/modules/m)" = module ]
[ "$(stat -c %a usr/lib/modules)" = 711 ] || fail "a directory that was made has not the archive's mode"

say "the archive has /lib as a directory, and the system has become one of links since"
cd ..
mkdir -p old/lib/modules old/lib/other
echo old >old/lib/modules/m
echo other >old/lib/other/o
(cd old && archivist create ../repo::old lib)
cd root
status 0 archivist extract ../repo::old lib/modules
[ -L lib ] && [ "$(cat usr/lib/modules/m)" = old ] && [ ! -e usr/lib/other ]
# All of it, links kept: the directory's contents go where the link leads.
status 0 archivist extract --keep-directory-symlink ../repo::old
[ -L lib ] && [ "$(cat usr/lib/other/o)" = other ] && [ "$(cat usr/lib/libc.so)" = libc ]
# All of it, as the archive has it: that is what was asked for.
status 0 archivist extract ../repo::old
[ ! -L lib ] && [ "$(cat lib/modules/m)" = old ] && [ "$(cat usr/lib/libc.so)" = libc ]
cd ..

say "what stands in the place of a directory above stays, and is named"
mkdir -p srv/user/docs elsewhere
echo v1 >srv/user/docs/a
for number in $(seq 40); do echo "$number" >"srv/user/docs/n$number"; done
chown -R 1234:1234 srv/user
chmod 700 srv/user
archivist create repo::srv srv
rm -r srv/user
echo 'only copy' >srv/user
status 2 archivist extract repo::srv srv/user/docs
[ "$(cat srv/user)" = 'only copy' ]
grep -q 'srv/user/docs: not restored: srv/user is no directory here' err
[ "$(wc -l <err)" = 3 ] || fail "each of the items is named"
grep -q '41 more items' err
rm srv/user
ln -s "$PWD/elsewhere" srv/user
(cd srv && status 2 archivist extract --strip-components 1 ../repo::srv srv/user/docs/a)
[ -L srv/user ] && [ -z "$(ls -A elsewhere)" ]
ln -sfn ../../elsewhere srv/user
mkdir target
mv srv target/srv
cd target
status 2 archivist extract ../repo::srv srv/user/docs/a
grep -q 'srv/user is a symbolic link here, which leads out of' ../err
[ -L srv/user ] && [ -z "$(ls -A ../elsewhere)" ]

say "a link that the user made is not followed by root"
rm srv/user
mkdir etc
chown 1234 srv
ln -s ../etc srv/user
chown -h 1234 srv/user
status 2 archivist extract ../repo::srv srv/user/docs/a
grep -q 'srv/user is a symbolic link here, which somebody else may have put there' ../err
[ -L srv/user ] && [ -z "$(ls -A etc)" ]

say "what was asked for itself takes its place"
status 0 archivist extract ../repo::srv srv/user
[ "$(cat srv/user/docs/a)" = v1 ] && [ "$(stat -c %u:%a srv/user)" = 1234:700 ]
[ -z "$(ls -A etc)" ]
cd ..

say "what is in its place and stays has a remedy"
mkdir -p blocked/srv/user/docs/a/mine blocked/srv/user/docs/n1
mount -t tmpfs none blocked/srv/user/docs/n1
mounts+=("$PWD/blocked/srv/user/docs/n1")
(cd blocked && status 1 archivist extract ../repo::srv srv/user/docs)
grep -q 'docs/a: not restored: there is a directory in its place, which is not empty: move it away' err
grep -q 'docs/n1: not restored: a file system is mounted in its place: unmount it' err
[ -d blocked/srv/user/docs/a/mine ] && [ "$(cat blocked/srv/user/docs/n2)" = 2 ]

say "a file of a private directory, restored alone, stays private"
mkdir single
cd single
status 0 archivist extract ../repo::srv srv/user/docs/a
[ "$(stat -c %a:%u srv/user)" = 700:1234 ] || fail "not the archive's mode"
[ "$(stat -c %a srv)" = 755 ] || fail "$(stat -c "%a %n" srv srv/user srv/user/docs; cat ../err)"
cd ..
mkdir alone
cd alone
archivist create ../repo::alone ../single/srv/user/docs/a
status 0 archivist extract ../repo::alone
[ "$(stat -c %a single/srv/user)" = 700 ] || fail "the archive says nothing, and others may look"
cd ..

say "leading parts left off: two files with one path, and files with none"
mkdir -p s/x s/y s/x/d s/y/d
echo one >s/x/same
echo two >s/y/same
echo one >s/x/d/one
echo two >s/y/d/two
echo top >s/top
archivist create repo::s s
mkdir stripped
cd stripped
status 1 archivist extract --strip-components 2 ../repo::s
[ "$(cat same)" = one ] && [ "$(cat d/one d/two)" = "$(printf 'one\ntwo')" ]
grep -q 's/y/same: not restored\|^Warning: same: not restored' ../err
grep -q 'leaves nothing of the path of s/top' ../err
status 2 archivist extract --strip-components 9 ../repo::s
grep -q 'leaves nothing' ../err
[ "$(ls | wc -l)" = 2 ]
cd ..

say "a file system that does not tell case apart"
truncate -s 60M image
mkfs.ntfs -F -Q -q image &>/dev/null
mkdir folding names
mounts+=("$PWD/folding")
lowntfs-3g -o ignore_case image folding
# ä as one character, and as two; a file and a directory; a directory and a directory.
touch names/README names/readme names/Readme.txt names/other
printf 1 >names/README
printf 2 >names/readme
mkdir names/Dir names/dir names/File
printf 1 >names/Dir/a
printf 2 >names/dir/a
printf 2 >names/file
ln names/other names/Other
archivist create repo::names names
cd folding
status 1 archivist extract ../repo::names
[ "$(grep -c 'not restored' ../err)" -ge 4 ] || fail "$(cat ../err)"
[ "$(cat names/README)" = 1 ] && [ "$(cat names/Dir/a)" = 1 ]
grep -q 'names/readme: not restored: this file system takes its name for that of names/README' ../err
# Once more, over what is there.
status 1 archivist extract ../repo::names
[ "$(cat names/README)" = 1 ] && [ "$(cat names/Dir/a)" = 1 ]
