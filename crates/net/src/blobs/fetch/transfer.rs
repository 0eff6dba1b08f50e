//! One request for blobs, from asking to storing. Does not know other requests or other peers.

use std::{num::NonZeroU64, time::Duration};

use bao_tree::io::BaoContentItem;
use bytes::Bytes;
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
use tokio::time::timeout;

use crate::{
    blobs::{BlobError, BlobStore},
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

impl Transfer {
    /// Takes in the next blob; its length, or nothing after the last.
    pub(super) async fn next(
        &mut self,
        store: &BlobStore,
        limits: &Limits,
    ) -> Result<Option<u64>, TransferError> {
        let start = match self.at.take() {
            Some(Ok(start)) => start,
            Some(Err(_)) | None => return Ok(None),
        };
        let place = usize::try_from(start.offset()).unwrap_or(usize::MAX);
        let Some(id) = self.ids.get(place) else {
            return Ok(None);
        };
        let (size, end) =
            receive(start.next(Hash::from(*id)), Hash::from(*id), store, limits).await?;
        self.at = Some(match end.next() {
            EndBlobNext::MoreChildren(start) => Ok(start),
            EndBlobNext::Closing(closing) => Err(closing),
        });
        Ok(Some(size))
    }
}

/// Reads one blob off the stream into the store. Each piece is checked against the hash before it
/// gets there.
async fn receive(
    header: AtBlobHeader,
    hash: Hash,
    store: &BlobStore,
    limits: &Limits,
) -> Result<(u64, AtEndBlob), TransferError> {
    let (content, size) = timeout(PIECE, header.next())
        .await
        .map_err(|_| TransferError::Lost)?
        .map_err(of_header)?;
    let most = MAX_BLOB.min(store.largest());
    let Some(length) = NonZeroU64::new(size).filter(|size| size.get() <= most) else {
        return Err(TransferError::Wrong);
    };
    let _room = store.reserve(size).map_err(TransferError::Store)?;
    // Data and the hashes between them come in turns; each counts for the same part of the blob.
    let leaves = size.div_ceil(PIECE_LEN);
    let share = size / (2 * leaves - 1).max(1) + 1;
    let mut pieces = Pieces {
        content: Some(content),
        end: None,
        limits,
        share,
    };
    match size <= WHOLE {
        true => receive_whole(&mut pieces, hash, size, store).await?,
        false => receive_in_pieces(&mut pieces, hash, length, &store.store()).await?,
    }
    let end = pieces.end.ok_or(TransferError::Lost)?;
    Ok((size, end))
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

/// Stores a blob when all of it is here.
async fn receive_whole(
    pieces: &mut Pieces<'_>,
    hash: Hash,
    size: u64,
    store: &BlobStore,
) -> Result<(), TransferError> {
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    while let Some(piece) = pieces.next().await? {
        if let BaoContentItem::Leaf(leaf) = piece {
            bytes.extend_from_slice(&leaf.data);
        }
    }
    let bytes = Bytes::from(bytes);
    let stored = store.store().add_bytes(bytes.clone()).temp_tag().await;
    let stored = stored.map_err(|error| TransferError::Store(error.into()))?;
    if stored.hash() != hash {
        return Err(TransferError::Wrong);
    }
    store.keep_come(hash.into(), bytes);
    Ok(())
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
