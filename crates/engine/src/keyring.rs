//! The keys of a drive's epochs that this device holds, for whoever seals or opens contents. Knows
//! nothing of how they came here.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use peerdrive_crypto::content::DriveLifetimeKeys;
use peerdrive_crypto::epoch::EpochKeys;

use crate::content::ContentKeys;

/// Shared between the actor, which adds keys, and the content store.
#[derive(Debug)]
pub(crate) struct SharedKeys {
    lifetime: Arc<DriveLifetimeKeys>,
    epochs: RwLock<Epochs>,
}

#[derive(Debug, Default)]
struct Epochs {
    known: HashMap<[u8; 8], Arc<EpochKeys>>,
    current: Option<Arc<EpochKeys>>,
}

impl SharedKeys {
    pub(crate) fn new(lifetime: DriveLifetimeKeys) -> Self {
        Self {
            lifetime: Arc::new(lifetime),
            epochs: RwLock::default(),
        }
    }

    pub(crate) fn add(&self, keys: Arc<EpochKeys>) {
        self.epochs.write().known.insert(keys.id().tag(), keys);
    }

    /// Which epoch is written with from now on; `None` while there is none this device may use.
    pub(crate) fn set_current(&self, current: Option<Arc<EpochKeys>>) {
        self.epochs.write().current = current;
    }
}

impl ContentKeys for SharedKeys {
    fn current(&self) -> Option<Arc<EpochKeys>> {
        self.epochs.read().current.clone()
    }

    fn by_tag(&self, tag: &[u8; 8]) -> Option<Arc<EpochKeys>> {
        self.epochs.read().known.get(tag).cloned()
    }

    fn lifetime(&self) -> Arc<DriveLifetimeKeys> {
        self.lifetime.clone()
    }

    fn fresh_nonce(&self) -> [u8; 24] {
        crate::env::random()
    }
}
