//! One request for blobs, from asking to storing. Does not know other requests or other peers.

use std::{num::NonZeroU64, time::Duration};

use iroh::endpoint::{Connection, ReadError};
use iroh_blobs::{
    Hash, api,
    get::{
        GetError,
        fsm::{
            AtBlobHeader, AtBlobHeaderNextError, AtClosing, AtEndBlob, AtStartChild,
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
    let (mut content, size) = timeout(PIECE, header.next())
        .await
        .map_err(|_| TransferError::Lost)?
        .map_err(of_header)?;
    let Some(length) = NonZeroU64::new(size).filter(|size| size.get() <= MAX_BLOB) else {
        return Err(TransferError::Wrong);
    };
    let _room = store.reserve(size).map_err(TransferError::Store)?;
    // Pieces of 16 KiB that may wait for the disk.
    let waiting = usize::try_from(size / (16 << 10))
        .unwrap_or(64)
        .clamp(1, 64);
    // Data and the hashes between them come in turns; each counts for the same part of the blob.
    let leaves = size.div_ceil(16 << 10);
    let share = size / (2 * leaves - 1).max(1) + 1;
    let closed = |_| TransferError::Store(BlobError::Closed);
    let store = store.store();
    let import = store
        .import_bao(hash, length, waiting)
        .await
        .map_err(closed)?;
    let (pieces, stored) = (import.tx, import.rx);
    let read = async move {
        loop {
            match timeout(PIECE, content.next())
                .await
                .map_err(|_| TransferError::Lost)?
            {
                BlobContentNext::More((next, piece)) => {
                    let piece = piece.map_err(of_decode)?;
                    limits.receive(share).await;
                    pieces
                        .send(piece)
                        .await
                        .map_err(|_| TransferError::Store(BlobError::Closed))?;
                    content = next;
                }
                BlobContentNext::Done(end) => return Ok(end),
            }
        }
    };
    let stored = async {
        stored
            .await
            .map_err(|_| TransferError::Store(BlobError::Closed))
    };
    let (end, stored) = tokio::join!(read, stored);
    // If the store has failed, that is why the pieces could not be sent.
    match (end, stored) {
        (_, Ok(Err(error))) => Err(of_store(error)),
        (Err(error), _) => Err(error),
        (Ok(_), Err(error)) => Err(error),
        (Ok(end), Ok(Ok(()))) => Ok((size, end)),
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
