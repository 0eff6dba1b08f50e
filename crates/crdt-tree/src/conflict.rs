//! What a person is told about edits that met; knows nothing of how they were settled.

use std::fmt;

use crate::id::{Actor, NodeId};

/// One case in which edits made apart met on a node, and how the view shows it. Nothing is lost in any
/// of them, and every device reports the same.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Conflict {
    /// Folders were moved into each other; this one's move lost and it shows elsewhere (rule R2).
    Cycle {
        /// The folder.
        node: NodeId,
        /// Its path now.
        path: String,
        /// The folder that it was moved to.
        wanted: NodeId,
        /// Path of that folder now.
        wanted_path: String,
    },
    /// It was moved to several folders at once; one move won (rule R1).
    MovedApart {
        /// The node.
        node: NodeId,
        /// Its path now.
        path: String,
        /// Paths of the folders that it was also moved to, where they still show.
        also: Vec<String>,
    },
    /// It was given several names at once; one won.
    RenamedApart {
        /// The node.
        node: NodeId,
        /// Its path now.
        path: String,
        /// The other names.
        also: Vec<String>,
    },
    /// Another node of this folder has the same name and keeps it (rule R5).
    SameName {
        /// The node that shows under a tag.
        node: NodeId,
        /// Its path now, tag included.
        path: String,
        /// The name it was given.
        name: String,
        /// The node that shows under that name.
        holder: NodeId,
    },
    /// It was edited by several at once; one version shows under the name, the others beside it (rule R6).
    Content {
        /// The file or symlink.
        node: NodeId,
        /// Its path now.
        path: String,
        /// The other versions.
        copies: Vec<Beside>,
    },
    /// Somebody deleted it without having seen a later edit, rename or move, which keeps it (rule R3).
    DeletedAndEdited {
        /// The node.
        node: NodeId,
        /// Its path now.
        path: String,
    },
    /// Somebody deleted this folder; it shows because something in it lives (rule R4).
    DeletedAround {
        /// The folder.
        node: NodeId,
        /// Its path now.
        path: String,
    },
}

/// A version that shows beside its file.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Beside {
    /// The id by which edits name it.
    pub id: NodeId,
    /// Its path.
    pub path: String,
    /// Who wrote it.
    pub author: Actor,
}

impl Conflict {
    /// The node that it is about.
    pub fn node(&self) -> NodeId {
        match self {
            Conflict::Cycle { node, .. }
            | Conflict::MovedApart { node, .. }
            | Conflict::RenamedApart { node, .. }
            | Conflict::SameName { node, .. }
            | Conflict::Content { node, .. }
            | Conflict::DeletedAndEdited { node, .. }
            | Conflict::DeletedAround { node, .. } => *node,
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Conflict::Cycle {
                path, wanted_path, ..
            } => write!(
                f,
                "`{path}` was moved into `{wanted_path}` while that folder was moved into it; \
                 the later move does not count. Move it again to where it belongs.",
            ),
            Conflict::MovedApart { path, also, .. } => write!(
                f,
                "`{path}` was moved to several places at the same time, also to {}; one move \
                 counts. Move it again to settle it.",
                list(also.iter().map(|place| if place.is_empty() {
                    "the top folder"
                } else {
                    place
                })),
            ),
            Conflict::RenamedApart { path, also, .. } => write!(
                f,
                "`{path}` was given several names at the same time, also {}; one counts. Rename \
                 it to settle it.",
                list(also.iter().map(String::as_str)),
            ),
            Conflict::SameName { path, name, .. } => write!(
                f,
                "`{path}` shows with a tag because something else in the folder is named `{name}`. \
                 Rename or move one of them.",
            ),
            Conflict::Content { path, copies, .. } => write!(
                f,
                "`{path}` was edited by several people at the same time; the other versions are \
                 beside it: {}. Keep what you need: edit, rename or delete any of them, or pick one.",
                list(copies.iter().map(|copy| copy.path.as_str())),
            ),
            Conflict::DeletedAndEdited { path, .. } => write!(
                f,
                "`{path}` was deleted by one person while another changed it, so it is still here. \
                 Delete it again if it is not needed.",
            ),
            Conflict::DeletedAround { path, .. } => write!(
                f,
                "the folder `{path}` was deleted while somebody worked in it; it shows with what is \
                 still needed. Move that elsewhere, or delete it.",
            ),
        }
    }
}

/// "`a`, `b` and `c`".
fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = items.map(|item| format!("`{item}`")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => "nothing".to_owned(),
    }
}
