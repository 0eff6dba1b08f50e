//! The one way this product seals bytes: XChaCha20-Poly1305 behind a commitment to the key; knows
//! nothing of what it seals, nor where nonces come from.
//!
//! `sealed = commitment[32] ‖ ciphertext ‖ tag[16]`, where an object's key is split into an AEAD key and
//! a commitment key, and `commitment = keyed_hash(commitment key, nonce ‖ aad)`. Poly1305 alone commits
//! to neither key nor message (security.md §3.5 rule 3, attack X5).

use chacha20poly1305::{AeadInOut, Key, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{domain::context, kdf::derive};

/// Bytes that a seal adds: commitment and tag.
pub const OVERHEAD: usize = 32 + TAG;
/// Bytes of a Poly1305 tag.
pub(crate) const TAG: usize = 16;
/// Bytes of a nonce.
pub const NONCE: usize = 24;

/// Something did not open: a wrong key, a changed byte, another place. Deliberately says no more, so
/// that nothing can be learnt from how it failed (attack M1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this could not be opened: it is damaged, or not meant for this device")]
pub struct OpenFailed;

/// Draws a fresh nonce. Counters are never used: a restored backup would repeat them (attack N2).
pub fn fresh_nonce(rng: &mut impl CryptoRng) -> [u8; NONCE] {
    let mut nonce = [0; NONCE];
    rng.fill_bytes(&mut nonce);
    nonce
}

fn commitment(key: &[u8; 32], nonce: &[u8; NONCE], aad: &[u8]) -> [u8; 32] {
    let commit_key = Zeroizing::new(derive(context::AEAD_COMMIT, key));
    let mut hasher = blake3::Hasher::new_keyed(&commit_key);
    hasher.update(nonce).update(aad);
    *hasher.finalize().as_bytes()
}

/// Seals `plaintext` under a key used for this purpose only. One allocation.
pub(crate) fn seal(key: &[u8; 32], nonce: &[u8; NONCE], aad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    seal_behind(&[], key, nonce, aad, plaintext)
}

/// As [`seal`], with some bytes in the clear in front.
pub(crate) fn seal_behind(
    front: &[u8],
    key: &[u8; 32],
    nonce: &[u8; NONCE],
    aad: &[u8],
    plaintext: &[u8],
) -> Vec<u8> {
    let aead_key = Zeroizing::new(derive(context::AEAD_KEY, key));
    let mut out = Vec::with_capacity(front.len() + plaintext.len() + OVERHEAD);
    out.extend_from_slice(front);
    out.extend_from_slice(&commitment(key, nonce, aad));
    out.extend_from_slice(plaintext);
    seal_in_place(&aead_key, nonce, aad, &mut out, front.len() + 32);
    out
}

/// Opens what [`seal`] made: all or nothing.
pub(crate) fn open(
    key: &[u8; 32],
    nonce: &[u8; NONCE],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, OpenFailed> {
    let (commit, ciphertext) = sealed.split_at_checked(32).ok_or(OpenFailed)?;
    if !bool::from(commit.ct_eq(&commitment(key, nonce, aad))) {
        return Err(OpenFailed);
    }
    let aead_key = Zeroizing::new(derive(context::AEAD_KEY, key));
    open_raw(&aead_key, nonce, aad, ciphertext)
}

/// Seals `buffer[from..]` in place and appends the tag, without a commitment: for keys that the
/// plaintext itself is checked against, or that an HPKE-like construction made for one use.
pub(crate) fn seal_in_place(
    key: &[u8; 32],
    nonce: &[u8; NONCE],
    aad: &[u8],
    buffer: &mut Vec<u8>,
    from: usize,
) {
    let cipher = XChaCha20Poly1305::new(&Key::from(*key));
    let body = buffer.get_mut(from..).unwrap_or_default();
    // Encryption fails only past 256 GiB; our objects are at most a few MiB. An empty tag then makes
    // the object one that nobody opens, rather than a panic.
    let tag = cipher
        .encrypt_inout_detached(&XNonce::from(*nonce), aad, body.into())
        .unwrap_or_default();
    buffer.extend_from_slice(&tag);
}

/// Opens `ciphertext ‖ tag`.
pub(crate) fn open_raw(
    key: &[u8; 32],
    nonce: &[u8; NONCE],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, OpenFailed> {
    open_in_place(key, nonce, aad, sealed.to_vec())
}

/// As [`open_raw`], in the room of the sealed bytes.
pub(crate) fn open_in_place(
    key: &[u8; 32],
    nonce: &[u8; NONCE],
    aad: &[u8],
    mut sealed: Vec<u8>,
) -> Result<Vec<u8>, OpenFailed> {
    let at = sealed.len().checked_sub(TAG).ok_or(OpenFailed)?;
    let (ciphertext, tag) = sealed.split_at_mut(at);
    let tag: [u8; TAG] = (&*tag).try_into().map_err(|_| OpenFailed)?;
    XChaCha20Poly1305::new(&Key::from(*key))
        .decrypt_inout_detached(
            &XNonce::from(*nonce),
            aad,
            ciphertext.into(),
            &Tag::from(tag),
        )
        .map_err(|_| OpenFailed)?;
    sealed.truncate(at);
    Ok(sealed)
}

/// Begins an AAD: the label and a zero byte; the caller appends fields of fixed length.
pub(crate) fn aad(label: &str, fields: &[&[u8]]) -> Vec<u8> {
    let mut out =
        Vec::with_capacity(label.len() + 1 + fields.iter().map(|f| f.len()).sum::<usize>());
    out.extend_from_slice(label.as_bytes());
    out.push(0);
    for field in fields {
        out.extend_from_slice(field);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sealed_opens_and_nothing_else_does() -> Result<(), OpenFailed> {
        let (key, nonce) = ([1; 32], [2; 24]);
        let sealed = seal(&key, &nonce, b"here", b"the bytes");
        assert_eq!(sealed.len(), 9 + OVERHEAD);
        assert_eq!(open(&key, &nonce, b"here", &sealed)?, b"the bytes");
        assert_eq!(open(&[3; 32], &nonce, b"here", &sealed), Err(OpenFailed));
        assert_eq!(open(&key, &[3; 24], b"here", &sealed), Err(OpenFailed));
        assert_eq!(open(&key, &nonce, b"there", &sealed), Err(OpenFailed));
        for at in 0..sealed.len() {
            for bit in [1, 0x80] {
                let mut bad = sealed.clone();
                bad[at] ^= bit;
                assert_eq!(open(&key, &nonce, b"here", &bad), Err(OpenFailed));
            }
            assert_eq!(open(&key, &nonce, b"here", &sealed[..at]), Err(OpenFailed));
        }
        Ok(())
    }
}
