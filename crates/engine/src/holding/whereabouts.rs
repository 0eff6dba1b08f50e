//! Where the bytes of versions are: on this device, and with which of the devices that are connected.

use std::collections::HashSet;

use peerdrive_crdt_tree::node::{FileContent, Kind};
use peerdrive_net::{BlobId, Held, PeerId, Term};

use super::{HoldError, can_remake, needed, pins};
use crate::drive::handle::DriveHandle;

/// Where the bytes of what is at and below a path are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Whereabouts {
    /// Files.
    pub files: u64,
    /// How many of them can be read without another device.
    pub files_here: u64,
    /// Bytes of all.
    pub bytes: u64,
    /// Bytes of those that can be read without another device.
    pub bytes_here: u64,
    /// The least number of connected devices, besides this one, that hold all bytes of a file.
    pub peers: u64,
    /// Whether all of it is pinned.
    pub pinned: bool,
}

impl DriveHandle {
    /// Where the bytes of what is at and below a path are. Asks every connected device.
    pub async fn whereabouts(&self, path: &str) -> Result<Whereabouts, HoldError> {
        self.whereabouts_among(path, self.connected()).await
    }

    /// As [`DriveHandle::whereabouts`], with members' devices only: a storage peer's lease can end.
    pub async fn whereabouts_with_members(&self, path: &str) -> Result<Whereabouts, HoldError> {
        let mut members = self.connected();
        members.retain(|peer| !self.is_store(peer));
        self.whereabouts_among(path, members).await
    }

    async fn whereabouts_among(
        &self,
        path: &str,
        peers: Vec<PeerId>,
    ) -> Result<Whereabouts, HoldError> {
        let top = self.node_to_hold(path)?;
        let (contents, empty, pinned) = {
            let shared = self.shared.clone();
            let look = move || {
                let mut contents = Vec::new();
                needed::shown(&shared, top, &mut |needed| contents.push(needed.content));
                let pinned = pins::pinned(&shared)?.contains(&top);
                let tree = shared.tree.read();
                let ids = needed::below(&tree, top).into_iter();
                let files = ids.filter_map(|id| tree.get(id));
                let files = files.filter(|node| node.kind == Kind::File).count();
                let empty = (files as u64).saturating_sub(contents.len() as u64);
                Ok::<_, HoldError>((contents, empty, pinned))
            };
            tokio::task::spawn_blocking(look)
                .await
                .map_err(|_| HoldError::Stopped)??
        };
        // Files without content need no bytes.
        let mut found = Whereabouts {
            files: empty,
            files_here: empty,
            pinned,
            ..Whereabouts::default()
        };
        let holders = self.holders_among(&contents, &peers).await;
        found.peers = match holders.iter().map(Vec::len).min() {
            Some(least) => least as u64,
            None => peers.len() as u64,
        };
        for content in contents {
            found.files += 1;
            found.bytes += content.len;
            if self.is_here(&content).await? {
                found.files_here += 1;
                found.bytes_here += content.len;
            }
        }
        Ok(found)
    }

    /// Whether every byte of a version can be read without another device: sealed in the store, or
    /// plain in the folder.
    pub async fn is_here(&self, content: &FileContent) -> Result<bool, HoldError> {
        let parts = self.content().parts(content).await?;
        if !parts.all() {
            return Ok(false);
        }
        for part in parts.parts {
            let here = self.content().blobs().has(&part.id).await?;
            if !here && !can_remake(&self.shared, &part.id) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The connected devices that hold every byte of a version.
    pub async fn holders(&self, content: &FileContent) -> Vec<PeerId> {
        self.holders_of(std::slice::from_ref(content))
            .await
            .pop()
            .unwrap_or_default()
    }

    /// As [`DriveHandle::holders`], for many versions with one question to each device. Fetches lists
    /// of chunks where they are not here; a version whose list nobody has is held by nobody.
    pub async fn holders_of(&self, contents: &[FileContent]) -> Vec<Vec<PeerId>> {
        self.holders_among(contents, &self.connected()).await
    }

    async fn holders_among(&self, contents: &[FileContent], peers: &[PeerId]) -> Vec<Vec<PeerId>> {
        let mut ids: Vec<Option<Vec<BlobId>>> = Vec::with_capacity(contents.len());
        for content in contents {
            ids.push(self.blob_ids(content).await);
        }
        let mut seen = HashSet::new();
        let all: Vec<BlobId> = ids
            .iter()
            .flatten()
            .flatten()
            .copied()
            .filter(|id| seen.insert(*id))
            .collect();
        let mut holders = vec![Vec::new(); contents.len()];
        for peer in peers.iter().copied() {
            let held = self.held_by(peer, &all, None).await;
            for (ids, holders) in ids.iter().zip(&mut holders) {
                let holds = |ids: &Vec<BlobId>| ids.iter().all(|id| held.contains(id));
                if ids.as_ref().is_some_and(holds) {
                    holders.push(peer);
                }
            }
        }
        holders
    }

    /// Peers with a session now.
    pub(crate) fn connected(&self) -> Vec<PeerId> {
        let peers = self.shared.link.peers().into_iter();
        peers
            .filter(|peer| peer.connected)
            .map(|peer| peer.peer)
            .collect()
    }

    /// Which of these blobs a peer keeps; none if it does not answer.
    pub(crate) async fn held_by(
        &self,
        peer: PeerId,
        ids: &[BlobId],
        promise: Option<Term>,
    ) -> HashSet<BlobId> {
        match self.shared.net.ask_held(peer, ids, promise).await {
            Ok(held) => {
                let kept = ids.iter().zip(held);
                kept.filter(|(_, held)| *held == Held::Kept)
                    .map(|(id, _)| *id)
                    .collect()
            }
            Err(error) => {
                tracing::debug!(%peer, %error, "no answer about blobs");
                HashSet::new()
            }
        }
    }

    async fn blob_ids(&self, content: &FileContent) -> Option<Vec<BlobId>> {
        let content_store = self.content();
        let mut parts = content_store.parts(content).await.ok()?;
        if !parts.all() {
            content_store.fetch_list(content).await.ok()?;
            parts = content_store.parts(content).await.ok()?;
        }
        let all = parts.all();
        let ids = parts.parts.into_iter().map(|part| part.id);
        all.then(|| ids.collect())
    }
}
