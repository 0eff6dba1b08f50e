//! What was deleted: where it was, who deleted it and when. Knows nothing of bytes.

use std::cmp::Reverse;
use std::collections::HashMap;

use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::{Content, Kind};
use peerdrive_crdt_tree::tree::Trashed;
use peerdrive_crdt_tree::written::{What, writes};
use peerdrive_crypto::ids::BindId;

use super::{HistoryError, Writer, replay};
use crate::drive::handle::DriveHandle;
use crate::holding::Keeping;

/// Something in the trash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrashedItem {
    /// Which node.
    pub id: NodeId,
    /// The path that it had.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// What it last held.
    pub content: Option<Content>,
    /// Who deleted it; `None` if the record does not tell.
    pub by: Option<Writer>,
    /// When, in milliseconds since 1970 by the deleter's clock; 0 if the record does not tell.
    pub time_ms: u64,
    /// Whether it was deleted so lately that this device keeps what it held. What is older may be gone for good.
    pub kept: bool,
}

impl DriveHandle {
    /// Everything in the trash, what was deleted last first. Reads the whole record; blocks.
    pub fn trash(&self) -> Result<Vec<TrashedItem>, HistoryError> {
        let trashed = self.view().trash();
        if trashed.is_empty() {
            return Ok(Vec::new());
        }
        let deleted = self.deletions(&trashed)?;
        let paths = self.trashed_paths(&trashed);
        let keeping = Keeping::of(&self.shared)?.time();
        let since = crate::env::now_ms()
            .saturating_sub(u64::try_from(keeping.as_millis()).unwrap_or(u64::MAX));
        let members = self.shared.members.read();
        let mut items: Vec<TrashedItem> = trashed
            .into_iter()
            .map(|node| {
                let deleted = deleted.get(&node.id).copied().flatten();
                let time_ms = deleted.map_or(0, |(_, time_ms)| time_ms);
                TrashedItem {
                    kept: time_ms == 0 || time_ms >= since,
                    path: paths.get(&node.id).cloned().unwrap_or_default(),
                    id: node.id,
                    kind: node.kind,
                    content: node.content,
                    by: deleted.map(|(bind, _)| members.writer(&bind)),
                    time_ms,
                }
            })
            .collect();
        items.sort_by(|a, b| (Reverse(a.time_ms), &a.path).cmp(&(Reverse(b.time_ms), &b.path)));
        Ok(items)
    }

    /// Takes something out of the trash, named by the path that it had or by its node's id, with the
    /// folders that held it and what was deleted with it. Returns where it shows now.
    pub async fn restore_trashed(&self, wanted: &str) -> Result<String, HistoryError> {
        let wanted = wanted.trim_matches('/').to_owned();
        let drive = self.clone();
        let found = super::restore::off_thread(move || {
            let mut items = drive.trash()?.into_iter();
            let found = items.find(|item| item.path == wanted || item.id.to_string() == wanted);
            found
                .map(|item| item.id)
                .ok_or(HistoryError::NoPath(wanted))
        })
        .await?;
        let mut results = self.edit(vec![Edit::Restore { node: found }]).await?;
        match results.pop() {
            Some(Ok(_)) => Ok(self.view().path(found).unwrap_or_default()),
            Some(Err(reason)) => Err(HistoryError::Refused(reason.to_string())),
            None => Err(HistoryError::Refused("nothing was done".into())),
        }
    }

    /// The last entry that deleted each of these nodes.
    fn deletions(
        &self,
        trashed: &[Trashed],
    ) -> Result<HashMap<NodeId, Option<(BindId, u64)>>, HistoryError> {
        let mut last: HashMap<NodeId, Option<(BindId, u64)>> =
            trashed.iter().map(|node| (node.id, None)).collect();
        replay(&self.shared, |told| {
            let Ok(writes) = writes(&told.change) else {
                return;
            };
            for write in writes {
                if write.what == What::Deleted
                    && let Some(last) = last.get_mut(&write.node)
                {
                    *last = Some((told.bind, told.time_ms));
                }
            }
        })?;
        Ok(last)
    }

    /// The paths of deleted nodes: through folders that are deleted too, up to one that shows.
    pub(super) fn trashed_paths(&self, trashed: &[Trashed]) -> HashMap<NodeId, String> {
        let by_id: HashMap<NodeId, &Trashed> = trashed.iter().map(|node| (node.id, node)).collect();
        let tree = self.view();
        let path = |node: &Trashed| {
            let mut names = vec![node.name.as_str()];
            let mut at = node.parent;
            // As many steps as there are nodes: two deleted folders may have been moved into each other.
            for _ in 0..=by_id.len() {
                if let Some(above) = tree.path(at) {
                    names.reverse();
                    let below = names.join("/");
                    return if above.is_empty() {
                        below
                    } else {
                        format!("{above}/{below}")
                    };
                }
                let Some(above) = by_id.get(&at) else { break };
                names.push(above.name.as_str());
                at = above.parent;
            }
            names.reverse();
            names.join("/")
        };
        trashed.iter().map(|node| (node.id, path(node))).collect()
    }
}
