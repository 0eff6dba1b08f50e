//! Sealing what is kept in files under a passphrase: this device's key and backups. Knows the form of a
//! sealed file and how a passphrase becomes a key, not what is sealed.
//!
//! A sealed file: the magic, one byte for what it is, then memory in KiB, passes and lanes of argon2id
//! (u32, little endian), 16 bytes of salt, and the sealed bytes. All before the sealed bytes is bound to
//! them.

use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use peerdrive_crypto::local::{open_keyfile, seal_keyfile};
use peerdrive_crypto::secret::PassphraseKey;
use zeroize::Zeroizing;

/// What a sealed file begins with. A plain device key has 32 bytes, so it is never taken for one.
const MAGIC: &[u8] = b"peerdrive sealed 1\n";

/// Bytes of everything before the sealed bytes.
const HEADER: usize = MAGIC.len() + 1 + 12 + 16;

/// Argon2id's cost: a quarter of a gigabyte and some half a second, each time the daemon starts. A
/// passphrase is guessed where the file was copied to, and there each guess costs the same.
const MEMORY_KIB: u32 = 256 << 10;
const PASSES: u32 = 3;
const LANES: u32 = 1;

/// The greatest cost that a file may ask for.
const MOST_MEMORY_KIB: u32 = 1 << 20;
const MOST_PASSES: u32 = 16;
const MOST_LANES: u32 = 8;

/// The fewest characters of a passphrase.
pub const SHORTEST: usize = 8;

/// What is sealed, so that one is never taken for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sealed {
    /// A device's key.
    Key = 0,
    /// A backup.
    Backup = 1,
}

/// A passphrase: wiped after use, never printed.
pub struct Passphrase(Zeroizing<String>);

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(secret)")
    }
}

impl Passphrase {
    /// As it was typed; white space around it does not count.
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.trim().to_owned()))
    }

    /// Whether it is long enough to seal something under.
    pub fn is_long_enough(&self) -> bool {
        self.0.chars().count() >= SHORTEST
    }
}

/// A sealed file does not open, or nothing can be sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PassphraseError {
    /// The passphrase is not the right one, or the file is damaged: that cannot be told apart.
    #[error("the passphrase is not right, or the file is damaged")]
    Wrong,
    /// Not a sealed file, or one of something else.
    #[error("the file is not what it should be: it was not sealed by PeerDrive for this")]
    NotSealed,
    /// It asks for more work than any file of this program does.
    #[error("the file asks for more work than it may; it was not made by PeerDrive")]
    TooCostly,
    /// Too short to protect anything.
    #[error("a passphrase has at least {SHORTEST} characters")]
    Short,
    /// There is no memory for it.
    #[error("there is not enough memory to work with the passphrase; it takes 256 MiB")]
    Memory,
}

/// Whether these bytes are a sealed file.
pub(crate) fn is_sealed(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Whether the key in this data directory is sealed; `None` if there is no key that can be read.
pub fn key_is_sealed(data_dir: &Path) -> Option<bool> {
    let mut start = [0; MAGIC.len()];
    let mut file = std::fs::File::open(data_dir.join(crate::device::KEY)).ok()?;
    match std::io::Read::read_exact(&mut file, &mut start) {
        Ok(()) => Some(is_sealed(&start)),
        Err(_) => Some(false),
    }
}

pub(crate) fn seal(
    passphrase: &Passphrase,
    what: Sealed,
    secrets: &[u8],
) -> Result<Vec<u8>, PassphraseError> {
    if !passphrase.is_long_enough() {
        return Err(PassphraseError::Short);
    }
    let mut header = MAGIC.to_vec();
    header.push(what as u8);
    for number in [MEMORY_KIB, PASSES, LANES] {
        header.extend_from_slice(&number.to_le_bytes());
    }
    header.extend_from_slice(&crate::env::random::<16>());
    let key = stretch(passphrase, &header)?;
    let sealed = seal_keyfile(&key, &header, secrets, &mut crate::env::rng());
    header.extend(sealed);
    Ok(header)
}

pub(crate) fn open(
    passphrase: &Passphrase,
    what: Sealed,
    bytes: &[u8],
) -> Result<Zeroizing<Vec<u8>>, PassphraseError> {
    let (header, sealed) = bytes
        .split_at_checked(HEADER)
        .ok_or(PassphraseError::NotSealed)?;
    if !is_sealed(header) || header.get(MAGIC.len()) != Some(&(what as u8)) {
        return Err(PassphraseError::NotSealed);
    }
    let key = stretch(passphrase, header)?;
    open_keyfile(&key, header, sealed).map_err(|_| PassphraseError::Wrong)
}

fn stretch(passphrase: &Passphrase, header: &[u8]) -> Result<PassphraseKey, PassphraseError> {
    let number = |at: usize| {
        let from = MAGIC.len() + 1 + at * 4;
        let bytes = header.get(from..from + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    };
    let numbers = number(0).zip(number(1)).zip(number(2));
    let ((memory, passes), lanes) = numbers.ok_or(PassphraseError::NotSealed)?;
    if memory > MOST_MEMORY_KIB || passes > MOST_PASSES || lanes > MOST_LANES {
        return Err(PassphraseError::TooCostly);
    }
    let salt = header
        .get(MAGIC.len() + 13..HEADER)
        .ok_or(PassphraseError::NotSealed)?;
    let params = Params::new(memory, passes, lanes, Some(32));
    let params = params.map_err(|_| PassphraseError::NotSealed)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.0.as_bytes(), salt, key.as_mut())
        .map_err(|_| PassphraseError::Memory)?;
    Ok(PassphraseKey::from_bytes(*key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_passphrase_opens_and_only_what_was_sealed() -> Result<(), PassphraseError> {
        let right = Passphrase::new(" correct horse \n");
        let sealed = seal(&right, Sealed::Key, b"secrets")?;
        assert!(is_sealed(&sealed));
        assert!(!sealed.windows(7).any(|window| window == b"secrets"));
        let again = Passphrase::new("correct horse");
        assert_eq!(open(&again, Sealed::Key, &sealed)?.as_slice(), b"secrets");
        let wrong = Passphrase::new("correct horses");
        let refused = open(&wrong, Sealed::Key, &sealed).err();
        assert_eq!(refused, Some(PassphraseError::Wrong));
        let other = open(&again, Sealed::Backup, &sealed).err();
        assert_eq!(other, Some(PassphraseError::NotSealed));
        let mut bent = sealed.clone();
        if let Some(last) = bent.last_mut() {
            *last ^= 1;
        }
        assert_eq!(
            open(&again, Sealed::Key, &bent).err(),
            Some(PassphraseError::Wrong)
        );
        Ok(())
    }

    #[test]
    fn what_is_no_sealed_file_costs_nothing() {
        let it = Passphrase::new("correct horse");
        assert_eq!(
            seal(&Passphrase::new("short"), Sealed::Key, b"").err(),
            Some(PassphraseError::Short)
        );
        for bytes in [&b""[..], &[7; 32], MAGIC, &[0; 300]] {
            let refused = open(&it, Sealed::Key, bytes).err();
            assert_eq!(refused, Some(PassphraseError::NotSealed));
        }
        let mut costly = MAGIC.to_vec();
        costly.push(0);
        costly.extend_from_slice(&[0xff; 12 + 16 + 60]);
        assert_eq!(
            open(&it, Sealed::Key, &costly).err(),
            Some(PassphraseError::TooCostly)
        );
    }
}
