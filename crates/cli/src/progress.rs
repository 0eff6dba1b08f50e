//! A progress bar on standard error while a person watches. Knows no command.

use std::time::Duration;

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressStyle};
use peerdrive_api::dto::Progress;

use crate::output::Output;

/// How often the bar is drawn anew when nothing comes: the spinner shows that it is alive.
const TICK: Duration = Duration::from_millis(120);

/// Shown while it lives; gone afterwards, so that only the answer stays.
#[derive(Debug)]
pub(crate) struct Bar {
    bar: Option<ProgressBar>,
    watched: bool,
}

impl Bar {
    pub(crate) fn new(out: &Output) -> Self {
        Self {
            bar: None,
            watched: out.is_watched(),
        }
    }

    /// Draws how far it is.
    pub(crate) fn show(&mut self, progress: &Progress) {
        if !self.watched {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(0);
            bar.enable_steady_tick(TICK);
            bar
        });
        let total = progress.bytes_total.filter(|total| *total > 0);
        bar.set_style(style(total.is_some()));
        if let Some(total) = total {
            bar.set_length(total);
        }
        bar.set_position(progress.bytes);
        bar.set_message(message(progress));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(with_total: bool) -> ProgressStyle {
    let template = if with_total {
        "{spinner} {msg} [{bar:24}] {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left"
    } else {
        "{spinner} {msg}"
    };
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

fn message(progress: &Progress) -> String {
    let files = match progress.files_total {
        Some(total) => format!("{}/{total} files", progress.files),
        None => format!("{} files", progress.files),
    };
    format!("{} {files}", progress.stage)
}

/// Bytes for people.
pub(crate) fn bytes(count: u64) -> String {
    HumanBytes(count).to_string()
}

/// A length of time for people.
pub(crate) fn duration(time: Duration) -> String {
    HumanDuration(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_says_what_is_done_and_how_much_of_it() {
        let mut progress = Progress {
            stage: "reading".into(),
            files: 3,
            ..Progress::default()
        };
        assert_eq!(message(&progress), "reading 3 files");
        progress.files_total = Some(10);
        assert_eq!(message(&progress), "reading 3/10 files");
    }
}
