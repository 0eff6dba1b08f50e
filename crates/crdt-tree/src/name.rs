//! The name of a node: one validated path component (rule R8); knows nothing of any disk's own rules.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

/// Longest name in UTF-8 bytes: what POSIX file systems hold.
pub const MAX_NAME_BYTES: usize = 255;

/// One path component: 1 to 255 UTF-8 bytes, without `/` or NUL, not `.` or `..`.
///
/// Kept as it was typed; compared and hashed into ids after NFC (rule R5).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// Why a string is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The empty string.
    #[error("a name cannot be empty")]
    Empty,
    /// More than 255 bytes of UTF-8.
    #[error("a name has at most 255 bytes, this one has {0}")]
    TooLong(usize),
    /// Contains `/` or NUL.
    #[error("a name cannot contain `/` or a NUL byte")]
    Separator,
    /// `.` or `..`.
    #[error("`.` and `..` are not names")]
    Dots,
}

impl Name {
    /// Checks `text` against rule R8.
    pub fn new(text: impl Into<String>) -> Result<Self, NameError> {
        let text = text.into();
        match text.as_str() {
            "" => Err(NameError::Empty),
            "." | ".." => Err(NameError::Dots),
            t if t.len() > MAX_NAME_BYTES => Err(NameError::TooLong(t.len())),
            t if t.contains(['/', '\0']) => Err(NameError::Separator),
            _ => Ok(Self(text)),
        }
    }

    /// The name as typed.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form by which names are compared: NFC.
    pub fn nfc(&self) -> String {
        self.0.nfc().collect()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
