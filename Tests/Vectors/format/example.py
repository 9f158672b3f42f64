#!/usr/bin/env python3
"""Makes a repository with one small file, and docs/format-example.md, which takes it apart.

    example.py DIRECTORY    makes the repository there
    example.py              prints the document

Everything that is random in a repository is fixed, as in generate.py, which makes the bytes. The suite
is `authenticated`, in which what is sealed can be read. check_format_example.py compares the document with
what is printed here, and reads the repository with the program and with the independent reader.
"""

import hashlib
import os
import struct
import sys

import generate as format
from generate import blob, fields, reference, timestamp, varint

PASSPHRASE = b"example passphrase"
CONTENT = b"hello, world\n"
PATH = b"hello.txt"
DIRECTORIES = (
    "config", "keys", "index", "archives", "labels", "removed", "quarantine", "doomed", "locks", "tmp")
RING = format.make_keys(3)


def make():
    """The objects of the repository, by name, and what they hold."""
    config = format.config_fields(RING, 1, bytes(32), [(1, 3)])
    content = format.segment(RING, 1, [(None, 0, 0, [CONTENT])])
    item = format.item_fields(
        uid=varint(1000), mode=varint(0o100644), gid=varint(100), size=varint(len(CONTENT)),
        chunks=reference(format.chunk(RING, CONTENT)), mtime=timestamp(1_700_000_000, 5))
    node = format.node(1, 0, [format.item_entry(b"", PATH, item)])
    tree = format.segment(RING, 2, [(None, 0, 0, [node])])
    index = varint(2) + b"".join(
        hashlib.sha256(data).digest() + varint(len(data)) + listing for data, listing in (content, tree))
    archive = fields({
        2: b"\1", 4: b"example", 6: timestamp(1_700_000_001),
        8: format.chunk(RING, node, 2)[0] + varint(1)})
    objects = {
        "slot": ("keys", format.slot(format.bundle_fields(3), PASSPHRASE)),
        "config": ("config", format.whole(
            format.signed_body(format.CONFIG, config), 7, RING, extension=format.ID)),
        "content": ("segments", content[0]), "tree": ("segments", tree[0]),
        "index": ("index", format.whole(index, 3, RING)),
        "archive": ("archives", format.whole(archive, 4, RING)),
    }
    return {what: (path(place, data), data) for what, (place, data) in objects.items()}


def path(place, data):
    if place == "config":
        return "config/00000001"
    digest = hashlib.sha256(data).hexdigest()
    return f"{place}/{digest[:2]}/{digest}" if place == "segments" else f"{place}/{digest}"


def write(directory):
    for name in DIRECTORIES:
        os.makedirs(os.path.join(directory, name))
    for part in range(256):
        os.makedirs(os.path.join(directory, f"segments/{part:02x}"))
    for name, data in make().values():
        with open(os.path.join(directory, name), "wb") as file:
            file.write(data)


class Dump:
    """Takes bytes apart, from the front, and prints what each of them means."""

    def __init__(self, data):
        self.data, self.position, self.lines = data, 0, []

    def part(self, count, meaning):
        """The next bytes, in rows of 16; of many equal ones only how many there are."""
        piece = self.data[self.position : self.position + count]
        assert len(piece) == count, meaning
        if count > 16 and len(set(piece)) == 1:
            rows = [f"{piece[0]:02x} × {count}"]
        else:
            rows = [piece[start : start + 16].hex(" ") for start in range(0, count, 16)]
        for number, row in enumerate(rows):
            at = self.position + 16 * number
            self.lines.append(f"{at:6}  {row:<47}  {meaning if number == 0 else ''}".rstrip())
        self.position += count
        return piece

    def varint(self, meaning):
        value, length = 0, 0
        while True:
            byte = self.data[self.position + length]
            value |= (byte & 0x7F) << 7 * length
            length += 1
            if byte < 0x80:
                break
        self.part(length, f"{meaning}: {value}" if meaning else str(value))
        return value

    def field(self, name, read):
        """A field of fields: number and length, then the value."""
        data = self.data
        number, length = data[self.position], data[self.position + 1]
        size = 2
        if length >= 0x80:
            length, size = length & 0x7F | data[self.position + 2] << 7, 3
        self.part(size, f"field {number}, {name}: {length} byte{'s' * (length != 1)}")
        end = self.position + length
        read(self, length)
        assert self.position == end, name

    def header(self):
        type = self.data[8]
        self.part(8, 'header: magic "archivst"')
        self.part(4, f"type {type} ({format.reader.TYPES[type]}), version 1, suite 3, kem 0")
        self.part(4, "epoch 1")
        self.part(16, "key id")
        length = self.data[self.position + 3]
        self.part(4, f"flags 0, extension of {length} bytes")
        self.part(12, "zeros")
        self.part(32, "salt")
        if length:
            self.part(length, "extension: the repository id")

    def whole(self, body):
        """The header and the sealed message of a whole object."""
        self.header()
        length = struct.unpack(">Q", self.data[self.position : self.position + 8])[0]
        self.part(8, f"sealed: length of the body, {length}")
        end = self.position + length
        body(self)
        assert self.position == end
        self.part(len(self.data) - 16 - end, "zeros, up to a padded size")
        self.part(16, "tag: of everything from the length on")
        assert self.position == len(self.data)

    def directory(self):
        for _ in range(self.varint("directory: headers")):
            self.part(80, "the segment's own header, once more")
        rows = self.varint("blocks")
        for _ in range(rows):
            self.varint("row: sealed length")
            self.varint("     header number")
            self.varint("     nonce number")
            self.varint("     chunks")
            self.varint("     raw length")
        for _ in range(self.varint("chunks")):
            self.part(32, "chunk id")
            self.varint("its length")


def bytes_of(meaning):
    return lambda dump, length: dump.part(length, meaning)


def number(dump, _):
    dump.varint("")


def octal(dump, _):
    dump.part(3, "0o100644: a regular file, rw-r--r--")


def time(dump, length):
    dump.part(length, "seconds, zigzag, and nanoseconds")


def a_reference(dump, _):
    dump.part(32, "chunk id")
    dump.varint("its length")


def a_root(dump, _):
    dump.part(32, "id of the root node")
    dump.varint("items")


def config_body(dump):
    dump.varint("fields, as a blob")
    dump.field("generation", number)
    dump.field("repository id", bytes_of("as in the extension"))
    dump.field("epochs", bytes_of("epoch 1, suite 3"))
    dump.field("authority", bytes_of("Ed25519 public key"))
    dump.field("previous", bytes_of("zeros: it is the first generation"))
    dump.part(64, "signature")


def index_body(dump):
    for _ in range(dump.varint("entries")):
        dump.part(32, "entry: name of a segment")
        dump.varint("its size")
        dump.directory()


def archive_body(dump):
    dump.field("kind", bytes_of("1: an archive"))
    dump.field("name", bytes_of('"example"'))
    dump.field("start", time)
    dump.field("tree", a_root)


def a_node(dump):
    dump.part(2, "node: kind 1 (items), level 0 (a leaf)")
    dump.varint("entries")
    dump.varint("path: bytes shared with the one before")
    length = dump.varint("      length of the suffix")
    dump.part(length, f'      "{PATH.decode()}"')
    dump.varint("item: length of its fields")
    dump.field("uid", number)
    dump.field("mode", octal)
    dump.field("gid", number)
    dump.field("size", number)
    dump.field("chunks", a_reference)
    dump.field("mtime", time)


def a_segment(dump, raw):
    dump.header()
    dump.part(5, "block: codec 0, raw length")
    raw(dump)
    dump.part(16, "tag of the block")
    offset = dump.position
    length = struct.unpack(">Q", dump.data[offset : offset + 8])[0]
    dump.part(8, f"length of the directory, {length}")
    end = dump.position + length
    dump.directory()
    assert dump.position == end
    dump.part(len(dump.data) - 48 - end, "zeros, up to a padded size")
    dump.part(16, "tag of the directory")
    dump.part(8, f"trailer: offset of the sealed directory, {offset}")
    dump.part(8, f"length of the sealed directory, {len(dump.data) - 32 - offset}")
    dump.part(16, "tag of the trailer")


def a_slot(dump):
    dump.part(8, 'magic "arcvslot"')
    dump.part(8, "version 1, kdf 1, log2 N 15, p 1, r 8")
    dump.part(32, "repository id")
    dump.part(32, "salt")
    dump.part(32, "commitment")
    dump.part(1040, "sealed: AES-256-GCM in every suite")


def a_bundle(dump):
    dump.field("role", bytes_of("1: owner"))
    dump.field("repository id", bytes_of("as in the slot"))
    dump.field("suite", bytes_of("3: authenticated"))
    dump.field("D", bytes_of("deduplication secret"))
    dump.field("sealing", lambda dump, _: (dump.part(4, "epoch 1"), dump.part(32, "its secret")))
    dump.field("A", bytes_of("seed of the authority's key"))


INTRODUCTION = """# A repository, byte by byte

The smallest repository that has a file in it: `hello.txt`, with the 13 bytes `hello, world` and a line end. It
is made by `Tests/Vectors/format/example.py`, which makes this page as well, and a test compares the two. Its
suite is `authenticated`: in it what is sealed can be read. Everything that is random elsewhere is fixed; the
passphrase is `example passphrase`. Numbers on the left are offsets in decimal, § are sections of
[format.md](format.md). The objects are in the order in which a reader comes to them (§1).
"""


def document():
    objects = make()
    text = [INTRODUCTION]

    def section(title, what, words, take_apart, data=None):
        name, stored = objects[what]
        dump = Dump(stored if data is None else data)
        take_apart(dump)
        assert dump.position == len(dump.data), title
        where = f"`{name}`, {len(stored)} bytes. " if data is None else ""
        text.append(f"## {title}\n\n{where}{words}\n\n```\n" + "\n".join(dump.lines) + "\n```\n")

    section(
        "The configuration", "config",
        "A reader takes the repository id from the extension of its header (§7), opens a key slot, and then "
        "verifies the tag and the signature.", lambda dump: dump.whole(config_body))
    section(
        "The key slot", "slot",
        "Its name is the SHA-256 of its bytes, as with all objects below (§3). What is sealed in it follows (§6).",
        a_slot)
    section(
        "The bundle", "slot",
        "The bytes that the slot seals, without the length in front and the zeros behind. All keys come from "
        "these secrets (§4).", a_bundle, format.bundle_fields(3))
    section(
        "The index object", "index",
        "It says what the two segments hold (§10). A reader looks for a chunk's id here, and finds its segment, "
        "its block, and its place in the block.", lambda dump: dump.whole(index_body))
    section(
        "The archive", "archive", "It names the root of the tree of items (§15).",
        lambda dump: dump.whole(archive_body))
    section(
        "The tree segment", "tree",
        "Its only block is the node that is the root: a leaf with one item (§9, §14, §13).",
        lambda dump: a_segment(dump, a_node))
    section(
        "The content segment", "content",
        "Its only block is the only chunk of the file (§9, §8).",
        lambda dump: a_segment(
            dump, lambda dump: dump.part(len(CONTENT), "the file: hello, world and a line end")))
    return "\n".join(text)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        write(sys.argv[1])
    else:
        print(document(), end="")
