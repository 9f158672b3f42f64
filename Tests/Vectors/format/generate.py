#!/usr/bin/env python3
"""Makes the vectors that docs/format.md cites, beside this file.

Independent of the program: it shares only the primitives and the decoders of
Tests/Scenarios/independent_reader.py, which was written from the document alone. Everything that is
random in a repository is fixed here. What lz4 and zstd make of a block may differ with their
versions; everything else comes out the same each time.

A vector is a text of cases:

    # a comment
    [name of the case]
    key = value
      continued

Values are hexadecimal digits, numbers, or words; docs/format.md says which.
"""

import hashlib
import importlib.util
import math
import os
import struct
import sys

import lz4.block
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

HERE = os.path.dirname(os.path.abspath(__file__))
specification = importlib.util.spec_from_file_location(
    "independent_reader", os.path.join(HERE, "../../Scenarios/independent_reader.py")
)
reader = importlib.util.module_from_spec(specification)
specification.loader.exec_module(reader)
Reader = reader.Reader

SUITES = {1: "aes256-gcm", 2: "chacha20-poly1305", 3: "authenticated", 4: "none"}


def fixed(label):
    """32 bytes that are random elsewhere."""
    return hashlib.sha256(b"archivist vector: " + label.encode()).digest()


ID = fixed("repository id")
D = fixed("deduplication secret")
S1 = fixed("sealing secret 1")
S3 = fixed("sealing secret 3")
A = fixed("authority seed")


class Vector:
    def __init__(self, name, *comment):
        self.name = name
        self.lines = ["# " + line for line in comment]

    def case(self, title, /, **values):
        self.lines += ["", f"[{title}]"]
        for key, value in values.items():
            key = key.replace("_", " ")
            if isinstance(value, (bytes, bytearray)):
                digits = value.hex()
                rows = [digits[i : i + 64] for i in range(0, len(digits), 64)] or [""]
                self.lines.append(f"{key} = {rows[0]}".rstrip())
                self.lines += ["  " + row for row in rows[1:]]
            else:
                self.lines.append(f"{key} = {value}")

    def write(self):
        with open(os.path.join(HERE, self.name + ".txt"), "w") as file:
            file.write("\n".join(self.lines) + "\n")


# 2 Encodings


def varint(value):
    groups = []
    while value >= 0x80:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(groups + [value])


def signed(value):
    return varint(2 * value if value >= 0 else -2 * value - 1)


def blob(data):
    return varint(len(data)) + data


def timestamp(seconds, nanoseconds=0):
    return signed(seconds) + varint(nanoseconds)


def reference(chunk):
    return chunk[0] + varint(chunk[1])


def field(number, value):
    return varint(number) + blob(value)


def fields(values):
    return b"".join(field(number, value) for number, value in sorted(values.items()))


def encodings():
    vector = Vector("encodings", "Section 2: numbers and what they are encoded as.")
    for value in (0, 1, 127, 128, 255, 300, 16383, 16384, 2**32 - 1, 2**63, 2**64 - 1):
        vector.case(f"varint {value}", varint=value, bytes=varint(value))
    for value in (0, -1, 1, -2, 2, 63, -64, 64, 2**63 - 1, -(2**63)):
        vector.case(f"signed {value}", signed=value, bytes=signed(value))
    for seconds, nanoseconds in ((0, 0), (-1, 999_999_999), (1_700_000_000, 1)):
        vector.case(
            f"timestamp {seconds} {nanoseconds}", seconds=seconds, nanoseconds=nanoseconds,
            bytes=timestamp(seconds, nanoseconds),
        )
    vector.case(
        "u8 u16 u32 u64", u8=0xFE, u16=0xFEDC, u32=0xFEDCBA98, u64=0xFEDCBA9876543210,
        bytes=struct.pack(">BHIQ", 0xFE, 0xFEDC, 0xFEDCBA98, 0xFEDCBA9876543210),
    )
    vector.case("blob", content=b"bytes", bytes=blob(b"bytes"))
    vector.write()


# 4 Keys


def bundle_fields(suite, epochs=((1, S1),)):
    sealing = b"".join(struct.pack(">I", epoch) + secret for epoch, secret in epochs)
    return fields({2: b"\x01", 4: ID, 6: bytes([suite]), 8: D, 10: sealing, 12: A})


def make_keys(suite=1, epochs=((1, S1),)):
    return reader.Keys(reader.decode_bundle(bundle_fields(suite, epochs)))


def keys():
    vector = Vector("keys", "Section 4: all keys of a repository with two epochs, in each suite.")
    for suite, name in SUITES.items():
        ring = make_keys(suite, ((1, S1), (3, S3)))
        values = {
            "suite": suite, "bundle": bundle_fields(suite, ((1, S1), (3, S3))),
            "content id": ring.content_id, "tree id": ring.tree_id,
            "node boundary": ring.node_boundary, "chunker prf": ring.chunker_prf,
            "chunker table": ring.chunker_table, "authority": ring.authority,
            "hedge": reader.hkdf(S3, ID, b"archivist/1 hedge", 32),
        }
        for epoch in (1, 3):
            for role in reader.ROLES:
                values[f"role {role} {epoch}"] = ring.roles[epoch, role]
                values[f"id {role} {epoch}"] = ring.key_id(epoch, role)
        vector.case(name, **values)
    vector.write()


# 6 Key slots


def slot(bundle, passphrase, log_n=15, p=1, salt=fixed("slot salt"), padded=1024):
    kdf = 0 if passphrase is None else 1
    if kdf == 0:
        log_n = p = r = 0
        stretched = bytes(32)
    else:
        r = 8
        stretched = hashlib.scrypt(
            passphrase, salt=ID, n=1 << log_n, r=r, p=p, maxmem=1 << 30, dklen=32
        )
    both = reader.hkdf(stretched, salt, b"archivist/1 slot", 64)
    head = b"arcvslot" + struct.pack(">BBBBI", 1, kdf, log_n, p, r) + ID + salt + both[32:]
    plaintext = (struct.pack(">I", len(bundle)) + bundle).ljust(padded, b"\0")
    return head + AESGCM(both[:32]).encrypt(bytes(12), plaintext, head)


def key_slots():
    vector = Vector("key-slot", "Section 6: slots under passphrases, which are bytes.")
    for name, passphrase, log_n, p in (
        ("a passphrase", b"correct horse battery staple", 15, 1),
        ("bytes that are no text, p = 2", b"\xff\xfe \n\x01", 15, 2),
        ("twice the default cost", b"x", 16, 1),
    ):
        data = slot(bundle_fields(1, ((1, S1), (3, S3))), passphrase, log_n, p)
        assert reader.open_slot(data, ID, passphrase)[8] == D
        assert reader.open_slot(data, ID, passphrase + b"x") is None
        vector.case(
            name, passphrase=passphrase, log_N=log_n, p=p,
            bundle=bundle_fields(1, ((1, S1), (3, S3))), bytes=data,
        )
    vector.write()
    vector = Vector("key-slot-clear", "Section 6: a slot of kdf 0, which everybody can open.")
    data = slot(bundle_fields(4), None)
    assert reader.open_slot(data, ID, None)[6] == 4
    vector.case("suite none", bundle=bundle_fields(4), bytes=data)
    vector.write()


# 5 Object headers and sealing


def header(type, ring, epoch=1, salt=None, extension=b""):
    role = reader.TYPES[type]
    return (
        b"archivst" + bytes([type, 1, ring.suite, 0]) + struct.pack(">I", epoch)
        + ring.key_id(epoch, role) + struct.pack(">HH", 0, len(extension)) + bytes(12)
        + (salt or fixed(f"salt {type}")) + extension
    )


def headers():
    vector = Vector("header", "Section 5.1: headers of all types, one with an extension.")
    ring = make_keys(1, ((1, S1), (3, S3)))
    for type, role in reader.TYPES.items():
        extension = ID if type == 7 else b""
        epoch = 3 if type % 2 else 1
        data = header(type, ring, epoch, extension=extension)
        decoded = reader.Header(Reader(data))
        assert (decoded.type, decoded.epoch, decoded.extension) == (type, epoch, extension)
        vector.case(
            role, type=type, suite=1, epoch=epoch, key_id=ring.key_id(epoch, role),
            salt=fixed(f"salt {type}"), extension=extension, bytes=data,
        )
    vector.write()


def seal(suite, key, nonce, associated, plaintext):
    if suite == 1:
        return AESGCM(key).encrypt(nonce, plaintext, associated)
    if suite == 2:
        return ChaCha20Poly1305(key).encrypt(nonce, plaintext, associated)
    return plaintext + reader.mac(key, nonce, associated, plaintext)


def sealing():
    vector = Vector("sealing", "Section 5.2: one message in each suite, under object keys.")
    for suite, name in SUITES.items():
        ring = make_keys(suite)
        data = header(1, ring)
        parsed = reader.Header(Reader(data))
        for role, part, number in (("content", 0, 7), ("index", 1, 0), ("index", 2, 2**40)):
            key = ring.object_key(parsed, role)
            nonce = reader.nonce(part, number)
            plaintext = f"part {part}, number {number}".encode()
            vector.case(
                f"{name}, part {part}", suite=suite, header=data, role=role, object_key=key,
                part=part, number=number, nonce=nonce, plaintext=plaintext,
                sealed=seal(suite, key, nonce, data, plaintext),
            )
        vector.case(
            f"{name}, nothing", suite=suite, header=data, role="content",
            object_key=ring.object_key(parsed, "content"), part=0, number=0,
            nonce=bytes(12), plaintext=b"",
            sealed=seal(suite, ring.object_key(parsed, "content"), bytes(12), data, b""),
        )
    vector.write()


def padded(size):
    if size <= 4096:
        return 4096
    exponent = int(math.floor(math.log2(size)))
    while 1 << exponent > size:
        exponent -= 1
    while 2 << exponent <= size:
        exponent += 1
    step = 1 << exponent - exponent.bit_length()
    return -(-size // step) * step


def padding():
    vector = Vector("padding", "Section 5.4: sizes before and behind padding.")
    for size in (
        0, 1, 4095, 4096, 4097, 4352, 4353, 8191, 8192, 8193, 10_000, 65_535, 65_536, 65_537,
        100_000, 1_000_000, 1_048_577, 33_554_432, 33_554_433, 50_000_000, 67_108_865,
    ):
        vector.case(f"{size}", size=size, padded=padded(size))
    vector.write()


def whole(body, type, ring, epoch=1, extension=b"", salt=None):
    """5.3: a whole object."""
    head = header(type, ring, epoch, salt, extension)
    overhead = len(head) + 16
    size = padded(overhead + 8 + len(body))
    plaintext = (struct.pack(">Q", len(body)) + body).ljust(size - overhead, b"\0")
    key = ring.object_key(reader.Header(Reader(head)), reader.TYPES[type])
    data = head + seal(ring.suite, key, bytes(12), head, plaintext)
    assert len(data) == size and reader.open_object(data, type, ring) == body
    return data


def objects():
    vector = Vector("object", "Section 5.3: whole objects in each suite, of the smallest size.")
    for suite, name in SUITES.items():
        ring = make_keys(suite)
        body = fields({2: b"\x01", 4: fixed("target"), 6: b"name", 8: timestamp(1, 2)})
        vector.case(
            name, suite=suite, type=9, body=body, bytes=whole(body, 9, ring),
        )
    ring = make_keys(1)
    body = bytes(i * i >> 3 & 0xFF for i in range(5000))
    vector.case("larger", suite=1, type=3, body=body, bytes=whole(body, 3, ring))
    vector.write()


# 7 Configuration


def sign(context, data):
    return Ed25519PrivateKey.from_private_bytes(A).sign(context + data)


def signed_body(context, data):
    return blob(data) + sign(context, data)


CONFIG = b"archivist/1 config signature"
REMOVAL = b"archivist/1 removal signature"
QUARANTINE = b"archivist/1 quarantine signature"


def config_fields(ring, generation, previous, epochs, **others):
    values = {
        2: varint(generation), 4: ID,
        6: b"".join(struct.pack(">IB", epoch, suite) for epoch, suite in epochs),
        8: ring.authority, 10: previous,
    }
    values.update(others.get("extra", {}))
    return fields(values)


def configs():
    vector = Vector(
        "config", "Section 7: two generations. The second knows two epochs and has all fields;",
        "it is refused for its features, and for nothing else.",
    )
    ring = make_keys(1, ((1, S1), (3, S3)))
    first = config_fields(ring, 1, bytes(32), [(1, 1)])
    data = whole(signed_body(CONFIG, first), 7, ring, extension=ID)
    vector.case(
        "generation 1", generation=1, fields=first, signature=sign(CONFIG, first), bytes=data
    )
    second = config_fields(
        ring, 2, hashlib.sha256(data).digest(), [(1, 1), (3, 1)],
        extra={
            12: blob(b"later-read"), 13: blob(b"later-write-1") + blob(b"later-write-2"),
            15: blob(b"later-delete"), 17: varint(86400),
        },
    )
    vector.case(
        "generation 2", generation=2, fields=second, signature=sign(CONFIG, second),
        bytes=whole(signed_body(CONFIG, second), 7, ring, 3, ID),
    )
    for body in (first, second):
        reader.decode_config(signed_body(CONFIG, body), ring)
    vector.write()


# 8 Blocks


def block(codec, raw):
    packed = {
        0: lambda: raw,
        1: lambda: lz4.block.compress(raw, store_size=False),
        2: lambda: zstandard.ZstdCompressor(level=3).compress(raw),
        3: lambda: b"",
    }[codec]()
    return struct.pack(">BI", codec, len(raw)) + packed


def blocks():
    vector = Vector("block", "Section 8: the plaintexts of blocks, and their raw bytes.")
    text = b"So much for words; words repeat words. " * 9
    for name, codec, raw in (
        ("codec 0", 0, b"as it is"), ("codec 0, nothing", 0, b""), ("codec 1", 1, text),
        ("codec 2", 2, text), ("codec 3", 3, bytes(300)), ("codec 3, nothing", 3, b""),
    ):
        data = block(codec, raw)
        assert reader.unpack_block(data) == raw
        vector.case(name, codec=codec, raw=raw, bytes=data)
    for name, packed in (
        ("with a checksum", frame(text, True)),
        ("with the largest window, and no content size", windowed(text, 15 << 3)),
    ):
        data = zstd_block(text, packed)
        assert reader.unpack_block(data) == text
        vector.case("codec 2, " + name, codec=2, raw=text, bytes=data)
    vector.write()


def zstd_block(raw, packed):
    return struct.pack(">BI", 2, len(raw)) + packed


def frame(raw, has_checksum=False):
    return zstandard.ZstdCompressor(level=3, write_checksum=has_checksum).compress(raw)


def windowed(raw, window):
    """A frame of one raw block, with a window descriptor and no content size."""
    return b"\x28\xb5\x2f\xfd\0" + bytes([window]) + struct.pack("<I", len(raw) << 3 | 1)[:3] + raw


def named_dictionary(raw):
    """The same, with the number of a dictionary that nothing of it uses."""
    return (
        b"\x28\xb5\x2f\xfd\1" + bytes([10 << 3, 7]) + struct.pack("<I", len(raw) << 3 | 1)[:3] + raw
    )


# 9 Segments, 10 Index, 11 Chunks


def chunk(ring, data, type=1):
    return reader.hmac_sha256(ring.content_id if type == 1 else ring.tree_id, data), len(data)


def directory(headers, rows):
    """Rows are (sealed length, header number, nonce number, references, raw length)."""
    data = varint(len(headers)) + b"".join(headers) + varint(len(rows))
    for sealed, head, number, references, raw in rows:
        data += b"".join(varint(n) for n in (sealed, head, number, len(references), raw))
    data += varint(sum(len(row[3]) for row in rows))
    return data + b"".join(reference(chunk) for row in rows for chunk in row[3])


def segment(ring, type, pieces):
    """Pieces are (header, number, codec, chunks); the first header is the segment's own."""
    headers = [header(type, ring, salt=fixed("segment"))]
    data = headers[0]
    rows = []
    for head, number, codec, chunks in pieces:
        head = head or headers[0]
        if head not in headers:
            headers.append(head)
        raw = b"".join(chunks)
        key = ring.object_key(reader.Header(Reader(head)), reader.TYPES[type])
        sealed = seal(ring.suite, key, reader.nonce(0, number), head, block(codec, raw))
        references = [chunk(ring, one, type) for one in chunks]
        rows.append((len(sealed), headers.index(head), number, references, len(raw)))
        data += sealed
    body = directory(headers, rows)
    overhead = 8 + 16 + 32
    size = padded(len(data) + overhead + len(body))
    plaintext = (struct.pack(">Q", len(body)) + body).ljust(size - len(data) - 48, b"\0")
    key = ring.object_key(reader.Header(Reader(headers[0])), "index")
    offset = len(data)
    sealed = seal(ring.suite, key, reader.nonce(1, 0), headers[0], plaintext)
    trailer = struct.pack(">QQ", offset, len(sealed))
    data += sealed + seal(ring.suite, key, reader.nonce(2, 0), headers[0], trailer)
    assert len(data) == size
    return data, body


CONTENT_PIECES = [
    (None, 0, 1, [b"the first chunk " * 20]),
    (None, 2, 0, [b"a", b"shared", b"block"]),
    ("moved", 5, 2, [b"moved from elsewhere " * 10, b"with another"]),
    (None, 3, 3, [bytes(1000)]),
]


def content_segment(ring):
    moved = header(1, ring, epoch=3, salt=fixed("another segment"))
    return segment(
        ring, 1, [(moved if head == "moved" else head, *rest) for head, *rest in CONTENT_PIECES]
    )


def two_epochs(suite=1):
    return make_keys(suite, ((1, S1), (3, S3)))


def tree_segment(ring):
    nodes = [
        node(1, 0, [item_entry(b"", b"", fields({1: varint(0), 2: varint(0o040755)}))]),
        node(3, 0, [reference(chunk(ring, b"a"))]),
    ]
    return segment(ring, 2, [(None, 1, 2, [nodes[0]]), (None, 0, 0, [nodes[1]])])


def segments():
    vector = Vector(
        "segment-content",
        "Section 9: a segment of four blocks, in each suite. The third block is sealed under the",
        "header of another segment, of another epoch; two blocks hold several chunks; numbers",
        "have a gap. Chunks stand one after the other in `chunks`, their lengths in `lengths`.",
    )
    for suite, name in SUITES.items():
        ring = two_epochs(suite)
        data, body = content_segment(ring)
        chunks = [one for piece in CONTENT_PIECES for one in piece[3]]
        vector.case(
            name, suite=suite, type=1, name=hashlib.sha256(data).digest(), directory=body,
            lengths=" ".join(str(len(one)) for one in chunks), chunks=b"".join(chunks), bytes=data,
        )
    vector.write()
    vector = Vector("segment-tree", "Section 9: a segment of two nodes of trees.")
    ring = make_keys()
    data, body = tree_segment(ring)
    decoded = reader.Directory(Reader(body))
    lengths = [size for row in decoded.blocks for _, size in row.chunks]
    chunks = node(1, 0, [item_entry(b"", b"", fields({1: varint(0), 2: varint(0o040755)}))])
    chunks += node(3, 0, [reference(chunk(ring, b"a"))])
    vector.case(
        "aes256-gcm", suite=1, type=2, name=hashlib.sha256(data).digest(), directory=body,
        lengths=" ".join(map(str, lengths)), chunks=chunks, bytes=data,
    )
    vector.write()


def index():
    vector = Vector(
        "index", "Section 10: an index object for the segments of segment-content and segment-tree",
        "in suite 1.",
    )
    ring = two_epochs()
    body = b""
    entries = []
    for data, listing in (content_segment(ring), tree_segment(ring)):
        entries.append(hashlib.sha256(data).digest() + varint(len(data)) + listing)
    body = varint(2) + b"".join(entries)
    assert len(reader.decode_index(body)) == 2
    vector.case("two segments", body=body, bytes=whole(body, 3, ring))
    vector.case("no segment", body=varint(0), bytes=whole(varint(0), 3, ring))
    vector.write()


def chunk_ids():
    vector = Vector("chunk-id", "Section 11: ids of chunks as contents and as nodes.")
    ring = make_keys()
    for name, data in (("nothing", b""), ("a byte", b"a"), ("a thousand zeros", bytes(1000))):
        vector.case(
            name, chunk=data, content_id=chunk(ring, data)[0], tree_id=chunk(ring, data, 2)[0]
        )
    vector.write()


# 12 Chunker


def splitmix(seed, count):
    """SplitMix64, each word's least significant byte first: contents that anyone can make."""
    mask = 2**64 - 1
    data = bytearray()
    while len(data) < count:
        seed = (seed + 0x9E3779B97F4A7C15) & mask
        word = seed
        word = ((word ^ word >> 30) * 0xBF58476D1CE4E5B9) & mask
        word = ((word ^ word >> 27) * 0x94D049BB133111EB) & mask
        data += struct.pack("<Q", word ^ word >> 31)
    return bytes(data[:count])


def cut(ring, content, minimum, maximum, mask_bits, window):
    mask = 2**64 - 1
    table = struct.unpack(">256Q", ring.chunker_table)
    rotate = lambda word, by: (word << by | word >> 64 - by) & mask if by else word
    leaving = [rotate(word, window % 64) for word in table]
    cipher = Cipher(algorithms.AES(ring.chunker_prf), modes.ECB()).encryptor()
    p = min(8, minimum - 9)
    candidate, accepted = (1 << p) - 1, (1 << mask_bits - p) - 1
    lengths = []
    start = 0
    while start < len(content):
        rest = len(content) - start
        end = min(1 << maximum, rest)
        limit = min((1 << maximum) - 1, rest)
        if rest > 1 << minimum:
            value = 0
            first = start + (1 << minimum)
            for byte in content[first - window : first]:
                value = (value << 1 & mask | value >> 63) ^ table[byte]
            position = first
            while True:
                if value & candidate == 0:
                    out = cipher.update(struct.pack(">QQ", value, 0))
                    a, b = struct.unpack(">QQ", out)
                    if a & accepted == 0:
                        end = min(position - start + (b & (1 << minimum - 3) - 1), end)
                        break
                if position - start >= limit:
                    break
                value = (value << 1 & mask | value >> 63) ^ table[content[position]] \
                    ^ leaving[content[position - window]]
                position += 1
        lengths.append(end)
        start += end
    return lengths


def chunker():
    vector = Vector(
        "chunker",
        "Section 12: lengths of the chunks of a content, with the keys of vector keys.",
        "`splitmix seed count`: count bytes of SplitMix64, each word's lowest byte first;",
        "`repeat byte count`: count times that byte.",
    )
    ring = make_keys()
    for name, content in (
        ("buzhash,10,14,12,255", ("splitmix", 1, 300_000)),
        ("buzhash,10,11,9,63", ("splitmix", 2, 50_000)),
        ("buzhash,15,19,17,4095", ("splitmix", 3, 2_000_000)),
        ("buzhash,17,21,16,4095", ("splitmix", 7, 3_000_000)),
        ("buzhash,19,23,21,4095", ("splitmix", 4, 6_000_000)),
        ("buzhash,10,14,12,255", ("repeat", 0, 40_000)),
        ("buzhash,10,14,12,255", ("splitmix", 5, 1024)),
        ("fixed,4096", ("splitmix", 6, 10_000)),
        ("fixed,5000", ("splitmix", 6, 10_000)),
    ):
        kind, seed, count = content
        data = splitmix(seed, count) if kind == "splitmix" else bytes([seed]) * count
        words = name.split(",")
        if words[0] == "fixed":
            size = int(words[1])
            lengths = [min(size, count - start) for start in range(0, count, size)]
        else:
            lengths = cut(ring, data, *map(int, words[1:]))
        assert sum(lengths) == count
        text = "\n  ".join(
            " ".join(map(str, lengths[i : i + 10])) for i in range(0, len(lengths), 10)
        )
        vector.case(
            f"{name} {kind} {seed} {count}", parameters=name,
            content=f"{kind} {seed} {count}", lengths=text,
        )
    vector.write()


# 13 Paths and items


def order(path):
    return reader.order(path)


def paths():
    vector = Vector("paths", "Section 13.1: paths in their order.")
    ordered = [
        b"", b"a", b"a/b", b"a/b/c", b"a/b-", b"a/c", b"a\x01", b"a ", b"a-b", b"a-b/c", b"a.", b"a.b",
        b"a0", b"aa", b"b", b"nfc-\xc3\xa9", b"nfd-e\xcc\x81", b"\xff", b"\xff/\xff",
    ]
    # The order by components is the same, said differently.
    assert sorted(ordered, key=lambda path: path.split(b"/") if path else []) == ordered
    assert sorted(ordered, key=order) == ordered
    for number, path in enumerate(ordered):
        reader.check_path(path)
        vector.case(f"{number}", path=path)
    vector.write()


def item_fields(**values):
    """The fields of an item by their names."""
    numbers = {
        "uid": 1, "mode": 2, "gid": 3, "size": 4, "user": 5, "chunks": 6, "group": 7, "tree": 8,
        "mtime": 9, "holes": 10, "ctime": 11, "target": 12, "atime": 13, "link": 14, "birth": 15,
        "device": 16, "inode": 17, "attributes": 19, "changed": 21, "flags": 23, "acl": 25,
    }
    return fields({numbers[name]: value for name, value in values.items()})


def holes(pairs):
    data = b""
    end = 0
    for offset, length in pairs:
        data += varint(offset - end) + varint(length)
        end = offset + length
    return data


def plain(mode, **others):
    values = {"uid": varint(1000), "mode": varint(mode), "gid": varint(100)}
    return item_fields(**values, mtime=timestamp(1_700_000_000, 5), **others)


def posix_acl(uid, gid):
    """An access ACL as the kernel has it: for the owner, a user, the group, a group, a mask, others."""
    none = 2**32 - 1
    entries = [(1, 7, none), (2, 6, uid), (4, 5, none), (8, 4, gid), (16, 7, none), (32, 0, none)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def items():
    vector = Vector("items", "Section 13.2: items of every type, all with the path dir/name.")
    a, b = (fixed("chunk a"), 10), (fixed("chunk b"), 20)
    root = (0, 0)
    cases = {
        "a directory": plain(0o040755),
        "of root, before 1970": item_fields(
            uid=varint(0), mode=varint(0o041777), gid=varint(0), mtime=timestamp(-1, 999_999_999)
        ),
        "an empty file": plain(0o100600, size=varint(0), chunks=b""),
        "a file": plain(
            0o100644, size=varint(30), user=b"user", chunks=reference(a) + reference(b),
            group=b"gr\xff",
        ),
        "a file with holes": plain(
            0o104755, size=varint(1000), chunks=reference(a) + reference(b),
            holes=holes([(0, 100), (110, 800), (920, 70)]),
        ),
        "a hole": plain(0o100644, size=varint(2**40), chunks=b"", holes=holes([(0, 2**40)])),
        "a file with a chunk tree": plain(
            0o100644, size=varint(2**41 + 7),
            tree=fixed("root") + varint(1_000_000) + varint(2**41), holes=holes([(4096, 7)]),
        ),
        "32 chunks": plain(0o100644, size=varint(320), chunks=reference(a) * 32),
        "a link": plain(0o120777, target=b"../\xff/target"),
        "a fifo": plain(0o010600),
        "a socket": plain(0o140755),
        "a character device": plain(0o020666, device=varint(1) + varint(3)),
        "a block device": plain(0o060660, device=varint(2**32 - 1) + varint(2**20)),
        "the first of a group of hard links": plain(
            0o100644, size=varint(10), chunks=reference(a), link=b""
        ),
        "another of that group": plain(
            0o100644, size=varint(10), chunks=reference(a), link=b"a/first"
        ),
        "everything": item_fields(
            uid=varint(2**32 - 1), mode=varint(0o107777), gid=varint(65534), size=varint(10),
            user=b"u", chunks=reference(a), group=b"g", mtime=timestamp(1, 1),
            ctime=timestamp(2, 2), atime=timestamp(3, 3), birth=timestamp(4, 4),
            inode=varint(2**64 - 1),
            attributes=blob(b"security.x") + blob(b"") + blob(b"user.a") + blob(b"\0\xff"),
            changed=b"\x01", flags=varint(0x2283C4FF), acl=b"\0" + varint(7) + blob(b"u"),
        ),
        "flags, and names of an ACL": plain(
            0o040755, attributes=blob(b"system.posix_acl_access") + blob(posix_acl(1000, 2**32 - 2)),
            flags=varint(0x800090),
            acl=b"\0" + varint(1000) + blob(b"user") + b"\1" + varint(2**32 - 2) + blob(b"gr\xff"),
        ),
        "a field of a later version": plain(0o100644, size=varint(0), chunks=b"")
        + field(1001, b"later"),
    }
    for name, data in cases.items():
        item = reader.Item(b"dir/name", data)
        values = {"fields": data, "mode": oct(item.mode)[2:], "uid": item.uid, "gid": item.gid}
        values["mtime"] = f"{item.mtime[0]} {item.mtime[1]}"
        if item.size is not None:
            values["size"] = item.size
            values["chunks"] = len(item.chunks) if item.tree is None else item.tree[1]
        if item.holes:
            values["holes"] = " ".join(f"{offset}+{length}" for offset, length in item.holes)
        if item.flags:
            values["flags"] = hex(item.flags)[2:]
        if item.acl_names:
            values["ACL names"] = b" ".join(
                b"%d:%d:%s" % (kind, id, name) for kind, id, name in item.acl_names)
        if item.target is not None:
            values["target"] = item.target
        if item.link_group is not None:
            values["group"] = item.link_group
        vector.case(name, **values)
    vector.write()


# 14 Trees


def node(kind, level, entries):
    return bytes([kind, level]) + varint(len(entries)) + b"".join(entries)


def path_entry(before, path):
    shared = 0
    while shared < min(len(before), len(path)) and before[shared] == path[shared]:
        shared += 1
    return varint(shared) + blob(path[shared:])


def item_entry(before, path, data):
    return path_entry(before, path) + blob(data)


def nodes():
    vector = Vector("node", "Section 14.1: one node of each kind; `entries` is their number.")
    a_directory, file = plain(0o040755), plain(0o100644, size=varint(0), chunks=b"")
    listed = [b"", b"dir", b"dir/file", b"dir/file 2", b"dir-2", b"dir0"]
    entries = []
    for number, path in enumerate(listed):
        before = listed[number - 1] if number else b""
        entries.append(item_entry(before, path, file if b"file" in path else a_directory))
    one, two = fixed("node 1"), fixed("node 2")
    cases = {
        "items": node(1, 0, entries),
        "nodes of items": node(
            2, 1,
            [path_entry(b"", b"dir") + one + varint(1000), path_entry(b"dir", b"dir/x") + two + varint(7)],
        ),
        "nodes of items, higher": node(
            2, 11, [path_entry(b"", b"") + one + varint(1), path_entry(b"", b"x") + two + varint(2)]
        ),
        "chunks": node(3, 0, [reference((one, 4096)), reference((two, 32 << 20))]),
        "nodes of chunks": node(
            4, 2, [one + varint(40) + varint(2**40), two + varint(50) + varint(50)]
        ),
    }
    ring = make_keys()
    for name, data in cases.items():
        kind, level, found = reader.decode_node(data)
        vector.case(
            name, kind=kind, level=level, entries=len(found), id=chunk(ring, data, 2)[0], bytes=data
        )
    vector.write()


class TreeWriter:
    """14.2, 14.3."""

    def __init__(self, ring, leaf_kind):
        self.ring = ring
        self.kinds = (leaf_kind, leaf_kind + 1)
        self.levels = [[]]
        self.weights = [0]
        self.promotions = 0
        self.nodes = []

    def add(self, level, entry):
        """An entry is (path or None, value, key, what a parent sums up)."""
        if level == len(self.levels):
            self.levels.append([])
            self.weights.append(0)
        kind = self.kinds[level > 0]
        least = 1 if level == 0 else 2
        path, value, key, _ = entry
        size = len(path or b"") + len(value)
        target = 4096 if level == 0 else 65_536
        if self.weights[level] + size > 4 * target and len(self.levels[level]) >= least:
            self.end(level)
        self.levels[level].append(entry)
        self.weights[level] += size
        if self.weights[level] < target // 4 or len(self.levels[level]) < least:
            return
        word = reader.hmac_sha256(self.ring.node_boundary, bytes([level, kind]) + key)[:8]
        if size >= target or int.from_bytes(word, "big") < (2**64 - 1) // target * size:
            self.end(level)

    def end(self, level):
        entries = self.levels[level]
        self.levels[level] = []
        self.weights[level] = 0
        if level > 0 and len(entries) == 1:
            self.promotions += 1
            self.add(level + 1, entries[0])
            return
        before = b""
        encoded = []
        for path, value, _, _ in entries:
            encoded.append((b"" if path is None else path_entry(before, path)) + value)
            before = path or b""
        data = node(self.kinds[level > 0], level, encoded)
        id = chunk(self.ring, data, 2)[0]
        self.nodes.append((level, id))
        sums = [sum(column) for column in zip(*(entry[3] for entry in entries))]
        value = id + b"".join(map(varint, sums))
        path = entries[0][0]
        self.add(level + 1, (path, value, id if path is None else path, sums))

    def finish(self):
        level = 0
        while level < len(self.levels):
            entries = self.levels[level]
            if level > 0 and level == len(self.levels) - 1 and len(entries) == 1:
                value = entries[0][1]
                return value[:32], entries[0][3]
            if entries:
                self.end(level)
            level += 1
        return None


def tree_item(number, path, attribute=0):
    reference_to = (hashlib.sha256(b"chunk %d" % number).digest(), number + 1)
    others = {}
    if attribute:
        others["attributes"] = blob(b"user.x") + blob(b"x" * attribute)
    return path, item_fields(
        uid=varint(1000), mode=varint(0o100644), gid=varint(100), size=varint(number + 1),
        chunks=reference(reference_to), mtime=timestamp(number, number), **others,
    )


TREES = {
    # name: for each number of an item, its path and the bytes of an attribute.
    "short paths": (6000, lambda n: (b"dir%04d/file%05d" % (n // 50, n), 0)),
    "long paths": (60, lambda n: (b"%03d/" % n + b"p" * (10_000 + 7919 * n % 55_000), 0)),
    "large items": (40, lambda n: (b"item%02d" % n, 500 + 1501 * n % 20_000)),
    "a single item": (1, lambda n: (b"item", 0)),
}


def trees():
    vector = Vector(
        "tree",
        "Section 14.2 and 14.3: the nodes of trees of items. Item n, from 0, has uid 1000, gid 100,",
        "mode 100644, mtime n s and n ns, size n + 1, one chunk of n + 1 bytes whose id is the",
        "SHA-256 of `chunk n` (n in decimal). Its path, and the bytes of its attribute user.x, all",
        "`x`, are:",
        "  short paths    dirAAAA/fileBBBBB: A is n / 50 rounded down, B is n, with leading zeros",
        "  long paths     AAA/pp…: A is n, then 10,000 + (7919 n mod 55,000) times `p`",
        "  large items    itemAA: A is n; the attribute has 500 + (1501 n mod 20,000) bytes",
        "  a single item  item",
        "`levels` is the number of nodes of each level, `nodes` are all ids, sorted.",
    )
    ring = make_keys()
    for name, (count, make) in TREES.items():
        writer = TreeWriter(ring, 1)
        for number in range(count):
            path, data = tree_item(number, *make(number))
            writer.add(0, (path, blob(data), path, [1]))
        root, sums = writer.finish()
        assert sums == [count]
        assert writer.promotions > 0 or name != "long paths"
        levels = [0] * 12
        for level, _ in writer.nodes:
            levels[level] += 1
        vector.case(
            name, items=count, root=root,
            levels=" ".join(str(n) for n in levels[: max(l for l, _ in writer.nodes) + 1]),
            nodes=b"".join(sorted(id for _, id in writer.nodes)),
        )
    vector.write()
    vector = Vector(
        "chunk-tree",
        "Section 14.4: trees of chunks. Chunk n, from 0, has n + 1 bytes, and its id is the SHA-256",
        "of `chunk n`; in `equal` all chunks are chunk 7.",
    )
    for name, count in (("33", 33), ("20000", 20_000), ("equal", 30_000)):
        writer = TreeWriter(ring, 3)
        for number in range(count):
            number = 7 if name == "equal" else number
            one = (hashlib.sha256(b"chunk %d" % number).digest(), number + 1)
            writer.add(0, (None, reference(one), one[0], [1, number + 1]))
        root, sums = writer.finish()
        vector.case(
            name, chunks=count, root=root, size=sums[1],
            nodes=b"".join(sorted({id for _, id in writer.nodes})),
        )
    vector.write()


# 15 Archives


def archives():
    vector = Vector("archive", "Section 15: the bodies of archive objects, and one sealed.")
    full = fields({
        1: b"a comment", 2: b"\x01", 3: b"host", 4: "n\u00e4me".encode(), 5: b"user",
        6: timestamp(1_700_000_000, 123), 7: timestamp(1_700_000_100), 8: fixed("root") + varint(5),
        9: blob(b"archivist") + blob(b"create") + blob(b"repo::\xff"), 11: b"series",
        13: blob(b"/etc") + timestamp(1_699_999_998, 123) + blob(b"/h\xff") + timestamp(-1, 1),
        15: b"buzhash,19,23,21,4095", 17: b"auto,zstd,6",
        19: b"".join(map(varint, (1, 2, 3, 4, 5, 6))), 21: b"archivist 0.1.0",
        23: fixed("origin repository") + fixed("origin archive"), 25: b"/home/\xff",
    })
    least = fields({2: b"\x02", 4: b"x", 6: timestamp(0), })
    ring = make_keys()
    for name, body in (("everything", full), ("as little as there can be", least)):
        archive = reader.decode_archive(body)
        data = whole(body, 4, ring)
        vector.case(
            name, kind=archive[2], name=archive[4].encode(), start="%d %d" % archive[6], body=body,
            id=hashlib.sha256(data).digest(), bytes=data,
        )
    vector.write()


# 16 Small objects


def small_objects():
    ring = make_keys()
    vector = Vector("label", "Section 16.1.")
    for name, purpose, value in (("a name", 1, b"new name"), ("a note", 2, b"")):
        body = fields({2: bytes([purpose]), 4: fixed("target"), 6: value, 8: timestamp(5, 6)})
        reader.decode_label(body)
        vector.case(
            name, purpose=purpose, target=fixed("target"), text=value, time="5 6", body=body,
            bytes=whole(body, 9, ring),
        )
    vector.write()

    vector = Vector("removal", "Section 16.2.")
    removed = [fixed("archive 1"), fixed("archive 2")]
    data = fields({2: b"".join(removed), 4: timestamp(7, 8)})
    body = signed_body(REMOVAL, data)
    assert reader.decode_removal(body, ring)[2] == removed
    vector.case(
        "two archives", archives=b"".join(removed), time="7 8", body=body,
        bytes=whole(body, 6, ring),
    )
    vector.write()

    vector = Vector("quarantine", "Section 16.5.")
    broken = [fixed("segment 1"), fixed("segment 2")]
    data = fields({2: b"".join(broken), 4: timestamp(7, 8)})
    body = signed_body(QUARANTINE, data)
    assert reader.decode_quarantine(body, ring)[2] == broken
    vector.case(
        "two segments", segments=b"".join(broken), time="7 8", body=body,
        bytes=whole(body, 6, ring),
    )
    vector.write()

    vector = Vector("doomed", "Section 16.3: a doomed object, and a record of what it waits for.")
    gone = fixed("segment 1") + fixed("segment 2")
    for name, values in (
        ("segments", {2: gone, 6: b""}),
        ("record", {2: b"", 4: fixed("doomed object"), 6: fixed("lease 1") + fixed("lease 2")}),
    ):
        body = fields(values)
        reader.decode_doomed(body)
        vector.case(
            name, segments=values[2], about=values.get(4, b""), leases=values[6], body=body,
            bytes=whole(body, 8, ring),
        )
    vector.write()

    vector = Vector("lease", "Section 16.4.")
    boot = b"0c7ad1a5-3d9e-4d3f-8f5e-0a8f9b0c1d2e"
    machine_id = b"b08dfa6083e7567a1921a715000001fb"
    machine = hashlib.sha256(b"archivist/1 machine" + ID + machine_id).digest()
    body = fields({
        1: b"create", 3: b"host", 5: boot, 7: varint(4242), 9: varint(987_654),
        11: timestamp(9, 10), 13: b"4026531836,4026531834", 15: machine,
    })
    reader.decode_lease(body)
    vector.case(
        "create", operation=b"create", hostname=b"host", boot=boot, process=4242,
        process_start=987_654, started="9 10", process_space=b"4026531836,4026531834",
        machine_id=machine_id, machine=machine, body=body,
        bytes=whole(body, 5, ring),
    )
    body = fields({2: fixed("lease 1")})
    reader.decode_lease(body)
    vector.case("heartbeat", lease=fixed("lease 1"), body=body, bytes=whole(body, 5, ring))
    vector.write()


# 18 Bad input


def refused():
    vector = Vector(
        "refused", "Sections 2 to 16: bytes that a reader refuses, and as what it reads them.",
        "With `then`, so many bytes of one value follow.",
    )
    ring = make_keys()

    def case(what, why, data, decode):
        try:
            decode(data)
        except reader.Refused:
            end = len(data.rstrip(data[-1:]))
            if len(data) - end < 1000:
                end = len(data)
            values = {"bytes": data[:end]}
            if end < len(data):
                values["then"] = f"{len(data) - end} times {data[-1]:02x}"
            vector.case(f"{what}: {why}", structure=what, **values)
        else:
            raise AssertionError(f"{what}: {why} is not refused")

    whole_number = lambda data: Reader(data).varint()
    for why, data in (
        ("not the shortest form", b"\x80\x00"), ("not the shortest form of 1", b"\x81\x80\x00"),
        ("too large", b"\xff" * 9 + b"\x02"), ("eleven bytes", b"\xff" * 10 + b"\x01"),
        ("cut short", b"\x80"), ("nothing", b""),
    ):
        case("varint", why, data, whole_number)

    good = header(1, ring)
    patch = lambda data, at, new: data[:at] + new + data[at + len(new) :]
    for why, data in (
        ("another magic", patch(good, 7, b"v")), ("type 0", patch(good, 8, b"\0")),
        ("type 10", patch(good, 8, b"\x0a")), ("version 2", patch(good, 9, b"\x02")),
        ("suite 0", patch(good, 10, b"\0")), ("suite 5", patch(good, 10, b"\x05")),
        ("kem 1", patch(good, 11, b"\x01")), ("flags", patch(good, 32, b"\x80\0")),
        ("an extension where there is none", patch(good, 34, b"\0\x20") + bytes(32)),
        ("an extension that is not there", header(7, ring)),
        ("an extension that is too long", header(7, ring, extension=bytes(33))),
        ("an extension that is too short", header(7, ring, extension=bytes(31))),
        ("reserved bytes", patch(good, 36, bytes(11) + b"\x01")), ("cut short", good[:79]),
    ):
        case("header", why, data, lambda data: reader.Header(Reader(data)))

    good = slot(bundle_fields(1), b"p")
    opened = lambda data: reader.open_slot(data, ID, b"p")
    for why, data in (
        ("another magic", patch(good, 0, b"A")), ("version 2", patch(good, 8, b"\x02")),
        ("kdf 2", patch(good, 9, b"\x02")), ("N of 2^14", patch(good, 10, b"\x0e")),
        ("N of 2^21", patch(good, 10, b"\x15")), ("p of 0", patch(good, 11, b"\0")),
        ("p of 5", patch(good, 11, b"\x05")), ("r of 16", patch(good, 15, b"\x10")),
        ("no passphrase, and parameters for one", patch(good, 9, b"\0")),
        ("nothing sealed", good[:112]), ("too large", good + bytes(16384)),
        ("a wrong tag", good[:-1] + bytes([good[-1] ^ 1])),
        ("a changed bundle", patch(good, 200, bytes([good[200] ^ 1]))),
    ):
        case("slot", why, data, opened)
    case("clear slot", "a suite that encrypts", slot(bundle_fields(1), None), opened)
    case("clear slot", "suite 3", slot(bundle_fields(3), None), opened)
    for why, bundle in (
        ("role 2", bundle_fields(1).replace(b"\x02\x01\x01", b"\x02\x01\x02", 1)),
        ("suite 9", bundle_fields(1).replace(b"\x06\x01\x01", b"\x06\x01\x09", 1)),
        ("no sealing secret", bundle_fields(1, ())),
        ("epochs out of order", bundle_fields(1, ((3, S3), (1, S1)))),
        ("epoch 0", bundle_fields(1, ((0, S1), (1, S3)))),
        ("no authority", bundle_fields(1)[:-34]),
        ("an unknown critical field", bundle_fields(1) + field(14, b"")),
    ):
        case("slot", why, slot(bundle, b"p"), opened)

    text = b"words and words and words and words and words"
    skippable = b"\x50\x2a\x4d\x18" + struct.pack("<I", 3) + b"abc"
    for why, data in (
        ("an unknown codec", b"\x04" + struct.pack(">I", 0)), ("cut short", b"\0\0\0"),
        ("a raw length that is too large", b"\x03" + struct.pack(">I", (32 << 20) + 1)),
        ("less than the raw length", block(0, b"abc")[:-1]),
        ("more than the raw length", block(0, b"abc") + b"d"),
        ("zeros with something behind", block(3, bytes(3)) + b"\0"),
        ("lz4 of another length", b"\x01" + struct.pack(">I", len(text) + 1) + block(1, text)[5:]),
        ("lz4 cut short", block(1, text)[:-2]),
        ("lz4 that is none", b"\x01" + struct.pack(">I", 100) + b"\xff" * 9),
        ("zstd of another length", b"\x02" + struct.pack(">I", len(text) - 1) + block(2, text)[5:]),
        ("zstd cut short", block(2, text)[:-2]),
        ("zstd that is none", b"\x02" + struct.pack(">I", 100) + b"not zstd at all"),
        ("zstd of two frames", zstd_block(text * 2, frame(text) + frame(text))),
        ("zstd with something behind", zstd_block(text, frame(text) + b"\0")),
        ("zstd with a frame to skip behind", zstd_block(text, frame(text) + skippable)),
        ("zstd with a frame to skip in front", zstd_block(text, skippable + frame(text))),
        ("zstd with a frame to skip alone", zstd_block(b"", skippable)),
        ("zstd that names a dictionary", zstd_block(text, named_dictionary(text))),
        ("zstd with a window of 36 MiB", zstd_block(text, windowed(text, 15 << 3 | 1))),
        ("zstd with a window of 256 MiB", zstd_block(text, windowed(text, 18 << 3))),
        ("zstd of another checksum", zstd_block(text, frame(text, True)[:-1] + b"\0")),
    ):
        case("block", why, data, reader.unpack_block)

    head, other = header(1, ring), header(2, ring)
    one = (fixed("chunk"), 10)

    def listing(data):
        read = Reader(data)
        reader.Directory(read)
        read.finish()

    for why, data in (
        ("no header", directory([], [])),
        ("headers of two types", directory([head, other], [(36, 0, 0, [one], 10)])),
        ("a header of an archive", directory([header(4, ring)], [(36, 0, 0, [one], 10)])),
        ("no block", directory([head], [])),
        ("a block without a chunk", directory([head], [(36, 0, 0, [one], 10), (36, 0, 1, [], 0)])),
        ("a header number that is too large", directory([head], [(36, 1, 0, [one], 10)])),
        ("chunks that do not fill their block", directory([head], [(36, 0, 0, [one], 11)])),
        ("a chunk that is too large",
         directory([head], [(36, 0, 0, [(one[0], (32 << 20) + 1)], (32 << 20) + 1)])),
        ("a shared block that is too large",
         directory([head], [(36, 0, 0, [(one[0], 1 << 20)] * 3, 3 << 20)])),
        ("blocks that no segment could hold",
         directory([head], [(100 << 20, 0, n, [one], 10) for n in range(2)])),
        ("more chunks than blocks claim", directory([head], [(36, 0, 0, [one], 10)])[:-34]
         + b"\x02" + reference(one) * 2),
        ("left-over bytes", directory([head], [(36, 0, 0, [one], 10)]) + b"\0"),
        ("cut short", directory([head], [(36, 0, 0, [one], 10)])[:-1]),
    ):
        case("directory", why, data, listing)
    case("index", "more entries than there are", varint(1), reader.decode_index)
    case("index", "left-over bytes", varint(0) + b"\0", reader.decode_index)

    for why, data in (
        ("absolute", b"/a"), ("a slash at the end", b"a/"), ("two slashes", b"a//b"), ("dot", b"."),
        ("dot dot", b".."), ("dot inside", b"a/./b"), ("dot dot at the end", b"a/.."),
        ("NUL", b"a\0b"), ("too long", b"x" * 65_536),
    ):
        case("path", why, data, reader.check_path)

    a = (fixed("chunk a"), 10)
    plain_directory = plain(0o040755)
    regular = dict(size=varint(10), chunks=reference(a))
    for why, data in (
        ("no mode", item_fields(uid=varint(0))), ("a mode that is too large", plain(0o200000)),
        ("fields out of order", field(3, varint(0)) + field(2, varint(0o040755))),
        ("a field twice", field(2, varint(0o040755)) * 2),
        ("a field that ends too late", plain_directory + varint(17) + b"\x09\x01"),
        ("a value with something behind", field(1, b"\0\0") + field(2, varint(0o040755))),
        ("an unknown critical field", plain_directory + field(1000, b"")),
        ("a file without chunks", plain(0o100644, size=varint(0))),
        ("a file without a size", plain(0o100644, chunks=b"")),
        ("a file without either", plain(0o100644)),
        ("a directory with chunks", plain(0o040755, size=varint(0), chunks=b"")),
        ("a directory with holes", plain(0o040755, holes=holes([(0, 1)]))),
        ("a file with two lists",
         plain(0o100644, **regular, tree=fixed("root") + varint(1) + varint(10))),
        ("33 chunks", plain(0o100644, size=varint(330), chunks=reference(a) * 33)),
        ("a size that is wrong", plain(0o100644, size=varint(11), chunks=reference(a))),
        ("a size of 2^63", plain(0o100644, size=varint(2**63), chunks=b"", holes=holes([(0, 2**63)]))),
        ("holes that touch",
         plain(0o100644, size=varint(20), chunks=reference(a), holes=b"\0\5\0\5")),
        ("a hole of nothing",
         plain(0o100644, size=varint(10), chunks=reference(a), holes=b"\1\0")),
        ("a hole behind the end",
         plain(0o100644, size=varint(20), chunks=reference(a), holes=holes([(15, 10)]))),
        ("holes that overflow", plain(
            0o100644, size=varint(10), chunks=b"",
            holes=varint(2**64 - 1) + varint(11))),
        ("a link without a target", plain(0o120777)), ("a target and no link", plain(0o040755, target=b"x")),
        ("a hard-link group that leads elsewhere", plain(0o100644, **regular, link=b"../x")),
        ("attributes out of order", plain(0o040755, attributes=blob(b"b") + blob(b"") + blob(b"a") + blob(b""))),
        ("an attribute twice", plain(0o040755, attributes=(blob(b"a") + blob(b"")) * 2)),
        ("nanoseconds", item_fields(mode=varint(0o040755), mtime=signed(0) + varint(10**9))),
        ("a flag beyond 32 bits", plain(0o040755, flags=varint(2**32))),
        ("an ACL name of neither kind", plain(0o040755, acl=b"\2" + varint(1) + blob(b"a"))),
        ("an empty ACL name", plain(0o040755, acl=b"\0" + varint(1) + blob(b""))),
        ("an ACL name twice", plain(0o040755, acl=(b"\0" + varint(1) + blob(b"a")) * 2)),
        ("ACL names out of order",
         plain(0o040755, acl=b"\1" + varint(1) + blob(b"a") + b"\0" + varint(2) + blob(b"b"))),
        ("a user that is too large", item_fields(uid=varint(2**32), mode=varint(0o040755))),
        ("a mode without a type", plain(0o755)), ("an unknown type", plain(0o030755)),
        ("changed twice", plain(0o100644, **regular, changed=b"\2")),
        ("no holes in a list of them", plain(0o100644, **regular, holes=b"")),
        ("no attributes in a list of them", plain(0o040755, attributes=b"")),
        ("no ACL names in a list of them", plain(0o040755, acl=b"")),
        ("a device without numbers", plain(0o020666)),
        ("a device with one number", plain(0o020666, device=varint(1))),
        ("numbers of a device, and none", plain(0o040755, device=varint(1) + varint(3))),
    ):
        case("item", why, data, lambda data: reader.Item(b"dir/name", data))

    child = fixed("node")
    entry = lambda before, path: item_entry(before, path, plain_directory)
    for why, data in (
        ("kind 0", node(0, 0, [])), ("kind 5", node(5, 0, [])), ("a leaf of level 1", node(1, 1, [])),
        ("an inner node of level 0", node(4, 0, [child + b"\1\1"] * 2)),
        ("level 12", node(4, 12, [child + b"\1\1"] * 2)),
        ("an inner node of one entry", node(4, 1, [child + b"\1\1"])),
        ("an inner node of one path", node(2, 1, [path_entry(b"", b"a") + child + b"\1"])),
        ("an inner node of nothing", node(2, 1, [])), ("a leaf of nothing", node(1, 0, [])),
        ("a list of nothing", node(3, 0, [])),
        ("a chunk of no bytes", node(3, 0, [reference((child, 0))])),
        ("more chunks than bytes", node(4, 1, [child + b"\1\1", child + b"\2\1"])),
        ("no chunks", node(4, 1, [child + b"\1\1", child + b"\0\1"])),
        ("paths out of order", node(1, 0, [entry(b"", b"b"), entry(b"b", b"a")])),
        ("a path twice", node(1, 0, [entry(b"", b"a"), entry(b"a", b"a")])),
        ("the slash sorted as a byte", node(1, 0, [entry(b"", b"a-"), entry(b"a-", b"a/b")])),
        ("more shared than there is", node(1, 0, [varint(1) + blob(b"a") + blob(plain_directory)])),
        ("a path that leads elsewhere", node(1, 0, [entry(b"", b"../a")])),
        ("more entries than there are", bytes([3, 0]) + varint(2) + reference(a)),
        ("left-over bytes", node(3, 0, [reference(a)]) + b"\0"),
        ("a chunk that is too large", node(3, 0, [a[0] + varint((32 << 20) + 1)])),
        ("cut short", node(3, 0, [reference(a)])[:-1]), ("nothing", b""),
    ):
        case("node", why, data, reader.decode_node)

    start = timestamp(0)
    for why, data in (
        ("no name", fields({2: b"\1", 6: start})), ("an empty name", fields({2: b"\1", 4: b"", 6: start})),
        ("no kind", fields({4: b"x", 6: start})), ("kind 3", fields({2: b"\3", 4: b"x", 6: start})),
        ("no start", fields({2: b"\1", 4: b"x"})),
        ("an unknown critical field", fields({2: b"\1", 4: b"x", 6: start, 10: b""})),
        ("a tree without items", fields({2: b"\1", 4: b"x", 6: start, 8: child + varint(0)})),
        ("a tree with something behind",
         fields({2: b"\1", 4: b"x", 6: start, 8: child + varint(1) + b"\0"})),
    ):
        case("archive", why, data, reader.decode_archive)
    label = {2: b"\1", 4: child, 6: b"", 8: start}
    for gone in label:
        rest = {number: value for number, value in label.items() if number != gone}
        case("label", f"no field {gone}", fields(rest), reader.decode_label)
    case("label", "purpose 3", fields({**label, 2: b"\3"}), reader.decode_label)
    case("label", "a short target", fields({**label, 4: child[1:]}), reader.decode_label)
    case("doomed", "too many names", fields({2: bytes(32 * 10_001)}), reader.decode_doomed)
    case("doomed", "a record that dooms", fields({2: child, 4: child, 6: child}), reader.decode_doomed)
    case("doomed", "leases, and no record", fields({2: child, 6: child}), reader.decode_doomed)
    case("doomed", "half a name", fields({2: child[:16], 6: b""}), reader.decode_doomed)
    case("doomed", "an unknown critical field", fields({2: b"", 6: b"", 8: b""}), reader.decode_doomed)
    case("lease", "an unknown critical field", fields({1: b"x", 4: b""}), reader.decode_lease)
    case("lease", "a lease's name that is too short", fields({2: bytes(31)}), reader.decode_lease)
    case("lease", "a machine's digest that is too long", fields({1: b"x", 15: bytes(33)}), reader.decode_lease)

    ring = make_keys()
    good = config_fields(ring, 1, bytes(32), [(1, 1)])
    config = lambda data: reader.decode_config(data, ring)
    body = signed_body(CONFIG, good)
    for why, data in (
        ("a changed byte", patch(body, 20, bytes([body[20] ^ 1]))),
        ("a changed signature", body[:-1] + bytes([body[-1] ^ 1])),
        ("a signature for something else", signed_body(REMOVAL, good)),
        ("left-over bytes", body + b"\0"),
        ("no generation", signed_body(CONFIG, fields({4: ID, 6: b"", 8: ring.authority, 10: bytes(32)}))),
        ("epochs out of order", signed_body(
            CONFIG, config_fields(ring, 1, bytes(32), [(3, 1), (1, 1)]))),
        ("epoch 0", signed_body(CONFIG, config_fields(ring, 1, bytes(32), [(0, 1)]))),
        ("generation 0", signed_body(CONFIG, config_fields(ring, 0, bytes(32), [(1, 1)]))),
        ("the first, and follows another", signed_body(
            CONFIG, config_fields(ring, 1, child, [(1, 1)]))),
        ("an unknown critical field", signed_body(CONFIG, good + field(14, b""))),
    ):
        case("config", why, data, config)
    removal = signed_body(CONFIG, fields({2: child, 4: start}))
    case("removal", "a signature for something else", removal,
         lambda data: reader.decode_removal(data, ring))
    for name, context, decode in (
        ("removal", REMOVAL, reader.decode_removal),
        ("quarantine", QUARANTINE, reader.decode_quarantine),
    ):
        for why, values in (
            ("of nothing", {2: b"", 4: start}), ("no names", {4: start}), ("no time", {2: child}),
        ):
            case(name, why, signed_body(context, fields(values)), lambda data: decode(data, ring))
    case("quarantine", "the signature of a removal", signed_body(REMOVAL, fields({2: child, 4: start})),
         lambda data: reader.decode_quarantine(data, ring))
    vector.write()


# 20 Exported keys


def exported_key():
    vector = Vector("exported-key", "Section 20: a slot as a page; `page` is its text in ASCII.")
    data = slot(bundle_fields(1), b"correct horse battery staple")
    lines = ["ARCHIVIST KEY"]
    for number, start in enumerate(range(0, len(data), 32), start=1):
        row = data[start : start + 32]
        groups = " ".join(row.hex()[i : i + 8] for i in range(0, len(row.hex()), 8))
        check = hashlib.sha256(b"%d:" % number + row).hexdigest()[:4]
        lines.append(f"{number:3}: {groups} - {check}")
    page = "\n".join(lines) + "\n"
    assert reader.parse_exported_key(page.encode()) == data
    vector.case("a slot", slot=data, page=page.encode())
    vector.write()


if __name__ == "__main__":
    for make in (
        encodings, keys, key_slots, headers, sealing, padding, objects, configs, blocks, segments,
        index, chunk_ids, chunker, paths, items, nodes, trees, archives, small_objects, refused,
        exported_key,
    ):
        make()
    sys.exit(0)
