//! Attacks on sealed contents.

use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
use peerdrive_crypto::{
    content::{ManifestOf, blob_id, open_chunk, open_manifest, padme, seal_chunk, seal_manifest},
    epoch::EpochKeys,
    ids::{ContentHash, DriveId, EpochId},
    secret::{ChunkKey, EpochSecret},
    testing::TestResult,
};

fn keys(secret: u8) -> EpochKeys {
    let epoch = EpochId([secret; 32]);
    EpochKeys::derive(
        DriveId([1; 32]),
        epoch,
        EpochSecret::from_bytes([secret; 32]),
    )
}

#[test]
fn attack_e5_every_flipped_bit_of_a_chunk_is_noticed() {
    let keys = keys(1);
    let sealed = seal_chunk(&keys, b"a small chunk of a file");
    let len = 23;
    assert!(open_chunk(&keys, &sealed.key, len, &sealed.bytes).is_ok());
    for at in 0..sealed.bytes.len() {
        for bit in 0..8 {
            let mut bad = sealed.bytes.clone();
            bad[at] ^= 1 << bit;
            assert!(open_chunk(&keys, &sealed.key, len, &bad).is_err());
        }
        assert!(open_chunk(&keys, &sealed.key, len, &sealed.bytes[..at]).is_err());
    }
}

#[test]
fn attack_e6_a_manifest_of_another_version_or_file_or_epoch_does_not_open() {
    let (now, later) = (keys(1), keys(2));
    let of = |content: u8, len| ManifestOf {
        content: ContentHash([content; 32]),
        len,
    };
    let old = seal_manifest(&now, &of(1, 10), &[1; 24], b"chunks of the old version");
    assert!(open_manifest(&now, &of(1, 10), &old).is_ok());
    for wrong in [of(2, 10), of(1, 11), of(1, 0)] {
        assert!(open_manifest(&now, &wrong, &old).is_err());
    }
    assert!(open_manifest(&later, &of(1, 10), &old).is_err());
}

#[test]
fn attack_e6_swapped_chunks_do_not_open_under_each_others_entries() {
    let keys = keys(1);
    let (a, b) = (seal_chunk(&keys, &[1; 5000]), seal_chunk(&keys, &[2; 5000]));
    assert!(open_chunk(&keys, &a.key, 5000, &b.bytes).is_err());
    assert!(open_chunk(&keys, &b.key, 5000, &a.bytes).is_err());
    assert!(open_chunk(&keys, &a.key, 4999, &a.bytes).is_err());
}

#[test]
fn attack_x5_a_ciphertext_under_a_chosen_key_is_refused_though_its_tag_is_right() -> TestResult {
    // A salamander needs a key that is not derived from the plaintext. Any such key at all, with a right
    // tag, right length and right AAD, is refused on reading, so two of them are too.
    let keys = keys(1);
    let plain = vec![7u8; 64];
    let mut aad = b"peerdrive/v1/aad/chunk\0".to_vec();
    aad.extend([1; 32]);
    aad.extend([1; 32]);
    aad.extend(64u64.to_le_bytes());
    let honest = seal_chunk(&keys, &plain);
    // First, that this test builds chunks as the product does: with the honest key it is the same.
    let seal = |key: &[u8; 32]| -> TestResult<Vec<u8>> {
        let mut out = plain.clone();
        let cipher = XChaCha20Poly1305::new(&(*key).into());
        let tag = cipher
            .encrypt_inout_detached(&[0; 24].into(), &aad, out.as_mut_slice().into())
            .map_err(|_| "sealing")?;
        out.extend_from_slice(&tag);
        Ok(out)
    };
    assert_eq!(seal(honest.key.expose_for_sealing())?, honest.bytes);
    for key in [[1; 32], [2; 32]] {
        let chosen = seal(&key)?;
        assert!(open_chunk(&keys, &ChunkKey::from_bytes(key), 64, &chosen).is_err());
    }
    Ok(())
}

#[test]
fn attack_l17_a_right_guess_of_the_plaintext_gives_an_old_member_no_blob_id() {
    let (old, new) = (keys(1), keys(2));
    let guess = b"the very bytes that were written after the removal";
    assert_ne!(
        blob_id(&seal_chunk(&old, guess).bytes),
        blob_id(&seal_chunk(&new, guess).bytes)
    );
    let written = seal_chunk(&new, guess);
    assert!(open_chunk(&old, &written.key, guess.len() as u64, &written.bytes).is_err());
}

#[test]
fn attack_x2_the_lengths_that_a_storage_peer_sees_are_padded() {
    let keys = keys(1);
    for len in [1usize, 100, 1000, 12_345, 70_000] {
        let sealed = seal_chunk(&keys, &vec![1; len]).bytes.len() as u64 - 16;
        assert_eq!(sealed, padme(sealed));
        let of = ManifestOf {
            content: ContentHash([1; 32]),
            len: 1,
        };
        let manifest = seal_manifest(&keys, &of, &[1; 24], &vec![1; len]).len() as u64 - 72;
        assert_eq!(manifest, padme(manifest));
    }
}
