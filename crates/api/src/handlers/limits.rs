//! How fast contents pass, and whether at all.

use peerdrive_engine::pausing::Rates;
use peerdrive_engine::{DriveHandle, Engine};

use super::errors;
use crate::dto::{LimitReply, LimitRequest, PauseReply, Progress, Work};
use crate::error::{ApiError, Code};

/// Below this, one part of a file takes so long that its fetch counts as stuck.
const LEAST: u64 = 32 * 1024;

pub(super) fn limit(engine: &Engine, request: &LimitRequest) -> Result<LimitReply, ApiError> {
    let before = engine.rates();
    let rates = Rates {
        up: wanted(request.up, before.up)?,
        down: wanted(request.down, before.down)?,
    };
    if rates != before {
        let set = engine.set_rates(rates);
        set.map_err(|error| errors::data_dir(&error))?;
    }
    Ok(LimitReply {
        up: rates.up,
        down: rates.down,
    })
}

fn wanted(asked: Option<u64>, before: Option<u64>) -> Result<Option<u64>, ApiError> {
    match asked {
        None => Ok(before),
        Some(0) => Ok(None),
        Some(rate) if rate < LEAST => Err(ApiError::new(
            Code::BadRequest,
            format!("{rate} bytes a second are too few"),
        )
        .hint("32K is the least; `peerdrive pause` stops a drive")),
        Some(rate) => Ok(Some(rate)),
    }
}

pub(super) async fn pause(
    engine: &Engine,
    drive: &DriveHandle,
    paused: bool,
) -> Result<PauseReply, ApiError> {
    let changed = match paused {
        true => engine.pause(drive).await,
        false => engine.unpause(drive),
    };
    changed.map_err(|error| errors::keep(&error))?;
    Ok(PauseReply {
        drive: drive.id().to_string(),
        name: drive.name().to_owned(),
        paused: drive.is_paused(),
    })
}

pub(super) fn work(work: &peerdrive_engine::Work) -> Work {
    Work {
        progress: Progress {
            stage: if work.reading { "reading" } else { "receiving" }.to_owned(),
            files: work.files,
            files_total: Some(work.files_total),
            bytes: work.bytes,
            bytes_total: Some(work.bytes_total),
        },
        rate: work.rate,
        left: work.left.map(|left| left.as_secs()),
    }
}
