//! Sealing to a device's X25519 key by HPKE (RFC 9180, base mode, DHKEM(X25519, HKDF-SHA256),
//! HKDF-SHA256, ChaCha20Poly1305); the sender is known only by the signed entry around it.

use hpke::{
    Deserializable, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305, kdf::HkdfSha256,
    kem::X25519HkdfSha256 as X25519Kem,
};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::aead::OpenFailed;

type Public = <X25519Kem as hpke::Kem>::PublicKey;
type Private = <X25519Kem as hpke::Kem>::PrivateKey;
type Encapped = <X25519Kem as hpke::Kem>::EncappedKey;

/// Seals to a public key: `(enc[32], ciphertext ‖ tag)`.
///
/// # Errors
/// [`OpenFailed`] if the public key is one to which nothing can be sealed (small order).
pub(crate) fn seal_to(
    kem_pk: &[u8; 32],
    info: &[u8],
    aad: &[u8],
    plaintext: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<([u8; 32], Vec<u8>), OpenFailed> {
    let public = Public::from_bytes(kem_pk).map_err(|_| OpenFailed)?;
    let (enc, sealed) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519Kem>(
        &OpModeS::Base,
        &public,
        info,
        plaintext,
        aad,
        rng,
    )
    .map_err(|_| OpenFailed)?;
    Ok((enc.to_bytes().into(), sealed))
}

/// Opens what [`seal_to`] made for the public half of `kem_sk`.
pub(crate) fn open_with(
    kem_sk: &[u8; 32],
    enc: &[u8; 32],
    info: &[u8],
    aad: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenFailed> {
    let private = Private::from_bytes(kem_sk).map_err(|_| OpenFailed)?;
    let enc = Encapped::from_bytes(enc).map_err(|_| OpenFailed)?;
    hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519Kem>(
        &OpModeR::Base,
        &private,
        &enc,
        info,
        sealed,
        aad,
    )
    .map(Zeroizing::new)
    .map_err(|_| OpenFailed)
}
