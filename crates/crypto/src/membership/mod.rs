//! Who may do what in a drive: a pure function of the set of its control entries, the same on every
//! replica whatever order they arrived in; knows no clock, no network and no content (security.md §2.3).

mod admit;
mod bits;
mod content;
mod control;
mod dag;
#[cfg(test)]
mod model;
mod pending;
#[cfg(test)]
mod reference;
mod rules;
mod state;
#[cfg(test)]
mod tests;

pub use admit::{ContentRef, Refusal};
pub use content::Stands;
pub use control::{Control, Inserted};
pub use dag::ControlError;
pub use state::{Bind, Dispute, InviteState, Member, State};
