//! The identifiers that travel through this crate, as opaque 32-byte values. This module does not
//! know how any of them is derived or what it stands for beyond its name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares a 32-byte identifier: ordered, hashable, serialised as its bytes, printed as hex.
macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The identifier's bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl From<[u8; 32]> for $name {
            fn from(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        /// Shortened to five bytes: identifiers are for telling apart in logs, not for linking.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "("))?;
                self.0.iter().take(5).try_for_each(|byte| write!(f, "{byte:02x}"))?;
                write!(f, ")")
            }
        }
    };
}

id_type! {
    /// A peer: the Ed25519 public key of its Iroh endpoint, which every connection authenticates.
    PeerId
}
id_type! {
    /// What two members call a drive on the wire. Opaque here.
    DriveTag
}
id_type! {
    /// One append-only log of one device in one drive.
    LogId
}
id_type! {
    /// One entry of a log; names its whole prefix too, since entries are linked by hash.
    EntryId
}
id_type! {
    /// A blob: the BLAKE3 hash of its (encrypted) bytes.
    BlobId
}

impl From<iroh::EndpointId> for PeerId {
    fn from(id: iroh::EndpointId) -> Self {
        Self(*id.as_bytes())
    }
}

impl From<iroh_blobs::Hash> for BlobId {
    fn from(hash: iroh_blobs::Hash) -> Self {
        Self(*hash.as_bytes())
    }
}

impl From<BlobId> for iroh_blobs::Hash {
    fn from(id: BlobId) -> Self {
        Self::from_bytes(id.0)
    }
}
