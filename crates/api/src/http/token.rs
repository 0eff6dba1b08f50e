//! The secret that a request must carry; knows nothing of requests.

use std::{fmt, io};

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// 32 random bytes in hex. `Debug` shows none of them.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

impl Token {
    /// From the operating system's randomness.
    pub(crate) fn random() -> io::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(Self(data_encoding::HEXLOWER.encode(&bytes)))
    }

    /// A known one, for the harness.
    #[cfg(feature = "testing")]
    pub(crate) fn of(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Compares in a time that does not tell where they differ.
    pub(crate) fn matches(&self, offered: &str) -> bool {
        self.0.as_bytes().ct_eq(offered.as_bytes()).into()
    }

    /// The text, for the header of a request.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}
