//! Work of removed devices that came too late to count: told, accepted, or set aside. Accepting it is a
//! control entry; setting it aside is this device's own note.

use std::collections::{BTreeMap, BTreeSet};

use peerdrive_crypto::author::Draft;
use peerdrive_crypto::body::{Cut, ExtendCut};
use peerdrive_crypto::entry::kind;
use peerdrive_crypto::ids::{BindId, LogId, MemberId};

use super::admission::Stop;
use super::error::DriveError;
use super::replica::Replica;

/// Most paths that are named for one device.
const MOST_PATHS: usize = 20;

/// What a removed device wrote that nobody's tree shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The device.
    pub device: BindId,
    /// Whose it was.
    pub member: Option<MemberId>,
    /// What it, or else its member, was called. Untrusted text.
    pub name: Option<String>,
    /// How many entries wait.
    pub entries: u64,
    /// Paths that would appear, go or change: some of them, where they are many.
    pub paths: Vec<String>,
}

impl Replica {
    /// Every removed device with work that waits for a decision.
    pub(crate) fn pending(&mut self) -> Vec<Pending> {
        let mut devices: Vec<BindId> = self.barred().into_iter().map(|(_, bind)| bind).collect();
        devices.sort_unstable();
        devices.dedup();
        devices
            .into_iter()
            .map(|device| self.pending_of(device))
            .collect()
    }

    /// Logs of removed devices with entries after what was let stand.
    fn barred(&self) -> Vec<(LogId, BindId)> {
        let state = self.control.control.state();
        let own = self.own.keys.log_pk();
        let mut logs: Vec<(LogId, BindId)> = Vec::new();
        for (log, progress) in &self.contents {
            // A device whose keys act under another grant now does its own work again.
            let acts = state.bind(&progress.bind).is_some_and(|bind| {
                let mut live = state.live_binds();
                let key = bind.cert.log_pk;
                key == own && self.control.may_write()
                    || live.any(|(_, other)| {
                        other.cert.log_pk == key
                            && other.role >= peerdrive_crypto::body::Role::Writer
                    })
            });
            let is_work = progress.kind == kind::EDIT;
            if is_work && progress.stop == Stop::Barred && !acts {
                logs.push((*log, progress.bind));
            }
        }
        logs
    }

    fn pending_of(&mut self, device: BindId) -> Pending {
        let logs = self
            .barred()
            .into_iter()
            .filter(|(_, bind)| *bind == device);
        let names: BTreeSet<LogId> = logs.flat_map(|(log, _)| self.goes_on_from(log)).collect();
        let entries = names
            .into_iter()
            .map(|log| {
                let len = self.tip(&log).map_or(0, |(len, _)| len);
                let applied = self.contents.get(&log).map_or(0, |own| own.applied);
                len.saturating_sub(applied)
            })
            .sum();
        let state = self.control.control.state();
        let bind = state.bind(&device);
        let member = bind.map(|bind| bind.member);
        let label = bind.and_then(|bind| super::roll::device_name(state, bind));
        let of_member = || state.members.get(&member?)?.label.clone();
        let name = label.or_else(of_member);
        Pending {
            device,
            member,
            name,
            entries,
            paths: self.pending_paths(device),
        }
    }

    /// A log or branch, and the branches that count and go on from it.
    fn goes_on_from(&self, log: LogId) -> Vec<LogId> {
        let mut all = vec![log];
        while let Some(next) = all.last().and_then(|last| self.goes_on(last)) {
            all.push(next);
        }
        all
    }

    fn pending_paths(&mut self, device: BindId) -> Vec<String> {
        let Some(whole) = self.tree_with(device) else {
            return Vec::new();
        };
        let now = self.tree.read();
        let mut paths = BTreeSet::new();
        for id in now.walk().chain(whole.walk()) {
            let (before, after) = (now.get(id), whole.get(id));
            if before != after {
                paths.extend(whole.path(id).or_else(|| now.path(id)));
            }
            if paths.len() >= MOST_PATHS {
                break;
            }
        }
        paths.into_iter().collect()
    }

    /// Lets everything of a removed device stand that is here.
    pub(super) fn accept_draft(&self, device: &BindId) -> Result<Draft, DriveError> {
        let ends = self.control.control.ended_by(device);
        let (entry, index) = ends
            .first()
            .copied()
            .ok_or_else(|| DriveError::Refused("that device was never removed".into()))?;
        let mut cuts: BTreeMap<LogId, Cut> = BTreeMap::new();
        for (log, bind) in self.barred() {
            if bind == *device
                && let Some(last) = self.goes_on_from(log).pop()
                && let Some(own) = self.contents.get(&last)
                && let Some((len, tip)) = self.tip(&last)
            {
                let cut = Cut {
                    log: own.log,
                    seq: own.first + len - 1,
                    entry: tip,
                };
                let known = cuts.entry(own.log).or_insert(cut);
                if known.seq < cut.seq {
                    *known = cut;
                }
            }
        }
        let cut: Vec<Cut> = cuts.into_values().collect();
        if cut.is_empty() {
            return Err(DriveError::Refused(
                "nothing of that device waits to be reviewed".into(),
            ));
        }
        Ok(Draft::new().extend_cut(ExtendCut { entry, index, cut }))
    }
}
