//! B4: a file is saved with one byte more in it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use peerdrive_tests::Random;

use super::{Scene, put, same, settle, used};
use crate::bench::arrival;
use crate::bench::figure::Figure;
use crate::bench::pair::{Joined, Pair};
use crate::bench::work::Work;

const NAME: &str = "large.bin";

pub(super) fn run(scene: &mut Scene<'_>) -> Result<()> {
    let pair = Pair::start(scene.contestant, scene.place, Joined::ByLink)?;
    let aside = pair.aside()?;
    let (here, there) = (pair.source.join(NAME), pair.target.join(NAME));
    let (len, prepared) = (scene.size.inserted_into, aside.path().join(NAME));
    Random::new(4).write(len, &mut BufWriter::new(File::create(&prepared)?))?;
    put(&prepared, &here)?;
    pair.carry_now()?;
    arrival::wait(&pair.target, &[(NAME.into(), len)], scene.interrupt)?;
    with_one_more(&here, len / 3, &prepared)?;
    settle(&pair.target)?;
    pair.rest()?;

    let before = pair.crossed()?;
    let start = Instant::now();
    fs::rename(&prepared, &here)?;
    let told = pair.carry_changes()?;
    let seen = arrival::wait(&pair.target, &[(NAME.into(), len + 1)], scene.interrupt)?;
    let counted = before
        .zip(pair.crossed()?)
        .map(|(before, now)| now - before);
    let wire = told.or(counted).context("nobody counted the bytes")?;
    same(&here, &there)?;
    let figure = Figure::Carried {
        seconds: (seen - start).as_secs_f64(),
        wire,
    };
    let notes = [format!("{} MiB", len >> 20), used(&pair.usage()?)];
    scene.record(Work::Insertion, figure, &notes);
    Ok(())
}

/// Writes a file anew with one byte more after the first `at`.
fn with_one_more(file: &Path, at: u64, to: &Path) -> Result<()> {
    let old = File::open(file)?;
    let mut new = File::create(to)?;
    io::copy(&mut (&old).take(at), &mut new)?;
    new.write_all(b"!")?;
    io::copy(&mut &old, &mut new)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_more_is_where_it_was_asked_for() -> Result<()> {
        let root = tempfile::tempdir()?;
        let (old, new) = (root.path().join("old"), root.path().join("new"));
        fs::write(&old, "abcdef")?;
        with_one_more(&old, 2, &new)?;
        assert_eq!(fs::read(&new)?, b"ab!cdef");
        Ok(())
    }
}
