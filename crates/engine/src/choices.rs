//! How this device chose to keep a drive's folder: a note of its own, told to the working copy when it changes. Knows
//! what may be chosen, not what it does.

use crate::drive::handle::{DriveHandle, Shared};
use crate::local::{LocalError, Space};
use crate::working_copy::{WorkingCopyOptions, not_a_pattern};

const KEY: &[u8] = b"folder options";

/// How the note is written.
const VERSION: u8 = 1;

/// Most patterns of a local list: each is asked about each file.
const MOST_PATTERNS: usize = 1_000;

/// Longest pattern in bytes: no path that it could name is longer.
const LONGEST_PATTERN: usize = 4_096;

/// A choice was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    /// It names nothing.
    #[error("`{pattern}` is not a pattern of files to leave alone: {reason}")]
    Pattern {
        /// What was given.
        pattern: String,
        /// Why.
        reason: String,
    },
    /// There is no end to it.
    #[error("there are more than {MOST_PATTERNS} patterns of files to leave alone")]
    TooMany,
    /// The note is of another version of PeerDrive, or damaged.
    #[error("what was chosen for the drive's folder cannot be read")]
    Unreadable,
    /// This device's notes fail.
    #[error(transparent)]
    Notes(#[from] LocalError),
}

/// What was chosen. Without it a folder is not kept: it would take in what should stay here.
pub(crate) fn chosen(shared: &Shared) -> Result<WorkingCopyOptions, ChoiceError> {
    let Some(note) = shared.local.get(Space::Config, KEY)? else {
        return Ok(WorkingCopyOptions::default());
    };
    match postcard::from_bytes(&note) {
        Ok((VERSION, options)) => Ok(options),
        Ok((_, _)) | Err(_) => Err(ChoiceError::Unreadable),
    }
}

fn check(options: &WorkingCopyOptions) -> Result<(), ChoiceError> {
    if options.local_ignore.len() > MOST_PATTERNS {
        return Err(ChoiceError::TooMany);
    }
    for pattern in &options.local_ignore {
        let reason = match pattern.len() > LONGEST_PATTERN {
            true => Some("it is longer than any path".to_owned()),
            false => not_a_pattern(pattern),
        };
        if let Some(reason) = reason {
            let pattern = pattern.chars().take(100).collect();
            return Err(ChoiceError::Pattern { pattern, reason });
        }
    }
    Ok(())
}

impl DriveHandle {
    /// How the drive's folder is kept on this device, if it is.
    ///
    /// # Errors
    /// The note cannot be read.
    pub fn folder_options(&self) -> Result<WorkingCopyOptions, ChoiceError> {
        chosen(&self.shared)
    }

    /// Chooses how the drive's folder is kept on this device, from now on and after a restart. What is in the
    /// folder already stays there.
    ///
    /// # Errors
    /// Nothing was changed.
    pub fn choose_folder_options(&self, options: WorkingCopyOptions) -> Result<(), ChoiceError> {
        check(&options)?;
        // No working copy starts in between by what was chosen before.
        let _once = self.shared.starting.lock();
        let note = postcard::to_stdvec(&(VERSION, &options));
        let note = note.map_err(|_| ChoiceError::Unreadable)?;
        self.shared.local.put(Space::Config, KEY, note)?;
        if let Some(copy) = self.working_copy() {
            copy.choose(options);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_nothing_is_refused_with_the_reason() {
        let list = |patterns: &[&str]| WorkingCopyOptions {
            local_ignore: patterns.iter().map(|line| (*line).to_owned()).collect(),
            ..WorkingCopyOptions::default()
        };
        let long = "x".repeat(LONGEST_PATTERN + 1);
        for wrong in ["", " ", "# a comment", "[z-a]", "{a", "a\nb", "a\0b", &long] {
            let refused = check(&list(&["*.o", wrong]));
            assert!(
                matches!(refused, Err(ChoiceError::Pattern { .. })),
                "{wrong:?}: {refused:?}"
            );
        }
        for right in [
            "*.o",
            "/build/",
            "!keep.o",
            "a b",
            "**/node_modules",
            "\\#x",
        ] {
            assert!(check(&list(&[right])).is_ok(), "{right:?}");
        }
        assert!(check(&list(&["*.o"; MOST_PATTERNS])).is_ok());
        let many = check(&list(&["*.o"; MOST_PATTERNS + 1]));
        assert!(matches!(many, Err(ChoiceError::TooMany)));
    }
}
