//! Epochs: a random secret, committed to, sealed to every reader and sealing its parents' secrets, and
//! all the keys that derive from it; knows nothing of who the readers should be (security.md §2.3 E1, E7).

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    aead::{self, NONCE, OpenFailed, fresh_nonce},
    domain::{SUITE, aad, context, label},
    hpke_wrap,
    identity::{DriveKeys, RootKey, kem_id},
    ids::{DriveId, EpochId, LogId},
    kdf::{derive_fields, kdf},
    secret::EpochSecret,
    wire::{self, Bytes, Fixed},
};

/// The most readers of one epoch: a thousand devices, the root key and room.
pub const MAX_WRAPS: usize = 1024;
/// The most parents of one epoch.
pub const MAX_PARENTS: usize = 16;

/// An epoch secret sealed to one device.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SealedTo {
    /// The device's KEM key, by its short name.
    pub kem_id: [u8; 8],
    /// HPKE's encapsulated key.
    pub enc: [u8; 32],
    /// The secret and its tag.
    pub ct: Fixed<48>,
}

/// The control operation that begins an epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoch {
    /// The epochs it follows, strictly ascending; empty only in a genesis.
    pub parents: Vec<EpochId>,
    /// One more than the greatest of its parents'; 0 in a genesis.
    pub generation: u64,
    /// [`readers_hash`] of the KEM keys it is sealed to.
    pub readers_hash: [u8; 32],
    /// Commits to the secret: whoever opens it checks it.
    pub commit: [u8; 32],
    /// One per reader, strictly ascending by `kem_id`.
    pub wraps: Vec<SealedTo>,
    /// Of `prev_ct`.
    pub prev_nonce: [u8; NONCE],
    /// The parents' secrets that the author held, sealed under this one.
    pub prev_ct: Bytes,
}

/// The hash of a set of readers: their KEM keys, sorted, each once.
pub fn readers_hash(kem_pks: &[[u8; 32]]) -> [u8; 32] {
    let mut sorted = kem_pks.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let fields: Vec<&[u8]> = sorted.iter().map(|k| k.as_slice()).collect();
    derive_fields(context::READERS, &fields)
}

impl Epoch {
    /// Its id, which commits to drive, parents, generation, readers and secret. `drive` is that of the
    /// header of the entry that carries it.
    pub fn id(&self, drive: &DriveId) -> EpochId {
        epoch_id(
            drive,
            &self.parents,
            self.generation,
            &self.readers_hash,
            &self.commit,
        )
    }

    /// Opens it as the reader whose keys these are.
    ///
    /// # Errors
    /// [`OpenFailed`] if it is not sealed to these keys, or what it holds is not what it commits to.
    pub fn open(&self, drive: &DriveId, keys: &DriveKeys) -> Result<EpochSecret, OpenFailed> {
        self.open_kem(drive, &keys.kem_pk(), keys.kem_secret())
    }

    /// Opens it with the recovery phrase's key.
    ///
    /// # Errors
    /// As [`Epoch::open`].
    pub fn open_as_root(&self, drive: &DriveId, root: &RootKey) -> Result<EpochSecret, OpenFailed> {
        self.open_kem(drive, &root.kem_pk(), root.kem_secret())
    }

    fn open_kem(
        &self,
        drive: &DriveId,
        kem_pk: &[u8; 32],
        kem_sk: &[u8; 32],
    ) -> Result<EpochSecret, OpenFailed> {
        let name = kem_id(kem_pk);
        let wrap = self
            .wraps
            .iter()
            .find(|w| w.kem_id == name)
            .ok_or(OpenFailed)?;
        let id = self.id(drive);
        let secret = open_wrap(drive, &id, wrap, kem_sk)?;
        self.matches(drive, &secret)
            .then_some(secret)
            .ok_or(OpenFailed)
    }

    /// Whether `secret` is the one committed to.
    pub fn matches(&self, drive: &DriveId, secret: &EpochSecret) -> bool {
        commitment(drive, secret).ct_eq(&self.commit).into()
    }

    /// The parents' secrets inside, as far as the author had them. Each is to be checked against its
    /// own epoch's commitment before use.
    ///
    /// # Errors
    /// [`OpenFailed`] if `secret` is another epoch's, or the author sealed nonsense.
    pub fn open_parents(
        &self,
        drive: &DriveId,
        secret: &EpochSecret,
    ) -> Result<Vec<(EpochId, EpochSecret)>, OpenFailed> {
        if self.prev_ct.is_empty() {
            return Ok(Vec::new());
        }
        let key = Zeroizing::new(kdf(secret.expose_for_sealing(), label::PREV, drive, &[]));
        let bound = aead::aad(aad::PREV, &[&drive.0, &self.id(drive).0]);
        let opened = Zeroizing::new(aead::open(&key, &self.prev_nonce, &bound, &self.prev_ct)?);
        let mut list: Vec<(EpochId, [u8; 32])> =
            wire::decode(&opened, MAX_PARENTS * 64 + 8).map_err(|_| OpenFailed)?;
        let out = list
            .iter()
            .map(|(id, bytes)| (*id, EpochSecret::from_bytes(*bytes)))
            .collect();
        list.iter_mut().for_each(|(_, bytes)| bytes.zeroize());
        Ok(out)
    }
}

fn epoch_id(
    drive: &DriveId,
    parents: &[EpochId],
    generation: u64,
    readers: &[u8; 32],
    commit: &[u8; 32],
) -> EpochId {
    let joined: Vec<u8> = parents.iter().flat_map(|p| p.0).collect();
    EpochId(derive_fields(
        context::EPOCH_ID,
        &[
            &drive.0,
            &joined,
            &generation.to_le_bytes(),
            readers,
            commit,
        ],
    ))
}

fn commitment(drive: &DriveId, secret: &EpochSecret) -> [u8; 32] {
    kdf(secret.expose_for_sealing(), label::COMMIT, drive, &[])
}

fn wrap_info(drive: &DriveId) -> Vec<u8> {
    aead::aad(aad::WRAP, &[&drive.0, &[SUITE]])
}

/// Seals an epoch's secret to one more reader (a late joiner, a device on a concurrent branch).
///
/// # Errors
/// [`OpenFailed`] if nothing can be sealed to `kem_pk` (a weak key).
pub fn wrap_for(
    drive: &DriveId,
    epoch: &EpochId,
    secret: &EpochSecret,
    kem_pk: &[u8; 32],
    rng: &mut impl CryptoRng,
) -> Result<SealedTo, OpenFailed> {
    let name = kem_id(kem_pk);
    let bound = [epoch.0.as_slice(), &name].concat();
    let (enc, sealed) = hpke_wrap::seal_to(
        kem_pk,
        &wrap_info(drive),
        &bound,
        secret.expose_for_sealing(),
        rng,
    )?;
    let ct = Fixed(sealed.try_into().map_err(|_| OpenFailed)?);
    Ok(SealedTo {
        kem_id: name,
        enc,
        ct,
    })
}

/// Opens one wrap. The caller checks the secret against the epoch's commitment ([`Epoch::matches`]).
pub(crate) fn open_wrap(
    drive: &DriveId,
    epoch: &EpochId,
    wrap: &SealedTo,
    kem_sk: &[u8; 32],
) -> Result<EpochSecret, OpenFailed> {
    let bound = [epoch.0.as_slice(), &wrap.kem_id].concat();
    let opened = hpke_wrap::open_with(kem_sk, &wrap.enc, &wrap_info(drive), &bound, &wrap.ct.0)?;
    let bytes: [u8; 32] = opened.as_slice().try_into().map_err(|_| OpenFailed)?;
    Ok(EpochSecret::from_bytes(bytes))
}

/// An epoch that a new one follows.
#[derive(Debug)]
pub struct Parent<'a> {
    /// Its id.
    pub id: EpochId,
    /// Its generation.
    pub generation: u64,
    /// Its secret, if this device has it.
    pub secret: Option<&'a EpochSecret>,
}

/// Begins an epoch for exactly these readers. `drive` is that of the header that will carry it.
///
/// # Errors
/// [`OpenFailed`] if a reader's key is weak, or there are more than [`MAX_WRAPS`] readers.
pub fn new_epoch(
    drive: &DriveId,
    parents: &[Parent<'_>],
    readers: &[[u8; 32]],
    rng: &mut impl CryptoRng,
) -> Result<(Epoch, EpochSecret), OpenFailed> {
    let secret = EpochSecret::generate(rng);
    let mut readers = readers.to_vec();
    readers.sort_unstable();
    readers.dedup();
    if readers.len() > MAX_WRAPS || parents.len() > MAX_PARENTS {
        return Err(OpenFailed);
    }
    let mut ids: Vec<EpochId> = parents.iter().map(|p| p.id).collect();
    ids.sort_unstable();
    ids.dedup();
    let generation = parents
        .iter()
        .map(|p| p.generation.saturating_add(1))
        .max()
        .unwrap_or(0);
    let mut epoch = Epoch {
        parents: ids,
        generation,
        readers_hash: readers_hash(&readers),
        commit: commitment(drive, &secret),
        wraps: Vec::with_capacity(readers.len()),
        prev_nonce: fresh_nonce(rng),
        prev_ct: Bytes::default(),
    };
    let id = epoch.id(drive);
    for reader in &readers {
        epoch
            .wraps
            .push(wrap_for(drive, &id, &secret, reader, rng)?);
    }
    epoch.wraps.sort_unstable_by_key(|w| w.kem_id);
    let mut held: Vec<(EpochId, [u8; 32])> = parents
        .iter()
        .filter_map(|p| p.secret.map(|s| (p.id, *s.expose_for_sealing())))
        .collect();
    if !held.is_empty() {
        let plain = Zeroizing::new(wire::encode(&held).map_err(|_| OpenFailed)?);
        let key = Zeroizing::new(kdf(secret.expose_for_sealing(), label::PREV, drive, &[]));
        let bound = aead::aad(aad::PREV, &[&drive.0, &id.0]);
        epoch.prev_ct = Bytes(aead::seal(&key, &epoch.prev_nonce, &bound, &plain));
        held.iter_mut().for_each(|(_, bytes)| bytes.zeroize());
    }
    Ok((epoch, secret))
}

/// Every key of one epoch, derived once.
pub struct EpochKeys {
    id: EpochId,
    drive: DriveId,
    secret: EpochSecret,
    pub(crate) manifest: Zeroizing<[u8; 32]>,
    pub(crate) conv_chunk: Zeroizing<[u8; 32]>,
    pub(crate) gossip_msg: Zeroizing<[u8; 32]>,
    pub(crate) presence: Zeroizing<[u8; 32]>,
    topic: [u8; 32],
}

impl std::fmt::Debug for EpochKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EpochKeys({})", self.id)
    }
}

impl EpochKeys {
    /// Derives them. `drive` is the drive's id (for a genesis's own body, the founding tag).
    pub fn derive(drive: DriveId, id: EpochId, secret: EpochSecret) -> Self {
        let of = |label| kdf(secret.expose_for_sealing(), label, &drive, &[&id.0]);
        EpochKeys {
            id,
            drive,
            manifest: Zeroizing::new(of(label::MANIFEST)),
            conv_chunk: Zeroizing::new(of(label::CONV_CHUNK)),
            gossip_msg: Zeroizing::new(of(label::GOSSIP_MSG)),
            presence: Zeroizing::new(of(label::PRESENCE)),
            topic: of(label::GOSSIP_TOPIC),
            secret,
        }
    }

    /// Which epoch.
    pub fn id(&self) -> EpochId {
        self.id
    }

    /// Of which drive.
    pub fn drive(&self) -> DriveId {
        self.drive
    }

    /// The secret, to seal it to another reader or to keep it.
    pub fn secret(&self) -> &EpochSecret {
        &self.secret
    }

    /// The gossip topic of this epoch: old ones die with a removal.
    pub fn gossip_topic(&self) -> [u8; 32] {
        self.topic
    }

    /// The key of one log's entry bodies.
    pub(crate) fn body_key(&self, log: &LogId) -> Zeroizing<[u8; 32]> {
        let info: [&[u8]; 2] = [&self.id.0, &log.0];
        let secret = self.secret.expose_for_sealing();
        Zeroizing::new(kdf(secret, label::ENTRY_BODY, &self.drive, &info))
    }
}
