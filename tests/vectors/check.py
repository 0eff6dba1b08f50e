#!/usr/bin/env python3
"""Checks every published test vector with a second implementation: python3 tests/vectors/check.py

Nothing of it is shared with the program: what it knows is docs/PROTOCOL.md. Needs Python 3.11 and no package.
"""

import base64
import hashlib
import json
import sys
import time
import traceback
from pathlib import Path

import tree
from forms import *
from primitives import *
from rules import Membership

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = []


def section(check):
    SECTIONS.append(check)
    return check


def same(found, expected, what):
    if found != expected:
        raise Wrong(f"{what}: {found!r}, the vectors say {expected!r}")


def holds(fact, what):
    if not fact:
        raise Wrong(what)


def fails(call, what):
    try:
        call()
    except Wrong:
        return
    raise Wrong(f"{what} was not refused")


class Vectors:
    """A part of the file: `v.name` are bytes, `v["name"]` is as it stands."""

    def __init__(self, part):
        self._part = part

    def __getitem__(self, name):
        part = self._part[name]
        return Vectors(part) if isinstance(part, dict) else part

    def __getattr__(self, name):
        return bytes.fromhex(self._part[name])


def unhex(items):
    return [bytes.fromhex(item) for item in items]


@section
def derivations(v):
    for row in v["derive"]:
        same(derive(row["context"], bytes.fromhex(row["message"])).hex(), row["out"], row["context"])
    for row in v["kdf"]:
        label = row["label"].removeprefix("peerdrive/v1/")
        secret, drive, info = bytes.fromhex(row["secret"]), bytes.fromhex(row["drive"]), unhex(row["info"])
        same(kdf(secret, label, drive, *info).hex(), row["out"], label)
    strings = [row["context"] for row in v["derive"]] + [row["label"] for row in v["kdf"]] + v["aad"] + v["sign"]
    same(len(strings), len(set(strings)), "strings used once")


@section
def ids(v):
    row = v["log_id"]
    log = log_id(row.drive, row.bind, row["plane"], row.inc)
    same((log, log[:16]), (row.out, row.actor), "log id")
    row = v["branch_id"]
    same(derive_fields("peerdrive v1 branch id", row.log, row.first), row.out, "branch id")
    row = v["bind_id"]
    same(bind_id(row.entry, row["op"], row["device"]), row.out, "bind id")
    row = v["grant_id"]
    same(grant_id(row.entry, row["op"]), row.out, "grant id")
    same(kem_id(v["kem_id"].kem_pk), v["kem_id"].out, "kem id")
    same(readers_hash(unhex(v["readers_hash"]["kem_pks"])), v["readers_hash"].out, "readers")
    text = lambda prefix, data: prefix + base64.b32encode(data).decode().lower().rstrip("=")
    one, two, three = (bytes([n]) * 32 for n in (1, 2, 3))
    expected = {
        "drive": text("drive-", one),
        "bind": text("dev-", two),
        "entry": text("entry-", three),
        "log": text("log-", log),
        "epoch": text("epoch-", one),
        "member": text("mem-", one[:16]),
        "invite": text("inv-", one[:16]),
        "endpoint": one.hex(),
    }
    for name, found in expected.items():
        same(found, v["text"][name], name)


def padme(n):
    if n < 2:
        return n
    e = n.bit_length() - 1
    unit = 1 << max(e - e.bit_length(), 0)
    return -(-n // unit) * unit


def zeros_after(plain, size):
    holds(not any(plain[size:]), "padding that is not zero")
    return plain[:size]


@section
def contents(v):
    drive, epoch = v.drive, v.epoch
    key = lambda label: kdf(v.epoch_secret, label, drive, epoch)
    same(key("gossip-topic"), v.gossip_topic, "topic")
    for n, padded in v["padme"]:
        same(padme(n), padded, f"padme {n}")

    chunk = v["chunk"]
    of = lambda plain: keyed_hash(key("conv-chunk"), le64(len(plain)) + plain)
    plain, padded = chunk.plaintext, padme(len(chunk.plaintext))
    bound = aad("chunk", drive, epoch, le64(padded))
    same(of(plain), chunk.key, "chunk key")
    same(xchacha_seal(chunk.key, bytes(24), bound, plain.ljust(padded, b"\0")), chunk.sealed, "chunk")
    opened = zeros_after(xchacha_open(chunk.key, bytes(24), bound, chunk.sealed), len(plain))
    same(of(opened), chunk.key, "the key out of the opened chunk")
    same(blake3(chunk.sealed), chunk.blob_id, "blob id")

    m = v["manifest"]
    bound = aad("manifest", drive, epoch, m.content, le64(m["len"]))
    framed = le64(len(m.plaintext)) + m.plaintext
    framed = framed.ljust(padme(len(framed)), b"\0")
    same(m.nonce + seal(key("manifest"), m.nonce, bound, framed), m.sealed, "manifest")
    same(unseal_with_nonce(key("manifest"), bound, m.sealed), framed, "opened manifest")
    other = aad("manifest", drive, epoch, m.content, le64(m["len"] + 1))
    fails(lambda: unseal_with_nonce(key("manifest"), other, m.sealed), "a manifest of another length")

    part = v["snapshot_part"]
    nonce = le64(part["index"]) + bytes(16)
    bound = aad("snapshot", drive, part.heads, le64(part["index"]), le64(part["count"]))
    same(seal(part.key, nonce, bound, part.plaintext), part.sealed, "snapshot part")

    life = v["lifetime"]
    of = lambda label: kdf(life.drive_secret, label, drive)
    same(keyed_hash(of("file-hash"), b"abc"), life.content_hash_of_abc, "content hash")
    same((of("cdc"), of("blind")), (life.cdc_seed, life.blind_tag), "lifetime keys")


@section
def checkpoints(v):
    heads = unhex(v["heads"])
    padded = v.document.ljust(padme(len(v.document)), b"\0")
    bound = aad("snapshot", v.drive, derive("peerdrive v1 snapshot heads", b"".join(heads)), le64(0), le64(1))
    [part] = unhex(v["parts"])
    same(seal(v.key, bytes(24), bound, padded), part, "the only part of a snapshot")
    same(unseal(v.key, bytes(24), bound, part), padded, "the opened snapshot")
    pairs = sorted(bytes.fromhex(change) + bytes.fromhex(entry) for change, entry in v["pairs"])
    same(derive("peerdrive v1 checkpoint changes", b"".join(pairs)), v.accumulator, "accumulator")
    same(derive("peerdrive v1 checkpoint log", v.content_inc)[:16], v.checkpoint_inc, "checkpoint log")
    r = Reader(v.body)
    found = (r.u8(), r.uint(), r.list(lambda: (r.id(), r.short(), r.uint(), r.id())), r.list(r.id), r.uint())
    row = lambda at: (at.bind, at.inc, at["seq"], at.entry)
    frontier = [row(Vectors(at)) for at in v["frontier"]]
    same(found, (1, v["time_ms"], frontier, heads, sum(at[2] + 1 for at in frontier)), "checkpoint")
    holds(ascending([at[:2] for at in frontier]) and ascending(heads), "the order of its lists")
    same(r.id(), v.accumulator, "what it says of the changes")
    same((r.list(r.id), r.id(), r.uint()), ([blake3(part)], v.key, len(v.document)), "where its snapshot is")
    r.end()


@section
def identities(v):
    row = v["cert"]
    r = Reader(row.bytes)
    cert = read_cert(r)
    r.end()
    same(cert_hash(cert), row.hash, "certificate hash")
    same((cert.log_pk, cert.endpoint), (ed25519_public(row.log_seed), ed25519_public(row.endpoint_seed)), "keys")
    same(cert.kem_pk, x25519(row.kem_sk), "KEM key")
    for seed, sig in ((row.log_seed, cert.sig_log), (row.endpoint_seed, cert.sig_endpoint)):
        same(ed25519_sign(seed, message("device-cert", row.hash)), sig, "certificate signature")
    holds(cert_holds(cert, row.drive) and not cert_holds(cert, bytes(32)), "the certificate, for its drive alone")
    same(words(row.hash[:9]), row["fingerprint"], "fingerprint")

    root = v["root"]
    seed = phrase_seed(root["phrase"])
    same(seed, root.seed, "the phrase's seed")
    same(words(seed + derive("peerdrive v1 phrase checksum", seed)[:4]), root["phrase"], "phrase")
    same(ed25519_public(kdf(seed, "root-sign", ZERO)), root.root_pk, "root key")
    same(x25519(kdf(seed, "root-kem", ZERO)), root.kem_pk, "root KEM key")
    own = v["drive_keys"]
    same(ed25519_public(kdf(own.device_secret, "drive-sign", ZERO, own.place)), own.log_pk, "log key")
    same(x25519(kdf(own.device_secret, "drive-kem", ZERO, own.place)), own.kem_pk, "KEM key")

    local = v["local"]
    key = kdf(local.device_secret, "db", ZERO)
    bound = aad("db", derive_fields("peerdrive v1 local place", local["place"].encode()))
    same(unseal_with_nonce(key, bound, local.sealed), local.plaintext, "value at rest")
    file = v["keyfile"]
    key, bound = kdf(file.passphrase_key, "keyfile", ZERO), aad("keyfile", file.header)
    same(unseal_with_nonce(key, bound, file.sealed), file.plaintext, "key file")


@section
def entries(v):
    genesis, content = read_entry(v["genesis"].bytes), read_entry(v["content"].bytes)
    for row, entry in ((v["genesis"], genesis), (v["content"], content)):
        h = entry.header
        found = (entry.id, entry.raw_header, log_of(h), entry.sig, entry.body, h.nonce, h.epoch, h.drive)
        named = (row.id, row.header, row.log_id, row.sig, row.body, row.nonce, row.epoch, row.drive_field)
        same(found, named, "entry")
    same(derive("peerdrive v1 drive id", genesis.raw_header), v.drive, "drive")
    ops, private, bound = read_control(genesis.body)
    same([op.kind for op in ops], ["genesis", "grant", "epoch"], "operations of a genesis")
    tag = founding_tag(ops[0].fields)
    same((tag, genesis.header.drive), (v.founding_tag,) * 2, "founding tag")
    root = phrase_seed(v["root_phrase"])
    root_key = kdf(root, "root-sign", ZERO)
    same(ed25519_public(root_key), ops[0].fields[1], "root key")
    same(ed25519_sign(root_key, message("genesis", genesis.id)), genesis.sig, "signature of the genesis")
    same((bind_id(genesis.id, 1, 0), ops[1].fields[0]), (v.bind, v.member), "founder")

    epoch = ops[2].fields
    same(epoch_id(tag, epoch), v.epoch, "epoch id")
    same(kdf(v.epoch_secret, "commit", tag), epoch[3], "commitment")
    same(readers_hash([x25519(v.kem_sk), ops[0].fields[2]]), epoch[2], "readers")
    info = aad("wrap", tag, b"\1")
    for secret in (v.kem_sk, kdf(root, "root-kem", ZERO)):
        name = kem_id(x25519(secret))
        [(_, enc, ct)] = [wrap for wrap in epoch[4] if wrap[0] == name]
        same(hpke_open(secret, enc, info, v.epoch + name, ct), v.epoch_secret, "wrapped secret")

    key, bound = body_key_and_aad(v.epoch_secret, genesis, bound)
    name, drive_secret, members, devices, _ = read_private(unseal(key, genesis.header.nonce, bound, private))
    same((name, drive_secret), ("Plans", v.drive_secret), "private part")
    same((members, devices), ([(v.member, "Ada")], [(ed25519_public(v.log_seed), "laptop")]), "names")
    key, bound = body_key_and_aad(v.epoch_secret, content, ZERO)
    same(unseal(key, content.header.nonce, bound, content.body), v.content_plaintext, "content body")
    same(seal(key, content.header.nonce, bound, v.content_plaintext), content.body, "sealed content body")
    same(ed25519_sign(v.log_seed, message("entry", content.id)), content.sig, "signature of content")


def unbase32(text):
    return base64.b32decode(text.upper() + "=" * (-len(text) % 8))


@section
def joins(v):
    row = v["ticket"]
    data = unbase32(row["text"].removeprefix("peerdrive:join#"))
    same(derive("peerdrive v1 ticket checksum", data[:-4])[:4], data[-4:], "checksum")
    r = Reader(data[:-4])
    found = (r.u8(), r.id(), r.text(), r.short(), r.id(), r.list(r.bytes), r.variant(4), r.uint())
    r.end()
    named = (1, row.drive, row["name"], row.invite, row.secret, unhex(row["gatekeepers"]), row["role"], row["not_after"])
    same(found, named, "ticket")

    hand = v["handshake"]
    seed = kdf(hand.ticket_secret, "invite-sign", hand.drive, hand.invite)
    same(ed25519_public(seed), hand.invite_pk, "invite key")
    hello = hand.hello
    same(hello[:19], b"\0\1\1" + hand.invite[:16], "hello")
    r = Reader(hand.challenge)
    same(r.variant(6), 1, "challenge")
    nonce, bind = r.id(), r.id()
    start = r.at
    path = r.list(r.bytes)
    raw_path, proof = r.data[start : r.at], r.take(64)
    r.end()
    offer = derive_fields("peerdrive v1 join hello", hello[1:], nonce, bind, raw_path, hand.drive, hand.exporter)
    holds(signed(hand.gatekeeper_log_pk, "join-g", offer, proof), "the gatekeeper's proof")
    gate = Membership(hand.drive, [read_entry(entry) for entry in path])
    same(gate.binds[bind][3].log_pk, hand.gatekeeper_log_pk, "the path leads to the gatekeeper")
    transcript = derive_fields("peerdrive v1 join transcript", offer, proof)
    r = Reader(hand.request)
    same(r.variant(6), 2, "request")
    cert, label, device, by_invite, by_device = read_cert(r), r.bytes(), r.bytes(), r.take(64), r.take(64)
    r.end()
    holds(cert_holds(cert, hand.drive), "the joiner's certificate")
    asked = derive_fields("peerdrive v1 join request", transcript, cert_hash(cert), label, device)
    same(ed25519_sign(seed, message("join-i", asked)), by_invite, "by the invite")
    holds(signed(cert.log_pk, "join-d", asked, by_device), "by the joiner")
    shown = words(derive_fields("peerdrive v1 join words", transcript, cert_hash(cert))[:9])
    same(shown, hand["words"], "words")
    same(hand.waiting, b"\3", "waiting")
    same(unhex(hand["refused"]), [bytes([5, reason]) for reason in range(5)], "refusals")

    r = Reader(hand.welcome)
    same(r.variant(6), 4, "welcome")
    enc, sealed = r.id(), r.bytes()
    r.end()
    info = aad("welcome", hand.drive, b"\1")
    r = Reader(hpke_open(hand.kem_sk, enc, info, transcript, sealed))
    found = (r.short(), r.id(), r.id(), r.id(), r.id(), r.text())
    control, peers = [read_entry(entry) for entry in r.list(r.bytes)], r.list(r.bytes)
    r.end()
    named = (hand.member, hand.bind, hand.epoch, hand.epoch_secret, hand.drive_secret, hand["drive_name"])
    same(found, named, "welcome")
    same([entry.id.hex() for entry in control], hand["control"], "control log")
    same(peers, unhex(hand["peers"]), "peers")
    state = Membership(hand.drive, control)
    holds(hand.bind in state.live() and state.current() == hand.epoch, "the joiner is a member")
    same(state.roles()[hand.member], "writer", "role")


@section
def gossip(v):
    topic = kdf(v.epoch_secret, "gossip-topic", v.drive, v.epoch)
    for row in map(Vectors, v["frames"]):
        channel = row["channel"]
        label, kind = (("gossip-msg", "gossip"), ("presence", "presence"))[channel]
        key = kdf(v.epoch_secret, label, v.drive, v.epoch)
        bound = aad(kind, v.drive, topic)
        plain = unseal_with_nonce(key, bound, row.frame)
        r = Reader(plain)
        bind, sig, payload = r.id(), r.take(64), r.bytes()
        r.end()
        same((bind, payload), (v.bind, row.payload), "frame")
        digest = derive_fields("peerdrive v1 gossip frame", v.drive, v.epoch, bytes([channel]), bind, payload)
        same(ed25519_sign(v.log_seed, message("presence", digest)), sig, "frame signature")
        same(row.frame[:24] + seal(key, row.frame[:24], bound, plain), row.frame, "sealed frame")
    session = v["session"]
    digest = derive_fields("peerdrive v1 session", v.drive, v.bind, session.exporter, bytes([session["dialer"]]))
    same(ed25519_sign(v.log_seed, message("session", digest)), session.sig, "session")
    same(ed25519_sign(v.log_seed, message("audit", v["audit"].digest)), v["audit"].sig, "audit")


@section
def reentry(v):
    r = Reader(v.knock)
    same(r.take(8), b"reentry\1", "magic")
    suite, root_pk, nonce, proof = r.u8(), r.id(), r.id(), r.take(64)
    r.end()
    root = kdf(phrase_seed(v["phrase"]), "root-sign", ZERO)
    same((suite, root_pk), (1, ed25519_public(root)), "who knocks")
    digest = derive_fields("peerdrive v1 reentry", b"\1", root_pk, nonce, v.exporter)
    same(ed25519_sign(root, message("reentry", digest)), proof, "proof")
    control, last = [], False
    for data in unhex(v["log"]):
        r = Reader(data)
        same((r.variant(4), last), (0, False), "part of the log")
        control += map(read_entry, r.list(r.bytes))
        last = r.variant(2) == 1
        r.end()
    holds(last, "the log has an end")
    r = Reader(v.entry)
    same(r.variant(4), 1, "entry")
    entry = read_entry(r.bytes())
    r.end()
    same((entry.header.bind, bind_id(entry.id, 0, 0)), (ZERO, v.bind), "recovery")
    state = Membership(v.drive, [*control, entry])
    holds(v.bind in state.live(), "the new device is the owner's")
    same((v.welcome, v.refused), (b"\2\1\4peer", b"\3"), "answers")


@section
def consequences(v):
    known = {bytes.fromhex(name): read_entry(bytes.fromhex(data)) for name, data in v["entries"]._part.items()}
    for name, entry in known.items():
        same(entry.id, name, "entry id")
    for h in map(Vectors, v["histories"]):
        name = h["name"]
        state = Membership(h.drive, [known[e] for e in unhex(h["base"] + h["then"])])
        hexed = lambda items: [item.hex() for item in items]
        roles, people = state.roles(), h["people"]._part
        for person, role in h["roles"]._part.items():
            same(roles.get(bytes.fromhex(people[person])), role, f"{name}: role of {person}")
        found = {entry.hex(): verdicts for entry, verdicts in state.verdicts().items()}
        same(found, h["valid"]._part, f"{name}: verdicts")
        same(hexed(state.live()), h["live"], f"{name}: live devices")
        same(hexed(state.flagged()), h["flagged"], f"{name}: flagged devices")
        cuts = {b.hex(): [[log.hex(), seq, e.hex()] for log, seq, e in cut] for b, cut in state.cuts().items()}
        same(cuts, h["cuts"]._part, f"{name}: cuts")
        same(hexed(sorted(state.usable(state.all))), h["usable"], f"{name}: usable epochs")
        current = state.current()
        same(current and current.hex(), h["current"], f"{name}: current epoch")
        same(state.state(), h.state, f"{name}: state")


def head(log, size, tip):
    return log + uint(size) + tip


@section
def net(v):
    one, log, tip, four = (bytes([n]) * 32 for n in (1, 2, 3, 4))
    run = lambda start: head(log, 300, tip) + uint(start) + listing([byte_string(b"one"), byte_string(b"")])
    expected = [
        b"\0" + one + uint(300),
        b"\1" + listing([head(log, 1, tip), head(log, 1 << 48, tip)]) + b"\1",
        b"\2" + log + uint(128),
        b"\3" + run(7),
        b"\4" + run(298),
        b"\5" + log + listing([uint(0), uint(300)]),
        b"\6" + log + listing([uint(0) + b"\0", uint(300) + b"\1" + four]),
        b"\7" + listing([byte_string(b"address")]),
    ]
    for frame, found in zip(unhex(v["frames"]), expected, strict=True):
        same(found, frame, f"message {frame[0]}")
    relay = b"\0" + byte_string(b"https://relay.example/")
    v4, v6 = b"\1\0" + bytes([192, 0, 2, 1]) + uint(4433), b"\1\1" + bytes(15) + b"\1" + uint(53)
    same(ed25519_public(bytes([10]) * 32) + listing([relay, v4, v6]), v.address, "address")


@section
def manifests(v):
    chunk = lambda n, size: bytes([n]) * 32 + bytes([n ^ 0xFF]) * 32 + uint(size)
    page = lambda count, span: chunk(1, 100) + uint(span) + uint(count)
    several = listing([chunk(0, 300_000), chunk(1, 20_000)])
    same(b"\1" + uint(3) + b"\0" + byte_string(b"abc"), v.inline, "inline")
    same(b"\1" + uint(320_000) + b"\1" + several, v.chunks, "chunks")
    whole = 4096 * 300_000
    same(b"\1" + uint(whole + 77) + b"\2" + listing([page(4096, whole), page(1, 77)]), v.pages, "pages")
    same(several, v.page, "page")


@section
def notes(v):
    same(kdf(v.local_key, "note-key", v.drive, bytes([v["space"]]), v.key)[:16], v.stored_key, "stored key")
    drive = "drive-" + base64.b32encode(v.drive).decode().lower().rstrip("=")
    place = lambda end: aad("db", derive_fields("peerdrive v1 local place", f"{drive}/{end}".encode()))
    same(unseal_with_nonce(v.local_key, place(v["space"]), v.sealed), le32(len(v.key)) + v.key + v.value, "note")
    same(unseal_with_nonce(v.local_key, place("snapshot"), v.snapshot), b"snapshot", "snapshot")


@section
def history(lines):
    *body, last = lines.splitlines()
    first, end = json.loads(body[0]), json.loads(last)
    same(list(first), ["history", "drive"], "first line")
    control = []
    id_text = lambda prefix, data: prefix + base64.b32encode(data).decode().lower().rstrip("=")
    for line in body[1:]:
        said = json.loads(line)
        raw = base64.b64decode(said["header"])
        r = Reader(raw)
        h = read_header(r)[0]
        r.end()
        entry = derive("peerdrive v1 entry id", raw)
        what = ["edit"]
        if h.plane == 0:
            data = raw + bytes.fromhex(said["signature"]) + byte_string(base64.b64decode(said["body"]))
            control.append(read_entry(data))
            what = [op.kind for op in read_control(control[-1].body)[0]]
        else:
            state = Membership(unbase32(first["drive"].removeprefix("drive-")), control)
            holds(signed(state.binds[h.bind][3].log_pk, "entry", entry, bytes.fromhex(said["signature"])), "signature")
        device = "root" if h.bind == ZERO else id_text("dev-", h.bind)
        again = {"entry": id_text("entry-", entry), "plane": ("control", "content")[h.plane], "device": device}
        again |= {"number": h.seq, "what": what, "header": said["header"], "signature": said["signature"]}
        again |= {"body": said["body"]} if h.plane == 0 else {}
        same(json.dumps(again, separators=(",", ":")), line, "line")
    digest = derive("peerdrive v1 audit", "".join(line + "\n" for line in body).encode())
    same(digest.hex(), end["digest"], "digest")
    by = unbase32(end["end"].removeprefix("dev-"))
    holds(signed(state.binds[by][3].log_pk, "audit", digest, bytes.fromhex(end["signature"])), "the last signature")


@section
def changes(v):
    first = tree.first_change()
    same(hashlib.sha256(first[8:]).digest(), v.first_change, "first change")
    before, counter = v.first_change, tree.BUCKETS + 2
    for seq, data in enumerate(unhex(v["changes"]), 1):
        change = tree.read_change(data)
        same((change.actor, change.seq, change.start), (b"\1" * 16, seq, counter), "actor, number and start")
        same(change.deps, [before], "dependencies")
        before, counter = change.hash, counter + len(change.ops)
        tree.check_writes(change)
    same(before, v.head, "head")


def main():
    load = lambda path: Vectors(json.loads((ROOT / "crates" / path).read_text()))
    crypto = json.loads((ROOT / "crates/crypto/vectors/v1.json").read_text())
    found = {name: Vectors(part) for name, part in crypto.items()}
    found["net"] = load("net/vectors/v1.json")
    found["manifests"] = load("engine/vectors/manifests.json")
    found["notes"] = load("engine/vectors/notes.json")
    found["history"] = (ROOT / "crates/engine/vectors/history.jsonl").read_text()
    found["changes"] = load("crdt-tree/vectors/v1.json")
    checks = {check.__name__: check for check in SECTIONS}
    wrong = sorted(set(found) ^ set(checks))
    for name in wrong:
        print(f"{name}: {'no vectors' if name in checks else 'nobody checks this section'}")
    for name in checks.keys() & found.keys():
        start = time.monotonic()
        try:
            checks[name](found[name])
            print(f"{name}: holds ({time.monotonic() - start:.1f} s)")
        except Exception as error:
            wrong.append(name)
            traceback.print_exc() if not isinstance(error, Wrong) else print(f"{name}: DOES NOT HOLD: {error}")
    print(f"{len(checks) - len(wrong)} of {len(checks)} sections hold")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
