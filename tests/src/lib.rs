//! A lab of real devices: each is a `peerdrive` process with its own data directory, driven through
//! the command line as a user would. Knows nothing of documents, logs or endpoints.
//!
//! ```no_run
//! use peerdrive_tests::{Door, Lab, Role};
//!
//! Lab::run(|lab| {
//!     let ana = lab.device("ana")?;
//!     let ben = lab.device("ben")?;
//!     let photos = lab.folder("photos")?;
//!     std::fs::write(photos.join("a.txt"), "hello")?;
//!     let drive = ana.share(&photos)?;
//!     let ticket = ana.invite(&drive.drive, Role::Writer)?;
//!     ben.join(&ticket, Door::Folder(&lab.path("photos of ben")))?;
//!     lab.converge(&[&ana, &ben], &drive.drive)?;
//!     Ok(())
//! })
//! # .unwrap();
//! ```

mod binary;
mod command;
mod device;
mod folder;
mod lab;
mod network;
mod onlooker;
mod process;
mod random;
mod reply;
mod requirement;
mod sample;
mod small_disk;
mod wait;
mod witness;

pub use binary::{Binary, workspace};
pub use command::{Answer, run, run_with};
pub use device::{Device, Door, Role};
pub use folder::{Entry, Kind, OWN_FOLDER, Tree, files_below, write_whole};
pub use lab::Lab;
pub use network::{Host, Network};
pub use onlooker::Onlooker;
pub use process::{Usage, alive, signal};
pub use random::Random;
pub use reply::{DriveStatus, Invited, Joined, Listed, Refusal, Shared};
pub use requirement::{Requirement, missing};
pub use sample::{git, repository, source_tree, sources};
pub use small_disk::SmallDisk;
pub use wait::{within, within_ms};
pub use witness::Witness;
