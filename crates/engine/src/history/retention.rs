//! Which of what was replaced or deleted is still kept: the younger, and the last few of each file.

use std::collections::{HashMap, HashSet};

use peerdrive_crdt_tree::id::{NodeId, OpId};
use peerdrive_crdt_tree::node::{Content, FileContent};
use peerdrive_crdt_tree::written::{What, writes};
use peerdrive_log::ReadError;

use super::replay;
use crate::drive::handle::Shared;
use crate::holding::Keeping;

/// What is kept beside what the drive shows.
#[derive(Debug, Default)]
pub(crate) struct Retained {
    /// Contents of what is in the trash.
    pub(crate) trash: Vec<(NodeId, FileContent)>,
    /// Replaced contents.
    pub(crate) replaced: Vec<(NodeId, FileContent)>,
}

/// A version that some later one may have replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Written {
    node: NodeId,
    op: OpId,
    time_ms: u64,
    content: FileContent,
}

/// Reads the record twice. Times count as no earlier than those of entries that came here before, and
/// no later than now: a clock that is wrong may keep something too long, and never too short.
pub(crate) fn retained(
    shared: &Shared,
    keeping: &Keeping,
    now_ms: u64,
) -> Result<Retained, ReadError> {
    let since = now_ms.saturating_sub(u64::try_from(keeping.time().as_millis()).unwrap_or(now_ms));
    let trashed = shared.tree.read().trash();
    let mut deleted: HashMap<NodeId, u64> = trashed.iter().map(|node| (node.id, now_ms)).collect();
    let again = written_again(shared)?;
    let mut written = Vec::new();
    let mut clock = 0;
    replay(shared, |told| {
        clock = told.time_ms.min(now_ms).max(clock);
        for write in writes(&told.change).unwrap_or_default() {
            match write.what {
                What::Deleted => {
                    if let Some(time) = deleted.get_mut(&write.node) {
                        *time = clock;
                    }
                }
                What::Content(Some(Content::File(content))) if again.contains(&write.node) => {
                    written.push(Written {
                        node: write.node,
                        op: write.op,
                        time_ms: clock,
                        content,
                    });
                }
                _ => {}
            }
        }
    })?;
    let gone = |node: &NodeId| deleted.get(node).is_some_and(|time| *time < since);
    let mut kept = Retained::default();
    for node in &trashed {
        if gone(&node.id) {
            continue;
        }
        let tree = shared.tree.read();
        for stored in tree.contents(node.id) {
            if let Some(Content::File(content)) = stored.content {
                kept.trash.push((node.id, content));
            }
        }
    }
    written.sort_unstable_by_key(|version| (version.node, version.op));
    for versions in written.chunk_by(|one, other| one.node == other.node) {
        if versions.first().is_some_and(|version| !gone(&version.node)) {
            let old = replaced(versions, since, keeping.versions as usize);
            kept.replaced
                .extend(old.map(|version| (version.node, version.content)));
        }
    }
    Ok(kept)
}

/// Those of one file's versions, in order, that were replaced and are kept: within the last `most`, or
/// replaced after `since`.
fn replaced(versions: &[Written], since: u64, most: usize) -> impl Iterator<Item = &Written> {
    let count = versions.len();
    let next = versions.iter().skip(1);
    versions
        .iter()
        .zip(next)
        .enumerate()
        .filter(move |(at, (_, next))| count - at <= most || next.time_ms >= since)
        .map(|(_, (version, _))| version)
}

/// The nodes to which content was written more than once.
fn written_again(shared: &Shared) -> Result<HashSet<NodeId>, ReadError> {
    let mut nodes = Vec::new();
    replay(shared, |told| {
        for write in writes(&told.change).unwrap_or_default() {
            if matches!(write.what, What::Content(_)) {
                nodes.push(write.node);
            }
        }
    })?;
    nodes.sort_unstable();
    let twice = nodes.windows(2).filter(|pair| pair[0] == pair[1]);
    Ok(twice.map(|pair| pair[0]).collect())
}

#[cfg(test)]
mod tests {
    use peerdrive_crdt_tree::id::Actor;
    use peerdrive_crdt_tree::node::ContentHash;

    use super::*;

    fn versions(times: &[u64]) -> Vec<Written> {
        let version = |(at, time): (u32, &u64)| Written {
            node: NodeId([1; 16]),
            op: OpId {
                counter: at,
                actor: Actor([1; 16]),
            },
            time_ms: *time,
            content: FileContent {
                hash: ContentHash([at as u8; 32]),
                len: 1,
                mtime_ns: 0,
                manifest: None,
            },
        };
        (0..).zip(times).map(version).collect()
    }

    fn kept(times: &[u64], since: u64, most: usize) -> Vec<u64> {
        let versions = versions(times);
        let kept = replaced(&versions, since, most);
        kept.map(|version| version.time_ms).collect()
    }

    #[test]
    fn the_last_few_are_kept_however_old_and_the_young_however_many() {
        let times = [10, 20, 30, 40, 50];
        // The last one is what the file holds, and not counted as replaced.
        assert_eq!(kept(&times, 1000, 3), [30, 40]);
        assert_eq!(kept(&times, 1000, 1), [] as [u64; 0]);
        // 20 was replaced at 30, which is not before 30.
        assert_eq!(kept(&times, 30, 1), [20, 30, 40]);
        assert_eq!(kept(&times, 0, 0), [10, 20, 30, 40]);
        assert_eq!(kept(&[10], 0, 10), [] as [u64; 0]);
    }
}
