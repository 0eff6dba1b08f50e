//! Length-prefixed frames on a stream: four bytes of length, big endian, and the bytes. The length is
//! checked before anything is allocated. Does not know what is in them.

use std::time::Duration;

use bytes::Bytes;
use iroh::endpoint::{RecvStream, SendStream};

/// How long a frame may take once its first byte is here: a full one passes through half a megabit
/// per second in this time, and a peer that trickles cannot hold on to memory.
const FRAME_LIMIT: Duration = Duration::from_secs(30);

/// Why no frame could be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FrameError {
    /// The peer has ended the stream between two frames.
    #[error("the stream has ended")]
    Ended,
    /// A frame longer than agreed was announced.
    #[error("a frame of {0} bytes is too long")]
    TooLong(usize),
    /// A frame was begun and not completed in time.
    #[error("a frame did not arrive in time")]
    TooSlow,
    /// The connection or the stream is broken.
    #[error("the connection is lost: {0}")]
    Lost(String),
}

/// Reads one frame of at most `limit` bytes. Waits for its beginning without limit.
pub(crate) async fn read(recv: &mut RecvStream, limit: usize) -> Result<Vec<u8>, FrameError> {
    let mut prefix = [0; 4];
    let lost = |e: &dyn std::fmt::Display| FrameError::Lost(e.to_string());
    let first = recv.read(&mut prefix).await.map_err(|e| lost(&e))?;
    let Some(first @ 1..) = first else {
        return Err(FrameError::Ended);
    };
    let rest = async {
        recv.read_exact(&mut prefix[first..])
            .await
            .map_err(|e| lost(&e))?;
        let len = u32::from_be_bytes(prefix) as usize;
        if len > limit {
            return Err(FrameError::TooLong(len));
        }
        let mut frame = vec![0; len];
        recv.read_exact(&mut frame).await.map_err(|e| lost(&e))?;
        Ok(frame)
    };
    tokio::time::timeout(FRAME_LIMIT, rest)
        .await
        .unwrap_or(Err(FrameError::TooSlow))
}

/// Writes frames, together if the network takes them together.
pub(crate) async fn write(send: &mut SendStream, frames: Vec<Vec<u8>>) -> Result<(), FrameError> {
    let mut chunks = Vec::with_capacity(frames.len() * 2);
    for frame in frames {
        let len = u32::try_from(frame.len()).map_err(|_| FrameError::TooLong(frame.len()))?;
        chunks.push(Bytes::copy_from_slice(&len.to_be_bytes()));
        chunks.push(Bytes::from(frame));
    }
    send.write_all_chunks(&mut chunks)
        .await
        .map_err(|e| FrameError::Lost(e.to_string()))
}
