//! Manifests and chunks between their plain and their sealed form, checked on the way back. The one
//! file of the content store that calls the crypto crate to seal or open; does not know stores or files.

use bytes::Bytes;
use peerdrive_crdt_tree::node::{ContentHash, FileContent};
use peerdrive_crypto::{
    content::{self, ManifestOf},
    epoch::EpochKeys,
    ids,
    secret::ChunkKey,
};

use super::{
    error::{ContentError, Mismatch},
    manifest::{Body, ChunkRef, Manifest, is_newer},
    shape::Shape,
};

/// Room for what a seal adds: nonce, length, commitment, tag.
const SEAL: usize = 128;

/// The first 8 bytes of an epoch's id, by which a version names the epoch it was written in.
pub(super) fn epoch_tag(keys: &EpochKeys) -> [u8; 8] {
    keys.id().0.first_chunk().copied().unwrap_or_default()
}

/// A sealed chunk; its blob is not yet stored.
pub(super) struct Sealed {
    pub(super) bytes: Bytes,
    key: [u8; 32],
    len: u32,
}

impl Sealed {
    /// Seals a piece, which must not be longer than the longest chunk.
    pub(super) fn new(keys: &EpochKeys, plain: &[u8]) -> Self {
        let sealed = content::seal_chunk(keys, plain);
        Self {
            bytes: sealed.bytes.into(),
            key: *sealed.key.expose_for_sealing(),
            // Pieces are at most a few MiB.
            len: u32::try_from(plain.len()).unwrap_or(u32::MAX),
        }
    }

    /// The key, which says whether two chunks of one epoch hold the same bytes.
    pub(super) fn key(&self) -> [u8; 32] {
        self.key
    }

    /// The id that its blob has or will have. Hashes the bytes.
    pub(super) fn blob_id(&self) -> [u8; 32] {
        content::blob_id(&self.bytes).0
    }

    /// The reference to it once its blob's id is known.
    pub(super) fn named(&self, blob: [u8; 32]) -> ChunkRef {
        ChunkRef {
            blob,
            key: self.key,
            len: self.len,
        }
    }
}

/// Opens a chunk: exactly the bytes that `chunk` was made for, or an error.
pub(super) fn open_chunk(
    keys: &EpochKeys,
    chunk: &ChunkRef,
    sealed: Bytes,
) -> Result<Bytes, ContentError> {
    let key = ChunkKey::from_bytes(chunk.key);
    // Copied only if somebody else holds them, too.
    content::open_chunk_in_place(keys, &key, u64::from(chunk.len), sealed.into())
        .map(Bytes::from)
        .map_err(|_| ContentError::forged(Mismatch::Chunk))
}

/// The largest blob that a chunk of this many bytes is sealed to.
pub(super) fn chunk_blob_max(chunk: &ChunkRef) -> usize {
    usize::try_from(content::sealed_chunk_len(u64::from(chunk.len))).unwrap_or(usize::MAX)
}

/// The largest blob that a manifest is sealed to.
pub(super) fn manifest_blob_max(shape: &Shape) -> usize {
    let plain = shape.manifest_max() as u64 + 64;
    usize::try_from(content::padme(plain))
        .unwrap_or(usize::MAX)
        .saturating_add(SEAL)
}

/// Seals the manifest of the version with this hash.
pub(super) fn seal_manifest(
    keys: &EpochKeys,
    nonce: &[u8; 24],
    hash: &ContentHash,
    manifest: &Manifest,
) -> Result<Bytes, ContentError> {
    let of = ManifestOf {
        content: ids::ContentHash(hash.0),
        len: manifest.size,
    };
    let plain = manifest
        .encode()
        .map_err(|_| ContentError::TooLarge { len: manifest.size })?;
    Ok(content::seal_manifest(keys, &of, nonce, &plain).into())
}

/// Opens the manifest of exactly this version. Bytes that are in the manifest itself are checked
/// against the version's hash.
pub(super) fn open_manifest(
    keys: &EpochKeys,
    lifetime: &content::DriveLifetimeKeys,
    version: &FileContent,
    sealed: &[u8],
    shape: &Shape,
) -> Result<Manifest, ContentError> {
    let of = ManifestOf {
        content: ids::ContentHash(version.hash.0),
        len: version.len,
    };
    let plain = content::open_manifest(keys, &of, sealed)
        .map_err(|_| ContentError::forged(Mismatch::Seal))?;
    if is_newer(&plain) {
        return Err(ContentError::forged(Mismatch::Newer));
    }
    let manifest = Manifest::decode(&plain, version.len, shape)
        .map_err(|_| ContentError::forged(Mismatch::Manifest))?;
    if let Body::Inline(bytes) = &manifest.body {
        let mut hasher = lifetime.content_hasher();
        hasher.update(bytes);
        if !hasher.matches(&of.content) {
            return Err(ContentError::forged(Mismatch::Whole));
        }
    }
    Ok(manifest)
}
