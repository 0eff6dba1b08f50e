//! What the contestants are given to do: numbers, titles, and what each needs. Knows nothing of how
//! it is done.

use anyhow::{Result, bail};

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// 10,000 files of 4 KiB in 100 folders.
    ManyFiles,
    /// The sources of very many crates.
    SourceTree,
    /// One file of 4 GiB.
    OneFile,
    /// One byte more in a large file.
    Insertion,
    /// A folder of 10,000 files gets another name.
    Rename,
    /// One saved edit.
    Edit,
    /// Edits on both sides while they are apart.
    Apart,
    /// A folder of 100,000 files becomes a shared one.
    Existing,
    /// What a shared folder takes on disk.
    Disk,
}

/// What has to be there for a work; works with the same are done one after the other in one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// Two folders in which there are many files, and then a large one.
    Files,
    /// Two folders for a tree of sources.
    Tree,
    /// Two folders with a large file in them.
    Large,
    /// Two folders whose devices can be kept apart.
    Apart,
    /// One device, and a folder that it does not know yet.
    Alone,
}

impl Work {
    /// All, in the order of the table.
    pub(crate) const ALL: [Self; 9] = [
        Self::ManyFiles,
        Self::SourceTree,
        Self::OneFile,
        Self::Insertion,
        Self::Rename,
        Self::Edit,
        Self::Apart,
        Self::Existing,
        Self::Disk,
    ];

    /// Its number.
    pub(crate) fn id(self) -> &'static str {
        match self {
            Self::ManyFiles => "B1",
            Self::SourceTree => "B2",
            Self::OneFile => "B3",
            Self::Insertion => "B4",
            Self::Rename => "B5",
            Self::Edit => "B6",
            Self::Apart => "B12",
            Self::Existing => "B14",
            Self::Disk => "B17",
        }
    }

    /// What it is, in the table.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::ManyFiles => "10,000 files of 4 KiB in 100 folders",
            Self::SourceTree => "a tree of sources",
            Self::OneFile => "one large file",
            Self::Insertion => "1 byte inserted into a file of 1 GiB",
            Self::Rename => "rename a folder of 10,000 files",
            Self::Edit => "one saved edit among 10,000 files, readable there",
            Self::Apart => {
                "10,000 edits on each side apart, 1,000 of them on the same files, then met"
            }
            Self::Existing => "share a folder of 100,000 files of 4 KiB",
            Self::Disk => "disk taken by sharing the tree of B2, above the plain files",
        }
    }

    /// From its number.
    pub(crate) fn parse(id: &str) -> Result<Self> {
        let found = Self::ALL
            .into_iter()
            .find(|work| work.id().eq_ignore_ascii_case(id));
        match found {
            Some(work) => Ok(work),
            None => {
                let all = Self::ALL.map(Self::id).join(", ");
                bail!("there is no work {id}; there are {all}")
            }
        }
    }

    /// What it needs.
    pub(crate) fn setting(self) -> Setting {
        match self {
            Self::ManyFiles | Self::OneFile | Self::Rename | Self::Edit => Setting::Files,
            Self::SourceTree | Self::Disk => Setting::Tree,
            Self::Insertion => Setting::Large,
            Self::Apart => Setting::Apart,
            Self::Existing => Setting::Alone,
        }
    }

    /// Whether it is done there: bytes are limited by the disk or by the processor, names and single
    /// edits are the same work in both places, and the rest takes long.
    pub(crate) fn at(self, place: &str) -> bool {
        place == "disk" || matches!(self, Self::ManyFiles | Self::OneFile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_work_is_found_by_its_number_and_by_nothing_else() -> Result<()> {
        for work in Work::ALL {
            assert_eq!(Work::parse(work.id())?, work);
        }
        assert_eq!(Work::parse("b12")?, Work::Apart);
        let refused = Work::parse("B7").map_or_else(|error| error.to_string(), |_| String::new());
        assert!(refused.contains("B6, B12, B14, B17"), "{refused}");
        Ok(())
    }

    #[test]
    fn the_help_names_every_work() {
        let listed: Vec<&str> = crate::USAGE
            .split(|letter: char| !letter.is_ascii_alphanumeric())
            .collect();
        for work in Work::ALL {
            assert!(listed.contains(&work.id()), "{}", work.id());
        }
    }
}
