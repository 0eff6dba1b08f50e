//! Real folders with real watchers, behind a drive of a few lines.

mod folder;
mod plans;
mod remote;
mod storms;
mod support;
