"""The tree document of docs/PROTOCOL.md, 10: its first change, and changes as plain writes. Knows no rules of the tree."""

import base64
import hashlib
import unicodedata
from collections import namedtuple

from primitives import Wrong, derive

BUCKETS, ZERO = 1024, bytes(16)
MAGIC = bytes.fromhex("856f4a83")
Change = namedtuple("Change", "hash deps actor seq start ops")
Write = namedtuple("Write", "counter bucket key value preds")


def uleb(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def sleb(n):
    out = b""
    while not -64 <= n < 64:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n & 0x7F])


def chunk(contents):
    body = b"\1" + uleb(len(contents)) + contents
    return MAGIC + hashlib.sha256(body).digest()[:4] + body


def first_change():
    """The change that every drive begins with."""
    text = lambda name: uleb(len(name)) + name.encode()
    names = ["v"] + [f"{index:x}" for index in range(BUCKETS)]
    columns = [
        (0x15, sleb(-len(names)) + b"".join(map(text, names))),
        (0x34, uleb(len(names))),
        (0x42, sleb(-1) + uleb(1) + sleb(BUCKETS) + uleb(0)),
        (0x56, sleb(-1) + uleb(1 << 4 | 3) + sleb(BUCKETS) + uleb(0)),
        (0x57, uleb(1)),
        (0x70, sleb(len(names)) + uleb(0)),
    ]
    header = uleb(0) + uleb(16) + ZERO + uleb(1) + uleb(1) + sleb(0) + uleb(0) + uleb(0)
    lengths = b"".join(uleb(spec) + uleb(len(data)) for spec, data in columns)
    return chunk(header + uleb(len(columns)) + lengths + b"".join(data for _, data in columns))


class Reader:
    def __init__(self, data):
        self.data = data

    def take(self, size):
        if size > len(self.data):
            raise Wrong("a change is cut off")
        out, self.data = self.data[:size], self.data[size:]
        return out

    def uint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value, shift = value | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                return value

    def int(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value, shift = value | (byte & 0x7F) << shift, shift + 7
            if byte < 0x80:
                return value - (1 << shift if byte & 0x40 else 0)

    def signed(self):
        """A packed register's signed number: zigzag."""
        raw = self.uint()
        return raw >> 1 ^ -(raw & 1)

    def op(self):
        return self.uint(), self.take(16)

    def text(self):
        return self.take(self.uint()).decode()


def runs(data, read):
    r, out = Reader(data), []
    while r.data:
        count = r.int()
        if count > 0:
            out += [read(r)] * count
        else:
            out += [read(r) for _ in range(-count)]
    return out


def read_change(data):
    r = Reader(data)
    if r.take(4) != MAGIC:
        raise Wrong("not a change")
    checksum, body = r.take(4), r.data
    digest = hashlib.sha256(body).digest()
    if digest[:4] != checksum or r.take(1) != b"\1" or r.uint() != len(r.data):
        raise Wrong("not a whole change")
    deps = [r.take(32) for _ in range(r.uint())]
    actor = r.take(r.uint())
    seq, start, time, text = r.uint(), r.uint(), r.int(), r.take(r.uint())
    actors = [actor] + [r.take(r.uint()) for _ in range(r.uint())]
    lengths = [(r.uint(), r.uint()) for _ in range(r.uint())]
    columns = {spec: r.take(length) for spec, length in lengths}
    if time or text or r.data or [spec for spec, _ in lengths] != sorted(columns):
        raise Wrong("a change with more in it than writes")
    numbers = lambda spec: runs(columns.get(spec, b""), Reader.uint)
    keys, actions, metas = runs(columns[0x15], Reader.text), numbers(0x42), numbers(0x56)
    objects = list(zip(numbers(0x01), numbers(0x02), strict=True))
    values, counts = Reader(columns.get(0x57, b"")), numbers(0x70)
    by, at = iter(numbers(0x71)), 0
    preds = []
    for delta in runs(columns.get(0x73, b""), Reader.int):
        at += delta
        preds.append((at, actors[next(by)]))
    ops = []
    for index, (key, action, meta, (creator, bucket), count) in enumerate(
        zip(keys, actions, metas, objects, counts, strict=True)
    ):
        if actors[creator] != ZERO or (action, meta & 15) not in ((1, 7), (3, 0)):
            raise Wrong("an op that is no plain write to a bucket")
        value = values.take(meta >> 4) if action == 1 else None
        mine, preds = preds[:count], preds[count:]
        ops.append(Write(start + index, bucket - 2, key, value, mine))
    return Change(digest, deps, actor, seq, start, ops)


def created(parent, kind, name, generation):
    name = unicodedata.normalize("NFC", name).encode()
    context = "peerdrive 2026 tree node created under a parent"
    return derive(context, parent + bytes([kind]) + generation.to_bytes(8, "little") + name)[:16]


def copied(node, kind, counter, actor):
    context = "peerdrive 2026 tree node from a conflict copy"
    return derive(context, node + bytes([kind]) + counter.to_bytes(4, "little") + actor)[:16]


def read_register(node, letter, value):
    """Decodes a value to its end; a birth must give the node's id."""
    r = Reader(value)
    if letter == "k":
        kind = r.take(1)[0]
        origin = (r.uint(),) if r.take(1) == b"\0" else (r.take(16), *r.op())
        parent, name = r.take(16), r.take(len(r.data)).decode()
        found = created(parent, kind, name, *origin) if len(origin) == 1 else copied(origin[0], kind, *origin[1:])
        if found != node or kind not in (1, 2, 3):
            raise Wrong("a node's id does not follow from its birth")
    elif letter == "p":
        ids = [r.take(16) for _ in range(len(value) // 16)]
        if not 1 <= len(ids) <= 9:
            raise Wrong("a place")
    elif letter == "n":
        r.take(len(r.data)).decode()
    elif letter == "c":
        form = r.take(1)[0]
        if form == 1:
            r.take(32), r.uint(), r.signed()
            if r.data:
                r.take(32), r.take(8)
        elif form == 2:
            r.take(len(r.data)).decode()
    elif letter == "a":
        if int.from_bytes(r.take(2), "little") > 0o777:
            raise Wrong("a mode")
        if r.data:
            r.signed()
        if r.data:
            r.op()
    elif letter == "d":
        actors = [r.take(16) for _ in range(r.uint())]
        seen = []
        while r.data:
            actor = actors[r.uint()]
            seen.append((r.uint(), actor))
        if not seen or seen != sorted(set(seen)) or actors != sorted(set(actors)):
            raise Wrong("a deletion")
    elif letter == "x":
        r.take(len(r.data))
    if r.data:
        raise Wrong(f"something is left over in register {letter}")


def check_writes(change):
    for op in change.ops:
        node = base64.urlsafe_b64decode(op.key[:22] + "==")
        letter = op.key[22]
        if op.bucket != int.from_bytes(node[:2], "big") >> 6 or (letter == "x") != (len(op.key) > 23):
            raise Wrong("a write in the wrong bucket, or to no register")
        if op.preds != sorted(op.preds) or letter == "k" and op.preds:
            raise Wrong("predecessors")
        if op.value is not None:
            read_register(node, letter, op.value)
