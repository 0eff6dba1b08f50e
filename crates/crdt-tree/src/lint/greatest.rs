//! The greatest op that each change of a saved document is said to have written. Automerge builds the changes of the
//! ops that there are, whatever is said of them here, and counts on from what is said: by a false one the next
//! change would begin where nobody else expects it. Knows nothing of what ops do.

use super::LintError;
use super::order::{Id, Ids};

/// The columns of a document that tell of its changes' greatest ops.
mod column {
    pub(super) const AUTHOR: u64 = 0x01;
    pub(super) const GREATEST: u64 = 0x13;
}

/// What is said, and how far it was seen to be so.
pub(super) struct Greatest {
    /// In order.
    said: Vec<Id>,
    /// Which of them are there.
    there: Vec<bool>,
}

impl Greatest {
    /// What is said of so many changes. `column` is the bytes of a column.
    pub(super) fn of<'a>(
        changes: u64,
        column: impl Fn(u64) -> &'a [u8],
    ) -> Result<Self, LintError> {
        let mut ids = Ids::of(column(column::AUTHOR), column(column::GREATEST));
        let said: Result<Vec<Id>, LintError> = (0..changes).map(|_| ids.next()).collect();
        let mut said = said?;
        said.sort_unstable();
        let there = vec![false; said.len()];
        Ok(Greatest { said, there })
    }

    /// Some op is there.
    pub(super) fn there_is(&mut self, op: Id) {
        if let Ok(at) = self.said.binary_search(&op)
            && let Some(there) = self.there.get_mut(at)
        {
            *there = true;
        }
    }

    /// Whether all of them were there. One that is, and is another change's, gives that change other ops, and both
    /// another hash.
    pub(super) fn check(&self) -> Result<(), LintError> {
        if self.there.iter().all(|there| *there) {
            Ok(())
        } else {
            Err(LintError::NotAChange(
                "one ends with an op that is not there",
            ))
        }
    }
}
