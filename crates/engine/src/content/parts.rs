//! Which blobs a version consists of, and making one of them again from the file's own bytes. Does not
//! know who holds them, nor why they may go.

use std::sync::Arc;

use bytes::Bytes;
use peerdrive_crdt_tree::node::FileContent;
use peerdrive_crypto::content::{padme, sealed_chunk_len};
use peerdrive_net::BlobId;

use super::{
    Inner,
    error::{ContentError, Mismatch},
    lanes::Lane,
    open::Parts,
    seal::Sealed,
};

/// What a sealed manifest takes beyond the bytes in it, before padding: about.
const AROUND: u64 = 120;
/// What a manifest takes for each chunk that it lists: about.
const LINE: u64 = 69;

/// One blob of a version.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Part {
    /// Its id.
    pub(crate) id: BlobId,
    /// Bytes that it takes sealed; of a manifest, about.
    pub(crate) sealed: u64,
    /// What it is.
    pub(crate) kind: PartKind,
}

/// What a blob of a version is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PartKind {
    /// The manifest, or a page of one: the list of the others.
    List,
    /// A chunk: so many bytes of the file from here on.
    Chunk {
        /// Where it begins in the file.
        offset: u64,
        /// Its plain bytes.
        len: u32,
    },
}

/// The blobs of a version, as far as they can be told.
#[derive(Clone, Debug, Default)]
pub(crate) struct VersionParts {
    /// The manifest first.
    pub(crate) parts: Vec<Part>,
    /// Why these are not all, if they are not.
    pub(crate) untold: Option<Untold>,
}

impl VersionParts {
    /// Whether these are all.
    pub(crate) fn all(&self) -> bool {
        self.untold.is_none()
    }
}

/// Why the blobs of a version cannot all be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Untold {
    /// These lists are not on this device.
    NotHere(Vec<BlobId>),
    /// There is no key for its epoch yet, or the list is of a later version than is known here.
    NotYet,
    /// The list makes no sense, on no device: what it lists is of no use to anyone.
    Forged,
}

impl Inner {
    /// The blobs of a version, told from what is on this device alone.
    pub(super) async fn parts(
        self: &Arc<Self>,
        content: &FileContent,
    ) -> Result<VersionParts, ContentError> {
        let Some(manifest) = content.manifest else {
            return Ok(VersionParts::default());
        };
        let inline = content.len <= self.shape.inline;
        let listed = match inline {
            true => content.len,
            false => (content.len / self.shape.avg as u64 + 1).min(self.shape.fanout as u64) * LINE,
        };
        let mut parts = vec![Part {
            id: BlobId(manifest.blob),
            sealed: padme(listed) + AROUND,
            kind: PartKind::List,
        }];
        let untold = match inline {
            true => None,
            false => match self.chunks_of(content, &mut parts).await {
                Ok(missing) if missing.is_empty() => None,
                Ok(missing) => Some(Untold::NotHere(missing)),
                Err(ContentError::NoKey { .. }) => Some(Untold::NotYet),
                Err(ContentError::Forged {
                    what: Mismatch::Newer,
                }) => Some(Untold::NotYet),
                Err(ContentError::Forged { .. }) => Some(Untold::Forged),
                // Gone since it was looked for.
                Err(ContentError::Unavailable { .. }) => {
                    let lists = parts.iter().filter(|part| part.kind == PartKind::List);
                    Some(Untold::NotHere(lists.map(|part| part.id).collect()))
                }
                Err(error) => return Err(error),
            },
        };
        Ok(VersionParts { parts, untold })
    }

    /// Adds pages and chunks; which lists are not here.
    async fn chunks_of(
        self: &Arc<Self>,
        content: &FileContent,
        parts: &mut Vec<Part>,
    ) -> Result<Vec<BlobId>, ContentError> {
        let mut missing = Vec::new();
        let Some(manifest) = content.manifest else {
            return Ok(missing);
        };
        if !self.blobs.has(&BlobId(manifest.blob)).await? {
            return Ok(vec![BlobId(manifest.blob)]);
        }
        let opened = self.open_uncached(*content, Lane::Background).await?;
        let mut at = 0;
        while at < content.len {
            if let Parts::Inline(_) = opened.parts {
                return Err(ContentError::forged(Mismatch::Manifest));
            }
            if let Some((span, page)) = opened.page_span(at) {
                let id = BlobId(page.blob);
                parts.push(Part {
                    id,
                    sealed: sealed_chunk_len(u64::from(page.len)),
                    kind: PartKind::List,
                });
                if !self.blobs.has(&id).await? {
                    missing.push(id);
                    at += span.max(1);
                    continue;
                }
            }
            let run = self.run_at(&opened, at, Lane::Background).await?;
            for (offset, chunk) in run.from(at) {
                parts.push(Part {
                    id: BlobId(chunk.blob),
                    sealed: sealed_chunk_len(u64::from(chunk.len)),
                    kind: PartKind::Chunk {
                        offset,
                        len: chunk.len,
                    },
                });
            }
            at = run.end();
        }
        Ok(missing)
    }

    /// Seals bytes as a chunk of the epoch with this tag, and stores them if that gives exactly the
    /// wanted blob. Whether it does.
    pub(super) async fn remake(
        &self,
        wanted: BlobId,
        epoch: [u8; 8],
        plain: Vec<u8>,
    ) -> Result<bool, ContentError> {
        let Some(epoch) = self.keys.by_tag(&epoch) else {
            return Ok(false);
        };
        let _room = self.room(plain.len() as u64).await?;
        let sealed: Option<Bytes> = self
            .work(Lane::Urgent, move || {
                let sealed = Sealed::new(&epoch, &plain);
                (sealed.blob_id() == wanted.0).then_some(sealed.bytes)
            })
            .await?;
        match sealed {
            Some(bytes) => Ok(self.blobs.put(bytes).await? == wanted),
            None => Ok(false),
        }
    }
}
