//! What a device says of itself, as bytes. Knows nothing of seals, and takes nothing for true.

use peerdrive_crdt_tree::id::NodeId;
use serde::{Deserialize, Serialize};

use super::{Focus, MAX_EDITING};

/// Version of the encoding.
const VERSION: u8 = 1;

/// When in the life of its sender something was said: `started_ms` is that of the sender's run, larger than
/// that of every run before; `counter` grows with everything said in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) started_ms: u64,
    pub(super) counter: u64,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) mark: Mark,
    /// The sender's clock, milliseconds since 1970.
    pub(super) at_ms: u64,
    /// It goes now. The rest means nothing then.
    pub(super) left: bool,
    pub(super) focus: Focus,
}

/// Bytes that say nothing this program understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not a message of presence of version {VERSION}")]
pub(super) struct Unreadable;

#[derive(Serialize, Deserialize)]
struct Wire {
    v: u8,
    mark: Mark,
    at_ms: u64,
    left: bool,
    folder: Option<[u8; 16]>,
    viewing: Option<[u8; 16]>,
    editing: Vec<[u8; 16]>,
    idle: bool,
}

impl Said {
    /// At most 400 bytes.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let focus = &self.focus;
        let editing = focus.editing.iter().take(MAX_EDITING);
        let wire = Wire {
            v: VERSION,
            mark: self.mark,
            at_ms: self.at_ms,
            left: self.left,
            folder: focus.folder.map(|node| node.0),
            viewing: focus.viewing.map(|node| node.0),
            editing: editing.map(|node| node.0).collect(),
            idle: focus.idle,
        };
        // Writing plain structures into memory has no way to fail.
        postcard::to_stdvec(&wire).unwrap_or_default()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Unreadable> {
        let wire: Wire = postcard::from_bytes(bytes).map_err(|_| Unreadable)?;
        if wire.v != VERSION || wire.editing.len() > MAX_EDITING {
            return Err(Unreadable);
        }
        let said = Self {
            mark: wire.mark,
            at_ms: wire.at_ms,
            left: wire.left,
            focus: Focus {
                folder: wire.folder.map(NodeId),
                viewing: wire.viewing.map(NodeId),
                editing: wire.editing.into_iter().map(NodeId).collect(),
                idle: wire.idle,
            },
        };
        match said.to_bytes() == bytes {
            true => Ok(said),
            false => Err(Unreadable),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn largest() -> Said {
        Said {
            mark: Mark {
                started_ms: u64::MAX,
                counter: u64::MAX,
            },
            at_ms: u64::MAX,
            left: true,
            focus: Focus {
                folder: Some(NodeId([1; 16])),
                viewing: Some(NodeId([2; 16])),
                editing: vec![NodeId([3; 16]); MAX_EDITING],
                idle: true,
            },
        }
    }

    #[test]
    fn what_is_said_survives_its_encoding_and_is_short() {
        let said = largest();
        let bytes = said.to_bytes();
        assert!(bytes.len() <= 400, "{}", bytes.len());
        assert_eq!(Said::from_bytes(&bytes), Ok(said));
    }

    #[test]
    fn bytes_of_another_kind_and_bytes_too_many_are_unreadable() {
        let mut said = largest();
        let bytes = said.to_bytes();
        for len in 0..bytes.len() {
            assert_eq!(Said::from_bytes(&bytes[..len]), Err(Unreadable), "{len}");
        }
        let mut more = bytes.clone();
        more.push(0);
        assert_eq!(Said::from_bytes(&more), Err(Unreadable));
        let mut other = bytes;
        other[0] = VERSION + 1;
        assert_eq!(Said::from_bytes(&other), Err(Unreadable));
        // Seventeen files: what this program never says.
        said.focus.editing.clear();
        let empty = said.to_bytes();
        let at = empty.len() - 2;
        let mut long = empty[..at].to_vec();
        long.push(17);
        long.extend([4; 17 * 16]);
        long.push(1);
        assert_eq!(Said::from_bytes(&long), Err(Unreadable));
    }
}
