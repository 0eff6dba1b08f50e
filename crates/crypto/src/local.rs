//! Sealing values at rest: what this device keeps for itself, and key files under a passphrase; knows
//! no file and no database.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    aead::{self, NONCE, OpenFailed, fresh_nonce},
    domain::{aad, label},
    ids::DriveId,
    kdf::{derive_fields, kdf},
    secret::{DeviceSecret, LocalKey, PassphraseKey},
};

/// The key of this device's values at rest.
pub fn local_key(device: &DeviceSecret) -> LocalKey {
    LocalKey::from_bytes(kdf(
        device.expose_for_sealing(),
        label::DB,
        &DriveId::ZERO,
        &[],
    ))
}

fn bound(place: &str) -> Vec<u8> {
    // The place is hashed, so that fields of the AAD keep fixed lengths.
    aead::aad(
        aad::DB,
        &[&derive_fields(
            crate::domain::context::LOCAL,
            &[place.as_bytes()],
        )],
    )
}

/// Seals a value for one place (table and key, say): it opens nowhere else.
pub fn seal_local(
    key: &LocalKey,
    place: &str,
    plaintext: &[u8],
    rng: &mut impl CryptoRng,
) -> Vec<u8> {
    let nonce = fresh_nonce(rng);
    aead::seal_behind(
        &nonce,
        key.expose_for_sealing(),
        &nonce,
        &bound(place),
        plaintext,
    )
}

/// Opens a value sealed for this place.
///
/// # Errors
/// [`OpenFailed`].
pub fn open_local(key: &LocalKey, place: &str, sealed: &[u8]) -> Result<Vec<u8>, OpenFailed> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE>().ok_or(OpenFailed)?;
    aead::open(key.expose_for_sealing(), nonce, &bound(place), rest)
}

fn keyfile_key(key: &PassphraseKey) -> Zeroizing<[u8; 32]> {
    Zeroizing::new(kdf(
        key.expose_for_sealing(),
        label::KEYFILE,
        &DriveId::ZERO,
        &[],
    ))
}

/// Seals a key file under a key made from a passphrase. `header` (version, parameters, salt) stays in
/// the clear beside it and is bound.
pub fn seal_keyfile(
    key: &PassphraseKey,
    header: &[u8],
    secrets: &[u8],
    rng: &mut impl CryptoRng,
) -> Vec<u8> {
    let nonce = fresh_nonce(rng);
    let sealed = aead::seal(
        &keyfile_key(key),
        &nonce,
        &aead::aad(aad::KEYFILE, &[header]),
        secrets,
    );
    [nonce.as_slice(), &sealed].concat()
}

/// Opens a key file.
///
/// # Errors
/// [`OpenFailed`]: a wrong passphrase and a damaged file are not told apart.
pub fn open_keyfile(
    key: &PassphraseKey,
    header: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenFailed> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE>().ok_or(OpenFailed)?;
    aead::open(
        &keyfile_key(key),
        nonce,
        &aead::aad(aad::KEYFILE, &[header]),
        rest,
    )
    .map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rng;

    #[test]
    fn a_local_value_opens_in_its_own_place_on_its_own_device() -> Result<(), OpenFailed> {
        let mut rng = rng(1);
        let key = local_key(&DeviceSecret::generate(&mut rng));
        let other = local_key(&DeviceSecret::generate(&mut rng));
        let sealed = seal_local(&key, "tree/1", b"value", &mut rng);
        assert_eq!(open_local(&key, "tree/1", &sealed)?, b"value");
        assert_eq!(open_local(&key, "tree/2", &sealed), Err(OpenFailed));
        assert_eq!(open_local(&other, "tree/1", &sealed), Err(OpenFailed));
        assert_ne!(sealed, seal_local(&key, "tree/1", b"value", &mut rng));
        Ok(())
    }

    #[test]
    fn a_key_file_is_bound_to_its_parameters() -> Result<(), OpenFailed> {
        let mut rng = rng(2);
        let key = PassphraseKey::generate(&mut rng);
        let sealed = seal_keyfile(&key, b"m=64", b"secrets", &mut rng);
        assert_eq!(*open_keyfile(&key, b"m=64", &sealed)?, b"secrets");
        assert!(open_keyfile(&key, b"m=8", &sealed).is_err());
        Ok(())
    }
}
