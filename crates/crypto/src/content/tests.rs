use super::*;
use crate::{ids::EpochId, secret::EpochSecret, testing::rng};

type TestResult = Result<(), OpenFailed>;

fn keys(drive: u8, seed: u64) -> EpochKeys {
    let secret = EpochSecret::generate(&mut rng(seed));
    EpochKeys::derive(DriveId([drive; 32]), EpochId([drive; 32]), secret)
}

#[test]
fn a_chunk_opens_to_its_bytes_and_equal_chunks_are_equal() -> TestResult {
    let keys = keys(1, 1);
    for len in [0usize, 1, 2, 100, 4095, 4096, 70_000] {
        let plain: Vec<u8> = (0..len).map(|i| (i * 31) as u8).collect();
        let sealed = seal_chunk(&keys, &plain);
        assert_eq!(sealed.bytes.len() as u64, sealed_chunk_len(len as u64));
        assert_eq!(
            open_chunk(&keys, &sealed.key, len as u64, &sealed.bytes)?,
            plain
        );
        assert_eq!(seal_chunk(&keys, &plain).bytes, sealed.bytes);
    }
    Ok(())
}

#[test]
fn a_chunk_of_another_epoch_or_drive_is_another_blob() {
    let (a, b, c) = (keys(1, 1), keys(1, 2), keys(2, 1));
    let blob = |k: &EpochKeys| blob_id(&seal_chunk(k, b"the same bytes").bytes);
    assert_ne!(blob(&a), blob(&b));
    assert_ne!(blob(&a), blob(&c));
}

#[test]
fn a_lying_key_or_length_is_caught_on_reading() {
    let keys = keys(1, 1);
    let sealed = seal_chunk(&keys, &[7; 1000]);
    let other = seal_chunk(&keys, &[8; 1000]);
    assert!(open_chunk(&keys, &other.key, 1000, &sealed.bytes).is_err());
    // 1000 pads to 1008: these lengths pad alike but are not what was hashed.
    assert_eq!(padme(1000), padme(999));
    assert!(open_chunk(&keys, &sealed.key, 999, &sealed.bytes).is_err());
    assert!(open_chunk(&keys, &sealed.key, 1001, &sealed.bytes).is_err());
    assert!(open_chunk(&keys, &sealed.key, u64::MAX, &sealed.bytes).is_err());
}

#[test]
fn a_chunk_sealed_under_a_key_of_the_writers_choice_is_refused() {
    // A writer picks any key at all: it opens as AEAD, but is not the key of its plaintext.
    let keys = keys(1, 1);
    let chosen = ChunkKey::from_bytes([9; 32]);
    let mut bytes = vec![5; 64];
    aead::seal_in_place(&[9; 32], &[0; NONCE], &chunk_aad(&keys, 64), &mut bytes, 0);
    assert!(aead::open_raw(&[9; 32], &[0; NONCE], &chunk_aad(&keys, 64), &bytes).is_ok());
    assert!(open_chunk(&keys, &chosen, 64, &bytes).is_err());
}

#[test]
fn padme_grows_by_at_most_an_eighth_and_never_shrinks() {
    assert!((0..5000).all(|len| padme(len) <= padme(len + 1)));
    for len in (0..5000)
        .chain((0..50).map(|i| 1 << i))
        .chain([4 << 20, (4 << 20) + 1, u64::MAX])
    {
        let padded = padme(len);
        assert!(padded >= len);
        assert!(padded - len <= len / 8 + 1, "{len} became {padded}");
        assert_eq!(padme(padded), padded);
    }
    // From the paper: 9 becomes 10 and a length of 2^k stays.
    assert_eq!(padme(9), 10);
    assert_eq!(padme(1 << 20), 1 << 20);
}

#[test]
fn a_manifest_opens_only_as_what_it_is_of() -> TestResult {
    let (here, elsewhere) = (keys(1, 1), keys(2, 1));
    let of = ManifestOf {
        content: ContentHash([3; 32]),
        len: 77,
    };
    let sealed = seal_manifest(&here, &of, &[1; 24], b"chunks");
    assert_eq!(open_manifest(&here, &of, &sealed)?, b"chunks");
    assert!(open_manifest(&elsewhere, &of, &sealed).is_err());
    assert!(open_manifest(&here, &ManifestOf { len: 78, ..of }, &sealed).is_err());
    let other = ManifestOf {
        content: ContentHash([4; 32]),
        ..of
    };
    assert!(open_manifest(&here, &other, &sealed).is_err());
    for at in 0..sealed.len() {
        let mut bad = sealed.clone();
        bad[at] ^= 1;
        assert!(open_manifest(&here, &of, &bad).is_err());
        assert!(open_manifest(&here, &of, &sealed[..at]).is_err());
    }
    Ok(())
}

#[test]
fn snapshot_parts_cannot_be_swapped_dropped_or_moved() -> TestResult {
    let key = SnapshotKey::from_bytes([1; 32]);
    let part = SnapshotPart {
        drive: DriveId([1; 32]),
        heads: [2; 32],
        index: 0,
        count: 2,
    };
    let sealed = part.seal(&key, b"first");
    assert_eq!(part.open(&key, &sealed)?, b"first");
    for wrong in [
        SnapshotPart { index: 1, ..part },
        SnapshotPart { count: 1, ..part },
        SnapshotPart {
            heads: [3; 32],
            ..part
        },
        SnapshotPart {
            drive: DriveId([2; 32]),
            ..part
        },
    ] {
        assert!(wrong.open(&key, &sealed).is_err());
    }
    Ok(())
}

#[test]
fn the_content_hash_streams_and_belongs_to_its_drive() {
    let secret = DriveSecret::from_bytes([1; 32]);
    let keys = DriveLifetimeKeys::derive(&DriveId([1; 32]), &secret);
    let mut hasher = keys.content_hasher();
    hasher.update(b"ab");
    hasher.update(b"c");
    assert!(hasher.matches(&keys.content_hash(b"abc")));
    let other = DriveLifetimeKeys::derive(&DriveId([2; 32]), &secret);
    assert_ne!(other.content_hash(b"abc"), keys.content_hash(b"abc"));
    assert_ne!(other.blind_tag(), keys.blind_tag());
    assert_ne!(keys.cdc_seed(), &keys.blind_tag());
}
