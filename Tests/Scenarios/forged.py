"""Repositories whose objects are made at will, by the code that makes the vectors of docs/format.md."""

import hashlib
import importlib.util
import os

HERE = os.path.dirname(os.path.realpath(__file__))
specification = importlib.util.spec_from_file_location(
    "generate", os.path.join(HERE, "../Vectors/format/generate.py"))
format = importlib.util.module_from_spec(specification)
specification.loader.exec_module(format)
varint, fields, node = format.varint, format.fields, format.node


class Repository:
    """A repository in a directory, made without the program."""

    def __init__(self, path, suite=4):
        self.path, self.ring = path, format.make_keys(suite)
        for directory in ("config", "keys", "index", "archives", "labels", "removed", "quarantine",
                       "doomed", "locks", "tmp"):
            os.makedirs(os.path.join(path, directory))
        for part in range(256):
            os.makedirs(os.path.join(path, f"segments/{part:02x}"))
        config = format.config_fields(self.ring, 1, bytes(32), [(1, suite)])
        self.put("config/00000001", format.whole(
            format.signed_body(format.CONFIG, config), 7, self.ring, extension=format.ID))
        if suite == 4:
            self.named("keys", format.slot(format.bundle_fields(4), None))
        self.nodes, self.chunks = [], []

    def put(self, name, data):
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    def named(self, directory, data):
        digest = hashlib.sha256(data).hexdigest()
        self.put(f"{directory}/{digest[:2]}/{digest}" if directory == "segments"
                 else f"{directory}/{digest}", data)

    def sealed(self, directory, type, body):
        self.named(directory, format.whole(body, type, self.ring))

    def node(self, data):
        """Stores a node; its id."""
        self.nodes.append(data)
        return format.chunk(self.ring, data, 2)[0]

    def segments(self):
        if self.nodes:
            self.named("segments", format.segment(
                self.ring, 2, [(None, n, 0, [data]) for n, data in enumerate(self.nodes)])[0])

    def archive(self, tree=None, count=1, **more):
        values = {2: b"\1", 4: b"hostile", 6: format.timestamp(1_700_000_000)}
        if tree:
            values[8] = tree + varint(count)
        self.sealed("archives", 4, fields(values | more.get("fields", {})))

    def file(self, **values):
        """An archive of one file."""
        item = format.plain(0o100644, **values)
        self.archive(self.node(node(1, 0, [format.item_entry(b"", b"file", item)])))
        self.segments()
