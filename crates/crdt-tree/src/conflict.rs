//! What a person is told about edits that met; knows nothing of how they were settled.

use std::fmt;

use crate::id::{Actor, NodeId};
use crate::node::Kind;

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
        /// Path of that folder now; empty if it does not show.
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
        /// What it is.
        kind: Kind,
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
    /// What happened, how it shows, and what ends it, for people who know files and folders and
    /// nothing of registers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Conflict::Cycle {
                path, wanted_path, ..
            } => {
                let into = match wanted_path.as_str() {
                    "" => "a folder that is deleted by now".to_owned(),
                    path => format!("the folder that is now `{path}`"),
                };
                write!(
                    f,
                    "The folder `{path}` was moved into {into}, while somebody else put that folder \
                     inside this one. Both cannot be, so the later move, that of `{path}`, was taken \
                     back; everything in it is there. Move it again to where it belongs.",
                )
            }
            Conflict::MovedApart { path, also, .. } => {
                let places = list(also.iter().map(|place| match place.as_str() {
                    "" => "the top folder".to_owned(),
                    place => format!("`{place}`"),
                }));
                let places = places.unwrap_or_else(|| "a folder that is deleted by now".to_owned());
                write!(
                    f,
                    "`{path}` was moved to different folders at the same time, also to {places}. It is here \
                     and nowhere else. Move it if it belongs elsewhere; this note goes with its next move.",
                )
            }
            Conflict::RenamedApart { path, also, .. } => write!(
                f,
                "`{path}` was given different names at the same time, also {}. Rename it if another name \
                 is better; this note goes with its next new name.",
                quoted(also),
            ),
            Conflict::SameName { path, name, .. } => write!(
                f,
                "`{path}` has the name `{name}`, as something else in the same folder has, and shows with a \
                 tag to tell them apart. Both are complete. Rename or move one of them.",
            ),
            Conflict::Content { path, copies, .. } => {
                let copies: Vec<&str> = copies.iter().map(|copy| copy.path.as_str()).collect();
                let others = match copies.len() {
                    1 => "The other version is",
                    _ => "The other versions are",
                };
                write!(
                    f,
                    "`{path}` was written by several people at the same time. One version has the name. \
                     {others} beside it, complete: {}. Take over what you need, then delete what you do \
                     not; editing, renaming or deleting any of them settles it.",
                    quoted(&copies),
                )
            }
            Conflict::DeletedAndEdited {
                path,
                kind: Kind::Folder,
                ..
            } => write!(
                f,
                "The folder `{path}` was deleted by one person while another renamed or moved it, so it is \
                 kept. What nobody touched in it is in the trash. Restore that if it is needed, or delete \
                 the folder again.",
            ),
            Conflict::DeletedAndEdited { path, .. } => write!(
                f,
                "`{path}` was deleted by one person while another edited, renamed or moved it, so it is \
                 kept. Delete it again if nobody needs it; this note goes with its next edit, new name or \
                 move.",
            ),
            Conflict::DeletedAround { path, .. } => write!(
                f,
                "The folder `{path}` was deleted by one person while another worked on something in it, so \
                 it is kept with that. What nobody touched in it is in the trash. Move what you need to \
                 another folder, or delete this one again.",
            ),
        }
    }
}

fn quoted<T: AsRef<str>>(items: &[T]) -> String {
    let items = items.iter().map(|item| format!("`{}`", item.as_ref()));
    list(items).unwrap_or_default()
}

/// "one, two and three"; `None` if there is nothing to list.
fn list(items: impl Iterator<Item = String>) -> Option<String> {
    let items: Vec<String> = items.collect();
    let (last, rest) = items.split_last()?;
    Some(match rest {
        [] => last.clone(),
        rest => format!("{} and {last}", rest.join(", ")),
    })
}

#[cfg(test)]
mod tests;
