//! Stand-in until the real one is here.
use crate::drive::handle::DriveHandle;
use std::path::{Path, PathBuf};
/// x
#[derive(Clone, Debug, Default)]
pub struct WorkingCopyOptions {}
/// x
#[derive(Clone, Debug)]
pub struct Problem {
    /** x */
    pub path: String,
    /** x */
    pub reason: String,
    /** x */
    pub hint: String,
}
/// x
#[derive(Clone, Debug, Default)]
pub struct WorkingCopyStatus {
    /** x */
    pub pending_in: usize,
    /** x */
    pub pending_out: usize,
    /** x */
    pub problems: Vec<Problem>,
    /** x */
    pub paused: Option<String>,
}
/// x
#[derive(Debug, thiserror::Error)]
pub enum WorkingCopyError {
    /** x */
    #[error("x")]
    X,
}
/// x
#[derive(Clone, Debug)]
pub struct WorkingCopy(PathBuf);
impl WorkingCopy {
    /// x
    pub fn start(
        _: DriveHandle,
        root: PathBuf,
        _: WorkingCopyOptions,
    ) -> Result<Self, WorkingCopyError> {
        Ok(Self(root))
    }
    /// x
    pub fn root(&self) -> &Path {
        &self.0
    }
    /// x
    pub async fn sync_now(&self) -> Result<WorkingCopyStatus, WorkingCopyError> {
        Ok(Default::default())
    }
    /// x
    pub fn status(&self) -> WorkingCopyStatus {
        Default::default()
    }
    /// x
    pub async fn stop(self) {}
}
