//! The rows of the attack table that can be tested on bytes alone, each test named after its row.

#[path = "attacks/confusion.rs"]
mod confusion;
#[path = "attacks/content.rs"]
mod content;
#[path = "attacks/entries.rs"]
mod entries;
#[path = "attacks/membership.rs"]
mod membership;
