#!/usr/bin/env bash
# Metadata that has made backup programs stumble: flags, ACLs by name, and what a user or a file
# system does not take.
source "$(dirname "$0")/lib.sh"
need_root "sets flags and owners"
chmod 755 "$work"

# A file system that has flags, whatever the working directory is on.
truncate -s 200M image
mkfs.ext4 -q image
mkdir disk
mount -o loop,user_xattr,acl image disk
mounts+=("$work/disk")
cd disk

say "flags"
mkdir -p tree/immutable tree/append/inside tree/plain
for flag in i a d A S t; do
  echo "$flag" >"tree/flag $flag"
  chattr "+$flag" "tree/flag $flag" 2>/dev/null || say "no flag $flag here"
done
echo linked >tree/immutable/one && ln tree/immutable/one tree/immutable/two
ln tree/immutable/one tree/plain/three
chattr +i tree/immutable/one
echo x >tree/append/inside/file && chattr +ia tree/append/inside/file
ln -s x tree/append/link && mkfifo tree/append/fifo
setfattr -n user.k -v v tree/append
chmod 500 tree/append tree/immutable
touch -d 2002-02-02 tree/append tree/immutable tree/plain tree
chattr +ad tree/append/inside
chattr +i tree/immutable
chattr +a tree/append
chattr +D tree/plain

flags() { (cd "$1" && find . -type f -o -type d | sort | xargs -d '\n' lsattr -d); }
archivist init repo
status 0 archivist create repo::flags tree
mkdir new && cd new
status 0 archivist extract ../repo::flags
cd ..
same tree new/tree
flags tree >"$work/a" && flags new/tree >"$work/b"
diff "$work/a" "$work/b"
[ "$(stat -c %h new/tree/plain/three)" = 3 ]

say "over immutable files in append-only directories, as root"
before=$(stat -c '%i %Z' "new/tree/flag i" new/tree/append/inside/file)
cd new
status 0 archivist extract ../repo::flags
cd ..
same tree new/tree
[ "$before" = "$(stat -c '%i %Z' "new/tree/flag i" new/tree/append/inside/file)" ]
chattr -i "new/tree/flag i" && echo other >"new/tree/flag i" && chattr +i "new/tree/flag i"
chattr -ia new/tree/append/inside/file && echo other >>new/tree/append/inside/file
chattr +ia new/tree/append/inside/file
cd new
status 0 archivist extract ../repo::flags
cd ..
same tree new/tree
flags new/tree >"$work/b"
diff "$work/a" "$work/b"

say "flags of unchanged files are kept though they are not opened"
sleep 2.1
status 0 archivist create --list --series x repo::flags-1 tree
status 0 archivist create --list --series x repo::flags-2 tree
says '^U tree/flag A' '^U tree/flag i'
mkdir again && cd again
status 0 archivist extract ../repo::flags-2
cd ..
flags again/tree >"$work/b"
diff "$work/a" "$work/b"
chattr -i again/tree/immutable

say "--noflags on either side"
mkdir without without-too
archivist create --noflags repo::noflags tree
(cd without && archivist extract ../repo::noflags)
(cd without-too && archivist extract --noflags ../repo::flags)
for directory in without without-too; do
  [ -z "$(flags "$directory/tree" | cut -d' ' -f1 | tr -d 'e-' | tr -d '\n')" ] || fail "flags in $directory"
done

say "--noxattrs, --noacls, --nobirthtime, --noctime, --atime, --numeric-ids"
mkdir meta
echo x >meta/f
setfattr -n user.k -v v meta/f
setfacl -m u:nobody:rw meta/f
chown daemon:games meta/f
touch -a -d 2003-03-03 meta/f
names() { getfattr -h -m - "$1" 2>/dev/null | grep -v -e '^#' -e '^$' | sort | tr '\n' ' '; }
try() { # CREATE-OPTIONS EXTRACT-OPTIONS: sets `got`
  rm -rf got && mkdir got
  # shellcheck disable=SC2086
  archivist create $1 "repo::try$((++tries))" meta
  # shellcheck disable=SC2086
  (cd got && archivist extract $2 "../repo::try$tries")
  got=$(names got/meta/f)
}
tries=0
try '' '' && [ "$got" = 'system.posix_acl_access user.k ' ]
try --noxattrs '' && [ "$got" = 'system.posix_acl_access ' ]
try --noacls '' && [ "$got" = 'user.k ' ]
try '--noxattrs --noacls' '' && [ -z "${got// /}" ]
try '' --noxattrs && [ "$got" = 'system.posix_acl_access ' ]
try '' --noacls && [ "$got" = 'user.k ' ]
try --atime '' && [ "$(stat -c %X got/meta/f)" = "$(date -d 2003-03-03 +%s)" ]
try --numeric-ids '' && [ "$(stat -c %U got/meta/f)" = daemon ]
sleep 2.1
archivist create --noctime --series n repo::noctime-1 meta
status 0 archivist create --list --noctime --series n repo::noctime-2 meta
says '^M meta/f'

say "owners and ACLs by name, where names have other numbers"
# A root directory of its own, with a passwd of its own: nobody is 4242 there, and so on.
mkdir -p chroot/bin chroot/etc chroot/target chroot/proc
mount -t proc scenario chroot/proc
mounts=("$work/disk/chroot/proc" "${mounts[@]}")
cp "$ARCHIVIST" chroot/bin/archivist
ldd "$ARCHIVIST" | grep -o '/[^ ]*' | while read -r library; do cp --parents "$library" chroot; done
find /lib /usr/lib -name 'libnss_files*' -exec cp --parents {} chroot \;
cp -r repo chroot/repo
printf 'root:x:0:0::/:\nnobody:x:4242:4242::/:\nsys:x:65534:65534::/:\ndaemon:x:4243:4243::/:\n' >chroot/etc/passwd
printf 'root:x:0:\ngames:x:4244:\nmail:x:4245:\n' >chroot/etc/group
echo 'passwd: files' >chroot/etc/nsswitch.conf && echo 'group: files' >>chroot/etc/nsswitch.conf
mkdir acls acls/d
echo x >acls/f && chown daemon:games acls/f
setfacl -m u:nobody:rw,u:12345:r,u:daemon:r,g:mail:rx,g:54321:x acls/f
setfacl -d -m u:nobody:rwx,g:mail:r acls/d
archivist create repo::acls acls
rm -r chroot/repo && cp -r repo chroot/repo
extract_in_chroot() { # DIRECTORY OPTIONS…
  local directory=$1
  shift
  mkdir -p "chroot/$directory"
  env -i ARCHIVIST_PASSPHRASE=$passphrase ARCHIVIST_BASE_DIR=/home python3 - "$work/disk/chroot" "$directory" "$@" <<'PYTHON'
import os, sys
os.chroot(sys.argv[1])
os.chdir("/" + sys.argv[2])
os.execv("/bin/archivist", ["archivist", "extract", *sys.argv[3:], "/repo::acls"])
PYTHON
}
extract_in_chroot target
extract_in_chroot numbers --numeric-ids
acl() { getfacl -ncp "$1" | grep -v '^$' | tr '\n' ' '; }
[ "$(stat -c '%u %g' chroot/target/acls/f)" = '4243 4244' ]
wanted='user::rw- user:4242:rw- user:4243:r-- user:12345:r-- group::r-- group:4245:r-x group:54321:--x mask::rwx other::r-- '
[ "$(acl chroot/target/acls/f)" = "$wanted" ] || fail "$(acl chroot/target/acls/f)"
getfacl -ncpd chroot/target/acls/d | grep -qx 'user:4242:rwx'
getfacl -ncpd chroot/target/acls/d | grep -qx 'group:4245:r--'
[ "$(acl chroot/numbers/acls/f)" = "$(acl acls/f)" ]

say "what a user cannot have is a warning, and the rest is there"
mkdir mine && chown nobody mine && cp -r repo theirs && chown -R nobody theirs
mkdir mixed && echo 1 >mixed/plain && echo 2 >mixed/immutable && echo 3 >mixed/trusted
mknod mixed/device c 1 3 && setfattr -n trusted.t -v v mixed/trusted
echo 4 >mixed/capable && setcap cap_net_raw+ep mixed/capable 2>/dev/null || setfattr -n security.capability \
  -v 0x0100000200200000000000000000000000000000 mixed/capable
cp /bin/true mixed/setuid && chmod 4755 mixed/setuid
chattr +i mixed/immutable
archivist create repo::mixed mixed
rm -rf theirs && cp -r repo theirs && chown -R nobody theirs
status 1 setpriv --reuid nobody --regid nogroup --clear-groups env ARCHIVIST_BASE_DIR="$PWD/mine/home" \
  bash -c "cd mine && exec '$ARCHIVIST' extract ../theirs::mixed"
says 'mixed/immutable: the flags could not be restored' 'mixed/device: ' \
  'mixed/trusted: attribute trusted.t' 'mixed/capable: attribute security.capability'
for name in plain immutable trusted capable setuid; do cmp "mixed/$name" "mine/mixed/$name"; done
[ "$(stat -c %a mine/mixed/setuid)" = 755 ]
chattr -i mixed/immutable

say "a file system without attributes and flags"
mkdir ram && mount -t ramfs scenario ram
mounts=("$work/disk/ram" "${mounts[@]}")
for archive in mixed acls flags; do
  (cd ram && status 1 archivist extract "../repo::$archive")
done
says 'tree/append: attribute user.k could not be restored' 'tree/flag i: the flags could not be restored'
rm ram/mixed/device mixed/device
diff -r mixed ram/mixed
diff -r acls ram/acls

status 0 archivist check --verify-data repo
cd "$work"
