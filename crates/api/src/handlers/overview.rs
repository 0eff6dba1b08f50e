//! What is going on, in short. Asked again and again: nothing here goes through a drive.

use peerdrive_engine::{DriveHandle, Work};

use super::Host;
use crate::dto::{
    ActivityReply, ActivityRequest, BrokenDrive, DriveCard, DriveProblems, DrivesReply, Problem,
    ProblemsReply, Transfer, TransfersReply, Way,
};
use crate::error::ApiError;
use crate::mount_door::MountDoor;

/// Most problems of a drive that are told at once.
pub(super) const MOST_PROBLEMS: usize = 100;

impl<M: MountDoor> Host<M> {
    pub(super) async fn cards(&self) -> Result<DrivesReply, ApiError> {
        let mut drives = Vec::new();
        for drive in self.engine.drives() {
            drives.push(self.card(&drive).await?);
        }
        drives.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        Ok(DrivesReply {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            device: self.engine.peer_id().to_string(),
            drives,
            broken: self.broken(),
        })
    }

    /// Drives that cannot be opened.
    pub(super) fn broken(&self) -> Vec<BrokenDrive> {
        let broken = self.engine.broken().into_iter();
        broken
            .map(|b| BrokenDrive {
                id: b.id,
                reason: b.reason,
            })
            .collect()
    }

    async fn card(&self, drive: &DriveHandle) -> Result<DriveCard, ApiError> {
        let problems = count(self.problems_of(drive).await.len());
        let (counts, conflicts) = {
            let view = drive.view();
            (view.counts(), count(view.conflicts().len()))
        };
        let (peers, pending) = (drive.peers(), drive.pending());
        Ok(DriveCard {
            id: drive.id().to_string(),
            name: drive.name().to_owned(),
            role: drive.role().map(Into::into),
            folder: drive.working_copy().map(|copy| copy.root().to_owned()),
            mounts: self.mounted(drive).await?,
            files: counts.files,
            folders: counts.folders,
            bytes: counts.bytes,
            pending_up: pending.up,
            pending_down: pending.down,
            problems,
            conflicts,
            peers: count(peers.len()),
            connected: count(peers.iter().filter(|peer| peer.connected).count()),
        })
    }

    /// The drive of a request that may name one, or all.
    fn asked(&self, drive: Option<&str>) -> Result<Vec<DriveHandle>, ApiError> {
        match drive {
            Some(wanted) => Ok(vec![self.drive(wanted)?]),
            None => Ok(self.engine.drives()),
        }
    }

    pub(super) async fn problems_in(&self, drive: Option<&str>) -> Result<ProblemsReply, ApiError> {
        let mut drives = Vec::new();
        for drive in self.asked(drive)? {
            let mut problems = self.problems_of(&drive).await;
            if problems.is_empty() {
                continue;
            }
            let total = count(problems.len());
            problems.truncate(MOST_PROBLEMS);
            drives.push(DriveProblems {
                drive: drive.id().to_string(),
                name: drive.name().to_owned(),
                total,
                problems,
            });
        }
        drives.sort_by(|a, b| (&a.name, &a.drive).cmp(&(&b.name, &b.drive)));
        Ok(ProblemsReply { drives })
    }

    /// What waits in a drive, and why: what is not mounted, that nothing is done at all, then one file
    /// after the other.
    pub(super) async fn problems_of(&self, drive: &DriveHandle) -> Vec<Problem> {
        let id = drive.id().to_string();
        let mut problems: Vec<Problem> = Vec::new();
        for absent in self.absent.lock().await.iter().filter(|a| a.drive == id) {
            problems.push(Problem {
                path: None,
                reason: format!(
                    "not mounted on {}: {}",
                    absent.path.display(),
                    absent.error.message
                ),
                hint: absent.error.hint.clone().unwrap_or_default(),
            });
        }
        let copy = drive.working_copy().map(|copy| copy.status());
        let paused = match drive.is_paused() {
            true => Some((
                "paused on this device".to_owned(),
                "resume it to go on: `peerdrive resume`".to_owned(),
            )),
            false => drive.held_up().map(|why| (why, String::new())),
        };
        problems.extend(paused.map(|(reason, hint)| Problem {
            path: None,
            reason,
            hint,
        }));
        problems.extend(drive.notices().into_iter().map(|notice| Problem {
            path: None,
            reason: notice.reason,
            hint: notice.hint,
        }));
        let found = copy.map(|copy| copy.problems).unwrap_or_default();
        problems.extend(found.into_iter().map(|found| Problem {
            path: Some(found.path),
            reason: found.reason,
            hint: found.hint,
        }));
        problems
    }

    pub(super) fn transfers_in(&self, drive: Option<&str>) -> Result<TransfersReply, ApiError> {
        let drives = self.asked(drive)?.into_iter();
        let transfers = drives.filter_map(|drive| {
            let work = drive.work()?;
            Some(transfer(&drive.id().to_string(), &work))
        });
        Ok(TransfersReply {
            transfers: transfers.collect(),
        })
    }

    pub(super) fn activity_of(&self, request: &ActivityRequest) -> Result<ActivityReply, ApiError> {
        let drive = self.drive(&request.drive)?.id().to_string();
        let (items, more) = self.news.deeds.page(&drive, request.before, request.limit);
        Ok(ActivityReply { drive, items, more })
    }
}

pub(super) fn transfer(drive: &str, work: &Work) -> Transfer {
    Transfer {
        drive: drive.to_owned(),
        way: match work.reading {
            true => Way::Import,
            false => Way::Checkout,
        },
        files: work.files,
        files_total: work.files_total,
        bytes: work.bytes,
        bytes_total: work.bytes_total,
        rate: work.rate,
        left: work
            .left
            .map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
    }
}

/// A number of things that are never so many.
pub(super) fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
