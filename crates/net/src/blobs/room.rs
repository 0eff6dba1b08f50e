//! How much the disk has room for: what is free, less what is being written already. Knows no blob.

use std::{
    io,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

/// What is left free on the disk. A database that meets a full disk in the middle of a write stops for
/// good, and the records and notes beside it need room too.
const RESERVE: u64 = 16 << 20;

/// Bytes on their way to one disk.
#[derive(Debug, Default)]
pub(super) struct Room {
    pending: AtomicU64,
}

/// Bytes set aside for one write, given back when it is done or given up.
#[derive(Debug)]
pub(crate) struct Reserved<'a> {
    room: &'a Room,
    len: u64,
}

impl Room {
    /// Sets `len` bytes aside on the disk of `dir`; any number of those in memory. What is half written
    /// counts twice, for a moment.
    ///
    /// # Errors
    /// [`io::ErrorKind::StorageFull`] if they would not leave enough of it free.
    pub(super) fn reserve(&self, dir: Option<&Path>, len: u64) -> io::Result<Reserved<'_>> {
        let before = self.pending.fetch_add(len, Ordering::AcqRel);
        let reserved = Reserved { room: self, len };
        let needed = RESERVE.saturating_add(before).saturating_add(len);
        match dir.map(free).transpose()?.flatten() {
            Some(free) if free < needed => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(reserved),
        }
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.room.pending.fetch_sub(self.len, Ordering::AcqRel);
    }
}

/// Bytes that are free.
#[cfg(target_os = "linux")]
fn free(dir: &Path) -> io::Result<Option<u64>> {
    let disk = rustix::fs::statvfs(dir)?;
    Ok(Some(disk.f_bavail.saturating_mul(disk.f_frsize)))
}

/// Unknown here.
#[cfg(not(target_os = "linux"))]
fn free(_: &Path) -> io::Result<Option<u64>> {
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_being_written_is_not_promised_to_another() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let Some(free) = free(dir.path())? else {
            return Ok(());
        };
        let (room, dir) = (Room::default(), Some(dir.path()));
        // Others write to this disk too: by far more than they do.
        let part = free / 3 * 2;
        let one = room.reserve(dir, part)?;
        let refused = room.reserve(dir, part).map(drop);
        assert_eq!(
            refused.map_err(|e| e.kind()),
            Err(io::ErrorKind::StorageFull)
        );
        drop(one);
        let again = room.reserve(dir, part)?;
        assert!(room.reserve(None, u64::MAX / 4).is_ok());
        drop(again);
        assert_eq!(room.pending.load(Ordering::Acquire), 0);
        Ok(())
    }
}
