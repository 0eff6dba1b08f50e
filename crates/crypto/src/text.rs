//! Secrets as text that people copy from one device to another: a beginning that says what it is, then
//! base32 with a checksum. Knows nothing of what is in it.

use data_encoding::BASE32_NOPAD;
use zeroize::Zeroizing;

use crate::kdf::derive;

/// Bytes of the checksum.
const SUM: usize = 4;

/// Why a text is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextError {
    /// It begins otherwise.
    Other,
    /// A character is wrong, missing or too many.
    Damaged,
}

/// The text of `payload`: `prefix`, then lower-case base32 of it and its checksum in `context`.
pub(crate) fn to_text(prefix: &str, context: &str, payload: &[u8]) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new(payload.to_vec());
    let sum = derive(context, payload);
    bytes.extend_from_slice(&sum[..SUM]);
    let mut text = Zeroizing::new(BASE32_NOPAD.encode(&bytes));
    text.make_ascii_lowercase();
    Zeroizing::new(format!("{prefix}{}", text.as_str()))
}

/// Reads such a text of at most `most` characters; upper case, and white space anywhere, do not matter.
pub(crate) fn from_text(
    prefix: &str,
    context: &str,
    most: usize,
    text: &str,
) -> Result<Zeroizing<Vec<u8>>, TextError> {
    if text.len() > most {
        return Err(TextError::Damaged);
    }
    let mut clean = Zeroizing::new(text.to_owned());
    clean.retain(|c| !c.is_whitespace());
    let head = clean.get(..prefix.len()).ok_or(TextError::Other)?;
    if !head.eq_ignore_ascii_case(prefix) {
        return Err(TextError::Other);
    }
    let body = Zeroizing::new(clean[prefix.len()..].to_ascii_uppercase());
    let decoded = BASE32_NOPAD.decode(body.as_bytes());
    let mut bytes = Zeroizing::new(decoded.map_err(|_| TextError::Damaged)?);
    let at = bytes.len().checked_sub(SUM).ok_or(TextError::Damaged)?;
    let (payload, sum) = bytes.split_at(at);
    if derive(context, payload)[..SUM] != *sum {
        return Err(TextError::Damaged);
    }
    bytes.truncate(at);
    Ok(bytes)
}
