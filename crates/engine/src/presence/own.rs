//! What this device does in a drive: its windows and the handles on its mounts, put together, and how much of
//! it was said. Knows no network.

use peerdrive_crdt_tree::id::NodeId;

use super::{Focus, MAX_EDITING};

/// What the doors of this device told, as it is now.
#[derive(Debug, Default)]
pub(super) struct Own {
    pub(super) focus: Option<Focus>,
    /// Files that are open for writing on a mount, and how often; the one opened last is last.
    writing: Vec<(NodeId, usize)>,
    /// The number of this run, once it is drawn: nothing is said before.
    pub(super) started_ms: Option<u64>,
    /// Messages said in this run.
    pub(super) counter: u64,
    /// This device has left: nothing is said any more.
    pub(super) left: bool,
}

impl Own {
    /// A handle for writing begins or ends. An end without a beginning is none.
    pub(super) fn writing(&mut self, node: NodeId, begins: bool) {
        let known = self.writing.iter().position(|(open, _)| *open == node);
        match (known, begins) {
            (None, true) => self.writing.push((node, 1)),
            (None, false) => {}
            (Some(at), _) => {
                let (_, handles) = &mut self.writing[at];
                *handles = match begins {
                    true => *handles + 1,
                    false => *handles - 1,
                };
                if *handles == 0 {
                    self.writing.remove(at);
                }
            }
        }
    }

    /// All of it as one: what windows edit comes first, then what mounts write, the newest first.
    pub(super) fn merged(&self) -> Focus {
        let mut merged = self.focus.clone().unwrap_or(Focus {
            // Without a window nobody is at it, unless some program writes for them.
            idle: self.writing.is_empty(),
            ..Focus::default()
        });
        let written = self.writing.iter().rev().map(|(node, _)| *node);
        let all: Vec<NodeId> = merged.editing.iter().copied().chain(written).collect();
        merged.editing.clear();
        for node in all {
            if merged.editing.len() < MAX_EDITING && !merged.editing.contains(&node) {
                merged.editing.push(node);
            }
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(number: u8) -> NodeId {
        NodeId([number; 16])
    }

    #[test]
    fn handles_are_counted_and_an_end_without_a_beginning_is_none() {
        let mut own = Own::default();
        own.writing(node(1), false);
        own.writing(node(1), true);
        own.writing(node(1), true);
        own.writing(node(2), true);
        own.writing(node(1), false);
        assert_eq!(own.merged().editing, [node(2), node(1)]);
        own.writing(node(1), false);
        assert_eq!(own.merged().editing, [node(2)]);
        own.writing(node(1), false);
        own.writing(node(2), false);
        assert_eq!(own.merged().editing, []);
    }

    #[test]
    fn windows_come_before_mounts_each_file_once_and_sixteen_at_most() {
        let mut own = Own::default();
        assert!(own.merged().idle, "no window, nothing written");
        for number in 0..20 {
            own.writing(node(number), true);
        }
        assert!(!own.merged().idle, "some program writes");
        own.focus = Some(Focus {
            folder: Some(node(99)),
            viewing: Some(node(7)),
            editing: vec![node(7), node(50), node(7)],
            idle: true,
        });
        let merged = own.merged();
        assert_eq!(
            (merged.folder, merged.viewing),
            (Some(node(99)), Some(node(7)))
        );
        assert!(merged.idle, "its person is away, whatever a program writes");
        assert_eq!(merged.editing.len(), MAX_EDITING);
        assert_eq!(merged.editing[..4], [node(7), node(50), node(19), node(18)]);
        let mut once = merged.editing.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), MAX_EDITING);
    }
}
