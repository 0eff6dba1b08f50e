//! The durable, append-only record of one drive on one device: sealed entries, a sealed snapshot and
//! this device's own sealed notes. Knows positions and ids, never what a body says.
//!
//! Nothing is announced to a peer before [`DriveLog::append`] has returned: an entry, once handed out,
//! must survive any crash, or its number could be signed twice. `format.md` beside this file gives the
//! bytes.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use peerdrive_log::{Batch, DriveLog, Record};
//! # let folder = tempfile::tempdir()?;
//! let log = DriveLog::open(&folder.path().join("drive.redb"))?;
//! let record = Record { log: [7; 32], seq: 0, id: [1; 32], bytes: b"sealed".to_vec() };
//! log.append(&Batch { records: vec![record], ..Batch::default() })?;
//! assert_eq!(log.tips()[0].len, 1);
//! # Ok(())
//! # }
//! ```

mod branches;
mod error;
mod record;
mod store;

pub use error::{AppendError, OpenError, ReadError};
pub use record::{
    Arrival, Batch, EntryId, KeyAndValue, LogId, Note, Record, Snapshot, Space, Split, Tip,
};
pub use store::DriveLog;
