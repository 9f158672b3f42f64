#!/usr/bin/env python3
"""A reader of archivist repositories, written from docs/format.md alone.

It shares no code with the program, so that a mistake in one of the two, or a gap in the document,
shows as a difference between them. Numbers such as "9.2" are sections of the document. It is made
to be plain, not fast: it holds the whole index in memory.

Needs the packages cryptography, zstandard and lz4 (Debian: python3-cryptography,
python3-zstandard, python3-lz4).

    independent_reader.py REPOSITORY list
    independent_reader.py REPOSITORY items ARCHIVE
    independent_reader.py REPOSITORY extract ARCHIVE DIRECTORY
    independent_reader.py REPOSITORY verify

The passphrase is taken from the variable READER_PASSPHRASE, a slot that a client keeps from the
file that --slot names.
"""

import argparse
import collections
import hashlib
import hmac
import json
import os
import re
import stat
import struct
import sys

import lz4.block
import zstandard
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MIB = 1 << 20
CHUNK_LIMIT = 32 * MIB
SHARED_BLOCK_LIMIT = 2 * MIB
SEGMENT_LIMIT = 128 * MIB
INDEX_LIMIT = 64 * MIB
OBJECT_LIMIT = MIB
NODE_LIMIT = MIB
TREE_DEPTH = 12


class Refused(Exception):
    """What the document says a reader refuses."""


def demand(condition, what):
    if not condition:
        raise Refused(what)


# 2 Encodings


class Reader:
    """Takes values off the front of some bytes."""

    def __init__(self, data):
        self.data = data
        self.position = 0

    @property
    def remaining(self):
        return len(self.data) - self.position

    def take(self, count):
        demand(0 <= count <= self.remaining, "ends too early")
        self.position += count
        return self.data[self.position - count : self.position]

    def integer(self, size):
        return int.from_bytes(self.take(size), "big")

    def varint(self, limit=2**64 - 1):
        value = 0
        for group in range(10):
            byte = self.take(1)[0]
            demand(group == 0 or byte != 0, "a number that is not in its shortest form")
            demand(group < 9 or byte <= 1, "a number that is too large")
            value |= (byte & 0x7F) << (7 * group)
            if byte < 0x80:
                demand(value <= limit, f"{value} exceeds the limit of {limit}")
                return value
        raise Refused("a number that does not end")

    def signed(self):
        value = self.varint()
        return value >> 1 if value & 1 == 0 else -(value >> 1) - 1

    def blob(self, limit):
        return self.take(self.varint(limit))

    def digest(self):
        return self.take(32)

    def timestamp(self):
        return self.signed(), self.varint(999_999_999)

    def reference(self):
        return self.digest(), self.varint(CHUNK_LIMIT)

    def rest(self):
        return self.take(self.remaining)

    def finish(self):
        demand(self.remaining == 0, "bytes are left over")

    def repeated(self, one):
        values = []
        while self.remaining:
            values.append(one(self))
        return values


def fields(data, known):
    """The values of fields; `known` says for each number how it is read."""
    reader = Reader(data)
    values = {}
    last = -1
    while reader.remaining:
        number = reader.varint()
        demand(number > last, "fields that are out of order, or come twice")
        last = number
        value = Reader(reader.blob(reader.remaining))
        if number in known:
            values[number] = known[number](value)
            value.finish()
        else:
            demand(number % 2 == 1, f"field {number}, which is critical and not known")
    return values


def need(values, *numbers):
    for number in numbers:
        demand(number in values, f"field {number} is missing")


def number(limit):
    return lambda reader: reader.varint(limit)


def byte(reader):
    return reader.integer(1)


def byte_up_to(most):
    def decode(reader):
        value = reader.integer(1)
        demand(value <= most, f"{value} is more than {most}")
        return value

    return decode


def raw(count):
    return lambda reader: reader.take(count)


def text(reader):
    return reader.rest().decode("utf-8", "replace")


def rest(reader):
    return reader.rest()


# 3 Names


class StoredObjects:
    """The objects of a repository in a directory."""

    HEX = re.compile(r"[0-9a-f]{64}\Z")
    GENERATION = re.compile(r"(?:[0-9]{8}|[1-9][0-9]{8,9})\Z")

    def __init__(self, path):
        self.path = path

    def list(self, kind):
        directory = os.path.join(self.path, kind)
        if kind == "segments":
            names = [
                name
                for part in os.listdir(directory)
                if re.fullmatch("[0-9a-f]{2}", part)
                for name in os.listdir(os.path.join(directory, part))
                if name[:2] == part
            ]
        else:
            names = os.listdir(directory)
        return sorted(bytes.fromhex(name) for name in names if self.HEX.match(name))

    def generations(self):
        names = os.listdir(os.path.join(self.path, "config"))
        return sorted(int(name) for name in names if self.GENERATION.match(name))

    def file(self, kind, name):
        if kind == "config":
            return os.path.join(self.path, kind, f"{name:08d}")
        name = name.hex()
        return os.path.join(self.path, kind, *([name[:2]] if kind == "segments" else []), name)

    def date(self, kind, name):
        return os.stat(self.file(kind, name)).st_mtime_ns

    def size(self, kind, name):
        return os.stat(self.file(kind, name)).st_size

    def get(self, kind, name, limit):
        with open(self.file(kind, name), "rb") as file:
            data = file.read(limit + 1)
        demand(len(data) <= limit, "is larger than allowed")
        if kind in ("keys", "index", "archives"):
            demand(hashlib.sha256(data).digest() == name, "does not have the hash it is named by")
        return data

    def get_range(self, kind, name, start, end):
        with open(self.file(kind, name), "rb") as file:
            file.seek(start)
            data = file.read(end - start)
        demand(len(data) == end - start, "ends too early")
        return data


# 4 Keys


def hmac_sha256(key, data):
    return hmac.digest(key, data, "sha256")


def hkdf(key, salt, info, count):
    secret = hmac_sha256(salt, key)
    output = block = b""
    for counter in range(1, (count + 31) // 32 + 1):
        block = hmac_sha256(secret, block + info + bytes([counter]))
        output += block
    return output[:count]


ROLES = ["content", "tree", "index", "archive", "lease", "removal", "config", "doomed", "label"]


class Keys:
    def __init__(self, bundle):
        self.repository_id = bundle[4]
        self.suite = bundle[6]
        secret = bundle[8]
        derive = lambda label, count=32: hkdf(secret, b"archivist/1 dedup", label, count)
        self.content_id = derive(b"content id")
        self.tree_id = derive(b"tree id")
        self.node_boundary = derive(b"node boundary")
        self.chunker_table = derive(b"chunker table", 2048)
        self.chunker_prf = derive(b"chunker prf")
        self.authority = (
            Ed25519PrivateKey.from_private_bytes(bundle[12])
            .public_key()
            .public_bytes(Encoding.Raw, PublicFormat.Raw)
        )
        self.roles = {}
        for epoch, sealing in bundle[10]:
            for role in ROLES:
                info = b"archivist/1 " + role.encode() + struct.pack(">BI", self.suite, epoch)
                self.roles[epoch, role] = hkdf(sealing, self.repository_id, info, 32)

    def key_id(self, epoch, role):
        return hkdf(self.roles[epoch, role], self.repository_id, b"archivist/1 key id", 16)

    def object_key(self, header, role):
        demand(header.suite == self.suite, "is sealed with another suite than this repository's")
        demand((header.epoch, role) in self.roles, f"is of epoch {header.epoch}, which is unknown")
        info = b"archivist/1 object" + header.encoded
        return hkdf(self.roles[header.epoch, role], header.salt, info, 32)

    def check_signature(self, signature, message):
        try:
            Ed25519PublicKey.from_public_bytes(self.authority).verify(signature, message)
        except InvalidSignature:
            raise Refused("the signature is not the owner's") from None


# 6 Key slots


def slot_parameters(data):
    """What a slot says in the clear: its repository, and kdf, log2 N and p."""
    demand(len(data) <= 16384, "is too large for a slot")
    reader = Reader(data)
    demand(reader.take(8) == b"arcvslot", "is not a slot")
    demand(reader.integer(1) == 1, "is a slot of an unknown version")
    kdf, log_n, p, r = (reader.integer(size) for size in (1, 1, 1, 4))
    if kdf == 0:
        demand((log_n, p, r) == (0, 0, 0), "has parameters and no passphrase")
    else:
        demand(kdf == 1, "uses an unknown derivation")
        demand(15 <= log_n <= 20 and 1 <= p <= 4 and r == 8, "asks for too little or too much work")
    owner = reader.digest()
    demand(reader.remaining >= 64 + 16, "ends too early")
    return owner, (kdf, log_n, p)


def slot_work(parameters):
    kdf, log_n, p = parameters
    return p << log_n if kdf else 0


def stretch(passphrase, repository_id, parameters):
    kdf, log_n, p = parameters
    if kdf == 0:
        return bytes(32)
    return hashlib.scrypt(
        passphrase, salt=repository_id, n=1 << log_n, r=8, p=p,
        maxmem=128 * 8 * ((1 << log_n) + p + 2) + 4096, dklen=32,
    )


def open_slot(data, repository_id, passphrase, stretched=None):
    """The bundle of a slot; None if the slot is not for this repository and passphrase."""
    owner, parameters = slot_parameters(data)
    if owner != repository_id or (parameters[0] and passphrase is None):
        return None
    if stretched is None:
        stretched = stretch(passphrase, repository_id, parameters)
    reader = Reader(data[48:])
    salt = reader.take(32)
    commitment = reader.take(32)
    both = hkdf(stretched, salt, b"archivist/1 slot", 64)
    if not hmac.compare_digest(both[32:], commitment):
        return None
    try:
        plaintext = AESGCM(both[:32]).decrypt(bytes(12), reader.rest(), data[:112])
    except InvalidTag:
        raise Refused("failed authentication") from None
    inner = Reader(plaintext)
    bundle = decode_bundle(inner.take(inner.integer(4)))
    demand(bundle[4] == repository_id, "holds the keys of another repository")
    demand(parameters[0] or bundle[6] == 4, "opens without a passphrase, and is not for suite 4")
    return bundle


def decode_bundle(data):
    epochs = lambda reader: reader.repeated(lambda one: (one.integer(4), one.take(32)))
    bundle = fields(
        data, {2: byte, 4: raw(32), 6: byte, 8: raw(32), 10: epochs, 12: raw(32)}
    )
    need(bundle, 2, 4, 6, 8, 10, 12)
    demand(bundle[2] == 1, "is for an unknown role")
    demand(bundle[6] in (1, 2, 3, 4), "is for an unknown suite")
    demand(ascends([0, *(epoch for epoch, _ in bundle[10])]), "has epochs out of order")
    demand(bundle[10], "has no sealing secret")
    return bundle


def ascends(values):
    return all(a < b for a, b in zip(values, values[1:]))


# 5 Object headers and sealing

TYPES = dict(enumerate(ROLES, start=1))


class Header:
    def __init__(self, reader):
        start = reader.position
        demand(reader.take(8) == b"archivst", "is not an archivist object")
        self.type = reader.integer(1)
        demand(self.type in TYPES, "is of an unknown type")
        demand(reader.integer(1) == 1, "is of an unknown version")
        self.suite = reader.integer(1)
        demand(self.suite in (1, 2, 3, 4), "uses an unknown suite")
        demand(reader.integer(1) == 0, "uses an unknown key encapsulation")
        self.epoch = reader.integer(4)
        self.key_id = reader.take(16)
        demand(reader.integer(2) == 0, "has unknown flags")
        length = reader.integer(2)
        demand(length == (32 if self.type == 7 else 0), "has an extension of another length")
        demand(reader.take(12) == bytes(12), "has reserved bytes that are not zero")
        self.salt = reader.take(32)
        self.extension = reader.take(length)
        self.encoded = reader.data[start : reader.position]

    @property
    def role(self):
        return TYPES[self.type]


def nonce(part, number):
    return struct.pack(">IQ", part, number)


def mac(key, nonce, associated, plaintext):
    length = struct.pack(">Q", len(associated))
    return hmac_sha256(key, nonce + length + associated + plaintext)[:16]


def open_sealed(suite, key, nonce, associated, sealed):
    demand(len(sealed) >= 16, "ends too early")
    if suite in (1, 2):
        cipher = AESGCM(key) if suite == 1 else ChaCha20Poly1305(key)
        try:
            return cipher.decrypt(nonce, sealed, associated)
        except InvalidTag:
            raise Refused("failed authentication") from None
    plaintext, tag = sealed[:-16], sealed[-16:]
    demand(
        hmac.compare_digest(mac(key, nonce, associated, plaintext), tag), "failed authentication"
    )
    return plaintext


def open_object(data, type, keys):
    """5.3: the body of a whole object."""
    reader = Reader(data)
    header = Header(reader)
    demand(header.type == type, f"is of type {header.type}, in the place of type {type}")
    key = keys.object_key(header, header.role)
    inner = Reader(open_sealed(header.suite, key, nonce(0, 0), header.encoded, reader.rest()))
    return inner.take(inner.integer(8))


# 7 Configuration


def identify(storage):
    """The repository id, which stands in the clear."""
    generations = storage.generations()
    demand(generations, "there is no repository")
    header = Header(Reader(storage.get("config", generations[-1], OBJECT_LIMIT)))
    demand(header.type == 7 and len(header.extension) == 32, "is no configuration")
    return header.extension


def signed_fields(body, context, keys):
    reader = Reader(body)
    data = reader.blob(OBJECT_LIMIT)
    signature = reader.take(64)
    reader.finish()
    keys.check_signature(signature, context + data)
    return data


def decode_config(body, keys):
    data = signed_fields(body, b"archivist/1 config signature", keys)
    names = lambda reader: reader.repeated(lambda one: one.blob(255))
    epochs = lambda reader: reader.repeated(lambda one: (one.integer(4), one.integer(1)))
    config = fields(
        data,
        {
            2: number(2**32 - 1), 4: raw(32), 6: epochs, 8: raw(32), 10: raw(32),
            12: names, 13: names, 15: names, 17: number(2**64 - 1),
        },
    )
    need(config, 2, 4, 8, 10)
    demand(config[4] == keys.repository_id, "is of another repository")
    demand(config[8] == keys.authority, "is of another owner")
    demand(ascends([0, *(epoch for epoch, _ in config.get(6, []))]), "has epochs out of order")
    demand(config[2] > 0, "is of generation 0")
    demand(config[2] > 1 or config[10] == bytes(32), "is the first, and follows another one")
    return config


def load_config(storage, keys):
    previous = config = None
    for generation in storage.generations():
        data = storage.get("config", generation, OBJECT_LIMIT)
        config = decode_config(open_object(data, 7, keys), keys)
        demand(config[2] == generation, "is of another generation than its name")
        demand(previous in (None, config[10]), "does not follow the configuration before")
        previous = hashlib.sha256(data).digest()
    unknown = config.get(12, [])
    demand(not unknown, f"needs features that are not known: {unknown}")
    return config


# 8 Blocks


def unpack_block(plaintext):
    reader = Reader(plaintext)
    codec = reader.integer(1)
    length = reader.integer(4)
    demand(length <= CHUNK_LIMIT, "a block is too large")
    packed = reader.rest()
    if codec == 0:
        result = packed
    elif codec == 1:
        try:
            result = lz4.block.decompress(packed, uncompressed_size=length)
        except lz4.block.LZ4BlockError:
            raise Refused("a block does not decompress") from None
    elif codec == 2:
        result = unpack_frame(packed, length)
    elif codec == 3:
        demand(not packed, "zeros with something behind them")
        result = bytes(length)
    else:
        raise Refused(f"a block of an unknown codec {codec}")
    demand(len(result) == length, "a block of another length than it says")
    return result


def unpack_frame(packed, length):
    """One frame of Zstandard, of which nothing is left over."""
    demand(packed[:4] == b"\x28\xb5\x2f\xfd", "a block that is no frame")
    try:
        frame = zstandard.get_frame_parameters(packed)
        demand(frame.dict_id == 0, "a frame that needs a dictionary")
        demand(packed[4] & 3 == 0, "a frame that names a dictionary")
        # A frame of a single segment has its content for a window.
        demand(packed[4] & 32 or frame.window_size <= CHUNK_LIMIT, "a window that is too large")
        demand(frame.content_size in (zstandard.CONTENTSIZE_UNKNOWN, length), "another content")
        stream = zstandard.ZstdDecompressor(max_window_size=CHUNK_LIMIT).decompressobj()
        result = stream.decompress(packed)
        demand(stream.eof and not stream.unused_data, "a frame that does not end with its block")
    except zstandard.ZstdError:
        raise Refused("a block does not decompress") from None
    return result


# 9 Segments

Block = collections.namedtuple("Block", "offset sealed header number raw chunks")


class Directory:
    """9.2: the blocks of a segment and the chunks in them."""

    def __init__(self, reader):
        count = reader.varint(1 << 16)
        demand(count > 0, "a segment without a header")
        self.headers = [Header(reader) for _ in range(count)]
        self.type = self.headers[0].type
        demand(
            self.type in (1, 2) and all(header.type == self.type for header in self.headers),
            "a segment with blocks of another type",
        )
        rows = [
            (
                reader.varint(SEGMENT_LIMIT), reader.varint(count - 1), reader.varint(),
                reader.varint(1 << 18), reader.varint(CHUNK_LIMIT),
            )
            for _ in range(reader.varint(1 << 16))
        ]
        demand(rows, "a segment without blocks")
        demand(all(row[3] > 0 for row in rows), "a block without a chunk")
        total = reader.varint(1 << 18)
        demand(total == sum(row[3] for row in rows), "blocks claim other chunks than there are")
        self.blocks = []
        offset = len(self.headers[0].encoded)
        for sealed, header, number, chunks, raw in rows:
            references = [reader.reference() for _ in range(chunks)]
            demand(sum(size for _, size in references) == raw, "chunks do not fill their block")
            demand(chunks <= 1 or raw <= SHARED_BLOCK_LIMIT, "a shared block is too large")
            self.blocks.append(
                Block(offset, sealed, self.headers[header], number, raw, references)
            )
            offset += sealed
        demand(offset <= SEGMENT_LIMIT, "blocks that no segment could hold")
        self.end = offset

    def __eq__(self, other):
        facts = lambda one: (
            [header.encoded for header in one.headers],
            [block._replace(header=block.header.encoded) for block in one.blocks],
        )
        return facts(self) == facts(other)


def read_directory(storage, name, keys):
    """9.3, 9.4: a segment's own directory."""
    size = storage.size("segments", name)
    demand(size <= SEGMENT_LIMIT, "is larger than a segment")
    header = Header(Reader(storage.get_range("segments", name, 0, min(size, 4176))))
    key = keys.object_key(header, "index")
    end = size - 32
    demand(end >= len(header.encoded), "ends too early")
    sealed = storage.get_range("segments", name, end, size)
    trailer = Reader(open_sealed(header.suite, key, nonce(2, 0), header.encoded, sealed))
    offset, length = trailer.integer(8), trailer.integer(8)
    trailer.finish()
    demand(len(header.encoded) <= offset and offset + length == end, "a trailer that is wrong")
    sealed = storage.get_range("segments", name, offset, end)
    inner = Reader(open_sealed(header.suite, key, nonce(1, 0), header.encoded, sealed))
    body = Reader(inner.take(inner.integer(8)))
    directory = Directory(body)
    body.finish()
    demand(directory.headers[0].encoded == header.encoded, "a directory of another segment")
    demand(directory.end == offset, "blocks do not fill the segment")
    return directory


def open_block(sealed, block, keys):
    key = keys.object_key(block.header, block.header.role)
    plaintext = open_sealed(
        block.header.suite, key, nonce(0, block.number), block.header.encoded, sealed
    )
    result = unpack_block(plaintext)
    demand(len(result) == block.raw, "a block of another length than its row says")
    return result


# 10 Index


def decode_index(body):
    reader = Reader(body)
    entries = []
    for _ in range(reader.varint(1 << 20)):
        name = reader.digest()
        size = reader.varint(SEGMENT_LIMIT)
        entries.append((name, size, Directory(reader)))
    reader.finish()
    return entries


# 13 Paths and items


def check_path(path):
    demand(len(path) <= 65535, "a path that is too long")
    if path:
        demand(b"\0" not in path, "a path with a NUL byte")
        demand(not {b"", b".", b".."} & set(path.split(b"/")), "a path that could lead elsewhere")
    return path


SLASH = ord("/")
ORDER = bytes(0 if i == SLASH else i + 1 if i < SLASH else i for i in range(256))


def order(path):
    """A key by which paths sort as 13.1 says: `/` before every other byte."""
    return path.translate(ORDER)


def decode_holes(reader):
    holes = []
    end = 0
    demand(reader.remaining, "an empty list of holes")
    while reader.remaining:
        distance, length = reader.varint(), reader.varint()
        demand(length > 0 and (distance > 0 or not holes), "holes that touch or overlap")
        holes.append((end + distance, length))
        end += distance + length
        demand(end < 2**64, "a hole that ends nowhere")
    return holes


def decode_attributes(reader):
    pairs = reader.repeated(lambda one: (one.blob(4096), one.blob(MIB)))
    demand(pairs, "an empty list of attributes")
    demand(ascends([name for name, _ in pairs]), "attributes out of order")
    return pairs


def decode_device(reader):
    return reader.varint(2**32 - 1), reader.varint(2**32 - 1)


def decode_acl_names(reader):
    names = reader.repeated(
        lambda reader: (reader.integer(1), reader.varint(2**32 - 1), reader.blob(4096)))
    demand(names, "an empty list of ACL names")
    demand(all(kind < 2 and name for kind, _, name in names), "an ACL name that is none")
    demand(ascends([name[:2] for name in names]), "ACL names out of order")
    return names


def decode_inline(reader):
    references = reader.repeated(Reader.reference)
    demand(len(references) <= 32, "too many chunks in an item")
    return references


ITEM = {
    1: number(2**32 - 1), 2: number(0o177777), 3: number(2**32 - 1), 4: number(2**63 - 1),
    5: rest, 6: decode_inline, 7: rest,
    8: lambda reader: (reader.digest(), reader.varint(), reader.varint(2**63 - 1)),
    9: Reader.timestamp, 10: decode_holes, 11: Reader.timestamp, 12: rest, 13: Reader.timestamp,
    14: rest, 15: Reader.timestamp, 16: decode_device, 17: Reader.varint,
    19: decode_attributes, 21: byte_up_to(1), 23: number(2**32 - 1), 25: decode_acl_names,
}


FILE_TYPES = (
    stat.S_IFIFO, stat.S_IFCHR, stat.S_IFDIR, stat.S_IFBLK, stat.S_IFREG, stat.S_IFLNK,
    stat.S_IFSOCK,
)


class Item:
    def __init__(self, path, data):
        values = fields(data, ITEM)
        need(values, 2)
        self.path = path
        self.mode = values[2]
        self.uid = values.get(1, 0)
        self.gid = values.get(3, 0)
        self.user = values.get(5, b"")
        self.group = values.get(7, b"")
        self.mtime = values.get(9, (0, 0))
        self.holes = values.get(10, [])
        self.target = values.get(12)
        self.link_group = values.get(14)
        if self.link_group is not None:
            self.link_group = check_path(self.link_group) or path
        self.device = values.get(16)
        self.attributes = values.get(19, [])
        self.changed = values.get(21) == 1
        self.flags = values.get(23, 0)
        self.acl_names = values.get(25, [])
        self.size = values.get(4)
        self.chunks = values.get(6)
        self.tree = values.get(8)
        demand(stat.S_IFMT(self.mode) in FILE_TYPES, "an item of an unknown type")
        is_regular = stat.S_ISREG(self.mode)
        is_device = stat.S_ISCHR(self.mode) or stat.S_ISBLK(self.mode)
        lists = (self.chunks is not None) + (self.tree is not None)
        demand(
            lists == is_regular
            and (self.size is not None) == is_regular
            and (is_regular or not self.holes)
            and (self.target is not None) == stat.S_ISLNK(self.mode)
            and (self.device is not None) == is_device,
            "an item whose fields do not fit its type",
        )
        if is_regular:
            data = self.tree[2] if self.tree else sum(size for _, size in self.chunks)
            hole_bytes = sum(length for _, length in self.holes)
            end = sum(self.holes[-1]) if self.holes else 0
            demand(data + hole_bytes == self.size and end <= self.size, "a size that is wrong")


# 14 Trees

ItemChild = collections.namedtuple("ItemChild", "path id count")
ChunkChild = collections.namedtuple("ChunkChild", "id count size")


def decode_node(data):
    """14.1: kind, level, entries."""
    demand(len(data) <= NODE_LIMIT, "a node that is too large")
    reader = Reader(data)
    kind, level = reader.integer(1), reader.integer(1)
    demand(kind in (1, 2, 3, 4), "a node of an unknown kind")
    demand(level < TREE_DEPTH and (level == 0) == (kind in (1, 3)), "a node at the wrong level")
    path = None

    def next_path():
        nonlocal path
        shared = reader.varint(len(path or b""))
        new = check_path((path or b"")[:shared] + reader.blob(65535))
        demand(path is None or order(path) < order(new), "paths out of order")
        path = new
        return new

    def entry():
        if kind == 1:
            return Item(next_path(), reader.blob(reader.remaining))
        if kind == 2:
            return ItemChild(next_path(), reader.digest(), reader.varint())
        if kind == 3:
            id, length = reader.reference()
            demand(length > 0, "a list with a chunk of no bytes")
            return id, length
        child = ChunkChild(reader.digest(), reader.varint(), reader.varint())
        demand(0 < child.count <= child.size, "a list with chunks of no bytes")
        return child

    entries = [entry() for _ in range(reader.varint(reader.remaining))]
    reader.finish()
    demand(len(entries) > (level > 0), "a node of too few entries")
    return kind, level, entries


# 15 Archives


def decode_archive(body):
    blobs = lambda reader: reader.repeated(lambda one: one.blob(OBJECT_LIMIT))
    roots = lambda reader: reader.repeated(
        lambda one: (one.blob(OBJECT_LIMIT), one.timestamp())
    )
    def tree(reader):
        root, count = reader.digest(), reader.varint()
        demand(count > 0, "a tree without items")
        return root, count

    figures = lambda reader: [reader.varint() for _ in range(6)]
    archive = fields(
        body,
        {
            1: text, 2: byte, 3: text, 4: text, 5: text, 6: Reader.timestamp,
            7: Reader.timestamp, 8: tree, 9: blobs, 11: text, 13: roots, 15: text, 17: text,
            19: figures, 21: text, 23: lambda reader: (reader.digest(), reader.digest()),
            25: Reader.rest,
        },
    )
    need(archive, 2, 4, 6)
    demand(archive[2] in (1, 2), "an archive of an unknown kind")
    demand(archive[4] != "", "an archive without a name")
    return archive


# 16 Small objects


def decode_label(body):
    label = fields(body, {2: byte, 4: raw(32), 6: text, 8: Reader.timestamp})
    need(label, 2, 4, 6, 8)
    demand(label[2] in (1, 2), "a label for an unknown purpose")
    return label


def decode_names(reader):
    names = reader.repeated(Reader.digest)
    demand(len(names) <= 10_000, "too many names")
    return names


def decode_record(body, context, keys):
    record = fields(signed_fields(body, context, keys), {2: decode_names, 4: Reader.timestamp})
    need(record, 2, 4)
    demand(record[2], "a record of nothing")
    return record


def decode_removal(body, keys):
    return decode_record(body, b"archivist/1 removal signature", keys)


def decode_quarantine(body, keys):
    return decode_record(body, b"archivist/1 quarantine signature", keys)


def decode_doomed(body):
    digests = lambda reader: reader.repeated(Reader.digest)
    doomed = fields(body, {2: decode_names, 4: raw(32), 6: digests})
    demand(not doomed.get(2 if 4 in doomed else 6), "a doomed object that is a record as well")
    return doomed


def decode_lease(body):
    return fields(
        body,
        {
            1: text, 2: raw(32), 3: text, 5: text, 7: number(2**32 - 1),
            9: Reader.varint, 11: Reader.timestamp, 13: text, 15: raw(32),
        },
    )


# 20 Exported keys


def parse_exported_key(page):
    """The slot on a page that `key export` has written."""
    lines = [line.strip() for line in page.decode("ascii").splitlines() if line.strip()]
    demand(lines and lines[0] == "ARCHIVIST KEY", "is not an exported key")
    slot = b""
    count = 0
    for line in lines[1:]:
        match = re.match(r"([0-9]+):([0-9a-fA-F ]*)- *([0-9a-fA-F]{4})\Z", line)
        if not match:
            demand(not re.match("[0-9]+:", line), f"a line that is none: {line}")
            continue
        count += 1
        data = bytes.fromhex(match[2])
        check = hashlib.sha256(match[1].encode() + b":" + data).hexdigest()[:4]
        demand(int(match[1]) == count and check == match[3].lower(), f"line {count} is mistyped")
        demand(len(data) <= 32, f"line {count} is too long")
        slot += data
    demand(slot, "is not an exported key")
    return slot


# Putting it together


class Repository:
    def __init__(self, path, passphrase, client_slots=()):
        self.storage = StoredObjects(path)
        self.problems = []
        repository_id = identify(self.storage)
        self.keys = Keys(self.find_bundle(repository_id, passphrase, client_slots))
        self.config = load_config(self.storage, self.keys)
        self.cache = collections.OrderedDict()
        self.load_index()

    def find_bundle(self, repository_id, passphrase, client_slots):
        """5: the first bundle that opens, and that the configuration is sealed with."""
        slots = []
        names = sorted(self.storage.list("keys"), key=lambda name: (self.storage.date("keys", name), name))
        if len(names) > 4096:
            self.problems.append(f"keys/: {len(names) - 4096} files were not looked at")
        for number, data in enumerate(client_slots):
            with self.reporting("client slot", bytes([number])):
                slots.append((True, bytes([number]), data, *slot_parameters(data)))
        for name in names[:4096]:
            with self.reporting("keys", name):
                data = self.storage.get("keys", name, 16384)
                slots.append((False, name, data, *slot_parameters(data)))
        stretched, work = {}, 0
        rejection = Refused("no key slot opens")
        # Sorting keeps the order of equals: the client's first, then the oldest.
        for is_client, name, data, owner, parameters in sorted(
                slots, key=lambda slot: slot_work(slot[4])):
            with self.reporting("client slot" if is_client else "keys", name):
                demand(owner == repository_id, "is a slot of another repository")
                if parameters not in stretched:
                    if parameters[0] and passphrase is None:
                        continue
                    if not is_client:
                        demand(work + slot_work(parameters) <= 1 << 22, "asks for too much work")
                        work += slot_work(parameters)
                    stretched[parameters] = stretch(passphrase, repository_id, parameters)
                bundle = open_slot(data, repository_id, passphrase, stretched[parameters])
                if not bundle:
                    continue
                try:
                    load_config(self.storage, Keys(bundle))
                except Refused as error:
                    rejection = error
                    raise
                return bundle
        raise rejection

    def reporting(self, kind, name):
        repository = self

        class Context:
            def __enter__(self):
                pass

            def __exit__(self, type, error, trace):
                if isinstance(error, Refused):
                    repository.problems.append(f"{kind}/{name.hex()}: {error}")
                    return True

        return Context()

    def objects(self, kind, type, decode, limit=OBJECT_LIMIT):
        """The objects of a kind that can be read; the others are reported."""
        for name in self.storage.list(kind):
            with self.reporting(kind, name):
                data = self.storage.get(kind, name, limit)
                yield name, decode(open_object(data, type, self.keys))

    def load_index(self):
        """10: every place of every chunk."""
        self.places = collections.defaultdict(list)
        self.directories = {}
        present = {name: self.storage.size("segments", name) for name in self.storage.list("segments")}
        self.indexed = {}
        for _, entries in self.objects("index", 3, decode_index, INDEX_LIMIT):
            for name, size, directory in entries:
                known = self.indexed.setdefault(name, [])
                if present.get(name) == size and directory not in known:
                    known.append(directory)
        for name in present:
            # Entries that contradict each other are all tried: at most one is true.
            directories = self.indexed.get(name)
            if not directories:
                directories = []
                with self.reporting("segments", name):
                    directories.append(read_directory(self.storage, name, self.keys))
            for directory in directories:
                self.add_places(name, directory)

    def add_places(self, segment, directory):
        self.directories[segment] = directory
        for block in directory.blocks:
            start = 0
            for id, size in block.chunks:
                self.places[id].append((segment, block, start, size))
                start += size

    def places_of(self, id, type):
        """11: contents are looked for in content segments alone, nodes in tree segments."""
        return [
            place for place in self.places.get(id, ()) if place[1].header.type == type
        ]

    def chunk(self, id, id_key):
        """11: the bytes of a chunk, from the first place where they are whole."""
        problem = "is in no segment of its kind"
        for segment, block, start, size in self.places_of(id, 1 if id_key == self.keys.content_id else 2):
            try:
                data = self.block(segment, block)[start : start + size]
                demand(hmac.compare_digest(hmac_sha256(id_key, data), id), "has another id")
                return data
            except (Refused, OSError) as error:
                problem = f"in {segment.hex()}: {error}"
        raise Refused(f"chunk {id.hex()} {problem}")

    def block(self, segment, block):
        key = segment, block.offset
        if key not in self.cache:
            end = block.offset + block.sealed
            sealed = self.storage.get_range("segments", segment, block.offset, end)
            self.cache[key] = open_block(sealed, block, self.keys)
            while len(self.cache) > 64:
                self.cache.popitem(last=False)
        return self.cache[key]

    def archives(self):
        """15, 16.1, 16.2: name and manifest by id, of those that were not removed."""
        removed = set()
        for _, record in self.objects("removed", 6, lambda body: decode_removal(body, self.keys)):
            removed.update(record[2])
        names = {}
        for id, label in self.objects("labels", 9, decode_label):
            if label[2] == 1:
                known = names.get(label[4])
                if known is None or (label[8], id) > known[:2]:
                    names[label[4]] = (label[8], id, label[6])
        for id, archive in self.objects("archives", 4, decode_archive):
            if id in removed:
                continue
            yield id, names[id][2] if id in names else archive[4], archive

    def archive(self, name):
        found = [
            archive
            for id, own, archive in self.archives()
            if archive[2] == 1 and (own == name or "id:" + id.hex() == name)
        ]
        demand(len(found) == 1, f"{len(found)} archives are named {name}")
        return found[0]

    def node(self, id, kinds, below):
        kind, level, entries = decode_node(self.chunk(id, self.keys.tree_id))
        demand(kind in kinds and level < below, "a node where none of its kind or level can be")
        return kind, level, entries

    def items(self, archive):
        """14: the items of an archive, in order; all that is said of them is checked.

        What is beneath a node that is refused is passed over, and reported.
        """
        if 8 in archive:
            root, count = archive[8]
            last = None
            for item in self.items_below(root, TREE_DEPTH, None, None, count):
                demand(last is None or order(last) < order(item.path), "items out of order")
                last = item.path
                yield item

    def items_below(self, id, below, first, end, count):
        try:
            kind, level, entries = self.node(id, (1, 2), below)
            demand(first is None or entries and entries[0].path == first, "a node begins elsewhere")
            demand(
                end is None or not entries or order(entries[-1].path) < order(end),
                "a node reaches into the one after it",
            )
        except (Refused, OSError) as error:
            stretch = " to ".join(shown(path) if path is not None else "" for path in (first, end))
            self.problems.append(f"{count} items are missing, {stretch}: {error}")
            return
        found = len(entries) if kind == 1 else sum(child.count for child in entries)
        if found != count:
            self.problems.append(f"a node of {found} items is said to have {count}")
        if kind == 1:
            yield from entries
        else:
            ends = [child.path for child in entries[1:]] + [end]
            for child, end in zip(entries, ends):
                yield from self.items_below(child.id, level, child.path, end, child.count)

    def references(self, item):
        if item.tree is None:
            yield from item.chunks
        else:
            root, count, size = item.tree
            yield from self.references_below(root, TREE_DEPTH, count, size)

    def references_below(self, id, below, count, size):
        kind, level, entries = self.node(id, (3, 4), below)
        if kind == 3:
            demand(
                (len(entries), sum(length for _, length in entries)) == (count, size),
                "a list of chunks does not add up",
            )
            yield from entries
        else:
            demand(
                (sum(c.count for c in entries), sum(c.size for c in entries)) == (count, size),
                "a list of lists of chunks does not add up",
            )
            for child in entries:
                yield from self.references_below(child.id, level, child.count, child.size)

    def data(self, item):
        """The data of a file, holes left out, chunk by chunk."""
        for id, size in self.references(item):
            chunk = self.chunk(id, self.keys.content_id)
            demand(len(chunk) == size, "a chunk of another length than its reference says")
            yield chunk

    # What the command line offers

    def verify(self):
        """Every object against its name, every chunk against its id, every archive to its leaves."""
        chunks = 0
        for segment in self.storage.list("segments"):
            with self.reporting("segments", segment):
                size = self.storage.size("segments", segment)
                data = self.storage.get_range("segments", segment, 0, size)
                demand(hashlib.sha256(data).digest() == segment, "has another hash than its name")
                directory = read_directory(self.storage, segment, self.keys)
                known = self.indexed.get(segment, [])
                demand(all(one == directory for one in known), "is not what the index says")
                id_key = self.keys.content_id if directory.type == 1 else self.keys.tree_id
                for block in directory.blocks:
                    sealed = data[block.offset : block.offset + block.sealed]
                    unpacked = open_block(sealed, block, self.keys)
                    start = 0
                    for id, length in block.chunks:
                        found = hmac_sha256(id_key, unpacked[start : start + length])
                        demand(found == id, f"chunk {id.hex()} has another id")
                        start += length
                        chunks += 1
        items = 0
        archives = list(self.archives())
        for id, _, archive in archives:
            with self.reporting("archives", id):
                for item in self.items(archive):
                    items += 1
                    if item.size is not None:
                        for chunk, length in self.references(item):
                            sizes = [place[3] for place in self.places_of(chunk, 1)]
                            demand(length in sizes, f"chunk {chunk.hex()} is in no segment")
        for _ in self.objects("quarantine", 6, lambda body: decode_quarantine(body, self.keys)):
            pass
        for kind, type, decode in (
            ("doomed", 8, decode_doomed), ("locks", 5, decode_lease), ("labels", 9, decode_label)
        ):
            for _ in self.objects(kind, type, decode):
                pass
        return {
            "segments": len(self.directories), "chunks": chunks, "archives": len(archives),
            "items": items, "problems": sorted(set(self.problems)),
        }

    def extract(self, archive, target):
        """Restores into a directory that is new, so that everything in it is ours.

        No path leads through a symbolic link: a parent has to be a directory of this run.
        """
        os.mkdir(target)
        directories = {b""}
        made = {}
        late = []
        target = os.fsencode(target)
        for item in self.items(archive):
            path = os.path.join(target, item.path) if item.path else target
            parent = item.path.rpartition(b"/")[0]
            if parent not in directories:
                # Archives need not hold the directories above their roots.
                for end in [i for i, c in enumerate(parent + b"/") if c == 0x2F]:
                    if parent[:end] not in directories:
                        os.mkdir(os.path.join(target, parent[:end]))
                        directories.add(parent[:end])
            if stat.S_ISDIR(item.mode):
                if item.path not in directories:
                    os.mkdir(path)
                    directories.add(item.path)
                late.append((path, item))
                continue
            first = made.get(item.link_group)
            if item.link_group is not None and first:
                os.link(first, path, follow_symlinks=False)
                continue
            if not self.make(path, item):
                continue
            self.set_metadata(path, item)
            if item.link_group is not None:
                made[item.link_group] = path
        for path, item in reversed(late):
            self.set_metadata(path, item)

    def make(self, path, item):
        if stat.S_ISREG(item.mode):
            with open(path, "xb") as file:
                self.write(file, item)
        elif stat.S_ISLNK(item.mode):
            os.symlink(item.target, path)
        elif stat.S_ISFIFO(item.mode):
            os.mkfifo(path)
        elif stat.S_ISCHR(item.mode) or stat.S_ISBLK(item.mode):
            if os.geteuid() != 0:
                return False
            os.mknod(path, stat.S_IFMT(item.mode) | 0o600, os.makedev(*item.device))
        else:
            return False
        return True

    def write(self, file, item):
        """13.2: data with the holes put in."""
        holes = collections.deque(item.holes)
        position = 0

        def skip_holes():
            nonlocal position
            while holes and holes[0][0] == position:
                position += holes.popleft()[1]
                file.seek(position)

        skip_holes()
        for chunk in self.data(item):
            chunk = memoryview(chunk)
            while chunk:
                room = holes[0][0] - position if holes else len(chunk)
                file.write(chunk[:room])
                position += len(chunk[:room])
                chunk = chunk[room:]
                skip_holes()
        demand(position == item.size and not holes, "a content of another size than it says")
        file.truncate(item.size)

    def set_metadata(self, path, item):
        is_link = stat.S_ISLNK(item.mode)
        if os.geteuid() == 0:
            os.chown(path, item.uid, item.gid, follow_symlinks=False)
        if not is_link:
            os.chmod(path, item.mode & 0o7777)
        for name, value in item.attributes:
            if name.startswith(b"user.") and not is_link:
                os.setxattr(path, name, value)
        seconds, nanoseconds = item.mtime
        when = seconds * 10**9 + nanoseconds
        os.utime(path, ns=(when, when), follow_symlinks=False)


def shown(data):
    return data.decode("utf-8", "backslashreplace")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("repository")
    parser.add_argument("--slot", action="append", default=[])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list")
    commands.add_parser("verify")
    commands.add_parser("items").add_argument("archive")
    extract = commands.add_parser("extract")
    extract.add_argument("archive")
    extract.add_argument("directory")
    arguments = parser.parse_args()

    passphrase = os.environb.get(b"READER_PASSPHRASE")
    slots = [open(path, "rb").read() for path in arguments.slot]
    repository = Repository(arguments.repository, passphrase, slots)
    if arguments.command == "list":
        for id, name, archive in repository.archives():
            print(json.dumps({"id": id.hex(), "name": name, "items": archive.get(8, (0, 0))[1]}))
    elif arguments.command == "items":
        for item in repository.items(repository.archive(arguments.archive)):
            line = {"path": shown(item.path), "mode": oct(item.mode), "size": item.size}
            if item.tree:
                line["chunks in a tree"] = item.tree[1]
            if item.holes:
                line["holes"] = item.holes
            print(json.dumps(line))
    elif arguments.command == "extract":
        repository.extract(repository.archive(arguments.archive), arguments.directory)
    else:
        print(json.dumps(repository.verify()))
    for problem in repository.problems:
        print(problem, file=sys.stderr)
    return 1 if repository.problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Refused as problem:
        print(f"refused: {problem}", file=sys.stderr)
        sys.exit(2)
