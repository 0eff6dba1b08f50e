//! B14: a folder that is there already becomes a shared one.

use anyhow::Result;

use super::{Scene, settle, used};
use crate::bench::figure::Figure;
use crate::bench::lone::Lone;
use crate::bench::work::Work;

pub(super) fn run(scene: &mut Scene<'_>) -> Result<()> {
    let many = scene.size.existing;
    let lone = Lone::start(scene.contestant, scene.place, |folder| {
        many.write(folder, "")?;
        settle(folder)
    })?;
    let took = lone.take_in(many.count(), scene.interrupt)?.as_secs_f64();
    let notes = [format!("{} files", many.count()), used(&[lone.usage()?])];
    scene.record(Work::Existing, Figure::Seconds(took), &notes);
    lone.leave(scene.place);
    Ok(())
}
