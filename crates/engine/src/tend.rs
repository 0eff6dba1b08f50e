//! Seeing to a drive's keys after changes of membership met: whoever may write waits its turn, looks
//! again, and does what is still to do. Knows when, not what.

use std::sync::Weak;
use std::time::Duration;

use tokio::sync::{broadcast, oneshot};

use crate::drive::event::DriveEvent;
use crate::drive::handle::Shared;
use crate::drive::request::Request;

/// How long each device waits for those before it.
const TURN: Duration = Duration::from_millis(500);

/// Longest wait for a turn, in turns.
const MOST_TURNS: u32 = 60;

/// Runs as long as the drive does.
pub(crate) async fn tend(shared: Weak<Shared>) {
    let Some(mut events) = shared.upgrade().map(|shared| shared.follow_events()) else {
        return;
    };
    loop {
        let Some(turn) = shared.upgrade().map(|shared| turn(&shared)) else {
            return;
        };
        tokio::time::sleep(TURN.saturating_mul(turn)).await;
        let Some(sender) = shared.upgrade().map(|shared| shared.requests.clone()) else {
            return;
        };
        let (reply, done) = oneshot::channel();
        if sender.send(Request::Tend { reply }).await.is_err() {
            return;
        }
        drop(sender);
        match done.await {
            Ok(Ok(true)) => tracing::info!("keys were renewed or handed on"),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "keys could not be seen to"),
            Err(_) => return,
        }
        loop {
            match events.recv().await {
                Ok(event) if matches!(*event, DriveEvent::Members) => break,
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(_)) => break,
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }
}

/// This device's place in the order of all devices, which is the same for all of them.
fn turn(shared: &Shared) -> u32 {
    let members = shared.members.read();
    let mut devices: Vec<_> = members
        .list
        .iter()
        .flat_map(|member| member.devices.iter().map(|device| (device.id, device.you)))
        .collect();
    devices.sort_unstable();
    let own = devices.iter().position(|(_, you)| *you);
    let place = own.and_then(|place| u32::try_from(place).ok());
    place.map_or(MOST_TURNS, |place| place.min(MOST_TURNS))
}
