#!/usr/bin/env bash
# Everything that a file system can hold, and that has made backup programs stumble.
source "$(dirname "$0")/lib.sh"
need_root "makes devices, and files of other owners"

python3 - <<'PYTHON'
import os, random, socket, stat, subprocess

os.mkdir("tree")
os.chdir("tree")
random.seed(1)

def write(name, data=b"content\n"):
    with open(name, "wb") as file:
        file.write(data)

# Names.
os.mkdir("names")
for name in [b"\xff\xfe not UTF-8", b"new\nline", b"tab\tand \x1b[31m", b"n" * 255, b" ", b"-rf", b"*",
             "Å NFC".encode(), "A\u030a NFD".encode(), b"back\\slash", b"quote'\"", b"a:b::c", b"~",
             b"trailing ", b"\x01", b"\x7f", b"...", b"CON", b"a", b"a-", b"a.", b"a0"]:
    write(b"names/" + name, name)
os.mkdir(b"names/a.d")
write(b"names/a.d/x")
os.mkdir(b"names/\xe9")
write(b"names/\xe9/\xe8")

# Contents.
os.mkdir("contents")
write("contents/empty", b"")
write("contents/one byte", b"\0")
write("contents/random", random.randbytes(3_000_000))
write("contents/zeros", bytes(5_000_000))
write("contents/again", random.Random(1).randbytes(3_000_000))
write("contents/text", b"all work and no play\n" * 200_000)
os.mkdir("contents/many")
for number in range(3000):
    write(f"contents/many/{number}", b"%d\n" % number * (number % 50))

# Holes: in front, between, at the end, everything.
with open("contents/sparse", "wb") as file:
    file.truncate(64 << 20)
    for place in (4096 * 5, 20 << 20, (40 << 20) + 12345):
        file.seek(place)
        file.write(b"data between holes")
with open("contents/only a hole", "wb") as file:
    file.truncate(10 << 20)
with open("contents/data first", "wb") as file:
    file.write(random.randbytes(70_000))
    file.truncate(1 << 20)

# Kinds.
os.mkdir("kinds")
os.mkfifo("kinds/fifo")
os.mknod("kinds/character device", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
os.mknod("kinds/block device", 0o640 | stat.S_IFBLK, os.makedev(7, 200_000))
os.symlink("nowhere at all", "kinds/dangling")
os.symlink(b"\xff not UTF-8", "kinds/link to bytes")
os.symlink("/", "kinds/root")
os.symlink("x" * 4095, "kinds/long link")
os.symlink("../contents", "kinds/directory link")

# Hard links, also of what is not a regular file, and across directories.
os.mkdir("links")
write("links/first")
os.link("links/first", "links/second")
os.link("links/first", "contents/third")
os.link("kinds/dangling", "links/hard-linked symlink", follow_symlinks=False)
os.link("kinds/fifo", "links/hard-linked fifo")
os.link("kinds/character device", "links/hard-linked device")
write("links/empty one", b"")
os.link("links/empty one", "links/empty other")

# Owners and modes.
os.mkdir("modes")
for mode in (0o000, 0o111, 0o444, 0o777, 0o4755, 0o2755, 0o6711, 0o1644, 0o7777):
    write(f"modes/{mode:o}")
    os.chmod(f"modes/{mode:o}", mode)
    os.mkdir(f"modes/d{mode:o}")
    write(f"modes/d{mode:o}/inside")
    os.chmod(f"modes/d{mode:o}", mode)
for number, (uid, gid) in enumerate([(0, 5), (65534, 65534), (12345, 54321), (4_000_000_000, 7)]):
    write(f"modes/owner {number}")
    os.chmod(f"modes/owner {number}", 0o4750)
    os.chown(f"modes/owner {number}", uid, gid)
    os.chmod(f"modes/owner {number}", 0o4750)
os.symlink("x", "modes/link of another")
os.lchown("modes/link of another", 12345, 1)

# Extended attributes and ACLs.
os.mkdir("attributes")
write("attributes/file")
os.mkdir("attributes/directory")
for path in ("attributes/file", "attributes/directory"):
    os.setxattr(path, "user.plain", b"value")
    os.setxattr(path, "user.empty", b"")
    os.setxattr(path, "user.binary", bytes(range(256)))
    os.setxattr(path, b"user.\xff\xfe", b"name that is not UTF-8")
    os.setxattr(path, "user.large", random.randbytes(2000))
    os.setxattr(path, "trusted.root", b"only root sees it")
os.symlink("file", "attributes/link")
os.setxattr("attributes/link", "trusted.of a link", b"not of its target", follow_symlinks=False)
def acl(*arguments): subprocess.run(["setfacl", *arguments], check=True)
acl("-m", "u:12345:rw,g:54321:r,m::rw", "attributes/file")
acl("-m", "u:nobody:rwx", "attributes/directory")
acl("-d", "-m", "u:12345:rwx,g:daemon:rx,o::-", "attributes/directory")
write("attributes/directory/inherits")
os.mkdir("attributes/directory/inherits too")
write("attributes/capability")
os.setxattr("attributes/capability", "security.capability",
            bytes.fromhex("0100000200040000000000000000000000000000"))

# Deeper than any path may be long.
here = os.open(".", os.O_RDONLY)
for level in range(30):
    name = "deep %02d " % level + "d" * 190
    os.mkdir(name, dir_fd=here)
    below = os.open(name, os.O_RDONLY, dir_fd=here)
    os.close(here)
    here = below
with open(os.open("at the bottom", os.O_WRONLY | os.O_CREAT, dir_fd=here), "wb") as file:
    file.write(b"found me")
os.close(here)

# Times, last, and of directories after what is in them.
os.mkdir("times")
for name, moment in {"before 1970": -1_234_567_890_123_456_789, "1901": -2_147_483_648 * 10**9,
                     "zero": 0, "one": 1, "just before 1970": -1,
                     "after 2038": 4_102_444_800_123_456_789, "2446": 15_032_385_535 * 10**9,
                     "now with ns": 1_700_000_000_987_654_321}.items():
    write(f"times/{name}")
    os.utime(f"times/{name}", ns=(moment, moment))
    os.mkdir(f"times/d {name}")
    os.symlink("x", f"times/l {name}")
    os.utime(f"times/l {name}", ns=(moment, moment), follow_symlinks=False)
    os.utime(f"times/d {name}", ns=(moment, moment))
os.utime("times", ns=(42, -42_000_000_001))

# What cannot be written to, with something in it.
os.makedirs("read only/inside")
write("read only/inside/file")
os.mkdir("empty")
os.chmod("read only/inside", 0o555)
os.chmod("read only", 0o500)

server = socket.socket(socket.AF_UNIX)
server.bind("/tmp/archivist-scenario-socket-%d" % os.getpid())
os.rename("/tmp/archivist-scenario-socket-%d" % os.getpid(), "kinds/socket")
PYTHON

archivist init repo
status 0 archivist create repo::nasty tree
mkdir restored
cd restored
status 0 archivist extract ../repo::nasty
cd ..

# A socket belongs to the process that listens; borg leaves it out as well.
rm tree/kinds/socket
touch -r restored/tree/kinds tree/kinds

cat >compare.py <<'PYTHON'
"""Compares two trees to the nanosecond, and at any depth: further than rsync's paths reach."""
import hashlib, os, stat, sys

def walk(root):
    """Everything below: relative path -> what it is. Goes down by descriptors."""
    found, inodes = {}, {}
    def visit(fd, prefix):
        for name in sorted(os.listdir(fd)):
            name = os.fsencode(name)
            path = prefix + name
            info = os.stat(name, dir_fd=fd, follow_symlinks=False)
            entry = [stat.S_IFMT(info.st_mode), stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid,
                     info.st_mtime_ns, info.st_nlink]
            if not stat.S_ISDIR(info.st_mode):
                entry.append(inodes.setdefault(info.st_ino, path))
            if stat.S_ISREG(info.st_mode):
                with open(os.open(name, os.O_RDONLY, dir_fd=fd), "rb") as file:
                    entry.append(hashlib.file_digest(file, "sha256").digest()
                                 if hasattr(hashlib, "file_digest")
                                 else hashlib.sha256(file.read()).digest())
                    entry.append(info.st_size)
                    entry.append(sorted((n, os.getxattr(file.fileno(), n))
                                        for n in os.listxattr(file.fileno())))
            elif stat.S_ISLNK(info.st_mode):
                entry.append(os.readlink(name, dir_fd=fd))
            elif stat.S_ISBLK(info.st_mode) or stat.S_ISCHR(info.st_mode):
                entry.append(info.st_rdev)
            elif stat.S_ISDIR(info.st_mode):
                below = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=fd)
                entry.append(sorted((n, os.getxattr(below, n)) for n in os.listxattr(below)))
                visit(below, path + b"/")
                os.close(below)
            found[path] = entry
    root_fd = os.open(root, os.O_RDONLY)
    visit(root_fd, b"")
    os.close(root_fd)
    return found

sys.setrecursionlimit(10_000)
a, b = walk(sys.argv[1]), walk(sys.argv[2])
differing = [path for path in sorted(a.keys() | b.keys()) if a.get(path) != b.get(path)]
for path in differing[:20]:
    print(path[-300:], "\n    ", a.get(path), "\n    ", b.get(path))
print(f"  {len(a)} items compared")
sys.exit(1 if differing or len(a) < 3000 else 0)
PYTHON
python3 compare.py tree restored/tree
# The attributes of links, and ACLs as setfacl sees them.
for path in attributes/file attributes/directory attributes/link; do
  [ "$(cd tree && getfattr -h -d -m - "$path" 2>&1)" = "$(cd restored/tree && getfattr -h -d -m - "$path" 2>&1)" ]
done
[ "$(cd tree && getfacl -nR attributes)" = "$(cd restored/tree && getfacl -nR attributes)" ]

say "and rsync finds nothing either, where its paths reach"
rm -r tree/deep* restored/tree/deep*
touch -r restored/tree tree
same tree restored/tree

say "holes are holes again"
for name in sparse 'only a hole' 'data first'; do
  [ "$(stat -c %b "restored/tree/contents/$name")" -le "$(($(stat -c %b "tree/contents/$name") + 16))" ]
done

say "what one person can restore without being root"
chmod 755 "$work"
mkdir mine && chown nobody mine
cp -r repo repo-of-nobody
chown -R nobody repo-of-nobody
status 1 setpriv --reuid nobody --regid nogroup --clear-groups \
  env ARCHIVIST_BASE_DIR="$work/mine/home" ARCHIVIST="$ARCHIVIST" bash -c \
  'cd mine && exec "$ARCHIVIST" extract ../repo-of-nobody::nasty tree/contents tree/kinds tree/names'
says 'device'
diff -r tree/contents mine/tree/contents
diff -r tree/names mine/tree/names

status 0 archivist check --verify-data repo
