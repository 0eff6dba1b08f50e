//! How much the disk has room for: what is free, less what is being written already. Knows no blob.

use std::{
    io,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

/// What is left free on the disk. A database that meets a full disk in the middle of a write stops for
/// good, and the records and notes beside it need room too.
const RESERVE: u64 = 16 << 20;

/// What a large blob leaves free besides: a few that fill the disk must not keep out a note that is saved,
/// or that somebody else has saved.
const FOR_SMALL: u64 = 4 << 20;

/// Up to this length in bytes a blob is small.
const SMALL: u64 = 64 << 10;

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
        match dir.map(free).transpose()?.flatten() {
            Some(free) if !fits(free, before, len) => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(reserved),
        }
    }
}

/// Whether a blob of `len` bytes may be written while `before` bytes of others are.
fn fits(free: u64, before: u64, len: u64) -> bool {
    let kept = match len <= SMALL {
        true => RESERVE,
        false => RESERVE + FOR_SMALL,
    };
    free.checked_sub(before)
        .and_then(|left| left.checked_sub(len))
        .is_some_and(|left| left >= kept)
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
    fn where_large_blobs_no_longer_fit_small_ones_do() {
        for size in [SMALL + 1, 1 << 20, 5 << 20] {
            let mut free = 100 << 20;
            while fits(free, 0, size) {
                free -= size;
            }
            assert!(free < RESERVE + FOR_SMALL + size);
            // Records are written meanwhile, and while they are, another large blob does not come.
            free -= 1 << 20;
            for _ in 0..40 {
                assert!(fits(free, 0, SMALL), "{size}: {free}");
                free -= SMALL;
            }
            assert!(!fits(RESERVE + SMALL, 1, SMALL));
            assert!(!fits(0, 0, 0) && fits(RESERVE, 0, 0));
        }
    }

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
