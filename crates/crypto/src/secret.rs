//! Secrets of 32 bytes, each purpose a type: wiped when dropped, never copied by accident, never
//! printed; knows nothing of where they are kept.

use std::fmt;

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

macro_rules! secret_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Zeroize, ZeroizeOnDrop)]
        pub struct $name([u8; 32]);

        impl $name {
            /// Draws a new one from the operating system's generator, given by the caller.
            pub fn generate(rng: &mut impl CryptoRng) -> Self {
                let mut bytes = [0; 32];
                rng.fill_bytes(&mut bytes);
                Self(bytes)
            }

            /// Takes bytes that came out of a seal, a key file or a derivation.
            pub fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The bytes, only to derive from them or to put them under another seal.
            pub fn expose_for_sealing(&self) -> &[u8; 32] {
                &self.0
            }

            /// A second copy, said out loud: each copy is wiped by itself.
            pub fn duplicate(&self) -> Self {
                Self(self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(secret)"))
            }
        }

        impl PartialEq for $name {
            /// In constant time.
            fn eq(&self, other: &Self) -> bool {
                self.0.ct_eq(&other.0).into()
            }
        }

        impl Eq for $name {}
    };
}

secret_type!(
    /// The secret of one epoch: whoever has it reads what was written in that epoch.
    EpochSecret
);
secret_type!(
    /// The drive's lifetime secret, made with the genesis: whole-file hashes, chunker seed, storage tag.
    DriveSecret
);
secret_type!(
    /// The device's own secret: keys of its drives and of its values at rest derive from it.
    DeviceSecret
);
secret_type!(
    /// The key under which a device seals its own values at rest.
    LocalKey
);
secret_type!(
    /// The key of one sealed chunk, derived from its plaintext; carried in manifests.
    ChunkKey
);
secret_type!(
    /// The secret inside an invite's ticket.
    TicketSecret
);
secret_type!(
    /// The secret inside a storage peer's code.
    StoreSecret
);
secret_type!(
    /// The fresh random key of one snapshot, carried in the checkpoint that names it.
    SnapshotKey
);
secret_type!(
    /// The transport endpoint's secret key: an Ed25519 seed. Here it only signs device certificates.
    EndpointSecret
);
secret_type!(
    /// The seed of a drive's root key: what the recovery phrase spells.
    RootSeed
);
secret_type!(
    /// A key made from a passphrase (argon2id, by the caller), for a key file.
    PassphraseKey
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints_itself() {
        let secret = EpochSecret::from_bytes([0x41; 32]);
        assert_eq!(format!("{secret:?}"), "EpochSecret(secret)");
    }
}
