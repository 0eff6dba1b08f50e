//! What one change wrote, told node by node: the way to ask a log of changes who wrote which version.
//! Knows nothing of entries, times or people.

use crate::id::{NodeId, OpId};
use crate::lint::{self, LintError};
use crate::node::{Content, Kind};
use crate::schema::{self, Birth, Moved, Register};

/// One write of a change, as far as it tells the life of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Write {
    /// Which node.
    pub node: NodeId,
    /// The write's own name, by which [`crate::tree::Stored`] knows a content version.
    pub op: OpId,
    /// What it says.
    pub what: What,
}

/// What a write says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// The node began.
    Born {
        /// As what.
        kind: Kind,
        /// Where.
        parent: NodeId,
        /// Under which name.
        name: String,
        /// The node and the version of it that this one was a copy of (rule R6).
        copied: Option<(NodeId, OpId)>,
    },
    /// It was moved.
    Moved {
        /// To which folder.
        parent: NodeId,
    },
    /// It was renamed.
    Renamed {
        /// Its new name.
        name: String,
    },
    /// It got content; `None` is a file without any.
    Content(Option<Content>),
    /// It was deleted.
    Deleted,
    /// It was taken out of the trash.
    Undeleted,
}

/// What a change wrote, in order; attributes are left out.
///
/// # Errors
/// [`LintError`]: not a change of this schema.
pub fn writes(change: &[u8]) -> Result<Vec<Write>, LintError> {
    let mut writes = Vec::new();
    lint::each_op(change, |op, key, value| {
        let Some((node, register)) = schema::parse_key(key) else {
            return;
        };
        if let Some(what) = what(register, value) {
            writes.push(Write { node, op, what });
        }
    })?;
    Ok(writes)
}

/// The name of a change in [`crate::tree::DriveTree::past`] and
/// [`crate::tree::DriveTree::has_change`]; `None` if it is not one.
pub fn hash(change: &[u8]) -> Option<[u8; 32]> {
    let change = automerge::Change::from_bytes(change.to_vec()).ok()?;
    Some(change.hash().0)
}

fn what(register: Register<'_>, value: Option<&[u8]>) -> Option<What> {
    Some(match (register, value) {
        (Register::Birth, Some(value)) => {
            let birth = Birth::decode(value)?;
            let copied = match birth.origin {
                schema::Origin::Created { .. } => None,
                schema::Origin::Copied { node, version } => Some((node, version)),
            };
            What::Born {
                kind: birth.kind,
                parent: birth.parent,
                name: birth.name.as_str().to_owned(),
                copied,
            }
        }
        (Register::Place, Some(value)) => What::Moved {
            parent: Moved::decode(value)?.parent,
        },
        (Register::Name, Some(value)) => What::Renamed {
            name: schema::decode_name(value)?.as_str().to_owned(),
        },
        (Register::Content, Some(value)) => What::Content(schema::decode_content(value)?),
        (Register::Deletion, Some(_)) => What::Deleted,
        (Register::Deletion, None) => What::Undeleted,
        _ => return None,
    })
}
