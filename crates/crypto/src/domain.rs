//! Every domain string of suite 1 in one table: hash contexts, key labels, AAD labels and signature
//! prefixes; knows nothing of the keys they separate. Two uses never share a string.

/// The one cryptographic suite of version 1: XChaCha20-Poly1305, BLAKE3, Ed25519 (`verify_strict`),
/// HPKE base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20Poly1305.
pub const SUITE: u8 = 1;

macro_rules! table {
    ($(#[$mdoc:meta])* $vis:vis mod $module:ident, $all:ident { $($(#[$doc:meta])* $name:ident = $text:literal,)* }) => {
        $(#[$mdoc])*
        $vis mod $module {
            $($(#[$doc])* pub const $name: &str = $text;)*
            /// The whole table, for the test vectors and the test that no string is used twice.
            pub const $all: &[&str] = &[$($name),*];
        }
    };
}

table! {
    /// Contexts of `BLAKE3::derive_key`: public identifiers and transcript hashes.
    pub mod context, ALL {
        /// The drive field inside a genesis: over suite, root keys and nonce.
        FOUNDING = "peerdrive v1 founding",
        /// A drive's id: over the genesis header.
        DRIVE_ID = "peerdrive v1 drive id",
        /// An entry's id: over its header.
        ENTRY_ID = "peerdrive v1 entry id",
        /// A log's id: over drive, device, plane and incarnation.
        LOG_ID = "peerdrive v1 log id",
        /// A branch of a log that parts: over the log and the branch's first entry.
        BRANCH_ID = "peerdrive v1 branch id",
        /// A device's id: over entry id, op index and device index.
        BIND_ID = "peerdrive v1 bind id",
        /// A grant's id: over entry id and op index.
        GRANT_ID = "peerdrive v1 grant id",
        /// An epoch's id: over its public part without the sealed secrets.
        EPOCH_ID = "peerdrive v1 epoch id",
        /// An entry's body hash: over the sealed body.
        BODY = "peerdrive v1 entry body",
        /// The clear part of a control body, bound into the AAD of its sealed part.
        CLEAR = "peerdrive v1 control clear part",
        /// What a device certificate's two signatures cover.
        DEVICE_CERT = "peerdrive v1 device certificate",
        /// The short name of a KEM key in a list of wraps.
        KEM_ID = "peerdrive v1 kem id",
        /// The sorted set of KEM keys that an epoch is sealed to.
        READERS = "peerdrive v1 readers",
        /// The state of membership, compared in a sync hello.
        CTRL_HASH = "peerdrive v1 control state",
        /// The AEAD key out of an object's key.
        AEAD_KEY = "peerdrive v1 aead key",
        /// The commitment key out of an object's key.
        AEAD_COMMIT = "peerdrive v1 aead commitment",
        /// First half of the join transcript.
        JOIN_HELLO = "peerdrive v1 join hello",
        /// The whole join transcript.
        JOIN_TRANSCRIPT = "peerdrive v1 join transcript",
        /// What the joiner signs: transcript and its certificate and name.
        JOIN_REQUEST = "peerdrive v1 join request",
        /// The words two people compare.
        JOIN_WORDS = "peerdrive v1 join words",
        /// The proof of a live device over a transport session.
        SESSION = "peerdrive v1 session",
        /// A signed gossip frame.
        FRAME = "peerdrive v1 gossip frame",
        /// The checksum of a ticket's text.
        TICKET_SUM = "peerdrive v1 ticket checksum",
        /// The checksum of a storage peer's code.
        STORE_CODE_SUM = "peerdrive v1 store code checksum",
        /// The place of a value at rest.
        LOCAL = "peerdrive v1 local place",
        /// The proof, over a transport session, of a key that brings its holder back into a drive.
        REENTRY = "peerdrive v1 reentry",
        /// An exported history as a whole.
        AUDIT = "peerdrive v1 audit",
        /// The checksum of a recovery phrase.
        PHRASE_SUM = "peerdrive v1 phrase checksum",
        /// The heads of the document that a snapshot is of.
        SNAPSHOT_HEADS = "peerdrive v1 snapshot heads",
        /// The changes that a checkpoint speaks of, each with its entry.
        CHECKPOINT_CHANGES = "peerdrive v1 checkpoint changes",
        /// The incarnation of the log of a device's checkpoints: over that of its content log.
        CHECKPOINT_LOG = "peerdrive v1 checkpoint log",
    }
}

table! {
    /// Labels of [`crate::kdf::kdf`]: one secret, one family of keys.
    pub mod label, ALL {
        /// Epoch secret to the public commitment to it.
        COMMIT = "peerdrive/v1/commit",
        /// Epoch secret to the key that seals its parents' secrets.
        PREV = "peerdrive/v1/prev",
        /// Epoch secret (and log) to the key of entry bodies.
        ENTRY_BODY = "peerdrive/v1/entry-body",
        /// Epoch secret to the key of manifests.
        MANIFEST = "peerdrive/v1/manifest",
        /// Epoch secret to the convergence key of chunks.
        CONV_CHUNK = "peerdrive/v1/conv-chunk",
        /// Epoch secret to the gossip topic.
        GOSSIP_TOPIC = "peerdrive/v1/gossip-topic",
        /// Epoch secret to the key of gossip frames.
        GOSSIP_MSG = "peerdrive/v1/gossip-msg",
        /// Epoch secret to the key of presence frames.
        PRESENCE = "peerdrive/v1/presence",
        /// Drive secret to the key of whole-file hashes.
        FILE_HASH = "peerdrive/v1/file-hash",
        /// Drive secret to the seed of the chunker's gear table.
        CDC = "peerdrive/v1/cdc",
        /// Drive secret to the tag that storage peers know the drive by.
        BLIND = "peerdrive/v1/blind",
        /// Ticket secret to the invite's Ed25519 seed.
        INVITE_SIGN = "peerdrive/v1/invite-sign",
        /// Passphrase hash to the key of a key file.
        KEYFILE = "peerdrive/v1/keyfile",
        /// Device secret to the key of values at rest.
        DB = "peerdrive/v1/db",
        /// Local key to the stored form of a note's key.
        NOTE_KEY = "peerdrive/v1/note-key",
        /// Device secret to the Ed25519 seed of the transport endpoint.
        ENDPOINT = "peerdrive/v1/endpoint",
        /// Device secret to the Ed25519 seed of a drive's log key.
        DRIVE_SIGN = "peerdrive/v1/drive-sign",
        /// Device secret to the X25519 key of a drive.
        DRIVE_KEM = "peerdrive/v1/drive-kem",
        /// Recovery phrase to the root Ed25519 seed.
        ROOT_SIGN = "peerdrive/v1/root-sign",
        /// Recovery phrase to the root X25519 key.
        ROOT_KEM = "peerdrive/v1/root-kem",
    }
}

table! {
    /// First bytes (with a zero byte after) of every AAD, and of HPKE `info`.
    pub mod aad, ALL {
        /// A sealed entry body.
        ENTRY_BODY = "peerdrive/v1/aad/entry-body",
        /// A sealed manifest.
        MANIFEST = "peerdrive/v1/aad/manifest",
        /// A sealed chunk.
        CHUNK = "peerdrive/v1/aad/chunk",
        /// A part of a sealed snapshot.
        SNAPSHOT = "peerdrive/v1/aad/snapshot",
        /// An epoch secret sealed to a device.
        WRAP = "peerdrive/v1/aad/wrap",
        /// The parents' secrets inside an epoch.
        PREV = "peerdrive/v1/aad/prev",
        /// A gossip frame.
        GOSSIP = "peerdrive/v1/aad/gossip",
        /// A presence frame.
        PRESENCE = "peerdrive/v1/aad/presence",
        /// A value at rest on this device.
        DB = "peerdrive/v1/aad/db",
        /// A key file.
        KEYFILE = "peerdrive/v1/aad/keyfile",
        /// The welcome to a joiner.
        WELCOME = "peerdrive/v1/aad/welcome",
    }
}

table! {
    /// Prefixes (with a zero byte after) of every signed message; a 32-byte hash follows, nothing else.
    pub mod sign, ALL {
        /// An entry, by its log key.
        ENTRY = "peerdrive/v1/sign/entry",
        /// A genesis or recovery entry, by the root key.
        GENESIS = "peerdrive/v1/sign/genesis",
        /// A device certificate, by log key and endpoint key.
        DEVICE_CERT = "peerdrive/v1/sign/device-cert",
        /// The gatekeeper's half of a join.
        JOIN_GATEKEEPER = "peerdrive/v1/sign/join-g",
        /// The joiner's half, by the invite's key.
        JOIN_INVITE = "peerdrive/v1/sign/join-i",
        /// The joiner's half, by the joiner's log key.
        JOIN_DEVICE = "peerdrive/v1/sign/join-d",
        /// A live device over a transport session.
        SESSION = "peerdrive/v1/sign/session",
        /// Whoever comes back into a drive, by the root key or a device's log key.
        REENTRY = "peerdrive/v1/sign/reentry",
        /// An exported history, by the log key of the device that exported it.
        AUDIT = "peerdrive/v1/sign/audit",
        /// A gossip or presence frame.
        PRESENCE = "peerdrive/v1/sign/presence",
        /// A storage lease (the storage peer's copy).
        LEASE = "peerdrive/v1/sign/lease",
        /// A request to a storage peer to forget blobs.
        FORGET = "peerdrive/v1/sign/forget",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_domain_string_is_used_twice() {
        let all: Vec<&str> = [context::ALL, label::ALL, aad::ALL, sign::ALL]
            .into_iter()
            .flatten()
            .copied()
            .collect();
        for (i, a) in all.iter().enumerate() {
            for b in &all[i + 1..] {
                assert_ne!(a, b);
            }
            assert!(a.is_ascii() && !a.contains('\0'));
        }
    }
}
