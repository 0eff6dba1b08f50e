//! Who may be heard on a drive's gossip topic, and this device's own voice there: seals and signs what it
//! says, and opens what others said. Knows nothing of what is said.
//!
//! Gossip is handed on by anyone, so nothing is taken from who handed it over. What is heard was sealed under
//! the present epoch and signed by the log key of a device that is live now (attack L19).

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use peerdrive_crypto::frame::{Channel, open_frame, seal_frame};
use peerdrive_crypto::identity::DriveKeys;
use peerdrive_crypto::ids::{BindId, MemberId};
use peerdrive_net::{MAX_PRESENCE, PeerId, TopicSeal};

use crate::content::ContentKeys;
use crate::keyring::SharedKeys;

/// A device that may speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Voice {
    /// The key that it signs with.
    pub(crate) log_pk: [u8; 32],
    /// Whose it is.
    pub(crate) member: MemberId,
    /// Its endpoint, by its certificate.
    pub(crate) peer: PeerId,
}

/// The devices that may speak now.
#[derive(Clone, Debug)]
pub(crate) struct Choir {
    /// This device's id in the drive. It is among the others only while it is live.
    pub(crate) own: BindId,
    pub(crate) live: HashMap<BindId, Voice>,
}

/// Why nothing was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Mute {
    #[error("this device takes no part in the drive now")]
    Removed,
    #[error("there are no keys to speak under now")]
    NoEpoch,
    #[error("what is to be said has {len} bytes when sealed, more than {MAX_PRESENCE}")]
    TooLong { len: usize },
}

/// Why something was not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unheard {
    #[error("there are no keys to hear with now")]
    NoEpoch,
    #[error("it was not sealed under the present keys")]
    Sealed,
    #[error("it claims to come from a device that takes no part now")]
    Stranger,
    #[error("it was not signed by the device that it claims to come from")]
    Forged,
}

/// Something that a live device said.
#[derive(Debug)]
pub(crate) struct Utterance {
    pub(crate) bind: BindId,
    pub(crate) voice: Voice,
    pub(crate) payload: Vec<u8>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Voices {
    keys: Arc<DriveKeys>,
    keyring: Arc<SharedKeys>,
    choir: RwLock<Choir>,
}

impl Voices {
    /// Nobody may be heard before [`Voices::set`] says who.
    pub(crate) fn new(keys: Arc<DriveKeys>, keyring: Arc<SharedKeys>, own: BindId) -> Self {
        let live = HashMap::new();
        Self {
            keys,
            keyring,
            choir: RwLock::new(Choir { own, live }),
        }
    }

    /// Membership changed.
    pub(crate) fn set(&self, choir: Choir) {
        *self.choir.write() = choir;
    }

    /// Looks at who may speak.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&Choir) -> R) -> R {
        look(&self.choir.read())
    }

    /// Seals and signs what this device says.
    pub(crate) fn say(&self, channel: Channel, payload: &[u8]) -> Result<Vec<u8>, Mute> {
        let own = {
            let choir = self.choir.read();
            choir.live.contains_key(&choir.own).then_some(choir.own)
        };
        let own = own.ok_or(Mute::Removed)?;
        let epoch = self.keyring.current().ok_or(Mute::NoEpoch)?;
        let rng = &mut crate::env::rng();
        let sealed = seal_frame(&epoch, channel, &own, &self.keys, payload, rng)
            .map_err(|_| Mute::TooLong { len: payload.len() })?;
        match sealed.len() {
            len if len > MAX_PRESENCE => Err(Mute::TooLong { len }),
            _ => Ok(sealed),
        }
    }

    /// Opens what somebody said, if it is to be heard.
    pub(crate) fn hear(&self, channel: Channel, sealed: &[u8]) -> Result<Utterance, Unheard> {
        let epoch = self.keyring.current().ok_or(Unheard::NoEpoch)?;
        let frame = open_frame(&epoch, channel, sealed).map_err(|_| Unheard::Sealed)?;
        let voice = self.choir.read().live.get(&frame.bind).cloned();
        let voice = voice.ok_or(Unheard::Stranger)?;
        if !frame.verify(&voice.log_pk) {
            return Err(Unheard::Forged);
        }
        Ok(Utterance {
            bind: frame.bind,
            voice,
            payload: frame.payload,
        })
    }
}

#[cfg(test)]
impl Voices {
    /// What a device has that turns on the others.
    pub(crate) fn stolen(&self) -> (BindId, Arc<DriveKeys>) {
        (self.choir.read().own, self.keys.clone())
    }
}

impl TopicSeal for Voices {
    fn seal_hint(&self, hint: &[u8]) -> Option<Vec<u8>> {
        let sealed = self.say(Channel::Announce, hint);
        sealed
            .inspect_err(|reason| tracing::debug!(%reason, "a hint was not said"))
            .ok()
    }

    fn open_hint(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let heard = self.hear(Channel::Announce, sealed);
        let heard = heard.inspect_err(|reason| tracing::debug!(%reason, "a hint was not heard"));
        Some(heard.ok()?.payload)
    }
}
