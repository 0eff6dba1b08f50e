//! A document that another device saved: loaded within bounds, and told change by change, so that it can be
//! held against what it should be. Decides nothing about who may have written it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{DriveTree, LoadError};
use crate::id::Actor;
use crate::lint;

/// Hashes of changes, by author in the order of their numbers, which are from 1 without gaps.
pub type Changes = BTreeMap<Actor, Vec<[u8; 32]>>;

impl DriveTree {
    /// A tree as the [`DriveTree::save`] of another device wrote it, which should hold so many changes beside
    /// the one that every drive begins with. It may be anything: what is found here is no more than what
    /// the document says of itself.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load_foreign(snapshot: &[u8], changes: u64, actor: Actor) -> Result<Self, LoadError> {
        let all = changes.saturating_add(1);
        lint::check_document(snapshot, all).map_err(LoadError::automerge)?;
        // Automerge trusts what it loads; a panic in it is one more way to say no.
        let loaded = catch_unwind(AssertUnwindSafe(|| {
            let tree = Self::load(snapshot, actor)?;
            tree.is_within_bounds()
                .then_some(tree)
                .ok_or(LoadError::NotADrive)
        }));
        loaded.unwrap_or_else(|_| Err(LoadError::automerge("reading it fails")))
    }

    /// Every change but the first, which all drives have.
    pub fn changes(&self) -> Changes {
        let mut numbered: Vec<(Actor, u64, [u8; 32])> = Vec::new();
        for change in self.document.get_changes_meta(&[]) {
            // An actor of another length wrote nothing that any entry holds.
            let actor = change.actor.to_bytes().try_into().map(Actor);
            let actor = actor.unwrap_or(Actor([0xff; 16]));
            if actor != Actor::GENESIS {
                numbered.push((actor, change.seq, change.hash.0));
            }
        }
        numbered.sort_unstable();
        let mut changes = Changes::new();
        for (actor, _, hash) in numbered {
            changes.entry(actor).or_default().push(hash);
        }
        changes
    }

    /// Whether it begins as every drive does, and no counter is so large that writing on would fail.
    fn is_within_bounds(&self) -> bool {
        let first = DriveTree::new(Actor([0xff; 16])).heads();
        first.iter().all(|hash| self.has_change(hash))
            && self
                .document
                .get_changes_meta(&[])
                .iter()
                .all(|change| change.max_op < lint::MAX_COUNTER)
    }
}
