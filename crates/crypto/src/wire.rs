//! Canonical bytes: postcard with caps before decoding and a check that encoding again gives the same
//! bytes; knows nothing of what the bytes mean.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Why bytes are not the canonical encoding of the wanted thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// More bytes than the thing may have; nothing was decoded.
    #[error("{len} bytes where at most {most} are allowed")]
    TooLong {
        /// How many there were.
        len: usize,
        /// How many are allowed.
        most: usize,
    },
    /// Not an encoding of the thing at all, or cut short.
    #[error("the bytes are damaged or cut short")]
    Malformed,
    /// Decodes, but is not how the thing is encoded (padding, trailing bytes, long integers).
    #[error("the bytes are not in canonical form")]
    NotCanonical,
}

/// Encodes canonically.
///
/// # Errors
/// [`WireError::Malformed`] if the value cannot be encoded (no type of this crate is such).
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, WireError> {
    postcard::to_stdvec(value).map_err(|_| WireError::Malformed)
}

/// Decodes exactly `bytes`, at most `most` of them, and checks that they are canonical.
///
/// Allocation is bounded by the input: postcard hands out lengths from the input, and serde
/// pre-allocates at most 1 MiB whatever length is claimed.
///
/// # Errors
/// Every variant of [`WireError`].
pub fn decode<T: Serialize + DeserializeOwned>(bytes: &[u8], most: usize) -> Result<T, WireError> {
    if bytes.len() > most {
        return Err(WireError::TooLong {
            len: bytes.len(),
            most,
        });
    }
    let (value, rest) = postcard::take_from_bytes::<T>(bytes).map_err(|_| WireError::Malformed)?;
    if !rest.is_empty() || encode(&value)? != bytes {
        return Err(WireError::NotCanonical);
    }
    Ok(value)
}

/// A byte string: encoded as its length and its bytes, copied in one go.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Bytes(pub Vec<u8>);

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Sealed bytes tell nothing, and clear ones must not be in a log.
        write!(f, "Bytes({})", self.0.len())
    }
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes(bytes)
    }
}

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Bytes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, v: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(v.to_vec()))
            }

            fn visit_byte_buf<E>(self, v: Vec<u8>) -> Result<Bytes, E> {
                Ok(Bytes(v))
            }
        }
        d.deserialize_byte_buf(Visitor)
    }
}

/// Exactly `N` bytes, encoded bare: for lengths beyond serde's own arrays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fixed<const N: usize>(pub [u8; N]);

/// An Ed25519 signature.
pub type Signature = Fixed<64>;

impl<const N: usize> std::fmt::Debug for Fixed<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Fixed({N})")
    }
}

impl<const N: usize> Serialize for Fixed<N> {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeTuple;
        let mut tuple = s.serialize_tuple(N)?;
        for byte in &self.0 {
            tuple.serialize_element(byte)?;
        }
        tuple.end()
    }
}

impl<'de, const N: usize> Deserialize<'de> for Fixed<N> {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Visitor<const N: usize>;
        impl<'de, const N: usize> serde::de::Visitor<'de> for Visitor<N> {
            type Value = Fixed<N>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{N} bytes")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<Fixed<N>, A::Error> {
                let mut out = [0; N];
                for (i, byte) in out.iter_mut().enumerate() {
                    *byte = seq
                        .next_element()?
                        .ok_or_else(|| serde::de::Error::invalid_length(i, &self))?;
                }
                Ok(Fixed(out))
            }
        }
        d.deserialize_tuple(N, Visitor::<N>)
    }
}

/// Refuses lists longer than they may be, and lists that should ascend strictly but do not.
pub(crate) fn ascends<T: Ord>(list: &[T], most: usize) -> bool {
    list.len() <= most && list.windows(2).all(|w| w[0] < w[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    type TestResult = Result<(), Box<dyn std::error::Error>>;

    #[test]
    fn only_the_canonical_encoding_is_read() -> TestResult {
        let good = encode(&(5u32, Bytes(vec![1, 2, 3])))?;
        assert_eq!(decode::<(u32, Bytes)>(&good, 100)?.0, 5);
        // 5 as a two-byte varint, a trailing byte, a missing byte.
        let long = [&[0x85, 0x00], &good[1..]].concat();
        assert!(matches!(
            decode::<(u32, Bytes)>(&long, 100),
            Err(WireError::NotCanonical | WireError::Malformed)
        ));
        let trailing = [good.as_slice(), &[0]].concat();
        assert_eq!(
            decode::<(u32, Bytes)>(&trailing, 100),
            Err(WireError::NotCanonical)
        );
        assert_eq!(
            decode::<(u32, Bytes)>(&good[..good.len() - 1], 100),
            Err(WireError::Malformed)
        );
        Ok(())
    }

    #[test]
    fn a_claimed_length_allocates_nothing() {
        // Five bytes that claim four billion: refused at once.
        let claim = [0xff, 0xff, 0xff, 0xff, 0x0f];
        assert_eq!(decode::<Bytes>(&claim, 100), Err(WireError::Malformed));
        assert_eq!(
            decode::<Vec<[u8; 32]>>(&claim, 100),
            Err(WireError::Malformed)
        );
        assert_eq!(
            decode::<Bytes>(&[0; 101], 100),
            Err(WireError::TooLong {
                len: 101,
                most: 100
            })
        );
    }
}
