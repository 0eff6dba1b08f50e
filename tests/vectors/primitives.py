"""The primitives of suite 1 in plain Python, written from their papers and RFCs; knows nothing of PeerDrive.

BLAKE3 (the paper of 2020), XChaCha20-Poly1305 (RFC 8439, draft-irtf-cfrg-xchacha-03), Ed25519 (RFC 8032, verified
strictly), X25519 (RFC 7748), HPKE base mode (RFC 9180). Slow, not constant in time, for checking only.
"""

import hashlib
import hmac
import struct

MASK = 0xFFFFFFFF


class Wrong(Exception):
    """Something does not open or does not hold."""


# BLAKE3

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
CHUNK_START, CHUNK_END, PARENT, ROOT, KEYED, CONTEXT, MATERIAL = 1, 2, 4, 8, 16, 32, 64


def _rotr(x, n):
    return (x >> n | x << (32 - n)) & MASK


def _compress(cv, block, counter, length, flags):
    v = list(cv) + list(IV[:4]) + [counter & MASK, counter >> 32, length, flags]
    m = list(block)

    def g(a, b, c, d, x, y):
        v[a] = (v[a] + v[b] + x) & MASK
        v[d] = _rotr(v[d] ^ v[a], 16)
        v[c] = (v[c] + v[d]) & MASK
        v[b] = _rotr(v[b] ^ v[c], 12)
        v[a] = (v[a] + v[b] + y) & MASK
        v[d] = _rotr(v[d] ^ v[a], 8)
        v[c] = (v[c] + v[d]) & MASK
        v[b] = _rotr(v[b] ^ v[c], 7)

    for turn in range(7):
        g(0, 4, 8, 12, m[0], m[1])
        g(1, 5, 9, 13, m[2], m[3])
        g(2, 6, 10, 14, m[4], m[5])
        g(3, 7, 11, 15, m[6], m[7])
        g(0, 5, 10, 15, m[8], m[9])
        g(1, 6, 11, 12, m[10], m[11])
        g(2, 7, 8, 13, m[12], m[13])
        g(3, 4, 9, 14, m[14], m[15])
        if turn < 6:
            m = [m[i] for i in PERMUTATION]
    return [v[i] ^ v[i + 8] for i in range(8)] + [v[i + 8] ^ cv[i] for i in range(8)]


def _words(block):
    return struct.unpack("<16I", block.ljust(64, b"\0"))


def _chunk(key, data, index, flags):
    """What is left to compress of a chunk: its last block."""
    cv = key
    blocks = [data[i : i + 64] for i in range(0, len(data), 64)] or [b""]
    for at, block in enumerate(blocks):
        mine = flags | (CHUNK_START if at == 0 else 0)
        if at == len(blocks) - 1:
            return cv, _words(block), index, len(block), mine | CHUNK_END
        cv = _compress(cv, _words(block), index, 64, mine)[:8]


def _tree(key, chunks, first, flags):
    if len(chunks) == 1:
        return _chunk(key, chunks[0], first, flags)
    left = 1
    while left * 2 < len(chunks):
        left *= 2
    children = _tree(key, chunks[:left], first, flags), _tree(key, chunks[left:], first + left, flags)
    block = [word for child in children for word in _compress(*child)[:8]]
    return key, block, 0, 64, flags | PARENT


def _blake3(key, data, flags, size=32):
    chunks = [data[i : i + 1024] for i in range(0, len(data), 1024)] or [b""]
    cv, block, _, length, flags = _tree(key, chunks, 0, flags)
    out = b""
    while len(out) < size:
        out += struct.pack("<16I", *_compress(cv, block, len(out) // 64, length, flags | ROOT))
    return out[:size]


def blake3(data):
    return _blake3(IV, data, 0)


def keyed_hash(key, data):
    return _blake3(struct.unpack("<8I", key), data, KEYED)


_contexts = {}


def derive(context, material):
    if context not in _contexts:
        _contexts[context] = _blake3(IV, context.encode(), CONTEXT)
    return _blake3(struct.unpack("<8I", _contexts[context]), material, MATERIAL)


# ChaCha20 and Poly1305

SIGMA = struct.unpack("<4I", b"expand 32-byte k")


def _rotl(x, n):
    return (x << n | x >> (32 - n)) & MASK


def _rounds(state):
    x = list(state)

    def quarter(a, b, c, d):
        x[a] = (x[a] + x[b]) & MASK
        x[d] = _rotl(x[d] ^ x[a], 16)
        x[c] = (x[c] + x[d]) & MASK
        x[b] = _rotl(x[b] ^ x[c], 12)
        x[a] = (x[a] + x[b]) & MASK
        x[d] = _rotl(x[d] ^ x[a], 8)
        x[c] = (x[c] + x[d]) & MASK
        x[b] = _rotl(x[b] ^ x[c], 7)

    for _ in range(10):
        for a in range(4):
            quarter(a, a + 4, a + 8, a + 12)
        for a in range(4):
            quarter(a, 4 + (a + 1) % 4, 8 + (a + 2) % 4, 12 + (a + 3) % 4)
    return x


def _keystream(key, nonce, size, counter):
    out = b""
    while len(out) < size:
        state = SIGMA + struct.unpack("<8I", key) + (counter,) + struct.unpack("<3I", nonce)
        mixed = _rounds(state)
        out += struct.pack("<16I", *((a + b) & MASK for a, b in zip(mixed, state)))
        counter += 1
    return out[:size]


def _xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def _poly1305(key, data):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for i in range(0, len(data), 16):
        total = (total + int.from_bytes(data[i : i + 16] + b"\1", "little")) * r % ((1 << 130) - 5)
    return ((total + int.from_bytes(key[16:], "little")) % (1 << 128)).to_bytes(16, "little")


def _tag(key, nonce, aad, ciphertext):
    pad = lambda data: data + b"\0" * (-len(data) % 16)
    data = pad(aad) + pad(ciphertext) + struct.pack("<QQ", len(aad), len(ciphertext))
    return _poly1305(_keystream(key, nonce, 32, 0), data)


def chacha_seal(key, nonce, aad, plain):
    ciphertext = _xor(plain, _keystream(key, nonce, len(plain), 1))
    return ciphertext + _tag(key, nonce, aad, ciphertext)


def chacha_open(key, nonce, aad, sealed):
    if len(sealed) < 16 or _tag(key, nonce, aad, sealed[:-16]) != sealed[-16:]:
        raise Wrong("a seal does not open")
    return _xor(sealed[:-16], _keystream(key, nonce, len(sealed) - 16, 1))


def _hchacha(key, nonce):
    x = _rounds(SIGMA + struct.unpack("<8I", key) + struct.unpack("<4I", nonce))
    return struct.pack("<8I", *(x[:4] + x[12:]))


def xchacha_seal(key, nonce, aad, plain):
    return chacha_seal(_hchacha(key, nonce[:16]), b"\0" * 4 + nonce[16:], aad, plain)


def xchacha_open(key, nonce, aad, sealed):
    return chacha_open(_hchacha(key, nonce[:16]), b"\0" * 4 + nonce[16:], aad, sealed)


# Ed25519

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def _add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(n, point):
    out = (0, 1, 1, 0)
    while n:
        if n & 1:
            out = _add(out, point)
        point = _add(point, point)
        n >>= 1
    return out


def _same(p, q):
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def _unpack(data):
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        raise Wrong("a point that is not canonical")
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * SQRT_M1 % P
    if (x * x - square) % P or (x == 0 and sign):
        raise Wrong("not a point")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def _pack(point):
    z = pow(point[2], -1, P)
    x, y = point[0] * z % P, point[1] * z % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = _unpack((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def is_weak(public):
    """Of small order: its signatures prove nothing."""
    return _same(_times(8, _unpack(public)), (0, 1, 1, 0))


def _expand(seed):
    h = hashlib.sha512(seed).digest()
    a = int.from_bytes(h[:32], "little") & (1 << 254) - 8 | 1 << 254
    return a, h[32:]


def ed25519_public(seed):
    return _pack(_times(_expand(seed)[0], BASE))


def ed25519_sign(seed, message):
    a, prefix = _expand(seed)
    public = _pack(_times(a, BASE))
    r = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % L
    big_r = _pack(_times(r, BASE))
    k = int.from_bytes(hashlib.sha512(big_r + public + message).digest(), "little") % L
    return big_r + ((r + k * a) % L).to_bytes(32, "little")


def ed25519_verify(public, message, sig):
    try:
        a, r = _unpack(public), _unpack(sig[:32])
        if is_weak(public) or is_weak(sig[:32]):
            return False
    except Wrong:
        return False
    s = int.from_bytes(sig[32:], "little")
    k = int.from_bytes(hashlib.sha512(sig[:32] + public + message).digest(), "little") % L
    return s < L and _same(_times(s, BASE), _add(r, _times(k, a)))


# X25519

NINE = (9).to_bytes(32, "little")


def x25519(scalar, u=NINE):
    k = int.from_bytes(scalar, "little") & (1 << 254) - 8 | 1 << 254
    x1 = int.from_bytes(u, "little") & (1 << 255) - 1
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a % P, b * b % P, d * a % P, c * b % P
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, e * (aa + 121665 * e) % P
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


# HPKE, base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305

KEM = b"KEM" + struct.pack(">H", 0x20)
SUITE = b"HPKE" + struct.pack(">HHH", 0x20, 1, 3)


def _extract(suite, salt, label, material):
    return hmac.digest(salt, b"HPKE-v1" + suite + label + material, "sha256")


def _expand_label(suite, prk, label, info, size):
    info = struct.pack(">H", size) + b"HPKE-v1" + suite + label + info
    out, block = b"", b""
    while len(out) < size:
        block = hmac.digest(prk, block + info + bytes([len(out) // 32 + 1]), "sha256")
        out += block
    return out[:size]


def hpke_open(secret, enc, info, aad, sealed):
    shared = x25519(secret, enc)
    if shared == bytes(32):
        raise Wrong("a key of small order")
    prk = _extract(KEM, b"", b"eae_prk", shared)
    shared = _expand_label(KEM, prk, b"shared_secret", enc + x25519(secret), 32)
    context = b"\0" + _extract(SUITE, b"", b"psk_id_hash", b"") + _extract(SUITE, b"", b"info_hash", info)
    prk = _extract(SUITE, shared, b"secret", b"")
    key = _expand_label(SUITE, prk, b"key", context, 32)
    nonce = _expand_label(SUITE, prk, b"base_nonce", context, 12)
    return chacha_open(key, nonce, aad, sealed)
