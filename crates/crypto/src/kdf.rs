//! The two key derivations of suite 1, both BLAKE3; knows no secret and no purpose of its own.

use crate::ids::DriveId;

/// Hashes public fields (or an already uniform secret) under a context of [`crate::domain::context`].
///
/// `derive(ctx, m) = BLAKE3::derive_key(ctx, m)` (security.md §3.1). Fields of variable length must be
/// length-prefixed by the caller, or use [`derive_fields`].
pub fn derive(context: &str, message: &[u8]) -> [u8; 32] {
    blake3::derive_key(context, message)
}

/// As [`derive()`], over several fields, each preceded by its length (u32, little endian).
pub fn derive_fields(context: &str, fields: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for field in fields {
        put(&mut hasher, field);
    }
    *hasher.finalize().as_bytes()
}

/// Derives a key of one purpose from a secret:
/// `keyed_hash(secret, len‖label ‖ len‖drive ‖ len‖info …)`, each length a u32, little endian
/// (security.md §3.1).
pub fn kdf(secret: &[u8; 32], label: &str, drive: &DriveId, info: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_keyed(secret);
    put(&mut hasher, label.as_bytes());
    put(&mut hasher, &drive.0);
    for field in info {
        put(&mut hasher, field);
    }
    let out = *hasher.finalize().as_bytes();
    zeroize::Zeroize::zeroize(&mut hasher);
    out
}

fn put(hasher: &mut blake3::Hasher, field: &[u8]) {
    // Fields are ids, labels and hashes of at most a few KiB; a longer one could not collide either,
    // as the saturated length would be followed by more bytes than any shorter field has.
    let len = u32::try_from(field.len()).unwrap_or(u32::MAX);
    hasher.update(&len.to_le_bytes());
    hasher.update(field);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moving_a_byte_between_fields_changes_the_key() {
        let secret = [1; 32];
        let drive = DriveId([2; 32]);
        assert_ne!(
            kdf(&secret, "label", &drive, &[b"ab", b"c"]),
            kdf(&secret, "label", &drive, &[b"a", b"bc"])
        );
        assert_ne!(
            kdf(&secret, "label", &drive, &[]),
            kdf(&secret, "label", &drive, &[b""])
        );
        assert_ne!(
            derive_fields("c", &[b"ab", b""]),
            derive_fields("c", &[b"a", b"b"])
        );
    }

    #[test]
    fn label_drive_and_secret_each_change_the_key() {
        let base = kdf(&[1; 32], "a", &DriveId([2; 32]), &[]);
        assert_ne!(base, kdf(&[1; 32], "b", &DriveId([2; 32]), &[]));
        assert_ne!(base, kdf(&[1; 32], "a", &DriveId([3; 32]), &[]));
        assert_ne!(base, kdf(&[4; 32], "a", &DriveId([2; 32]), &[]));
    }
}
