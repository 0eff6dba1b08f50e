//! What a file consists of: its bytes, or the list of its chunks, or the list of pages of such lists.
//! Plain bytes in and out; does not know how manifests are sealed or fetched.
//!
//! Format, version 1: postcard of [`Manifest`] behind a version byte. A file of up to 16 KiB is
//! [`Body::Inline`], one of up to 4096 chunks is [`Body::Chunks`], a longer one [`Body::Pages`], of which
//! all but the last hold exactly 4096 chunks. A page is postcard of its list of [`ChunkRef`]s, stored and
//! sealed as a chunk is. There is one encoding of a manifest, and nothing else decodes.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::shape::Shape;

/// The version that this code writes and reads.
const VERSION: u8 = 1;
/// The most bytes that a [`ChunkRef`] takes.
pub(super) const CHUNK_LINE: usize = 32 + 32 + 5;
/// The most bytes that a [`PageRef`] takes.
pub(super) const PAGE_LINE: usize = CHUNK_LINE + 10 + 5;

/// Names one chunk and how to open it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct ChunkRef {
    /// BLAKE3 of the sealed chunk, the id of its blob.
    pub(super) blob: [u8; 32],
    /// The chunk's own key, which its plaintext must give again.
    pub(super) key: [u8; 32],
    /// Length of the plaintext.
    pub(super) len: u32,
}

/// Without the key, which is a secret.
impl fmt::Debug for ChunkRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChunkRef({:02x?}, {} B)", &self.blob[..4], self.len)
    }
}

/// Names one page of chunk references.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct PageRef {
    /// The chunk that the page is stored as.
    pub(super) page: ChunkRef,
    /// Bytes of the file that the page's chunks hold.
    pub(super) span: u64,
    /// How many chunks it lists.
    pub(super) chunks: u32,
}

/// What a file consists of.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// Length of the file.
    pub(super) size: u64,
    /// Where its bytes are.
    pub(super) body: Body,
}

/// Where a file's bytes are.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Body {
    /// Here.
    Inline(Vec<u8>),
    /// In these chunks, in this order.
    Chunks(Vec<ChunkRef>),
    /// In the chunks of these pages, in this order.
    Pages(Vec<PageRef>),
}

/// The bytes describe no file, or a possible file in another than the one allowed way.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a manifest")]
pub(super) struct BadManifest;

/// Whether the bytes say that they are of a later version than this code reads.
pub(super) fn is_newer(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|version| *version > VERSION)
}

impl Manifest {
    /// The one encoding.
    pub(super) fn encode(&self) -> Result<Vec<u8>, BadManifest> {
        postcard::to_extend(self, vec![VERSION]).map_err(|_| BadManifest)
    }

    /// Reads the manifest of a file of `len` bytes. Bytes from outside: nothing is allocated beyond
    /// a small multiple of them.
    pub(super) fn decode(bytes: &[u8], len: u64, shape: &Shape) -> Result<Self, BadManifest> {
        let Some((&VERSION, rest)) = bytes.split_first() else {
            return Err(BadManifest);
        };
        if bytes.len() > shape.manifest_max() {
            return Err(BadManifest);
        }
        let manifest: Self = postcard::from_bytes(rest).map_err(|_| BadManifest)?;
        manifest.check(len, shape)?;
        // Varints have several encodings, and postcard lets trailing bytes pass.
        if manifest.encode()? != bytes {
            return Err(BadManifest);
        }
        Ok(manifest)
    }

    fn check(&self, len: u64, shape: &Shape) -> Result<(), BadManifest> {
        let sum = match &self.body {
            Body::Inline(bytes) => Some(bytes.len() as u64).filter(|len| *len > 0),
            Body::Chunks(chunks) => sum_of(chunks, shape).filter(|sum| *sum > shape.inline),
            Body::Pages(pages) => sum_of_pages(pages, shape),
        };
        let fits = match &self.body {
            Body::Inline(_) => len <= shape.inline,
            _ => len > shape.inline,
        };
        if fits && self.size == len && sum == Some(len) {
            Ok(())
        } else {
            Err(BadManifest)
        }
    }
}

/// Encodes a page.
pub(super) fn encode_page(chunks: &[ChunkRef]) -> Result<Vec<u8>, BadManifest> {
    postcard::to_stdvec(chunks).map_err(|_| BadManifest)
}

/// Reads the page that `named` stands for.
pub(super) fn decode_page(
    bytes: &[u8],
    named: &PageRef,
    shape: &Shape,
) -> Result<Vec<ChunkRef>, BadManifest> {
    let chunks: Vec<ChunkRef> = postcard::from_bytes(bytes).map_err(|_| BadManifest)?;
    let agrees = chunks.len() == named.chunks as usize
        && sum_of(&chunks, shape) == Some(named.span)
        && encode_page(&chunks)? == bytes;
    if agrees { Ok(chunks) } else { Err(BadManifest) }
}

/// Reads a manifest of a file of `len` bytes, and a page of so many; for [`crate::harness`].
pub(crate) fn harness(bytes: &[u8], len: u64) {
    if let Ok(manifest) = Manifest::decode(bytes, len, &Shape::V1) {
        assert!(manifest.encode().as_deref() == Ok(bytes), "not canonical");
        if let Body::Chunks(chunks) = manifest.body {
            let run = Run::new(0, chunks);
            assert_eq!(run.end(), len, "another length");
            assert!(!run.holds(len) && run.from(len).next().is_none());
        }
    }
    let named = PageRef {
        page: ChunkRef {
            blob: [0; 32],
            key: [0; 32],
            len: 0,
        },
        span: len,
        chunks: u32::from(bytes.first().copied().unwrap_or_default()),
    };
    if let Ok(chunks) = decode_page(bytes, &named, &Shape::V1) {
        assert!(
            encode_page(&chunks).as_deref() == Ok(bytes),
            "not canonical"
        );
    }
}

/// Bytes in a list of possible chunks of possible number.
fn sum_of(chunks: &[ChunkRef], shape: &Shape) -> Option<u64> {
    let possible = (1..=shape.fanout).contains(&chunks.len())
        && chunks
            .iter()
            .all(|c| (1..=shape.max).contains(&(c.len as usize)));
    possible.then(|| chunks.iter().map(|c| u64::from(c.len)).sum())
}

/// Bytes in a list of possible pages of possible number.
fn sum_of_pages(pages: &[PageRef], shape: &Shape) -> Option<u64> {
    let (last, full) = pages.split_last()?;
    let count = |page: &PageRef| page.chunks as usize;
    let possible = (1..shape.fanout).contains(&full.len())
        && full.iter().all(|page| count(page) == shape.fanout)
        && (1..=shape.fanout).contains(&count(last))
        && pages.iter().all(|page| {
            (1..=shape.page_max()).contains(&(page.page.len as usize))
                && page.span <= u64::from(page.chunks) * shape.max as u64
        });
    possible.then(|| pages.iter().map(|page| page.span).sum())
}

/// Chunks that follow each other in a file, with the place of each.
#[derive(Clone, Debug)]
pub(super) struct Run {
    chunks: Vec<ChunkRef>,
    /// Where each chunk ends in the file; ascending.
    ends: Vec<u64>,
    start: u64,
}

impl Run {
    /// A run that begins at the byte `start` of the file.
    pub(super) fn new(start: u64, chunks: Vec<ChunkRef>) -> Self {
        let mut end = start;
        let ends = chunks
            .iter()
            .map(|chunk| {
                end += u64::from(chunk.len);
                end
            })
            .collect();
        Self {
            chunks,
            ends,
            start,
        }
    }

    /// The chunks.
    pub(super) fn chunks(&self) -> &[ChunkRef] {
        &self.chunks
    }

    /// The chunks that hold bytes from `offset` on, each with its first byte's place in the file.
    pub(super) fn from(&self, offset: u64) -> impl Iterator<Item = (u64, ChunkRef)> + '_ {
        let first = self.ends.partition_point(|end| *end <= offset);
        self.chunks
            .iter()
            .zip(&self.ends)
            .skip(first)
            .map(|(chunk, end)| (end - u64::from(chunk.len), *chunk))
    }

    /// Whether the byte at `offset` is in this run.
    pub(super) fn holds(&self, offset: u64) -> bool {
        self.start <= offset && self.ends.last().is_some_and(|end| offset < *end)
    }

    /// Where the run ends in the file.
    pub(super) fn end(&self) -> u64 {
        self.ends.last().copied().unwrap_or(self.start)
    }
}

#[cfg(test)]
mod tests;
