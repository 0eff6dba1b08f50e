//! The text by which the operator of a storage peer lets somebody keep drives there; knows nothing of what
//! addresses look like (security.md §2.10).

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    domain::context,
    invite::MAX_ADDRESS,
    secret::StoreSecret,
    text::{TextError, from_text, to_text},
    wire::{self, Bytes},
};

/// What every code begins with.
const PREFIX: &str = "peerdrive:store#";
/// The version of the format.
const VERSION: u8 = 1;
/// The most characters of a code.
const MAX_TEXT: usize = 2048;

/// Why a text is not the code of a storage peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StoreCodeError {
    /// It does not begin as one.
    #[error("this is not the code of a storage peer: it should begin with \"peerdrive:store#\"")]
    NotACode,
    /// A character is wrong, missing or too many.
    #[error("the storage peer's code is damaged or incomplete: copy it again in full")]
    Damaged,
    /// Of a newer program.
    #[error("the code was made by a newer version ({0}): update this program")]
    Version(u8),
    /// The address is longer than a code may carry.
    #[error("the storage peer's address is too long for a code")]
    TooMuch,
}

/// Where a storage peer is, and what lets one put drives there.
#[derive(Debug)]
pub struct StoreCode {
    /// Where it may be reached, as the network writes addresses.
    pub address: Vec<u8>,
    /// Whoever has it may fill the storage peer's disk, and do nothing else.
    pub secret: StoreSecret,
}

#[derive(Serialize, Deserialize)]
struct Raw {
    v: u8,
    address: Bytes,
    secret: [u8; 32],
}

impl Drop for Raw {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.secret);
    }
}

impl StoreCode {
    /// The text: to be shown to who may use the storage peer, never logged.
    ///
    /// # Errors
    /// [`StoreCodeError::TooMuch`].
    pub fn to_text(&self) -> Result<Zeroizing<String>, StoreCodeError> {
        if self.address.len() > MAX_ADDRESS {
            return Err(StoreCodeError::TooMuch);
        }
        let raw = Raw {
            v: VERSION,
            address: Bytes(self.address.clone()),
            secret: *self.secret.expose_for_sealing(),
        };
        let bytes = Zeroizing::new(wire::encode(&raw).map_err(|_| StoreCodeError::TooMuch)?);
        Ok(to_text(PREFIX, context::STORE_CODE_SUM, &bytes))
    }

    /// Reads a text; white space around it and line breaks in it do not matter.
    ///
    /// # Errors
    /// [`StoreCodeError`].
    pub fn parse(text: &str) -> Result<StoreCode, StoreCodeError> {
        let payload = from_text(PREFIX, context::STORE_CODE_SUM, MAX_TEXT, text);
        let payload = payload.map_err(|error| match error {
            TextError::Other => StoreCodeError::NotACode,
            TextError::Damaged => StoreCodeError::Damaged,
        })?;
        match payload.first() {
            Some(&VERSION) => {}
            Some(other) => return Err(StoreCodeError::Version(*other)),
            None => return Err(StoreCodeError::Damaged),
        }
        let raw: Raw = wire::decode(&payload, MAX_TEXT).map_err(|_| StoreCodeError::Damaged)?;
        if raw.address.0.len() > MAX_ADDRESS {
            return Err(StoreCodeError::TooMuch);
        }
        Ok(StoreCode {
            address: raw.address.0.clone(),
            secret: StoreSecret::from_bytes(raw.secret),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> StoreCode {
        StoreCode {
            address: vec![7; 40],
            secret: StoreSecret::from_bytes([9; 32]),
        }
    }

    #[test]
    fn a_code_is_read_as_it_was_written_also_broken_over_lines_and_in_capitals()
    -> Result<(), StoreCodeError> {
        let text = code().to_text()?;
        let (head, tail) = text.split_at(30);
        for text in [
            text.to_string(),
            format!(" {head}\n{tail}\n"),
            text.to_ascii_uppercase(),
        ] {
            let read = StoreCode::parse(&text)?;
            assert_eq!((read.address, read.secret), (code().address, code().secret));
        }
        Ok(())
    }

    #[test]
    fn what_is_no_code_is_told_from_one_that_is_damaged_or_new() -> Result<(), StoreCodeError> {
        let text = code().to_text()?;
        let refusal = |text: &str| StoreCode::parse(text).err();
        assert_eq!(
            refusal("peerdrive:join#abc"),
            Some(StoreCodeError::NotACode)
        );
        assert_eq!(refusal(""), Some(StoreCodeError::NotACode));
        for cut in PREFIX.len()..text.len() {
            assert_eq!(
                refusal(&text[..cut]),
                Some(StoreCodeError::Damaged),
                "{cut}"
            );
        }
        let newer = to_text(PREFIX, context::STORE_CODE_SUM, &[2, 0]);
        assert_eq!(refusal(&newer), Some(StoreCodeError::Version(2)));
        let long = "a".repeat(MAX_TEXT);
        assert_eq!(
            refusal(&format!("{PREFIX}{long}")),
            Some(StoreCodeError::Damaged)
        );
        Ok(())
    }
}
