//! The public names of things (drives, entries, logs, devices, epochs, grants, members, invites,
//! blobs), each a type of its own so that one is never read as another; knows nothing of what they name.

use std::{fmt, str::FromStr};

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseIdError {
    /// The text lacks the prefix of this kind of id: it may be an id of another kind.
    #[error("this is not a {wanted} id: it should begin with \"{prefix}\"")]
    WrongPrefix {
        /// What was to be read.
        wanted: &'static str,
        /// The prefix of that kind.
        prefix: &'static str,
    },
    /// The text after the prefix is not the encoding of the right number of bytes.
    #[error("this {wanted} id is damaged or incomplete: copy it again in full")]
    Damaged {
        /// What was to be read.
        wanted: &'static str,
    },
}

fn decode_exact<const N: usize>(text: &str, hex: bool) -> Option<[u8; N]> {
    // The longest id text is 64 characters: nothing is allocated for more.
    if text.len() > 64 {
        return None;
    }
    let bytes = if hex {
        HEXLOWER.decode(text.as_bytes()).ok()?
    } else {
        // Only lower case is canonical, so that equal ids have equal texts.
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return None;
        }
        BASE32_NOPAD
            .decode(text.to_ascii_uppercase().as_bytes())
            .ok()?
    };
    bytes.try_into().ok()
}

fn visit_bytes<'de, const N: usize, D: Deserializer<'de>>(de: D) -> Result<[u8; N], D::Error>
where
    [u8; N]: Deserialize<'de>,
{
    <[u8; N]>::deserialize(de)
}

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident, $len:literal, $what:literal, $prefix:literal, $hex:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// All zero bytes: the value of a field that names nothing.
            pub const ZERO: $name = $name([0; $len]);
            /// What every text of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// The bytes.
            pub fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                if $hex {
                    f.write_str(&HEXLOWER.encode(&self.0))
                } else {
                    f.write_str(&BASE32_NOPAD.encode(&self.0).to_ascii_lowercase())
                }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let rest = text.strip_prefix($prefix).ok_or(ParseIdError::WrongPrefix {
                    wanted: $what,
                    prefix: $prefix,
                })?;
                decode_exact::<$len>(rest, $hex)
                    .map($name)
                    .ok_or(ParseIdError::Damaged { wanted: $what })
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        // Text for people and JSON, the bare bytes (no length) on the wire and on disk.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                if s.is_human_readable() { s.collect_str(self) } else { self.0.serialize(s) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                if d.is_human_readable() {
                    String::deserialize(d)?.parse().map_err(de::Error::custom)
                } else {
                    visit_bytes(d).map($name)
                }
            }
        }
    };
}

id_type!(
    /// A drive: the hash of its genesis header, so it commits to the root key, the suite and the first owner.
    DriveId, 32, "drive", "drive-", false
);
id_type!(
    /// An entry of a log: the hash of its header, without the signature.
    EntryId, 32, "entry", "entry-", false
);
id_type!(
    /// One incarnation of one device's log in one plane of one drive.
    LogId, 32, "log", "log-", false
);
id_type!(
    /// A device as admitted by one grant: the hash of the control entry that introduced it, and its place there.
    BindId, 32, "device", "dev-", false
);
id_type!(
    /// An epoch: the hash of its public part, which commits to its secret.
    EpochId, 32, "epoch", "epoch-", false
);
id_type!(
    /// A grant: the hash of the control entry that holds it, and its place there.
    GrantId, 32, "grant", "grant-", false
);
id_type!(
    /// A member (a person): random, chosen when the person is invited.
    MemberId, 16, "member", "mem-", false
);
id_type!(
    /// An invite: random.
    InviteId, 16, "invite", "inv-", false
);
id_type!(
    /// The public key of a device's transport endpoint, written as the transport writes it: 64 hex digits.
    EndpointKey, 32, "endpoint", "", true
);
id_type!(
    /// A stored blob: the BLAKE3 of its (sealed) bytes, written as the blob store writes it: 64 hex digits.
    BlobId, 32, "blob", "", true
);
id_type!(
    /// The keyed hash of a whole file, under the drive's content-hash secret: equal files of one drive
    /// have equal hashes, and nobody outside the drive can compute one.
    ContentHash, 32, "content", "cnt-", false
);

impl EpochId {
    /// The first 8 bytes: how references name an epoch where space is scarce.
    pub fn tag(&self) -> [u8; 8] {
        let mut tag = [0; 8];
        tag.copy_from_slice(&self.0[..8]);
        tag
    }
}

impl LogId {
    /// The first 16 bytes: the actor of this log's changes in the drive's document.
    pub fn actor(&self) -> [u8; 16] {
        let mut actor = [0; 16];
        actor.copy_from_slice(&self.0[..16]);
        actor
    }
}

impl GrantId {
    /// The authority of the drive's root key: the ancestor of every grant.
    pub const ROOT: GrantId = GrantId::ZERO;
}

#[cfg(test)]
mod tests {
    use super::*;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn every_id_survives_its_text_and_its_bytes() -> TestResult {
        let id = DriveId([7; 32]);
        assert_eq!(id.to_string().parse::<DriveId>()?, id);
        assert_eq!(postcard::to_stdvec(&id)?, [7; 32]);
        assert_eq!(postcard::from_bytes::<DriveId>(&[7; 32])?, id);
        let member = MemberId([9; 16]);
        assert_eq!(member.to_string().parse::<MemberId>()?, member);
        let json = serde_json::to_string(&member)?;
        assert_eq!(serde_json::from_str::<MemberId>(&json)?, member);
        assert_eq!(EndpointKey([0xab; 32]).to_string(), "ab".repeat(32));
        Ok(())
    }

    #[test]
    fn an_id_is_never_read_as_another_kind() {
        let entry = EntryId([1; 32]).to_string();
        assert_eq!(
            entry.parse::<LogId>(),
            Err(ParseIdError::WrongPrefix {
                wanted: "log",
                prefix: "log-"
            })
        );
        assert!(entry.parse::<EntryId>().is_ok());
    }

    #[test]
    fn a_damaged_id_is_refused() {
        let text = EntryId([1; 32]).to_string();
        for bad in [
            &text[..text.len() - 1],
            &format!("{text}a"),
            &text.to_uppercase(),
            "entry-",
            "",
        ] {
            assert!(bad.parse::<EntryId>().is_err(), "{bad} was read");
        }
        // The spare bits of the last character must be zero: one id, one text.
        let mut odd = text.clone();
        odd.pop();
        odd.push('b');
        assert!(odd == text || odd.parse::<EntryId>().is_err());
    }

    #[test]
    fn the_prefixes_are_distinct() {
        let all = [
            DriveId::PREFIX,
            EntryId::PREFIX,
            LogId::PREFIX,
            BindId::PREFIX,
            EpochId::PREFIX,
            GrantId::PREFIX,
            MemberId::PREFIX,
            InviteId::PREFIX,
            ContentHash::PREFIX,
        ];
        let set: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(set.len(), all.len());
    }
}
