//! Deletions in a folder that wait for a yes because they are most of a drive.

use serde::{Deserialize, Serialize};

/// Asks for the deletions that wait, or answers for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DeletionsRequest {
    /// Id or unique name.
    pub drive: String,
    /// What becomes of them; unless given, nothing yet.
    #[serde(default)]
    pub answer: Option<DeletionsAnswer>,
}

/// What becomes of deletions that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum DeletionsAnswer {
    /// They are meant: deleted for everybody.
    Confirm,
    /// They are not: everything is written out again.
    Undo,
}

/// How deletions stand, after the answer if there was one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct DeletionsReply {
    /// The drive's id.
    pub drive: String,
    /// Files and folders whose deletion waits; what is in such a folder is not counted.
    pub waiting: u64,
}
