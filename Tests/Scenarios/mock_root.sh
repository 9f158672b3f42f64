#!/usr/bin/env bash
# A Debian system is backed up, changed in the ways in which people change systems, and restored in
# place, in parts and as a whole: what was asked for is as it was, and nothing else has changed.
source "$(dirname "$0")/lib.sh"
need_root "makes a system"

# The packages come from where this system's own come from.
source /etc/os-release
: "${VERSION_CODENAME:?no name of a release in /etc/os-release}"
mirror=$(apt-get indextargets --format '$(RELEASE) $(SITE)' 'Created-By: Packages' |
  awk -v release="$VERSION_CODENAME" '$1 == release { print $2; exit }')
[ -n "$mirror" ] || fail "apt knows of no source for $VERSION_CODENAME"
# In a mount namespace of its own, where it may mount what it likes.
unshare -m --propagation private debootstrap --variant=minbase "$VERSION_CODENAME" root "$mirror" \
  >debootstrap.log 2>&1 || { tail -5 debootstrap.log >&2; fail "debootstrap"; }
rm -rf root/var/cache/apt/* root/var/lib/apt/lists/*
[ -L root/lib ] || fail "the system's /usr is not merged"

# What a system has that is lived in.
mkdir -p root/usr/lib/modules/6.1/kernel root/opt/app/bin root/srv/www root/home/user/.ssh \
  root/srv/note root/var/lib/app
for number in $(seq 20); do echo "module $number" >"root/usr/lib/modules/6.1/kernel/$number.ko"; done
ln root/usr/lib/modules/6.1/kernel/1.ko root/usr/lib/modules/6.1/first.ko
echo tool >root/opt/app/bin/tool && chmod 4750 root/opt/app/bin/tool && chgrp 4 root/opt/app/bin/tool
mkfifo -m 620 root/var/lib/app/pipe
chown -R 33:33 root/srv/www && chmod 2775 root/srv/www && setfacl -d -m u:1000:rwx root/srv/www
echo page >root/srv/www/index.html && setfacl -m u:1000:rw root/srv/www/index.html
echo key >root/home/user/.ssh/id && echo diary >root/home/user/diary
echo odd >"root/home/user/"$'\xff\xfe\n'
chown -R 1000:1000 root/home/user && chmod 700 root/home/user root/home/user/.ssh
setfattr -n user.comment -v mine root/home/user/diary
truncate -s 10M root/var/lib/app/sparse && echo end >>root/var/lib/app/sparse
echo content >root/etc/resolv.conf && chattr +i root/etc/resolv.conf 2>/dev/null || true
echo first >root/srv/note/file && echo second >root/srv/single
setcap cap_net_raw+ep root/usr/bin/chsh 2>/dev/null || true
# Nothing can remove what is immutable.
endings+=('chattr -R -f -i root restored 2>/dev/null')

archivist init repo
cd root
archivist create ../repo::system .
archivist create ../repo::modules lib/modules
cd ..
system() { "$scenarios/mock_root.py" "$@"; }
system picture root archive.json
# The same, under the names that the second archive has.
python3 - <<'PYTHON'
import json
with open("archive.json") as file:
    found = json.load(file)
with open("modules.json", "w") as file:
    json.dump({path[4:]: entry for path, entry in found.items() if path.startswith("usr/lib/modules")}, file)
PYTHON
chroot root dpkg --verify >verified || true
say "$(find root | wc -l) files and directories"

say "restored elsewhere, it is the same"
mkdir restored
(cd restored && status 0 archivist extract ../repo::system)
same root restored
echo '{}' >nothing.json
system picture restored after.json
system check archive.json nothing.json after.json
chattr -R -f -i restored 2>/dev/null || true
rm -rf restored

say "changed, as people change systems"
(
  cd root
  # A link that has become a directory, and one that leads elsewhere.
  rm lib && mkdir lib && cp -a usr/lib/modules lib/
  ln -sfn usr/lib lib64
  # Directories that have become links, a file, or have another name, or are gone.
  mv var/log srv/log && ln -s ../srv/log var/log
  : >srv/log/dpkg.log
  rm -r opt/app && echo 'only copy' >opt/app
  mv usr/lib/apt usr/lib/apt.old
  mv home/user home/person && ln -s person home/user && chown -h 1000 home/user
  rm -r usr/share/doc
  # Files that somebody else owns, or may change.
  cp etc/passwd etc/passwd.new && chown 1000:1000 etc/passwd.new && mv etc/passwd.new etc/passwd
  chown -R 1000 etc/apt
  chmod 755 usr/bin/su
  chmod -R o+w etc/pam.d
  # Contents, one of them with the size and the time that it had.
  echo changed >etc/hostname && echo more >>etc/profile
  touch -r etc/fstab time 2>/dev/null || touch -r etc/group time
  tr a-z n-za-m <etc/group >rotated && cat rotated >etc/group && touch -r time etc/group
  rm rotated time
  chattr -f -i etc/resolv.conf; echo changed >etc/resolv.conf
  # Names of one file.
  cp usr/lib/modules/6.1/first.ko first && mv first usr/lib/modules/6.1/first.ko
  echo second-changed >srv/single && ln srv/single srv/other-name
  # Links that have become files, files that have become links, directories, or something else.
  rm etc/alternatives/awk && cp usr/bin/env etc/alternatives/awk
  ln -sf ../srv/single etc/issue
  rm srv/note/file && mkdir srv/note/file && echo keep >srv/note/file/this
  rm var/lib/app/pipe && mkdir var/lib/app/pipe
  rm dev/zero && echo zero >dev/zero
  # Attributes and ACLs.
  setfacl -b srv/www srv/www/index.html && setfattr -x user.comment home/person/diary
  chmod 777 root
  # What the archive does not have.
  mkdir -p usr/lib/modules/6.2 && echo new >usr/lib/modules/6.2/new.ko
  echo mine >etc/extra && echo mine >srv/www/new && ln -s /etc/extra usr/bin/extra
)

# part STATUS CHECK… -- ARGUMENT…: restores a part of `system`, and looks whether it is right, and
# everything else untouched.
archive=system picture=archive.json
part() {
  local wanted=$1 checks=()
  shift
  while [ "$1" != -- ]; do
    checks+=("$1")
    shift
  done
  shift
  system picture root before.json
  (cd root && status "$wanted" archivist extract "../repo::$archive" "$@")
  system picture root after.json
  system check "$picture" before.json after.json "${checks[@]}" || fail "extract $*"
}

say "files and directories of the configuration"
part 0 --asked etc/group -- etc/group
part 0 --asked etc -- etc
[ "$(cat root/srv/single)" = second-changed ] || fail "written through a link"

say "beneath a file that was a directory"
part 2 --asked opt/app/bin/tool --refused opt -- opt/app/bin/tool
says 'opt/app/bin/tool: not restored: opt/app is no directory here'
part 0 --asked opt/app -- opt/app

say "beneath a link that was a directory"
part 0 --asked var/log/dpkg.log --at var/log=srv/log -- var/log/dpkg.log
[ -L root/var/log ] && [ -s root/srv/log/dpkg.log ]
mkdir outside
ln -sfn "$work/outside" root/var/log
part 2 --asked var/log/dpkg.log --refused var/log -- var/log/dpkg.log
says 'var/log is a symbolic link here, which leads out of'
[ -z "$(ls -A outside)" ]
part 0 --asked var/log -- var/log
part 2 --asked home/user/diary --refused home -- home/user/diary
says 'home/user is a symbolic link here, which somebody else may have put there'
part 0 --asked home/user -- home/user

say "beneath directories that are gone, or have another name"
part 0 --asked usr/share/doc/bash/copyright -- usr/share/doc/bash/copyright
part 0 --asked usr/lib/apt/methods -- usr/lib/apt/methods

say "where a directory stands that is not empty"
part 2 --asked lib --refused lib -- lib
says 'lib: '
part 2 --asked srv/note --refused srv/note -- srv/note/file
[ "$(cat root/srv/note/file/this)" = keep ]

say "an archive of lib/modules, where /lib is a directory, and where it is the link to usr/lib"
archive=modules picture=modules.json
rm root/lib/modules/6.1/kernel/3.ko
echo changed >root/lib/modules/6.1/first.ko
part 0 --asked lib/modules --
rm -r root/lib && ln -s usr/lib root/lib
rm -r root/usr/lib/modules/6.1/kernel
part 0 --asked lib/modules --at lib=usr/lib --
part 0 --asked lib/modules/6.1/kernel/7.ko --at lib=usr/lib -- lib/modules/6.1/kernel/7.ko
archive=system picture=archive.json

say "all of it"
part 1 --refused srv/note/file --
says 'srv/note/file: '
[ "$(cat root/srv/note/file/this)" = keep ]
rm -r root/srv/note/file
part 0 --
part 0 --
[ "$(cat root/etc/extra root/srv/other-name)" = "mine
second-changed" ]
chroot root dpkg --verify | diff verified - || fail "dpkg finds files that are not those of their packages"
[ "$(chroot root id -un 0)" = root ]
