"""The forms of docs/PROTOCOL.md: postcard, keys and seals, certificates, entries, control operations. Knows no rules."""

import struct
from collections import namedtuple

from primitives import Wrong, derive, ed25519_verify, is_weak, keyed_hash, x25519, xchacha_open, xchacha_seal

ZERO = bytes(32)
ROLES = ("reader", "writer", "admin", "owner")


def le32(n):
    return struct.pack("<I", n)


def le64(n):
    return struct.pack("<Q", n)


def field(data):
    return le32(len(data)) + data


def derive_fields(context, *fields):
    return derive(context, b"".join(map(field, fields)))


def kdf(secret, label, drive, *info):
    return keyed_hash(secret, field(b"peerdrive/v1/" + label.encode()) + b"".join(map(field, (drive, *info))))


def aad(label, *fields):
    return b"peerdrive/v1/aad/" + label.encode() + b"\0" + b"".join(fields)


def _commitment(key, nonce, bound):
    return keyed_hash(derive("peerdrive v1 aead commitment", key), nonce + bound)


def seal(key, nonce, bound, plain):
    sealed = xchacha_seal(derive("peerdrive v1 aead key", key), nonce, bound, plain)
    return _commitment(key, nonce, bound) + sealed


def unseal(key, nonce, bound, sealed):
    if sealed[:32] != _commitment(key, nonce, bound):
        raise Wrong("a seal of another key or place")
    return xchacha_open(derive("peerdrive v1 aead key", key), nonce, bound, sealed[32:])


def unseal_with_nonce(key, bound, sealed):
    return unseal(key, sealed[:24], bound, sealed[24:])


def signed(public, prefix, digest, sig):
    return ed25519_verify(public, message(prefix, digest), sig)


def message(prefix, digest):
    return b"peerdrive/v1/sign/" + prefix.encode() + b"\0" + digest


# postcard: readers take (bytes, place) and give (value, place); writers are their inverse


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if self.at + size > len(self.data):
            raise Wrong("cut short")
        self.at += size
        return self.data[self.at - size : self.at]

    def u8(self):
        return self.take(1)[0]

    def uint(self):
        value = shift = 0
        while True:
            byte = self.u8()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                if byte == 0 and shift > 7:
                    raise Wrong("a number with padding")
                return value

    def bytes(self):
        return self.take(self.uint())

    def text(self):
        return self.bytes().decode()

    def list(self, item):
        return [item() for _ in range(self.uint())]

    def option(self, item):
        return (None, item)[self.variant(2)] and item()

    def variant(self, count):
        number = self.uint()
        if number >= count:
            raise Wrong("no such variant")
        return number

    def id(self):
        return self.take(32)

    def short(self):
        return self.take(16)

    def end(self):
        if self.at != len(self.data):
            raise Wrong("something is left over")


def uint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def byte_string(data):
    return uint(len(data)) + data


def listing(items):
    return uint(len(items)) + b"".join(items)


# Identities

Cert = namedtuple("Cert", "suite drive log_pk kem_pk endpoint not_before sig_log sig_endpoint")
CONSONANTS, VOWELS = "bdfghjklmnprstvz", "aiou"


def read_cert(r):
    return Cert(r.u8(), r.id(), r.id(), r.id(), r.id(), r.uint(), r.take(64), r.take(64))


def cert_hash(c):
    fields = (bytes([c.suite]), c.drive, c.log_pk, c.kem_pk, c.endpoint, le64(c.not_before))
    return derive_fields("peerdrive v1 device certificate", *fields)


def cert_holds(c, drive):
    digest = cert_hash(c)
    return (
        c.suite == 1
        and c.drive == drive
        and not is_weak(c.log_pk)
        and not is_weak(c.endpoint)
        and x25519(b"\1" * 32, c.kem_pk) != ZERO
        and signed(c.log_pk, "device-cert", digest, c.sig_log)
        and signed(c.endpoint, "device-cert", digest, c.sig_endpoint)
    )


def words(data):
    out = []
    for i in range(0, len(data) - 2, 3):
        both = int.from_bytes(data[i : i + 3], "big")
        for bits in (both >> 12, both & 0xFFF):
            first, second = CONSONANTS[bits >> 8], VOWELS[bits >> 6 & 3]
            out.append(first + second + CONSONANTS[bits >> 2 & 15] + VOWELS[bits & 3])
    return " ".join(out)


def phrase_seed(phrase):
    bits = 0
    for word in phrase.split():
        a, b = CONSONANTS.index(word[0]), VOWELS.index(word[1])
        c, d = CONSONANTS.index(word[2]), VOWELS.index(word[3])
        bits = bits << 12 | a << 8 | b << 6 | c << 2 | d
    data = bits.to_bytes(36, "big")
    if derive("peerdrive v1 phrase checksum", data[:32])[:4] != data[32:]:
        raise Wrong("the phrase's checksum")
    return data[:32]


def kem_id(kem_pk):
    return derive("peerdrive v1 kem id", kem_pk)[:8]


def readers_hash(keys):
    return derive_fields("peerdrive v1 readers", *sorted(set(keys)))


# Entries

Header = namedtuple("Header", "v suite drive plane kind bind inc seq prev deps ctrl epoch nonce body_len body_hash")
Entry = namedtuple("Entry", "header sig body id prefix raw_header")


def log_id(drive, bind, plane, inc):
    return derive("peerdrive v1 log id", drive + bind + bytes([plane]) + inc)


def log_of(h):
    return log_id(h.drive, h.bind, h.plane, h.inc)


def ascending(items):
    return all(a < b for a, b in zip(items, items[1:]))


def read_header(r):
    start = r.at
    first = (r.u8(), r.u8(), r.id(), r.u8(), r.u8(), r.id(), r.short(), r.uint(), r.id())
    h = first + (r.list(r.id), r.list(r.id), r.id())
    prefix = r.data[start : r.at]
    h = Header(*h, r.take(24), r.uint(), r.id())
    return h, prefix, r.data[start : r.at]


def read_entry(data):
    r = Reader(data)
    h, prefix, raw = read_header(r)
    sig, body = r.take(64), r.bytes()
    r.end()
    genesis = h.plane == 0 and h.kind == 1
    fits = (h.v, h.suite, h.plane in (0, 1)) == (1, 1, True)
    fits = fits and ascending(h.deps) and ascending(h.ctrl) and max(len(h.deps), len(h.ctrl)) <= 64
    fits = fits and bool(h.ctrl) == (h.plane == 1) and not (genesis and h.deps)
    if genesis:
        fits = fits and h.seq == 0 and h.prev == h.bind == ZERO
    elif h.seq == 0:
        fits = fits and h.prev == log_of(h)
    fits = fits and h.body_len == len(body) and h.body_hash == derive("peerdrive v1 entry body", body)
    if not fits or len(data) > 1 << 20:
        raise Wrong("not an entry")
    return Entry(h, sig, body, derive("peerdrive v1 entry id", raw), prefix, raw)


def body_key_and_aad(secret, entry, bound):
    h = entry.header
    key = kdf(secret, "entry-body", h.drive, h.epoch, log_of(h))
    return key, aad("entry-body", entry.prefix, bound)


# Control operations

Op = namedtuple("Op", "kind fields")


def read_cut(r):
    return r.id(), r.uint(), r.id()


def read_sealed(r):
    return r.take(8), r.id(), r.take(48)


def _fields(tag, r):
    member, cuts = r.short, lambda: r.list(lambda: read_cut(r))
    if tag == 0:
        return "genesis", (r.u8(), r.id(), r.id(), r.id())
    if tag == 1:
        return "grant", (member(), r.variant(4), r.list(lambda: read_cert(r)), r.option(r.short))
    if tag == 2:
        return "revoke", (member(), cuts(), r.variant(2))
    if tag == 3:
        return "extend-cut", (r.id(), r.uint(), cuts())
    if tag == 4:
        return "add-device", (read_cert(r),)
    if tag == 5:
        return "revoke-device", (r.id(), cuts(), r.variant(2))
    if tag == 6:
        start = (r.list(r.id), r.uint(), r.id(), r.id())
        return "epoch", start + (r.list(lambda: read_sealed(r)), r.take(24), r.bytes())
    if tag == 7:
        return "wrap", (r.id(), read_sealed(r))
    if tag == 8:
        return "invite", (r.short(), r.id(), r.variant(4), r.uint(), r.uint(), r.id(), r.variant(2))
    if tag in (9, 11):
        return ("revoke-invite" if tag == 9 else "revoke-lease"), (r.short(),)
    if tag == 10:
        return "lease", (r.short(), r.id(), r.uint(), r.uint())
    if tag == 12:
        return "upgrade", (r.u8(),)
    raise Wrong("no such operation")


def read_op(tag, data):
    try:
        r = Reader(data)
        op = Op(*_fields(tag, r))
        r.end()
        return op
    except (Wrong, UnicodeDecodeError):
        return Op("unknown", (tag, data))


def read_control(body):
    """The operations, the sealed part, and what that is bound to."""
    r = Reader(body)
    clear, private = r.bytes(), r.bytes()
    r.end()
    inner = Reader(clear)
    ops = inner.list(lambda: read_op(inner.u8(), inner.bytes()))
    inner.end()
    return ops, private, derive("peerdrive v1 control clear part", clear)


def read_private(plain):
    r = Reader(plain)
    part = (r.option(r.text), r.option(r.id))
    part += (r.list(lambda: (r.short(), r.text())), r.list(lambda: (r.id(), r.text())), r.text())
    r.end()
    return part


def bind_id(entry, op, device):
    return derive_fields("peerdrive v1 bind id", entry, le32(op), le32(device))


def grant_id(entry, op):
    return derive_fields("peerdrive v1 grant id", entry, le32(op))


def founding_tag(genesis):
    suite, root_pk, root_kem_pk, nonce = genesis
    return derive_fields("peerdrive v1 founding", bytes([suite]), root_pk, root_kem_pk, nonce)


def epoch_id(drive, epoch):
    parents, generation, readers, commit = epoch[:4]
    return derive_fields("peerdrive v1 epoch id", drive, b"".join(parents), le64(generation), readers, commit)
