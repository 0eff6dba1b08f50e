//! The record of a drive as a sequence of changes with their authors and times. Knows no node.

use peerdrive_crypto::body::ContentBody;
use peerdrive_crypto::entry::{Entry, Plane, kind};
use peerdrive_crypto::ids::{BindId, LogId};
use peerdrive_log::{ReadError, Record};

use crate::content::ContentKeys as _;
use crate::drive::handle::Shared;

/// One change of the document, as its entry tells it.
pub(crate) struct Told {
    /// The log that the entry is of.
    pub(crate) log: LogId,
    /// The device that wrote it.
    pub(crate) bind: BindId,
    /// Milliseconds since 1970 by its clock.
    pub(crate) time_ms: u64,
    /// The change.
    pub(crate) change: Vec<u8>,
}

/// Hands on every change in the record, in the order in which they came to this device. What does not
/// open (its keys are not here) is passed over. Takes some 20 µs an entry; blocks.
pub(crate) fn replay(shared: &Shared, mut visit: impl FnMut(Told)) -> Result<(), ReadError> {
    shared.log.replay(0, |_, record| {
        if let Some(told) = open(shared, &record) {
            visit(told);
        }
    })
}

fn open(shared: &Shared, record: &Record) -> Option<Told> {
    let entry = Entry::decode(&record.bytes).ok()?;
    if (entry.header.plane, entry.header.kind) != (Plane::Content, kind::EDIT) {
        return None;
    }
    let keys = shared.keyring.by_tag(&entry.header.epoch.tag())?;
    let body = ContentBody::decode(&entry.open_body(&keys).ok()?).ok()?;
    let mut changes = body.changes.into_iter();
    let change = changes.next().filter(|_| changes.next().is_none())?;
    Some(Told {
        log: entry.log_id(),
        bind: entry.header.bind,
        time_ms: body.time_ms,
        change: change.0,
    })
}
