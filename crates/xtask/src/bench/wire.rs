//! What crosses between two devices on one machine, as somebody counts it. Knows nothing of what it is.

use std::fs;

use anyhow::{Context, Result};

/// Bytes that have crossed loopback so far, whoever sent them.
pub(crate) fn loopback() -> Result<u64> {
    let table = fs::read_to_string("/proc/net/dev").context("the kernel counts no bytes")?;
    sent_over(&table, "lo").context("there is no loopback")
}

/// The bytes that an interface has sent, by the kernel's table of them: eight columns of what was
/// received, and then the bytes sent.
fn sent_over(table: &str, interface: &str) -> Option<u64> {
    let line = table.lines().find_map(|line| {
        let (name, rest) = line.split_once(':')?;
        (name.trim() == interface).then_some(rest)
    })?;
    line.split_whitespace().nth(8)?.parse().ok()
}

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
    fn the_bytes_sent_are_the_ninth_number_of_the_interface() {
        let table = "Inter-|   Receive      |  Transmit\n face |bytes packets\n    \
                     lo:    7 2 0 0 0 0 0 0   12345 2 0 0 0 0 0 0\n  \
                     eth0: 1 1 0 0 0 0 0 0 99 1 0 0 0 0 0 0\n";
        assert_eq!(sent_over(table, "lo"), Some(12_345));
        assert_eq!(sent_over(table, "eth0"), Some(99));
        assert_eq!(sent_over(table, "eth1"), None);
    }

    #[test]
    fn an_rsync_says_what_it_sent_and_received() -> Result<()> {
        let stats = "Number of files: 2\nTotal bytes sent: 264,345\nTotal bytes received: 1,049,000\n\n\
                     sent 264,345 bytes  received 1,049,000 bytes\n";
        assert_eq!(of_rsync(stats)?, 1_313_345);
        assert!(of_rsync("Number of files: 2\n").is_err());
        Ok(())
    }
}
