//! A drive's history, to be checked by anyone.

use serde::{Deserialize, Serialize};

/// Asks for a drive's signed history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AuditRequest {
    /// Id or unique name of the drive.
    pub drive: String,
}

/// One line of a history: JSON text whose bytes count, without its line end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
#[serde(transparent)]
pub struct AuditLine(pub String);

/// The history is told in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct AuditReply {
    /// The drive's id: who checks the history must know it.
    pub drive: String,
    /// How many entries it has.
    pub entries: u64,
}
