#!/usr/bin/env python3
"""A FUSE file system whose files are not what they say they are.

    false_files.py DIRECTORY MOUNTPOINT

Shows the files in DIRECTORY, read anew each time. All of them, and the directory, have one time that never
changes, and always the same inode numbers. A file whose name begins with `zero` says that it has 0
bytes, one with `page` that it has 4096, whatever it has; all others say what is true. It speaks to
/dev/fuse itself, runs until it is unmounted, and needs root.
"""

import ctypes
import errno
import os
import stat
import struct
import sys

LOOKUP, GETATTR, OPEN, READ, STATFS, RELEASE, FLUSH = 1, 3, 14, 15, 17, 18, 25
FORGET, INIT, OPENDIR, READDIR, RELEASEDIR, INTERRUPT, BATCH_FORGET = 2, 26, 27, 28, 29, 36, 42
TIME = 1_000_000_000
DIRECT_IO = 1


class FalseFiles:
    def __init__(self, directory):
        self.directory = directory
        self.numbers = {}

    def number(self, name):
        return self.numbers.setdefault(name, len(self.numbers) + 2)

    def name(self, number):
        return next(name for name, known in self.numbers.items() if known == number)

    def path(self, number):
        return os.path.join(self.directory, self.name(number))

    def attributes(self, number):
        if number == 1:
            size, mode = 0, stat.S_IFDIR | 0o755
        else:
            name = self.name(number)
            size, mode = os.stat(self.path(number)).st_size, stat.S_IFREG | 0o644
            size = 0 if name.startswith(b"zero") else 4096 if name.startswith(b"page") else size
        times = (TIME, TIME, TIME, 0, 0, 0)
        return struct.pack("<6Q10I", number, size, 0, *times[:3], *times[3:], mode, 1, 0, 0, 0, 512, 0)

    def answer(self, operation, number, body):
        """What is answered, or an error number; None if nothing is."""
        if operation == INIT:
            return struct.pack("<4I2H2I2H8I", 7, 31, 1 << 16, 0, 8, 6, 1 << 16, 1, 0, 0, *[0] * 8)
        if operation == LOOKUP:
            name = body.rstrip(b"\0")
            if not os.path.exists(os.path.join(self.directory, name)):
                return errno.ENOENT
            found = self.number(name)
            return struct.pack("<4Q2I", found, 0, 0, 0, 0, 0) + self.attributes(found)
        if operation == GETATTR:
            return struct.pack("<Q2I", 0, 0, 0) + self.attributes(number)
        if operation in (OPEN, OPENDIR):
            return struct.pack("<Q2I", 0, DIRECT_IO if operation == OPEN else 0, 0)
        if operation == READ:
            _, offset, size = struct.unpack_from("<QQI", body)
            with open(self.path(number), "rb") as file:
                return os.pread(file.fileno(), size, offset)
        if operation == READDIR:
            _, offset, size = struct.unpack_from("<QQI", body)
            entries = b""
            names = sorted(os.listdir(self.directory))
            for place, name in list(enumerate(names))[offset:]:
                entry = struct.pack("<QQII", self.number(name), place + 1, len(name), 8) + name
                entry += bytes(-len(entry) % 8)
                if len(entries) + len(entry) > size:
                    break
                entries += entry
            return entries
        if operation == STATFS:
            return bytes(80)
        if operation in (RELEASE, RELEASEDIR, FLUSH):
            return b""
        if operation in (FORGET, BATCH_FORGET, INTERRUPT):
            return None
        return errno.ENOSYS

    def serve(self, device):
        while True:
            try:
                request = os.read(device, 1 << 18)
            except OSError as error:
                if error.errno == errno.ENODEV:  # unmounted
                    return
                if error.errno in (errno.EINTR, errno.ENOENT):
                    continue
                raise
            _, operation, unique, number = struct.unpack_from("<IIQQ", request)
            try:
                answer = self.answer(operation, number, request[40:])
            except OSError as error:
                answer = error.errno
            if answer is None:
                continue
            code, data = (-answer, b"") if isinstance(answer, int) else (0, answer)
            os.write(device, struct.pack("<IiQ", 16 + len(data), code, unique) + data)


def main():
    directory, mountpoint = (os.fsencode(argument) for argument in sys.argv[1:])
    device = os.open("/dev/fuse", os.O_RDWR)
    options = b"fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other" % device
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"false", mountpoint, b"fuse", 0, options) != 0:
        sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
    FalseFiles(directory).serve(device)


main()
