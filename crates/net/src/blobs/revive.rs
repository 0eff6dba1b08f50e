//! Opening the store again after it has stopped by itself. Its database does, for good, when the disk is full in
//! the middle of a write; it is whole when it is opened the next time. Does not know who is waiting for it.

use std::time::Duration;

use iroh_blobs::{Hash, HashAndFormat};
use tokio::time::timeout;

use super::{BlobError, BlobStore, Opened, Ordering};

/// A name in the database, of nothing: while it can be read, the store works.
const WORKS: &str = "works";

/// How long a store that has stopped may take to let go of its files.
const LETTING_GO: Duration = Duration::from_secs(5);

impl BlobStore {
    /// Opens the store again if it has stopped by itself, and there is room on the disk. Whether it did. Costs
    /// little while the store works: to be called now and then.
    ///
    /// # Errors
    ///
    /// [`BlobError::Full`] while there is no room; [`BlobError::Open`] when it cannot be opened.
    pub async fn revive(&self) -> Result<bool, BlobError> {
        let Some(dir) = &self.inner.dir else {
            return Ok(false);
        };
        let _turn = self.inner.syncing.lock().await;
        let stopped = || self.inner.closed.load(Ordering::Acquire);
        if stopped() || works(&self.opened()).await || stopped() {
            return Ok(false);
        }
        let _room = self.reserve(0)?;
        // Those who still hold it fail, and try again with the next.
        let _ = timeout(LETTING_GO, self.store().shutdown()).await;
        let opened = Opened::open(dir).await?;
        *self.inner.opened.write() = opened.into();
        // What was put and not synced may be gone, or here and not durable.
        self.inner.unsynced.lock().many = true;
        Ok(true)
    }
}

async fn works(opened: &Opened) -> bool {
    let tags = opened.store.tags();
    match tags.get(WORKS).await {
        Ok(Some(_)) => true,
        // Not yet written, or nobody answers.
        _ => tags
            .set(WORKS, HashAndFormat::raw(Hash::EMPTY))
            .await
            .is_ok(),
    }
}
