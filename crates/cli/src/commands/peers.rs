//! `peerdrive peers`.

use std::time::SystemTime;

use clap::Args;
use peerdrive_api::dto::{Peer, PeersRequest};
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::words::{ago, plain, short, table};

/// List the other devices that have a drive
#[derive(Debug, Args)]
pub(crate) struct Peers {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
}

impl Peers {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        let reply = context.call::<schema::Peers>(&PeersRequest { drive: self.drive })?;
        context
            .out
            .answer(&reply, |reply| peers(&reply.peers, SystemTime::now()))?;
        if reply.peers.is_empty() {
            context
                .out
                .say("No other device has this drive yet. To let one in: peerdrive invite DRIVE");
        }
        Ok(())
    }
}

fn peers(peers: &[Peer], now: SystemTime) -> String {
    if peers.is_empty() {
        return String::new();
    }
    let rows: Vec<_> = peers.iter().map(|peer| row(peer, now)).collect();
    table(&["PEER", "MEMBER", "STATE"], &rows)
}

fn row(peer: &Peer, now: SystemTime) -> Vec<String> {
    let state = match (peer.connected, peer.level, peer.last_seen) {
        (true, true, _) => "connected, level".to_owned(),
        (true, false, _) => "connected, catching up".to_owned(),
        (false, _, Some(at)) => format!("away, last seen {}", ago(at, now)),
        (false, _, None) => "away, never seen".to_owned(),
    };
    vec![
        short(&peer.id).to_owned(),
        match peer.store {
            true => "(storage peer)".to_owned(),
            false => peer.member.as_deref().map(plain).unwrap_or_default(),
        },
        state,
    ]
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_peer_reads_as_one_line() {
        let peer = |id: &str, connected, level, last_seen| Peer {
            id: id.into(),
            member: (id == "a").then(|| "Ana".into()),
            store: id == "d",
            connected,
            level,
            last_seen,
        };
        let all = [
            peer("a", true, true, None),
            peer("b", true, false, None),
            peer("0123456789abcdef", false, false, Some(0)),
            peer("d", false, false, None),
        ];
        let expected = "\
PEER        MEMBER          STATE
a           Ana             connected, level
b                           connected, catching up
0123456789                  away, last seen 2 hours ago
d           (storage peer)  away, never seen
";
        assert_eq!(
            peers(&all, UNIX_EPOCH + Duration::from_secs(7200)),
            expected
        );
    }
}
