#!/usr/bin/env python3
"""Makes fuzz/corpus out of the published vectors: python3 tests/vectors/corpus.py

One small file for each shape that a decoder knows, so that mutations begin with what is accepted.
"""

import base64
import json
import shutil
from pathlib import Path

from forms import byte_string, le64, read_control, read_entry

ROOT = Path(__file__).resolve().parents[2]
PORT, TOKEN = 4711, "0123456789abcdef" * 3 + "0123456789abcdef"
COMMANDS = {
    0: {"path": "/p", "name": None, "wait": True},
    1: {"drive": "d", "role": "writer", "expires_in": None, "uses": 1},
    2: {"drive": "d"},
    3: {"drive": "d", "member": "m", "role": "reader"},
    20: {"drive": "d", "path": "p", "timeout": 1},
    30: {"drive": "d", "nodes": ["n"], "node": "n", "name": "m", "text": "t", "limit": 1},
}


def load(path):
    return json.loads((ROOT / "crates" / path).read_text())


def request(line, *headers, body=b""):
    head = [line, f"Host: 127.0.0.1:{PORT}", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def corpus():
    crypto, net = load("crypto/vectors/v1.json"), load("net/vectors/v1.json")
    unhex = bytes.fromhex
    join, back = crypto["joins"]["handshake"], crypto["reentry"]
    entries = [unhex(data) for data in crypto["consequences"]["entries"].values()]
    entries += [unhex(crypto["entries"][name]["bytes"]) for name in ("genesis", "content")]
    controls = {}
    for data in entries:
        entry = read_entry(data)
        if entry.header.plane == 0:
            kinds = tuple(op.kind for op in read_control(entry.body)[0])
            controls.setdefault(kinds, (data, entry.body))
    yield "entry", [data for data, _ in controls.values()] + [entries[-1]]
    yield "control", [body for _, body in controls.values()]
    changes = [unhex(change) for change in load("crdt-tree/vectors/v1.json")["changes"]]
    yield "content", [b"\1\0" + b"\1" + byte_string(changes[0]) + b"\1" + bytes(32)]
    ticket = crypto["joins"]["ticket"]["text"]
    yield "ticket", [ticket.encode()]
    names = ("hello", "challenge", "request", "waiting", "welcome")
    yield "join", [
        *(unhex(join[name]) for name in names),
        *map(unhex, join["refused"][:1] + back["log"]),
        *(unhex(back[name]) for name in ("knock", "entry", "welcome", "refused")),
        unhex(crypto["identities"]["cert"]["bytes"]),
    ]
    yield "gossip", [unhex(row["frame"]) for row in crypto["gossip"]["frames"]]
    texts = [*crypto["ids"]["text"].values(), crypto["identities"]["root"]["phrase"]]
    yield "text", [text.encode() for text in texts]
    yield "change", changes
    yield "document", [b"", b"\0\4\1", b"\0\x18\2\1\x18\2", b"\xc8\0\x18", b"\xd6\0\3"]
    node = base64.urlsafe_b64encode(bytes(range(16)))[:22]
    op = b"\5" + bytes([1]) * 16
    yield "spelling", [
        "ä".encode() + b"name.txt",
        node + b"c",
        node + b"xuser.note",
        b"\2\0\3" + bytes(16) + b"folder",
        b"\1\1" + bytes(16) + op + bytes(16) + b"copy",
        b"\1" + bytes(32) + b"\7\1" + bytes(32) + bytes(8),
        b"\2a/f",
        b"\x80\1\7" + op,
        b"\1" + bytes([1]) * 16 + b"\0\5\0\6",
    ]
    yield "frame", [unhex(frame) for frame in net["frames"]]
    yield "address", [unhex(net["address"])]
    yield "question", [b"\1" + bytes(range(64))]
    manifests = {name: unhex(data) for name, data in load("engine/vectors/manifests.json").items()}
    sizes = {"inline": 3, "chunks": 320_000, "pages": 4096 * 300_000 + 77, "page": 320_000}
    yield "manifest", [le64(sizes[name]) + data for name, data in manifests.items()]
    yield "history", [(ROOT / "crates/engine/vectors/history.jsonl").read_bytes()]
    address = base64.b32encode(unhex(net["address"])).decode().lower().rstrip("=")
    device = ticket.replace("join", "device")
    yield "contact", [text.encode() for text in (ticket, device, f"peerdrive:peer#{address}")]
    key, own = f"Authorization: Bearer {TOKEN}", f"Origin: http://127.0.0.1:{PORT}"
    share = json.dumps(COMMANDS[0]).encode()
    yield "connection", [
        request("POST /rpc/share HTTP/1.1", key, body=share),
        request("POST /rpc/status HTTP/1.1", key) + request("GET / HTTP/1.1"),
        request("POST /session HTTP/1.1", own, "Cookie: peerdrive_4711=c", body=b'{"code":"c"}'),
        request("POST /session/code HTTP/1.1", key),
        b"POST /rpc/share HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{}\n\r\n0\r\n\r\n",
    ]
    yield "command", [bytes([n]) + json.dumps(body).encode() for n, body in COMMANDS.items()]


def main():
    for target, inputs in corpus():
        folder = ROOT / "fuzz/corpus" / target
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for number, data in enumerate(inputs):
            (folder / f"v1-{number:02}").write_bytes(data)


if __name__ == "__main__":
    main()
