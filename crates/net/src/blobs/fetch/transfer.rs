//! One request for blobs, from asking to storing: the next is read while those before it are stored. Does not know
//! other requests or other peers.

use std::{num::NonZeroU64, time::Duration};

use bao_tree::io::BaoContentItem;
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt, stream};
use iroh::endpoint::{Connection, ReadError};
use iroh_blobs::{
    Hash,
    api::{self, Store},
    get::{
        GetError,
        fsm::{
            AtBlobContent, AtBlobHeader, AtBlobHeaderNextError, AtClosing, AtEndBlob, AtStartChild,
            BlobContentNext, DecodeError, EndBlobNext, start_get_many,
        },
    },
    protocol::{ChunkRangesSeq, GetManyRequest},
};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use crate::{
    blobs::{BlobError, BlobStore, Reserved},
    rate::Limits,
    types::BlobId,
};

/// How long the provider may leave us without the next piece of a blob.
const PIECE: Duration = Duration::from_secs(20);

/// The largest blob, in bytes. No honest peer has one of that size.
const MAX_BLOB: u64 = 8 << 30;

/// Blobs up to this size are stored when they are whole, which is a chunk of a file at its largest, sealed. Of one
/// that is stored as it comes, the store makes three files, and flushes each before it writes to it.
const WHOLE: u64 = 5 << 20;

/// Blobs of one request that are being stored while the next is read: the store takes many at a time, and each takes
/// it longer than it takes to come.
const STORED_AT_ONCE: usize = 16;

/// Bytes that are counted as one.
const UNIT: u64 = 1 << 10;

/// Memory for blobs of one request that are read and not yet stored: the largest, or some of the usual length. Each
/// request has its own: one whose reports nobody hears stands still with what it holds.
const MEMORY: usize = (WHOLE / UNIT) as usize;

/// Bytes in a piece of a blob.
const PIECE_LEN: u64 = 16 << 10;

/// Pieces that may wait for the disk.
const WAITING: usize = 64;

/// Why a transfer did not go on.
#[derive(Debug)]
pub(super) enum TransferError {
    /// The provider lacks a blob, or does not give it.
    Refused,
    /// The connection is gone, or nothing comes.
    Lost,
    /// The provider sent something else than was asked for.
    Wrong,
    /// The local store failed.
    Store(BlobError),
}

/// A request under way: where it stands, and what was asked for.
pub(super) struct Transfer {
    ids: Vec<BlobId>,
    at: Option<Result<AtStartChild, AtClosing>>,
}

/// Asks for several blobs in one request.
pub(super) async fn begin(
    connection: &Connection,
    ids: &[BlobId],
) -> Result<Transfer, TransferError> {
    let hashes = ids.iter().map(|id| Hash::from(*id)).collect();
    let request = GetManyRequest::new(hashes, ChunkRangesSeq::all());
    let begun = start_get_many(connection.clone(), request, Default::default());
    let at = timeout(PIECE, begun)
        .await
        .map_err(|_| TransferError::Lost)?
        .map_err(of_get)?;
    Ok(Transfer {
        ids: ids.to_vec(),
        at: Some(at),
    })
}

/// Asks for one blob.
pub(super) async fn begin_one(
    connection: &Connection,
    id: BlobId,
) -> Result<Transfer, TransferError> {
    begin(connection, &[id]).await
}

/// A blob that came, checked, and what is left to do with it.
pub(super) struct Came<'a> {
    hash: Hash,
    size: u64,
    /// `None` if it was stored as it came.
    bytes: Option<Bytes>,
    store: &'a BlobStore,
    /// Memory that it takes until it is stored, and room on the disk.
    _held: Option<SemaphorePermit<'a>>,
    _room: Reserved<'a>,
}

impl Came<'_> {
    /// Stores it; its length.
    pub(super) async fn keep(self) -> Result<u64, TransferError> {
        if let Some(bytes) = self.bytes {
            let adding = self.store.store().add_bytes(bytes.clone()).temp_tag().await;
            let stored = adding.map_err(|error| TransferError::Store(error.into()))?;
            if stored.hash() != self.hash {
                return Err(TransferError::Wrong);
            }
            self.store.keep_come(self.hash.into(), bytes);
        }
        Ok(self.size)
    }
}

/// Where the blobs of a request go, how fast, and how much of them may be under way.
pub(super) struct Means<'a> {
    store: &'a BlobStore,
    limits: &'a Limits,
    /// Memory for blobs that are read and not yet stored, in units of [`UNIT`].
    memory: Semaphore,
}

impl<'a> Means<'a> {
    pub(super) fn new(store: &'a BlobStore, limits: &'a Limits) -> Self {
        let memory = Semaphore::new(MEMORY);
        Self {
            store,
            limits,
            memory,
        }
    }
}

impl Transfer {
    /// Lengths of the blobs in the order of the request, each when it is stored, up to the first that cannot be had.
    pub(super) fn store_all<'a>(
        self,
        means: &'a Means<'a>,
    ) -> impl Stream<Item = Result<u64, TransferError>> + 'a {
        stream::try_unfold(self, move |mut transfer| async move {
            let came = transfer.next(means).await?;
            Ok(came.map(|came| (came.keep(), transfer)))
        })
        .try_buffered(STORED_AT_ONCE)
    }

    /// Reads the next blob; nothing after the last.
    async fn next<'a>(&mut self, means: &'a Means<'a>) -> Result<Option<Came<'a>>, TransferError> {
        let start = match self.at.take() {
            Some(Ok(start)) => start,
            Some(Err(_)) | None => return Ok(None),
        };
        let place = usize::try_from(start.offset()).unwrap_or(usize::MAX);
        let Some(id) = self.ids.get(place) else {
            return Ok(None);
        };
        let (came, end) = receive(start.next(Hash::from(*id)), Hash::from(*id), means).await?;
        self.at = Some(match end.next() {
            EndBlobNext::MoreChildren(start) => Ok(start),
            EndBlobNext::Closing(closing) => Err(closing),
        });
        Ok(Some(came))
    }
}

/// Reads one blob off the stream. Each piece is checked against the hash before it gets anywhere.
async fn receive<'a>(
    header: AtBlobHeader,
    hash: Hash,
    means: &'a Means<'a>,
) -> Result<(Came<'a>, AtEndBlob), TransferError> {
    let Means {
        store,
        limits,
        memory,
    } = means;
    let (content, size) = timeout(PIECE, header.next())
        .await
        .map_err(|_| TransferError::Lost)?
        .map_err(of_header)?;
    let most = MAX_BLOB.min(store.largest());
    let Some(length) = NonZeroU64::new(size).filter(|size| size.get() <= most) else {
        return Err(TransferError::Wrong);
    };
    let room = store.reserve(size).map_err(TransferError::Store)?;
    // Data and the hashes between them come in turns; each counts for the same part of the blob.
    let leaves = size.div_ceil(PIECE_LEN);
    let share = size / (2 * leaves - 1).max(1) + 1;
    let mut pieces = Pieces {
        content: Some(content),
        end: None,
        limits,
        share,
    };
    let bytes = match size <= WHOLE {
        true => Some(receive_whole(&mut pieces, size).await?),
        false => {
            receive_in_pieces(&mut pieces, hash, length, &store.store()).await?;
            None
        }
    };
    let end = pieces.end.ok_or(TransferError::Lost)?;
    // Only now, when nothing but this device's own disk is waited for: a provider that is slow, or means to be, must
    // not keep what others need.
    let held = match &bytes {
        Some(bytes) => Some(memory_for(bytes.len() as u64, memory).await?),
        None => None,
    };
    let came = Came {
        hash,
        size,
        bytes,
        store,
        _held: held,
        _room: room,
    };
    Ok((came, end))
}

/// Waits until so many bytes may be in memory.
async fn memory_for(size: u64, memory: &Semaphore) -> Result<SemaphorePermit<'_>, TransferError> {
    let units = u32::try_from(size.div_ceil(UNIT)).unwrap_or(u32::MAX);
    let permit = memory.acquire_many(units).await;
    // It is never closed.
    permit.map_err(|_| TransferError::Lost)
}

/// The pieces of a blob in order, each checked, and what comes after the last.
struct Pieces<'a> {
    content: Option<AtBlobContent>,
    end: Option<AtEndBlob>,
    limits: &'a Limits,
    share: u64,
}

impl Pieces<'_> {
    async fn next(&mut self) -> Result<Option<BaoContentItem>, TransferError> {
        let Some(content) = self.content.take() else {
            return Ok(None);
        };
        let next = timeout(PIECE, content.next());
        match next.await.map_err(|_| TransferError::Lost)? {
            BlobContentNext::More((content, piece)) => {
                let piece = piece.map_err(of_decode)?;
                self.limits.receive(self.share).await;
                self.content = Some(content);
                Ok(Some(piece))
            }
            BlobContentNext::Done(end) => {
                self.end = Some(end);
                Ok(None)
            }
        }
    }
}

/// Reads all of a blob.
async fn receive_whole(pieces: &mut Pieces<'_>, size: u64) -> Result<Bytes, TransferError> {
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    while let Some(piece) = pieces.next().await? {
        if let BaoContentItem::Leaf(leaf) = piece {
            bytes.extend_from_slice(&leaf.data);
        }
    }
    Ok(Bytes::from(bytes))
}

/// Stores a blob as it comes.
async fn receive_in_pieces(
    pieces: &mut Pieces<'_>,
    hash: Hash,
    length: NonZeroU64,
    store: &Store,
) -> Result<(), TransferError> {
    let closed = || TransferError::Store(BlobError::Closed);
    let import = store.import_bao(hash, length, WAITING).await;
    let import = import.map_err(|_| closed())?;
    let (sender, stored) = (import.tx, import.rx);
    let read = async move {
        while let Some(piece) = pieces.next().await? {
            sender.send(piece).await.map_err(|_| closed())?;
        }
        Ok(())
    };
    let stored = async { stored.await.map_err(|_| closed()) };
    let (read, stored) = tokio::join!(read, stored);
    // If the store has failed, that is why the pieces could not be sent.
    match (read, stored) {
        (_, Ok(Err(error))) => Err(of_store(error)),
        (Err(error), _) | (Ok(()), Err(error)) => Err(error),
        (Ok(()), Ok(Ok(()))) => Ok(()),
    }
}

fn of_store(error: api::Error) -> TransferError {
    TransferError::Store(error.into())
}

/// A stream that the provider has reset is its way of saying no.
fn of_io(error: &std::io::Error) -> TransferError {
    let reset = error.get_ref().and_then(|e| e.downcast_ref::<ReadError>());
    match reset {
        Some(ReadError::Reset(_)) => TransferError::Refused,
        _ if error.kind() == std::io::ErrorKind::ConnectionReset => TransferError::Refused,
        _ if error.kind() == std::io::ErrorKind::UnexpectedEof => TransferError::Refused,
        _ => TransferError::Lost,
    }
}

fn of_get(error: GetError) -> TransferError {
    match error {
        GetError::AtBlobHeaderNext { source, .. } => of_header(source),
        GetError::Decode { source, .. } => of_decode(source),
        GetError::AtClosingNext { .. } => TransferError::Wrong,
        _ => TransferError::Lost,
    }
}

fn of_header(error: AtBlobHeaderNextError) -> TransferError {
    match error {
        AtBlobHeaderNextError::NotFound { .. } => TransferError::Refused,
        AtBlobHeaderNextError::Read { source, .. } => of_io(&source),
    }
}

fn of_decode(error: DecodeError) -> TransferError {
    match error {
        DecodeError::ParentHashMismatch { .. } | DecodeError::LeafHashMismatch { .. } => {
            TransferError::Wrong
        }
        DecodeError::Read { source, .. } => of_io(&source),
        DecodeError::Write { source, .. } => TransferError::Store(source.into()),
        _ => TransferError::Refused,
    }
}
