//! Text for people: tables, counts, times, and names that a terminal shows without harm. Knows no
//! command.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Lines up cells in columns, two spaces apart; a column whose heading starts with `>` is set right.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let bare: Vec<&str> = headings.iter().map(|h| h.trim_start_matches('>')).collect();
    let width = |column: usize| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count());
        cells
            .chain(bare.get(column).map(|h| h.chars().count()))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let line = |cells: &[&str]| {
        let mut line = String::new();
        for ((cell, width), heading) in cells.iter().zip(&widths).zip(headings) {
            let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
            let (before, after) = if heading.starts_with('>') {
                (pad.as_str(), "")
            } else {
                ("", pad.as_str())
            };
            line.extend([before, cell, after, "  "]);
        }
        line.trim_end().to_owned() + "\n"
    };
    let mut text = line(&bare);
    for row in rows {
        text += &line(&row.iter().map(String::as_str).collect::<Vec<_>>());
    }
    text
}

/// Reads an amount of bytes: 800, 500K, 20M, 1.5G, 2T; each letter is 1024 of the one before.
pub(crate) fn amount(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no size; write 500K, 20M, 1.5G or 2T");
    let trimmed = text
        .trim()
        .trim_end_matches(['B', 'b'])
        .trim_end_matches('i');
    let (number, unit) = match trimmed.char_indices().last() {
        Some((at, letter)) if letter.is_ascii_alphabetic() => {
            let power = match letter.to_ascii_uppercase() {
                'K' => 10,
                'M' => 20,
                'G' => 30,
                'T' => 40,
                _ => return Err(wrong()),
            };
            (trimmed.get(..at).unwrap_or_default(), power)
        }
        _ => (trimmed, 0),
    };
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    let bytes = number * f64::from(2u32).powi(unit);
    // Exact up to 2^53, and no drive has more.
    (0.0..9.0e15)
        .contains(&bytes)
        .then_some(bytes as u64)
        .ok_or_else(wrong)
}

/// "1 file", "2 files".
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Names come from other people: what a terminal would obey, or what hides, is shown as an escape.
pub(crate) fn plain(name: &str) -> String {
    let hidden = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    name.chars()
        .fold(String::with_capacity(name.len()), |mut text, c| {
            if c.is_control() || hidden(c) {
                text.extend(c.escape_default());
            } else {
                text.push(c);
            }
            text
        })
}

/// The first letters of an id: enough to tell things apart by eye.
pub(crate) fn short(id: &str) -> &str {
    id.char_indices().nth(10).map_or(id, |(end, _)| &id[..end])
}

/// How long ago, roughly.
pub(crate) fn ago(millis: u64, now: SystemTime) -> String {
    let past = now
        .duration_since(UNIX_EPOCH + Duration::from_millis(millis))
        .unwrap_or_default();
    match past.as_secs() {
        0..60 => "just now".to_owned(),
        seconds => format!(
            "{} ago",
            crate::progress::duration(Duration::from_secs(seconds))
        ),
    }
}

/// The last moment that has a date of four digits for its year.
const LAST_MOMENT: u64 = 253_402_300_799_000;

/// A moment in UTC, to the minute. What is later than any that can be written is the last.
pub(crate) fn moment(millis: u64) -> String {
    let time = UNIX_EPOCH + Duration::from_millis(millis.min(LAST_MOMENT));
    let text = humantime::format_rfc3339_seconds(time).to_string();
    format!("{} UTC", text.get(..16).unwrap_or(&text).replace('T', " "))
}

/// Nine letters for permission bits, after one for the kind.
pub(crate) fn mode(kind: &str, mode: u32) -> String {
    let first = match kind {
        "folder" => 'd',
        "symlink" => 'l',
        _ => '-',
    };
    let bits = (0..9).rev().map(|bit| {
        if mode >> bit & 1 == 1 {
            ['x', 'w', 'r'][bit % 3]
        } else {
            '-'
        }
    });
    std::iter::once(first).chain(bits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [
            vec!["a".into(), "10".into(), "x".into()],
            vec!["long".into(), "9".into(), String::new()],
        ];
        assert_eq!(
            table(&["NAME", ">N", "REST"], &rows),
            "NAME   N  REST\na     10  x\nlong   9\n"
        );
    }

    #[test]
    fn amounts_are_read_with_or_without_a_unit() {
        assert_eq!(amount("800"), Ok(800));
        assert_eq!(amount("500K"), Ok(500 << 10));
        assert_eq!(amount("1.5GiB"), Ok(3 << 29));
        assert_eq!(amount("2tb"), Ok(2 << 40));
        for wrong in ["", "G", "-1", "1X", "NaN", "inf", "99999999T"] {
            assert!(amount(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn attack_p4_a_name_cannot_speak_to_the_terminal() {
        assert_eq!(
            plain("a\x1b[31m\nb\u{202e}c é 写真"),
            "a\\u{1b}[31m\\nb\\u{202e}c é 写真"
        );
    }

    #[test]
    fn permissions_read_as_ls_shows_them() {
        assert_eq!(mode("file", 0o644), "-rw-r--r--");
        assert_eq!(mode("folder", 0o755), "drwxr-xr-x");
        assert_eq!(mode("symlink", 0o777), "lrwxrwxrwx");
    }

    #[test]
    fn moments_and_spans_are_short() {
        assert_eq!(moment(0), "1970-01-01 00:00 UTC");
        assert_eq!(moment(u64::MAX), "9999-12-31 23:59 UTC");
        assert_eq!(ago(1_000, UNIX_EPOCH + Duration::from_secs(30)), "just now");
        assert_eq!(
            ago(0, UNIX_EPOCH + Duration::from_secs(7200)),
            "2 hours ago"
        );
        assert_eq!(short("0123456789abcdef"), "0123456789");
        assert_eq!(short("01"), "01");
    }
}
