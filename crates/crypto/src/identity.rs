//! A device's keys in a drive, the certificate that binds them to its transport endpoint, and the
//! drive's root key with its recovery phrase; knows nothing of who may do what.

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    aead::OpenFailed,
    domain::{SUITE, context, label, sign},
    hpke_wrap,
    ids::{BindId, DriveId, EndpointKey},
    kdf::{derive, derive_fields, kdf},
    secret::{DeviceSecret, EndpointSecret, RootSeed},
    wire::{self, Fixed, Signature},
    words,
};

/// Signs `prefix ‖ 0 ‖ hash`: the only form of message any key of this crate signs.
pub(crate) fn sign_hash(key: &SigningKey, prefix: &str, hash: &[u8; 32]) -> Signature {
    Fixed(key.sign(&message(prefix, hash)).to_bytes())
}

/// Checks with `verify_strict`, never in batches: every replica must decide alike.
pub(crate) fn verify_hash(key: &[u8; 32], prefix: &str, hash: &[u8; 32], sig: &Signature) -> bool {
    VerifyingKey::from_bytes(key).is_ok_and(|key| {
        !key.is_weak()
            && key
                .verify_strict(
                    &message(prefix, hash),
                    &ed25519_dalek::Signature::from_bytes(&sig.0),
                )
                .is_ok()
    })
}

fn message(prefix: &str, hash: &[u8; 32]) -> Vec<u8> {
    [prefix.as_bytes(), &[0], hash].concat()
}

/// The public half of an endpoint's secret key.
pub fn endpoint_key(secret: &EndpointSecret) -> EndpointKey {
    EndpointKey(
        SigningKey::from_bytes(secret.expose_for_sealing())
            .verifying_key()
            .to_bytes(),
    )
}

/// A device's two secret keys in one drive: one signs its logs, one is sealed to.
pub struct DriveKeys {
    log: SigningKey,
    kem: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for DriveKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DriveKeys(secret)")
    }
}

impl DriveKeys {
    /// Draws new keys; they must be kept as they are from nothing else (see [`DriveKeys::expose_for_sealing`]).
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let mut both = Zeroizing::new([0; 64]);
        rng.fill_bytes(both.as_mut());
        Self::from_bytes(&both)
    }

    /// Derives the keys of one place from the device's secret. `place` is 32 random bytes that the
    /// device keeps with the drive, chosen when it founds or joins: the drive's id is not known yet
    /// when the first keys are made, and a device that joins again must have new keys.
    pub fn derive(device: &DeviceSecret, place: &[u8; 32]) -> Self {
        let of = |label| kdf(device.expose_for_sealing(), label, &DriveId::ZERO, &[place]);
        DriveKeys {
            log: SigningKey::from_bytes(&Zeroizing::new(of(label::DRIVE_SIGN))),
            kem: Zeroizing::new(of(label::DRIVE_KEM)),
        }
    }

    /// Takes back what [`DriveKeys::expose_for_sealing`] gave.
    pub fn from_bytes(both: &[u8; 64]) -> Self {
        let (mut log, mut kem) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 32]));
        log.copy_from_slice(&both[..32]);
        kem.copy_from_slice(&both[32..]);
        DriveKeys {
            log: SigningKey::from_bytes(&log),
            kem,
        }
    }

    /// Both secrets (Ed25519 seed, X25519 scalar), only to put them under another seal.
    pub fn expose_for_sealing(&self) -> Zeroizing<[u8; 64]> {
        let mut both = Zeroizing::new([0; 64]);
        both[..32].copy_from_slice(self.log.as_bytes());
        both[32..].copy_from_slice(self.kem.as_ref());
        both
    }

    /// The public key that this device's entries verify under.
    pub fn log_pk(&self) -> [u8; 32] {
        self.log.verifying_key().to_bytes()
    }

    /// The public key that secrets are sealed to.
    pub fn kem_pk(&self) -> [u8; 32] {
        x25519_dalek::x25519(*self.kem, x25519_dalek::X25519_BASEPOINT_BYTES)
    }

    pub(crate) fn sign(&self, prefix: &str, hash: &[u8; 32]) -> Signature {
        sign_hash(&self.log, prefix, hash)
    }

    /// Opens what was sealed to this device.
    pub(crate) fn open(
        &self,
        enc: &[u8; 32],
        info: &[u8],
        aad: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenFailed> {
        hpke_wrap::open_with(&self.kem, enc, info, aad, sealed)
    }

    /// The secret that wraps are opened with.
    pub(crate) fn kem_secret(&self) -> &[u8; 32] {
        &self.kem
    }

    /// Proves, within one transport session, that this device holds the keys of `bind`.
    /// `exporter` is the session's exported keying material; `dialer` says which end this is, so that
    /// a proof cannot be sent back.
    pub fn prove_session(
        &self,
        drive: &DriveId,
        bind: &BindId,
        exporter: &[u8; 32],
        dialer: bool,
    ) -> Signature {
        self.sign(sign::SESSION, &session_hash(drive, bind, exporter, dialer))
    }
}

fn session_hash(drive: &DriveId, bind: &BindId, exporter: &[u8; 32], dialer: bool) -> [u8; 32] {
    derive_fields(
        context::SESSION,
        &[&drive.0, &bind.0, exporter, &[u8::from(dialer)]],
    )
}

/// Checks [`DriveKeys::prove_session`] of the device whose log key is `log_pk`.
pub fn verify_session(
    log_pk: &[u8; 32],
    drive: &DriveId,
    bind: &BindId,
    exporter: &[u8; 32],
    dialer: bool,
    proof: &Signature,
) -> bool {
    verify_hash(
        log_pk,
        sign::SESSION,
        &session_hash(drive, bind, exporter, dialer),
        proof,
    )
}

/// Why a device certificate is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertError {
    /// Made for another suite.
    #[error("the device's certificate is of suite {0}, which this version does not know")]
    Suite(u8),
    /// Made for another drive.
    #[error("the device's certificate is for another drive")]
    OtherDrive,
    /// One of the keys is of small order, so its signatures would prove nothing.
    #[error("the device's certificate holds a weak key")]
    WeakKey,
    /// The log key did not sign it.
    #[error("the device's certificate is not signed by its log key")]
    LogSignature,
    /// The endpoint did not sign it.
    #[error("the device's certificate is not signed by its endpoint")]
    EndpointSignature,
}

/// Binds a device's three keys for one drive; both signing keys sign the same bytes (security.md §2.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceCert {
    /// [`SUITE`].
    pub suite: u8,
    /// The drive; inside a genesis, the founding tag.
    pub drive: DriveId,
    /// Ed25519: verifies the device's entries.
    pub log_pk: [u8; 32],
    /// X25519: secrets are sealed to it.
    pub kem_pk: [u8; 32],
    /// The transport endpoint.
    pub endpoint: EndpointKey,
    /// When it was made, in seconds since 1970, by the device's own clock: shown, never judged by.
    pub not_before: u64,
    /// By the log key.
    pub sig_log: Signature,
    /// By the endpoint key.
    pub sig_endpoint: Signature,
}

impl DeviceCert {
    /// Makes and signs a certificate. `not_before` is in seconds since 1970.
    pub fn issue(
        drive: &DriveId,
        keys: &DriveKeys,
        endpoint: &EndpointSecret,
        not_before: u64,
    ) -> DeviceCert {
        let mut cert = DeviceCert {
            suite: SUITE,
            drive: *drive,
            log_pk: keys.log_pk(),
            kem_pk: keys.kem_pk(),
            endpoint: endpoint_key(endpoint),
            not_before,
            sig_log: Fixed([0; 64]),
            sig_endpoint: Fixed([0; 64]),
        };
        let hash = cert.hash();
        cert.sig_log = keys.sign(sign::DEVICE_CERT, &hash);
        let endpoint = SigningKey::from_bytes(endpoint.expose_for_sealing());
        cert.sig_endpoint = sign_hash(&endpoint, sign::DEVICE_CERT, &hash);
        cert
    }

    /// What both signatures cover.
    pub fn hash(&self) -> [u8; 32] {
        derive_fields(
            context::DEVICE_CERT,
            &[
                &[self.suite],
                &self.drive.0,
                &self.log_pk,
                &self.kem_pk,
                &self.endpoint.0,
                &self.not_before.to_le_bytes(),
            ],
        )
    }

    /// Checks suite, drive, keys and both signatures.
    ///
    /// # Errors
    /// Every variant of [`CertError`].
    pub fn verify(&self, drive: &DriveId) -> Result<(), CertError> {
        if self.suite != SUITE {
            return Err(CertError::Suite(self.suite));
        }
        if self.drive != *drive {
            return Err(CertError::OtherDrive);
        }
        let weak = |key: &[u8; 32]| VerifyingKey::from_bytes(key).map_or(true, |k| k.is_weak());
        if weak(&self.log_pk) || weak(&self.endpoint.0) || is_small_order(&self.kem_pk) {
            return Err(CertError::WeakKey);
        }
        let hash = self.hash();
        if !verify_hash(&self.log_pk, sign::DEVICE_CERT, &hash, &self.sig_log) {
            return Err(CertError::LogSignature);
        }
        if !verify_hash(
            &self.endpoint.0,
            sign::DEVICE_CERT,
            &hash,
            &self.sig_endpoint,
        ) {
            return Err(CertError::EndpointSignature);
        }
        Ok(())
    }

    /// Six words that two people can compare, of the three keys.
    pub fn fingerprint(&self) -> String {
        words::encode(&self.hash()[..9]).join(" ")
    }
}

/// An X25519 public key to which every secret agrees on zero.
pub(crate) fn is_small_order(kem_pk: &[u8; 32]) -> bool {
    // Any clamped scalar is a multiple of the cofactor, so it sends exactly the small-order points to 0.
    x25519_dalek::x25519([1; 32], *kem_pk) == [0; 32]
}

/// The short name of a KEM key in a list of wraps.
pub fn kem_id(kem_pk: &[u8; 32]) -> [u8; 8] {
    let mut id = [0; 8];
    id.copy_from_slice(&derive(context::KEM_ID, kem_pk)[..8]);
    id
}

/// Why a recovery phrase is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhraseError {
    /// Not 24 words.
    #[error("a recovery phrase has 24 words, this one has {0}")]
    WordCount(usize),
    /// A word that no phrase contains.
    #[error("word {0} of the recovery phrase is misspelt")]
    NotAWord(usize),
    /// All are words, but not of a phrase that was ever given out.
    #[error("the recovery phrase is not right: a word is wrong or two are swapped")]
    Checksum,
}

/// A drive's root key: signs the genesis, and afterwards exists only as a recovery phrase.
///
/// The phrase is 24 words of four letters (twelve bits each): 256 bits of seed and 32 of checksum.
pub struct RootKey {
    seed: RootSeed,
    sign: SigningKey,
    kem: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for RootKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RootKey(secret)")
    }
}

impl RootKey {
    /// Draws a new one.
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self::from_seed(RootSeed::generate(rng))
    }

    /// From the seed that a phrase spells.
    pub fn from_seed(seed: RootSeed) -> Self {
        let of = |label| kdf(seed.expose_for_sealing(), label, &DriveId::ZERO, &[]);
        let sign = SigningKey::from_bytes(&Zeroizing::new(of(label::ROOT_SIGN)));
        let kem = Zeroizing::new(of(label::ROOT_KEM));
        RootKey { seed, sign, kem }
    }

    /// Ed25519: in the genesis, verifies it and every recovery.
    pub fn root_pk(&self) -> [u8; 32] {
        self.sign.verifying_key().to_bytes()
    }

    /// X25519: every epoch is sealed to it too, so that the phrase alone recovers the drive.
    pub fn kem_pk(&self) -> [u8; 32] {
        x25519_dalek::x25519(*self.kem, x25519_dalek::X25519_BASEPOINT_BYTES)
    }

    /// The seed, only to put it under a seal until the phrase has been shown.
    pub fn seed(&self) -> &RootSeed {
        &self.seed
    }

    pub(crate) fn sign(&self, hash: &[u8; 32]) -> Signature {
        sign_hash(&self.sign, sign::GENESIS, hash)
    }

    pub(crate) fn prove_reentry(&self, hash: &[u8; 32]) -> Signature {
        sign_hash(&self.sign, sign::REENTRY, hash)
    }

    pub(crate) fn kem_secret(&self) -> &[u8; 32] {
        &self.kem
    }

    /// The phrase: to be shown once and kept by the person.
    pub fn phrase(&self) -> Zeroizing<String> {
        let seed = self.seed.expose_for_sealing();
        let mut bytes = Zeroizing::new([0; 36]);
        bytes[..32].copy_from_slice(seed);
        bytes[32..].copy_from_slice(&derive(context::PHRASE_SUM, seed)[..4]);
        Zeroizing::new(words::encode(bytes.as_ref()).join(" "))
    }

    /// Reads a phrase; case, commas, hyphens and line breaks between words do not matter.
    ///
    /// # Errors
    /// Every variant of [`PhraseError`].
    pub fn from_phrase(phrase: &str) -> Result<Self, PhraseError> {
        let lower = Zeroizing::new(phrase.chars().take(1024).collect::<String>().to_lowercase());
        let split = || {
            lower
                .split(|c: char| c.is_whitespace() || c == ',' || c == '-')
                .filter(|w| !w.is_empty())
        };
        let count = split().count();
        if count != 24 {
            return Err(PhraseError::WordCount(count));
        }
        let bytes =
            Zeroizing::new(words::decode(split()).map_err(|at| PhraseError::NotAWord(at + 1))?);
        let (seed, sum) = bytes.split_at_checked(32).ok_or(PhraseError::Checksum)?;
        let seed: [u8; 32] = seed.try_into().map_err(|_| PhraseError::Checksum)?;
        let seed = RootSeed::from_bytes(seed);
        if derive(context::PHRASE_SUM, seed.expose_for_sealing())[..4] != *sum {
            return Err(PhraseError::Checksum);
        }
        Ok(Self::from_seed(seed))
    }
}

/// The canonical bytes of a certificate, for a code or a QR shown by a new device.
///
/// # Errors
/// As [`wire::encode`].
pub fn encode_cert(cert: &DeviceCert) -> Result<Vec<u8>, wire::WireError> {
    wire::encode(cert)
}

/// Reads [`encode_cert`]; the certificate is not verified yet.
///
/// # Errors
/// Every variant of [`wire::WireError`].
pub fn decode_cert(bytes: &[u8]) -> Result<DeviceCert, wire::WireError> {
    wire::decode(bytes, 512)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::rng;

    #[test]
    fn attack_x1_a_signature_for_one_purpose_serves_no_other() {
        let keys = DriveKeys::generate(&mut rng(1));
        let hash = [7; 32];
        for made in sign::ALL {
            let sig = keys.sign(made, &hash);
            for read in sign::ALL {
                let passes = verify_hash(&keys.log_pk(), read, &hash, &sig);
                assert_eq!(passes, made == read, "{made} as {read}");
            }
        }
    }
}
