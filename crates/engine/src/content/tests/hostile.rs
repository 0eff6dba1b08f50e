//! A store, a storage peer and a member who lie (attack rows E6, B5, X5, G5): every read gives the
//! exact bytes or an error.
//!
//! Blobs are named by their hash, so that a store alone can only withhold. The tests grant it more:
//! they act as if it could put other bytes under a version's manifest. The liar with keys is a member,
//! who can seal any manifest that is well formed.

use bytes::Bytes;
use peerdrive_crdt_tree::node::FileContent;
use peerdrive_crypto::content::blob_id;
use peerdrive_net::BlobStore;

use super::support::*;
use crate::content::{
    ContentError, ContentStore, Mismatch,
    manifest::{Body, ChunkRef, Manifest, PageRef, encode_page},
    seal::{self, Sealed},
    shape::Shape,
};

/// A drive with some versions in it, and what a member knows of them.
struct Scene {
    keys: std::sync::Arc<Keys>,
    store: ContentStore,
    blobs: BlobStore,
    bytes: Vec<u8>,
    version: FileContent,
    other: FileContent,
    older: FileContent,
}

async fn scene(random: &mut Random, len: usize) -> Result<Scene, ContentError> {
    let keys = Keys::of_drive(7);
    let (store, blobs) = alone(&keys, TINY);
    let older = random.bytes(len);
    let mut bytes = older.clone();
    bytes[len / 2..].reverse();
    Ok(Scene {
        older: store.import_bytes(older, 0).await?,
        version: store.import_bytes(bytes.clone(), 0).await?,
        other: store.import_bytes(random.bytes(len), 0).await?,
        keys,
        store,
        blobs,
        bytes,
    })
}

fn forged(outcome: Result<Vec<u8>, Box<dyn std::error::Error>>) -> Option<Mismatch> {
    match outcome
        .err()?
        .downcast::<ContentError>()
        .map(|error| *error)
    {
        Ok(ContentError::Forged { what }) => Some(what),
        _ => None,
    }
}

impl Scene {
    async fn sealed_manifest(&self, version: &FileContent) -> Result<Bytes, ContentError> {
        let id = version.manifest.map(|m| m.blob).unwrap_or_default();
        Ok(self.blobs.get(&id.into()).await?.unwrap_or_default())
    }

    /// The manifest of a version, as a member reads it.
    async fn manifest(&self, version: &FileContent) -> Result<Manifest, ContentError> {
        let sealed = self.sealed_manifest(version).await?;
        let lifetime = crate::content::ContentKeys::lifetime(&*self.keys);
        seal::open_manifest(&self.keys.epochs[1], &lifetime, version, &sealed, &TINY)
    }

    async fn chunks(&self, version: &FileContent) -> Result<Vec<ChunkRef>, ContentError> {
        match self.manifest(version).await?.body {
            Body::Chunks(chunks) => Ok(chunks),
            _ => Ok(Vec::new()),
        }
    }

    /// The version with other bytes where its manifest was.
    async fn with_blob(&self, sealed: Bytes) -> Result<FileContent, ContentError> {
        let mut version = self.version;
        let id = self.blobs.put(sealed).await?;
        if let Some(manifest) = &mut version.manifest {
            manifest.blob = id.0;
        }
        Ok(version)
    }

    /// The version with a manifest that a lying member sealed for it.
    async fn with_manifest(&self, body: Body) -> Result<FileContent, ContentError> {
        let manifest = Manifest {
            size: self.version.len,
            body,
        };
        let nonce = crate::content::ContentKeys::fresh_nonce(&*self.keys);
        let epoch = &self.keys.epochs[1];
        let sealed = seal::seal_manifest(epoch, &nonce, &self.version.hash, &manifest)?;
        self.with_blob(sealed).await
    }

    /// Whole reads of `version` are refused; ranges are refused or are what its manifest describes.
    async fn refuses(&self, version: &FileContent, attack: &str) -> TestResult {
        let caught = forged(written(&self.store, version).await);
        assert!(caught.is_some(), "{attack}");
        if let Ok(reader) = self.store.open(version).await {
            let claimed = Box::pin(self.manifest(version)).await?;
            let mut at = 0;
            let chunks = match claimed.body {
                Body::Chunks(chunks) => chunks,
                _ => Vec::new(),
            };
            for chunk in chunks {
                let len = chunk.len as usize;
                if let Ok(bytes) = reader.read_at(at, len).await {
                    let sealed = Sealed::new(&self.keys.epochs[1], &bytes);
                    assert!(sealed.blob_id() == chunk.blob && sealed.key() == chunk.key);
                }
                at += len as u64;
            }
        }
        Ok(())
    }
}

#[tokio::test]
async fn attack_e6_a_store_that_puts_other_bytes_under_a_manifest_is_caught() -> TestResult {
    let mut random = Random::new(10);
    for len in [500, 9_000, 300_000] {
        let scene = scene(&mut random, len).await?;
        let honest = scene.sealed_manifest(&scene.version).await?;
        let mut lies: Vec<Bytes> = vec![
            // Splices: other file, other version, a chunk, the empty blob.
            scene.sealed_manifest(&scene.other).await?,
            scene.sealed_manifest(&scene.older).await?,
            Bytes::new(),
            honest.slice(..honest.len() - 1),
            honest.slice(1..),
            [honest.as_ref(), &[0]].concat().into(),
        ];
        for _ in 0..200 {
            let mut bad = honest.to_vec();
            let at = random.below(bad.len() as u64) as usize;
            bad[at] ^= 1 << random.below(8);
            lies.push(bad.into());
        }
        for lie in lies {
            let version = scene.with_blob(lie).await?;
            let caught = forged(written(&scene.store, &version).await);
            assert_eq!(caught, Some(Mismatch::Seal));
            assert!(scene.store.open(&version).await.is_err());
        }
        assert!(written(&scene.store, &scene.version).await? == scene.bytes);
    }
    Ok(())
}

#[tokio::test]
async fn attack_e6_a_manifest_of_another_epoch_or_drive_does_not_open() -> TestResult {
    let scene = scene(&mut Random::new(11), 9_000).await?;
    let mut version = scene.version;
    if let Some(manifest) = &mut version.manifest {
        manifest.epoch = [1; 8];
    }
    assert_eq!(
        forged(written(&scene.store, &version).await),
        Some(Mismatch::Seal)
    );
    let (elsewhere, blobs) = alone(&Keys::of_drive(8), TINY);
    blobs
        .put(scene.sealed_manifest(&scene.version).await?)
        .await?;
    assert_eq!(
        forged(written(&elsewhere, &scene.version).await),
        Some(Mismatch::Seal)
    );
    Ok(())
}

#[tokio::test]
async fn attack_e6_swap_reorder_dup_drop_truncate_and_splice_by_a_member_are_caught() -> TestResult
{
    let mut random = Random::new(12);
    for _ in 0..40 {
        let len = 17_000 + random.below(20_000) as usize;
        let scene = scene(&mut random, len).await?;
        let honest = scene.chunks(&scene.version).await?;
        if honest.len() < 3 {
            continue;
        }
        let at = random.below(honest.len() as u64 - 1) as usize;
        let (others, olders) = (
            scene.chunks(&scene.other).await?,
            scene.chunks(&scene.older).await?,
        );

        let mut swapped = honest.clone();
        swapped.swap(at, at + 1);
        let mut reordered = honest.clone();
        reordered.rotate_left(1);
        let mut doubled = honest.clone();
        doubled.insert(at, honest[at]);
        let mut dropped = honest.clone();
        dropped.remove(at);
        let truncated = honest[..honest.len() - 1].to_vec();
        let mut spliced = honest.clone();
        spliced[at] = others[at.min(others.len() - 1)];
        for (attack, lie) in [
            ("swap", swapped),
            ("reorder", reordered),
            ("dup", doubled.clone()),
            ("drop", dropped.clone()),
            ("truncate", truncated),
            ("splice_other_file", spliced),
            ("splice_old_version", olders),
        ] {
            let version = scene.with_manifest(Body::Chunks(lie)).await?;
            scene.refuses(&version, attack).await?;
        }
        // With lengths that add up again.
        let gap = honest[at].len;
        doubled[at + 1].len = 0;
        dropped[at.min(honest.len() - 2)].len += gap;
        for (attack, lie) in [("dup", doubled), ("drop", dropped)] {
            let version = scene.with_manifest(Body::Chunks(lie)).await?;
            scene.refuses(&version, attack).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn attack_x5_a_chunk_under_another_key_or_length_is_refused() -> TestResult {
    let mut random = Random::new(13);
    let scene = scene(&mut random, 30_000).await?;
    let honest = scene.chunks(&scene.version).await?;
    let last = honest.len() - 1;
    let mut lies = Vec::new();
    for bit in 0..8 {
        let mut lie = honest.clone();
        lie[0].key[random.below(32) as usize] ^= 1 << bit;
        lies.push(lie);
    }
    let mut keys_swapped = honest.clone();
    (keys_swapped[0].key, keys_swapped[last].key) = (honest[last].key, honest[0].key);
    lies.push(keys_swapped);
    let mut shifted = honest.clone();
    shifted[0].len -= 1;
    shifted[1].len += 1;
    lies.push(shifted);
    for lie in lies {
        let version = scene.with_manifest(Body::Chunks(lie)).await?;
        // Once read rightly, a chunk must not be given out of the cache to a wrong claim either.
        assert!(
            scene
                .store
                .open(&scene.version)
                .await?
                .read_at(0, 30_000)
                .await?
                == scene.bytes
        );
        let caught = forged(written(&scene.store, &version).await);
        assert!(
            matches!(caught, Some(Mismatch::Chunk | Mismatch::Size)),
            "{caught:?}"
        );
        let read = scene.store.open(&version).await?.read_at(0, 30_000).await;
        assert!(matches!(read, Err(ContentError::Forged { .. })));
    }
    Ok(())
}

#[tokio::test]
async fn attack_x5_a_chunk_of_an_older_epoch_is_refused_in_a_newer_ones_manifest() -> TestResult {
    let scene = scene(&mut Random::new(14), 9_000).await?;
    let sealed = Sealed::new(&scene.keys.epochs[0], &scene.bytes);
    let id = scene.blobs.put(sealed.bytes.clone()).await?;
    let version = scene
        .with_manifest(Body::Chunks(vec![sealed.named(id.0)]))
        .await?;
    assert_eq!(
        forged(written(&scene.store, &version).await),
        Some(Mismatch::Chunk)
    );
    Ok(())
}

#[tokio::test]
async fn attack_e6_pages_that_are_swapped_or_not_what_they_claim_are_caught() -> TestResult {
    let mut random = Random::new(15);
    let scene = scene(&mut random, 400_000).await?;
    let Body::Pages(honest) = scene.manifest(&scene.version).await?.body else {
        return Err("a file of this length has pages".into());
    };
    assert!(honest.len() > 3);
    let mut swapped = honest.clone();
    swapped.swap(0, 1);
    let mut doubled = honest.clone();
    doubled[1] = honest[0];
    let mut claims = honest.clone();
    claims[0].span += 1;
    claims[1].span -= 1;
    // A page whose bytes are those of an ordinary chunk.
    let plain = Sealed::new(&scene.keys.epochs[1], &random.bytes(500));
    let id = scene.blobs.put(plain.bytes.clone()).await?;
    let mut nonsense = honest.clone();
    nonsense[0].page = plain.named(id.0);
    // A page that lists a chunk more than it says.
    let sixteen = vec![plain.named(id.0); 17];
    let page = Sealed::new(&scene.keys.epochs[1], &encode_page(&sixteen)?);
    let id = scene.blobs.put(page.bytes.clone()).await?;
    let mut fuller = honest.clone();
    fuller[0] = PageRef {
        page: page.named(id.0),
        ..honest[0]
    };
    for (attack, lie) in [
        ("swap", swapped),
        ("dup", doubled),
        ("claims", claims),
        ("nonsense", nonsense),
        ("fuller", fuller),
    ] {
        let version = scene.with_manifest(Body::Pages(lie)).await?;
        assert!(
            forged(written(&scene.store, &version).await).is_some(),
            "{attack}"
        );
    }
    assert!(written(&scene.store, &scene.version).await? == scene.bytes);
    Ok(())
}

#[tokio::test]
async fn attack_e6_inline_bytes_that_are_not_the_versions_are_caught_at_once() -> TestResult {
    let scene = scene(&mut Random::new(16), 700).await?;
    let mut lie = scene.bytes.clone();
    lie[3] ^= 1;
    let version = scene.with_manifest(Body::Inline(lie)).await?;
    assert_eq!(
        forged(written(&scene.store, &version).await),
        Some(Mismatch::Whole)
    );
    let opened = scene.store.open(&version).await;
    assert!(matches!(
        opened,
        Err(ContentError::Forged {
            what: Mismatch::Whole
        })
    ));

    let mut hollow = scene.version;
    hollow.manifest = None;
    assert_eq!(
        forged(written(&scene.store, &hollow).await),
        Some(Mismatch::Whole)
    );
    hollow.len = 0;
    assert_eq!(
        forged(written(&scene.store, &hollow).await),
        Some(Mismatch::Whole)
    );
    Ok(())
}

#[tokio::test]
async fn attack_b5_a_blob_larger_than_any_manifest_is_not_even_read() -> TestResult {
    let scene = scene(&mut Random::new(17), 9_000).await?;
    let version = scene
        .with_blob(vec![0; seal::manifest_blob_max(&TINY) + 1].into())
        .await?;
    assert_eq!(
        forged(written(&scene.store, &version).await),
        Some(Mismatch::Size)
    );
    assert!(seal::manifest_blob_max(&Shape::V1) < 1 << 20);
    Ok(())
}

#[tokio::test]
async fn attack_g5_no_plain_blob_is_ever_in_the_store() -> TestResult {
    let mut random = Random::new(18);
    let (store, blobs) = alone(&Keys::of_drive(7), TINY);
    for len in [1, 100, 1024, 1025, 5_000, 40_000, 400_000] {
        let bytes = random.bytes(len);
        store.import_bytes(bytes.clone(), 0).await?;
        assert!(!blobs.has(&blob_id(&bytes).0.into()).await?);
        for id in blobs.ids().await? {
            let stored = blobs.get(&id).await?.unwrap_or_default();
            let clear = bytes.len() >= 64 && stored.windows(64).any(|w| w == &bytes[..64]);
            assert!(!clear, "plain bytes in {id}");
        }
    }
    Ok(())
}
