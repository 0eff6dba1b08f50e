//! Pausing a drive on this device, and limits for the device as a whole. What is paused sends nothing,
//! receives nothing and leaves its folder alone, also after a restart; its mounts and listings go on
//! with what is here.

use std::sync::atomic::Ordering;

use crate::device::DataDirError;
use crate::drive::handle::DriveHandle;
use crate::engine::{Engine, KeepError};
use crate::local::{LocalError, LocalTable, Space};

const PAUSED_KEY: &[u8] = b"paused";

/// How fast contents may pass, in bytes a second; `None` for no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rates {
    /// Sent.
    pub up: Option<u64>,
    /// Received.
    pub down: Option<u64>,
}

pub(crate) fn is_paused(local: &LocalTable) -> Result<bool, LocalError> {
    Ok(local.get(Space::Config, PAUSED_KEY)?.is_some())
}

impl DriveHandle {
    /// Whether the drive is paused on this device.
    pub fn is_paused(&self) -> bool {
        self.shared.paused.load(Ordering::Acquire)
    }
}

impl Engine {
    /// Pauses a drive on this device.
    pub async fn pause(&self, drive: &DriveHandle) -> Result<(), KeepError> {
        let shared = &drive.shared;
        shared.local.put(Space::Config, PAUSED_KEY, vec![1])?;
        shared.paused.store(true, Ordering::Release);
        shared.presence.stir();
        shared.connect_members();
        let copy = shared.working_copy.lock().take();
        if let Some(copy) = copy {
            copy.stop().await;
        }
        Ok(())
    }

    /// Goes on with a paused drive.
    pub fn unpause(&self, drive: &DriveHandle) -> Result<(), KeepError> {
        let shared = &drive.shared;
        let strike = [(PAUSED_KEY.to_vec(), None)];
        shared.local.write(Space::Config, &strike)?;
        shared.paused.store(false, Ordering::Release);
        shared.pins_missed.store(true, Ordering::Release);
        shared.presence.stir();
        shared.connect_members();
        drive.start_folder()
    }

    /// How fast contents may pass on this device.
    pub fn rates(&self) -> Rates {
        self.inner.data.rates()
    }

    /// Sets how fast contents may pass, from now on and after a restart.
    pub fn set_rates(&self, rates: Rates) -> Result<(), DataDirError> {
        self.inner.data.remember_rates(rates)?;
        self.inner.device.net.set_limits(rates.up, rates.down);
        Ok(())
    }
}
