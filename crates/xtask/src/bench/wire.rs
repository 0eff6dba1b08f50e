//! What crosses between two ends on one machine, where one of them says it. Knows nothing of what it is.

use anyhow::{Context, Result};

/// What the two ends of an rsync told each other, by its `--stats`.
pub(crate) fn of_rsync(stats: &str) -> Result<u64> {
    let number = |key: &str| -> Option<u64> {
        let line = stats.lines().find_map(|line| line.strip_prefix(key))?;
        let digits: String = line.chars().filter(char::is_ascii_digit).collect();
        digits.parse().ok()
    };
    let (sent, received) = (number("Total bytes sent:"), number("Total bytes received:"));
    Ok(sent.context("rsync does not say what it sent")?
        + received.context("rsync does not say what it received")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_rsync_says_what_it_sent_and_received() -> Result<()> {
        let stats = "Number of files: 2\nTotal bytes sent: 264,345\nTotal bytes received: 1,049,000\n\n\
                     sent 264,345 bytes  received 1,049,000 bytes\n";
        assert_eq!(of_rsync(stats)?, 1_313_345);
        assert!(of_rsync("Number of files: 2\n").is_err());
        Ok(())
    }
}
