//! Sealing file contents: convergent chunks, manifests, snapshots, whole-file hashes; bytes in, bytes
//! out; knows nothing of files, stores or how content is cut (security.md §3.2, §3.3).

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::{
    aead::{self, NONCE, OpenFailed, TAG},
    domain::{aad, label},
    epoch::EpochKeys,
    ids::{BlobId, ContentHash, DriveId},
    kdf::kdf,
    secret::{ChunkKey, DriveSecret, SnapshotKey},
};

/// The most plain bytes of one chunk; the chunker cuts at 4 MiB.
pub const MAX_CHUNK: usize = 16 << 20;

/// A sealed chunk: what is stored, and the key that goes into the manifest.
#[derive(Debug)]
pub struct SealedChunk {
    /// Padded and sealed. Equal chunks of one drive and epoch are equal here too.
    pub bytes: Vec<u8>,
    /// Opens it.
    pub key: ChunkKey,
}

/// The id under which bytes are stored.
pub fn blob_id(sealed: &[u8]) -> BlobId {
    BlobId(*blake3::hash(sealed).as_bytes())
}

/// Rounds a length up to a Padmé length: at most 12 % more, and only O(log log) bits of the length
/// leak (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files", PETS 2019).
pub fn padme(len: u64) -> u64 {
    if len < 2 {
        return len;
    }
    let exponent = len.ilog2();
    let kept = exponent.checked_ilog2().unwrap_or(0) + 1;
    let mask = (1u64 << exponent.saturating_sub(kept)) - 1;
    len.checked_add(mask).map_or(len, |sum| sum & !mask)
}

/// The length of a sealed chunk of `len` plain bytes.
pub fn sealed_chunk_len(len: u64) -> u64 {
    padme(len).saturating_add(TAG as u64)
}

fn chunk_key(keys: &EpochKeys, plaintext: &[u8]) -> ChunkKey {
    let mut hasher = blake3::Hasher::new_keyed(&keys.conv_chunk);
    hasher.update(&(plaintext.len() as u64).to_le_bytes());
    hasher.update(plaintext);
    let key = ChunkKey::from_bytes(*hasher.finalize().as_bytes());
    hasher.zeroize();
    key
}

fn chunk_aad(keys: &EpochKeys, padded: usize) -> Vec<u8> {
    let len = (padded as u64).to_le_bytes();
    aead::aad(aad::CHUNK, &[&keys.drive().0, &keys.id().0, &len])
}

/// Seals a chunk with the key that its own plaintext gives. One allocation.
pub fn seal_chunk(keys: &EpochKeys, plaintext: &[u8]) -> SealedChunk {
    let key = chunk_key(keys, plaintext);
    // A chunk is in memory, so its padded length is a usize too.
    let padded = usize::try_from(padme(plaintext.len() as u64)).unwrap_or(plaintext.len());
    let mut bytes = Vec::with_capacity(padded + TAG);
    bytes.extend_from_slice(plaintext);
    bytes.resize(padded, 0);
    let bound = chunk_aad(keys, padded);
    // The nonce may be constant, as the key is used for this plaintext only.
    aead::seal_in_place(key.expose_for_sealing(), &[0; NONCE], &bound, &mut bytes, 0);
    SealedChunk { bytes, key }
}

/// Opens a chunk of `len` plain bytes and derives its key again: a manifest that names another key or
/// length, and a ciphertext that opens under two keys, are both refused (attacks X5, E6).
///
/// `keys` are of the epoch in which the chunk was sealed.
///
/// # Errors
/// [`OpenFailed`].
pub fn open_chunk(
    keys: &EpochKeys,
    key: &ChunkKey,
    len: u64,
    sealed: &[u8],
) -> Result<Vec<u8>, OpenFailed> {
    open_chunk_in_place(keys, key, len, sealed.to_vec())
}

/// As [`open_chunk`], in the room of the sealed bytes.
///
/// # Errors
/// [`OpenFailed`].
pub fn open_chunk_in_place(
    keys: &EpochKeys,
    key: &ChunkKey,
    len: u64,
    sealed: Vec<u8>,
) -> Result<Vec<u8>, OpenFailed> {
    let plain_len = usize::try_from(len).map_err(|_| OpenFailed)?;
    if plain_len > MAX_CHUNK || sealed_chunk_len(len) != sealed.len() as u64 {
        return Err(OpenFailed);
    }
    let bound = chunk_aad(keys, sealed.len() - TAG);
    let mut plain = aead::open_in_place(key.expose_for_sealing(), &[0; NONCE], &bound, sealed)?;
    let zero_padding = plain
        .get(plain_len..)
        .is_some_and(|pad| pad.iter().all(|&b| b == 0));
    plain.truncate(plain_len);
    if zero_padding && chunk_key(keys, &plain) == *key {
        Ok(plain)
    } else {
        Err(OpenFailed)
    }
}

/// What a manifest is bound to besides its drive and epoch: the version of content it is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ManifestOf {
    /// The keyed hash of the whole file.
    pub content: ContentHash,
    /// The length of the whole file.
    pub len: u64,
}

fn manifest_aad(keys: &EpochKeys, of: &ManifestOf) -> Vec<u8> {
    let fields: [&[u8]; 4] = [
        &keys.drive().0,
        &keys.id().0,
        &of.content.0,
        &of.len.to_le_bytes(),
    ];
    aead::aad(aad::MANIFEST, &fields)
}

/// Seals a manifest: `nonce ‖ commitment ‖ ciphertext ‖ tag`, padded to a Padmé length. `nonce` is fresh
/// from the operating system ([`aead::fresh_nonce`]).
pub fn seal_manifest(
    keys: &EpochKeys,
    of: &ManifestOf,
    nonce: &[u8; NONCE],
    plaintext: &[u8],
) -> Vec<u8> {
    let framed = plaintext.len() as u64 + 8;
    let padded = usize::try_from(padme(framed)).unwrap_or(plaintext.len() + 8);
    let mut plain = Zeroizing::new(Vec::with_capacity(padded));
    plain.extend_from_slice(&(plaintext.len() as u64).to_le_bytes());
    plain.extend_from_slice(plaintext);
    plain.resize(padded, 0);
    let sealed = aead::seal(&keys.manifest, nonce, &manifest_aad(keys, of), &plain);
    [nonce.as_slice(), &sealed].concat()
}

/// Opens a manifest for exactly this version of content.
///
/// # Errors
/// [`OpenFailed`].
pub fn open_manifest(
    keys: &EpochKeys,
    of: &ManifestOf,
    sealed: &[u8],
) -> Result<Vec<u8>, OpenFailed> {
    let (nonce, rest) = sealed.split_first_chunk::<NONCE>().ok_or(OpenFailed)?;
    let plain = Zeroizing::new(aead::open(
        &keys.manifest,
        nonce,
        &manifest_aad(keys, of),
        rest,
    )?);
    let (len, body) = plain.split_first_chunk::<8>().ok_or(OpenFailed)?;
    let len = usize::try_from(u64::from_le_bytes(*len)).map_err(|_| OpenFailed)?;
    let (manifest, padding) = body.split_at_checked(len).ok_or(OpenFailed)?;
    let exact = padme(len as u64 + 8) == plain.len() as u64 && padding.iter().all(|&b| b == 0);
    exact.then(|| manifest.to_vec()).ok_or(OpenFailed)
}

/// Where one part of a snapshot belongs. Its key is fresh for each snapshot, so the nonce is the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotPart {
    /// Which drive.
    pub drive: DriveId,
    /// The hash of the document heads that the snapshot is of.
    pub heads: [u8; 32],
    /// Which part, from 0.
    pub index: u64,
    /// Of how many.
    pub count: u64,
}

impl SnapshotPart {
    fn nonce_and_aad(&self) -> ([u8; NONCE], Vec<u8>) {
        let mut nonce = [0; NONCE];
        nonce[..8].copy_from_slice(&self.index.to_le_bytes());
        let (index, count) = (self.index.to_le_bytes(), self.count.to_le_bytes());
        (
            nonce,
            aead::aad(aad::SNAPSHOT, &[&self.drive.0, &self.heads, &index, &count]),
        )
    }

    /// Seals this part.
    pub fn seal(&self, key: &SnapshotKey, plaintext: &[u8]) -> Vec<u8> {
        let (nonce, bound) = self.nonce_and_aad();
        aead::seal(key.expose_for_sealing(), &nonce, &bound, plaintext)
    }

    /// Opens this part.
    ///
    /// # Errors
    /// [`OpenFailed`].
    pub fn open(&self, key: &SnapshotKey, sealed: &[u8]) -> Result<Vec<u8>, OpenFailed> {
        let (nonce, bound) = self.nonce_and_aad();
        aead::open(key.expose_for_sealing(), &nonce, &bound, sealed)
    }
}

/// The keys of a drive's lifetime, from its secret.
pub struct DriveLifetimeKeys {
    file_hash: Zeroizing<[u8; 32]>,
    cdc: Zeroizing<[u8; 32]>,
    blind: [u8; 32],
}

impl std::fmt::Debug for DriveLifetimeKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DriveLifetimeKeys(secret)")
    }
}

impl DriveLifetimeKeys {
    /// Derives them.
    pub fn derive(drive: &DriveId, secret: &DriveSecret) -> Self {
        let of = |label| kdf(secret.expose_for_sealing(), label, drive, &[]);
        DriveLifetimeKeys {
            file_hash: Zeroizing::new(of(label::FILE_HASH)),
            cdc: Zeroizing::new(of(label::CDC)),
            blind: of(label::BLIND),
        }
    }

    /// Begins the keyed hash of a whole file.
    pub fn content_hasher(&self) -> ContentHasher {
        ContentHasher(blake3::Hasher::new_keyed(&self.file_hash))
    }

    /// The keyed hash of bytes that are all in memory.
    pub fn content_hash(&self, bytes: &[u8]) -> ContentHash {
        let mut hasher = self.content_hasher();
        hasher.update(bytes);
        hasher.finish()
    }

    /// The seed of the chunker's gear table: hides little, so nothing relies on it.
    pub fn cdc_seed(&self) -> &[u8; 32] {
        &self.cdc
    }

    /// The tag that storage peers know the drive by.
    pub fn blind_tag(&self) -> [u8; 32] {
        self.blind
    }
}

/// Hashes a file as it streams by.
pub struct ContentHasher(blake3::Hasher);

impl std::fmt::Debug for ContentHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ContentHasher")
    }
}

impl ContentHasher {
    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The hash of all of them.
    pub fn finish(self) -> ContentHash {
        ContentHash(*self.0.finalize().as_bytes())
    }

    /// Whether the bytes were those of `hash`, in constant time.
    pub fn matches(self, hash: &ContentHash) -> bool {
        self.finish().0.ct_eq(&hash.0).into()
    }
}

impl Drop for ContentHasher {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

#[cfg(test)]
mod tests;
