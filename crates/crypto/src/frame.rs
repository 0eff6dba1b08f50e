//! Gossip and presence frames: sealed under the epoch, signed by the sending device; knows nothing of what
//! they announce. The seal keeps strangers out, only the signature says who speaks (attack L19).

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::{
    aead::{self, NONCE, OpenFailed, fresh_nonce},
    domain::{aad, context, sign},
    epoch::EpochKeys,
    identity::{DriveKeys, verify_hash},
    ids::BindId,
    kdf::derive_fields,
    wire::{self, Bytes, Signature, WireError},
};

/// The most bytes of a frame's payload: with everything around it a frame stays under the 4 KiB that
/// gossip carries.
pub const MAX_PAYLOAD: usize = 3 << 10;
/// The most bytes of a sealed frame.
pub const MAX_FRAME: usize = MAX_PAYLOAD + 256;

/// What a frame is for; frames of one never open as the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Heads of logs.
    Announce,
    /// Who is here, cursors.
    Presence,
}

/// A frame that was opened. Nobody said yet that its sender is who it claims: see [`Frame::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The device that claims to have sent it.
    pub bind: BindId,
    /// What it says.
    pub payload: Vec<u8>,
    hash: [u8; 32],
    sig: Signature,
}

impl Frame {
    /// Whether the device with this log key sent it.
    pub fn verify(&self, log_pk: &[u8; 32]) -> bool {
        verify_hash(log_pk, sign::PRESENCE, &self.hash, &self.sig)
    }
}

#[derive(Serialize, Deserialize)]
struct Plain {
    bind: BindId,
    sig: Signature,
    payload: Bytes,
}

fn key_and_aad(keys: &EpochKeys, channel: Channel) -> (&[u8; 32], Vec<u8>) {
    let (key, label) = match channel {
        Channel::Announce => (&keys.gossip_msg, aad::GOSSIP),
        Channel::Presence => (&keys.presence, aad::PRESENCE),
    };
    (
        key,
        aead::aad(label, &[&keys.drive().0, &keys.gossip_topic()]),
    )
}

fn hash(keys: &EpochKeys, channel: Channel, bind: &BindId, payload: &[u8]) -> [u8; 32] {
    let channel = [u8::from(channel == Channel::Presence)];
    let fields: [&[u8]; 5] = [&keys.drive().0, &keys.id().0, &channel, &bind.0, payload];
    derive_fields(context::FRAME, &fields)
}

/// Seals and signs a frame: `nonce ‖ sealed`.
///
/// # Errors
/// [`WireError::TooLong`].
pub fn seal_frame(
    keys: &EpochKeys,
    channel: Channel,
    bind: &BindId,
    device: &DriveKeys,
    payload: &[u8],
    rng: &mut impl CryptoRng,
) -> Result<Vec<u8>, WireError> {
    if payload.len() > MAX_PAYLOAD {
        return Err(WireError::TooLong {
            len: payload.len(),
            most: MAX_PAYLOAD,
        });
    }
    let sig = device.sign(sign::PRESENCE, &hash(keys, channel, bind, payload));
    let plain = wire::encode(&Plain {
        bind: *bind,
        sig,
        payload: Bytes(payload.to_vec()),
    })?;
    let (key, bound) = key_and_aad(keys, channel);
    let nonce = fresh_nonce(rng);
    Ok([nonce.as_slice(), &aead::seal(key, &nonce, &bound, &plain)].concat())
}

/// Opens a frame.
///
/// # Errors
/// [`OpenFailed`].
pub fn open_frame(keys: &EpochKeys, channel: Channel, frame: &[u8]) -> Result<Frame, OpenFailed> {
    if frame.len() > MAX_FRAME {
        return Err(OpenFailed);
    }
    let (nonce, sealed) = frame.split_first_chunk::<NONCE>().ok_or(OpenFailed)?;
    let (key, bound) = key_and_aad(keys, channel);
    let plain = aead::open(key, nonce, &bound, sealed)?;
    let plain: Plain = wire::decode(&plain, MAX_FRAME).map_err(|_| OpenFailed)?;
    let hash = hash(keys, channel, &plain.bind, &plain.payload);
    Ok(Frame {
        bind: plain.bind,
        payload: plain.payload.0,
        hash,
        sig: plain.sig,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestDevice, TestResult};

    #[test]
    fn a_frame_says_who_sent_it_and_nobody_can_say_it_for_another() -> TestResult {
        let (mut owner, founded) = TestDevice::found("owner", 1)?;
        let keys = owner.keyring.get(&founded.epoch).ok_or("no keys")?;
        let mut send = |channel, payload: &[u8]| {
            seal_frame(
                &keys,
                channel,
                &owner.bind,
                &owner.keys,
                payload,
                &mut owner.rng,
            )
        };
        let sealed = send(Channel::Presence, b"here")?;
        let frame = open_frame(&keys, Channel::Presence, &sealed)?;
        assert_eq!(
            (frame.payload.as_slice(), frame.bind),
            (b"here".as_slice(), owner.bind)
        );
        assert!(frame.verify(&owner.keys.log_pk()));
        assert_eq!(
            open_frame(&keys, Channel::Announce, &sealed),
            Err(OpenFailed)
        );
        assert!(send(Channel::Announce, &[0; MAX_PAYLOAD]).is_ok_and(|f| f.len() <= MAX_FRAME));
        assert!(send(Channel::Announce, &[0; MAX_PAYLOAD + 1]).is_err());
        // Somebody else with the epoch's keys, claiming to be the owner.
        let mallory = TestDevice::new("mallory", founded.drive, 2);
        let mut rng = crate::testing::rng(3);
        let forged = seal_frame(
            &keys,
            Channel::Presence,
            &owner.bind,
            &mallory.keys,
            b"hi",
            &mut rng,
        )?;
        let frame = open_frame(&keys, Channel::Presence, &forged)?;
        assert!(!frame.verify(&owner.keys.log_pk()));
        Ok(())
    }
}
