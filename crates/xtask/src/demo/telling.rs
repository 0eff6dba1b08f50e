//! How the demo looks on a terminal or in a log. Knows nothing of what is told.

use std::io::{IsTerminal, Write};
use std::time::Duration;

/// A heading, with its number.
pub(crate) fn chapter(number: &mut u32, words: &str) {
    *number += 1;
    println!("\n{}", strong(&format!("{number}. {words}")));
}

/// The command a person would have given.
pub(crate) fn command(who: &str, words: &str) {
    println!("   {} {words}", faint(&format!("{who} $")));
}

/// Something that happened, and how long it took until it was seen.
pub(crate) fn seen(took: Duration, words: &str) {
    println!("   {:>9}  {words}", strong(&millis(took)));
}

/// A line without a time.
pub(crate) fn line(words: &str) {
    println!("              {words}");
    // A log that somebody follows should not lag behind what happens.
    let _ = std::io::stdout().flush();
}

/// Milliseconds, or seconds when there are many.
pub(crate) fn millis(took: Duration) -> String {
    if took < Duration::from_millis(10) {
        format!("{:.1} ms", took.as_secs_f64() * 1e3)
    } else if took < Duration::from_secs(10) {
        format!("{} ms", took.as_millis())
    } else {
        seconds(took)
    }
}

/// Seconds with one decimal.
pub(crate) fn seconds(took: Duration) -> String {
    format!("{:.1} s", took.as_secs_f64())
}

/// A number of bytes as people read it.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..10_000 => format!("{count} bytes"),
        10_000..10_000_000 => format!("{} kB", count / 1_000),
        _ => format!("{:.1} MB", count as f64 / 1e6),
    }
}

/// A number with its thousands apart.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn strong(words: &str) -> String {
    styled("1", words)
}

fn faint(words: &str) -> String {
    styled("2", words)
}

fn styled(style: &str, words: &str) -> String {
    if std::io::stdout().is_terminal() {
        // The width given to a format counts what cannot be seen, so it is put inside.
        format!("\x1b[{style}m{words:>9}\x1b[0m")
    } else {
        words.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_for_people() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(count(12), "12");
        assert_eq!(bytes(12_345_678), "12.3 MB");
        assert_eq!(millis(Duration::from_micros(1_200)), "1.2 ms");
    }
}
