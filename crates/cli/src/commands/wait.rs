//! `peerdrive wait`.

use clap::Args;
use peerdrive_api::dto::WaitRequest;
use peerdrive_api::schema;

use crate::context::Context;
use crate::failure::Failure;
use crate::words::{count, plain};

/// Wait until this device is level with every connected peer and nothing is pending
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// The drive's name or id
    #[arg(value_name = "DRIVE")]
    drive: String,
    /// Give up after this many seconds [default: wait for ever]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    timeout: Option<f64>,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=1e9).contains(&seconds) => Ok(seconds),
        _ => Err("write a number of seconds, such as 30 or 0.5".into()),
    }
}

impl Wait {
    pub(crate) fn run(self, context: Context) -> Result<(), Failure> {
        // Checked above: at least 0 and at most 10^12.
        let timeout = self.timeout.map(|seconds| (seconds * 1000.0) as u64);
        let level = context.call::<schema::Wait>(&WaitRequest {
            drive: self.drive,
            timeout,
        })?;
        context.out.answer(&level, |level| {
            let left = match level.problems {
                0 => String::new(),
                many => format!(
                    ", but for {}; `peerdrive status` says why",
                    count(many, "file or folder", "files and folders")
                ),
            };
            format!("{} is level{left}\n", plain(&level.name))
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_sensible_number_of_seconds_is_taken() {
        assert_eq!(seconds("0.5"), Ok(0.5));
        assert_eq!(seconds("0"), Ok(0.0));
        for wrong in ["", "-1", "NaN", "inf", "1e300", "ten"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
