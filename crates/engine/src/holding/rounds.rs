//! The rounds that keep caches below their caps, pins complete and the store free of what nothing
//! needs. Knows when, not how.

use std::sync::Weak;
use std::time::{Duration, Instant};

use super::evict;
use super::settings::Keeping;
use crate::drive::handle::DriveHandle;
use crate::engine::{Engine, Inner};

/// How often it is looked whether there is something to do.
const LOOK: Duration = Duration::from_secs(2);

/// A round over the caches is due when so much was stored since the last.
const STORED: u64 = 64 << 20;

/// A round takes at most this share of the time: one part in so many.
const SHARE: u32 = 8;

/// How often the store is collected; the first time so long after the start.
const COLLECT: Duration = Duration::from_secs(6 * 3600);

/// Goes on until the engine ends.
pub(crate) async fn run(engine: Weak<Inner>) {
    let mut stored = 0;
    let mut stopped = false;
    let mut next = Instant::now();
    let mut collect = Instant::now() + COLLECT;
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(inner) = engine.upgrade() else {
            return;
        };
        let engine = Engine { inner };
        match engine.inner.device.net.blobs().revive().await {
            Ok(false) => {}
            Ok(true) => {
                tracing::warn!("the store of file contents had stopped, and works again");
                stopped = false;
            }
            Err(error) => {
                if !std::mem::replace(&mut stopped, true) {
                    tracing::warn!(%error, "the store of file contents has stopped");
                }
            }
        }
        for drive in engine.drives() {
            // The pace is what it was between two looks.
            let _ = drive.shared.work();
        }
        let now_stored = engine.inner.device.net.blobs().stored();
        if now_stored.saturating_sub(stored) >= STORED && Instant::now() >= next {
            stored = now_stored;
            let begun = Instant::now();
            for drive in engine.drives() {
                one_drive(&drive).await;
            }
            next = Instant::now() + begun.elapsed() * SHARE;
        }
        if Instant::now() >= collect {
            collect = Instant::now() + COLLECT;
            match engine.collect().await {
                Ok(collected) => tracing::info!(?collected, "collected what nothing needs"),
                Err(error) => tracing::info!(%error, "not collected now"),
            }
        }
    }
}

async fn one_drive(drive: &DriveHandle) {
    let cap = match Keeping::of(&drive.shared) {
        Ok(keeping) => keeping.cap(drive.view().counts().bytes),
        Err(error) => {
            tracing::warn!(%error, "the cap of a cache cannot be read");
            return;
        }
    };
    // Whose blobs they are takes a look at every version, and the memory for that: not to be asked for
    // nothing.
    match drive.content().blobs().size_on_disk().await {
        Ok(all) if all <= cap => return,
        Ok(_) => {}
        Err(error) => tracing::debug!(%error, "how large the store is cannot be told"),
    }
    match evict::to_cap(&drive.shared, cap).await {
        Ok(evicted) if evicted.blobs > 0 || evicted.only_here > 0 => {
            tracing::info!(drive = %drive.id(), ?evicted, cap, "the cache was above its cap");
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "the cache could not be brought below its cap"),
    }
}
