//! Those who take part: each brings what is in one folder to another. Knows who does what, and nothing
//! of how each is started.

use peerdrive_tests::Binary;

use super::work::Work;

/// One who takes part.
#[derive(Clone, Debug)]
pub(crate) enum Contestant {
    /// `cp -a`.
    Copy,
    /// `rsync -a --delete`.
    Rsync,
    /// Syncthing as installed, or with a quicker watcher.
    Syncthing {
        /// Whether with the quicker watcher.
        tuned: bool,
    },
    /// PeerDrive, folder to folder or mount to mount.
    PeerDrive {
        /// What runs.
        binary: Binary,
        /// Whether from mount to mount.
        mounted: bool,
    },
}

impl Contestant {
    /// All names, in the order of the table.
    pub(crate) const NAMES: [&'static str; 6] = [
        "`cp -a`",
        "`rsync -a`",
        "Syncthing",
        "Syncthing, tuned",
        "PeerDrive",
        "PeerDrive, mounts",
    ];

    /// Its name in the table.
    pub(crate) fn name(&self) -> &'static str {
        let at = match self {
            Self::Copy => 0,
            Self::Rsync => 1,
            Self::Syncthing { tuned: false } => 2,
            Self::Syncthing { tuned: true } => 3,
            Self::PeerDrive { mounted: false, .. } => 4,
            Self::PeerDrive { mounted: true, .. } => 5,
        };
        Self::NAMES[at]
    }

    /// Whether it makes sense to give it this.
    pub(crate) fn does(&self, work: Work) -> bool {
        match self {
            // Copying everything anew is no rename, and nobody copies everything for one edit.
            Self::Copy => matches!(work, Work::ManyFiles | Work::SourceTree | Work::OneFile),
            // It has no devices that could be apart, scan or keep anything.
            Self::Rsync => !matches!(work, Work::Apart | Work::Existing | Work::Disk),
            // What takes long is done by the quicker of the two.
            Self::Syncthing { tuned: false } => {
                matches!(
                    work,
                    Work::ManyFiles | Work::OneFile | Work::Rename | Work::Edit
                )
            }
            Self::Syncthing { tuned: true } | Self::PeerDrive { mounted: false, .. } => true,
            // A mount shows a file before its bytes are here, so arrival of whole trees is another
            // question there.
            Self::PeerDrive { mounted: true, .. } => matches!(work, Work::Rename | Work::Edit),
        }
    }
}
