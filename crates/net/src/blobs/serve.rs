//! Serving blobs to peers that may read them, and only that: no writing, no watching, no sequences.
//! Does not know why somebody may read a blob.

use std::{fmt, sync::Arc};

use iroh::{
    endpoint::Connection,
    protocol::{AcceptError, ProtocolHandler},
};
use iroh_blobs::{
    Hash,
    provider::events::{
        AbortReason, ConnectMode, EventMask, EventResult, EventSender, ObserveMode,
        ProviderMessage, RequestMode, ThrottleMode,
    },
};
use tokio::sync::mpsc;

use super::BlobStore;
use crate::{
    holding::Holders,
    rate::Limits,
    screen::{Gate, REFUSED},
    types::{BlobId, PeerId},
};

/// What of a connection must be judged here: that it may exist, and each request. Requests to watch
/// pass through the same judge, which has no yes for them.
const MASK: EventMask = EventMask {
    connected: ConnectMode::Intercept,
    get: RequestMode::Intercept,
    get_many: RequestMode::Intercept,
    push: RequestMode::Disabled,
    observe: ObserveMode::Intercept,
    throttle: ThrottleMode::None,
};

/// Requests that may wait for judgement, per connection.
const WAITING: usize = 16;

/// The most blobs in one request.
const MAX_BLOBS: usize = 4096;

/// Serves the blobs of one store.
pub(crate) struct BlobDoor {
    store: BlobStore,
    gate: Arc<dyn Gate>,
    holders: Holders,
    limits: Limits,
}

impl BlobDoor {
    pub(crate) fn new(
        store: BlobStore,
        gate: Arc<dyn Gate>,
        holders: Holders,
        limits: Limits,
    ) -> Self {
        Self {
            store,
            gate,
            holders,
            limits,
        }
    }
}

impl fmt::Debug for BlobDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlobDoor")
    }
}

impl ProtocolHandler for BlobDoor {
    async fn accept(&self, connection: Connection) -> Result<(), AcceptError> {
        let peer = PeerId::from(connection.remote_id());
        let mut sending = self.limits.sending();
        let mut mask = MASK;
        // Each piece then asks whether it may go, which costs a little: only if there is a limit.
        if *sending.borrow_and_update() {
            mask.throttle = ThrottleMode::Intercept;
        }
        let (events, requests) = EventSender::channel(WAITING, mask);
        let store = self.store.store();
        let serve = iroh_blobs::provider::handle_connection(connection.clone(), store, events);
        tokio::select! {
            () = serve => {}
            () = judge(requests, &*self.gate, &self.holders, &self.limits, &peer) => {}
            // Whoever fetches connects anew.
            _ = sending.changed() => {}
        }
        connection.close(REFUSED, &[]);
        Ok(())
    }
}

/// Answers the questions about one connection until it ends.
async fn judge(
    mut requests: mpsc::Receiver<ProviderMessage>,
    gate: &dyn Gate,
    holders: &Holders,
    limits: &Limits,
    peer: &PeerId,
) {
    let may_read = |hash: &Hash| gate.may_read_blob(peer, &BlobId::from(*hash));
    let verdict = |yes: bool| -> EventResult {
        if yes {
            Ok(())
        } else {
            Err(AbortReason::Permission)
        }
    };
    while let Some(request) = requests.recv().await {
        // A reply that nobody waits for any more is no loss.
        match request {
            ProviderMessage::ClientConnected(question) => {
                let _ = question.tx.send(verdict(gate.admits(peer))).await;
            }
            ProviderMessage::GetRequestReceived(question) => {
                let request = &question.inner.request;
                let yes = request.ranges.is_blob() && may_read(&request.hash);
                let wanted = vec![BlobId::from(request.hash)];
                let holders = holders.clone();
                // Beside the other requests of the connection: making blobs anew takes its time.
                tokio::spawn(async move {
                    if yes {
                        holders.prepare(wanted).await;
                    }
                    let _ = question.tx.send(verdict(yes)).await;
                });
            }
            ProviderMessage::GetManyRequestReceived(question) => {
                let hashes = &question.inner.request.hashes;
                let yes = hashes.len() <= MAX_BLOBS && hashes.iter().all(may_read);
                let wanted = hashes.iter().copied().map(BlobId::from).collect();
                let holders = holders.clone();
                tokio::spawn(async move {
                    if yes {
                        holders.prepare(wanted).await;
                    }
                    let _ = question.tx.send(verdict(yes)).await;
                });
            }
            ProviderMessage::ObserveRequestReceived(question) => {
                let _ = question.tx.send(verdict(false)).await;
            }
            ProviderMessage::PushRequestReceived(question) => {
                let _ = question.tx.send(verdict(false)).await;
            }
            ProviderMessage::Throttle(question) => {
                let limits = limits.clone();
                tokio::spawn(async move {
                    limits.send(question.inner.size).await;
                    let _ = question.tx.send(Ok(())).await;
                });
            }
            ProviderMessage::ConnectionClosed(_) => return,
            // Not asked for by the mask.
            _ => {}
        }
    }
}
