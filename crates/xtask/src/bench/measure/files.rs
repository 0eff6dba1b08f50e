//! B1, B6, B5 and B3: many files, edits among them, their folder renamed, and one large file.

use std::fs::{self, File};
use std::io::BufWriter;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use peerdrive_tests::Random;

use super::{Scene, put, same, settle, used};
use crate::bench::arrival;
use crate::bench::contestant::Contestant;
use crate::bench::figure::Figure;
use crate::bench::pair::{Joined, Pair};
use crate::bench::work::Work;

pub(super) fn run(scene: &mut Scene<'_>) -> Result<()> {
    let pair = Pair::start(scene.contestant, scene.place, Joined::ByLoopback)?;
    // Edits and renames happen in a drive with many files in it, so these come first, wanted or not.
    if scene.works != [Work::OneFile] {
        let took = many_files(&pair, scene)?.as_secs_f64();
        let notes = [used(&pair.usage()?)];
        scene.record(Work::ManyFiles, Figure::Seconds(took), &notes);
    }
    if scene.wants(Work::Edit) {
        let times = edits(&pair, scene)?;
        scene.record(Work::Edit, Figure::times(times), &[]);
    }
    if scene.wants(Work::Rename) {
        let took = rename(&pair, scene)?.as_secs_f64();
        scene.record(Work::Rename, Figure::Seconds(took), &[]);
    }
    if scene.wants(Work::OneFile) {
        let took = one_file(&pair, scene)?.as_secs_f64();
        let large = scene.size.large;
        let notes = [
            format!("{} MiB", large >> 20),
            format!("{:.0} MB/s", large as f64 / 1e6 / took),
            used(&pair.usage()?),
        ];
        scene.record(Work::OneFile, Figure::Seconds(took), &notes);
    }
    pair.leave(scene.place);
    Ok(())
}

fn many_files(pair: &Pair, scene: &Scene<'_>) -> Result<Duration> {
    let aside = pair.aside()?;
    let files = scene.size.many.files("tree");
    scene.size.many.write(aside.path(), "tree")?;
    settle(aside.path())?;
    let start = Instant::now();
    put(&aside.path().join("tree"), &pair.source.join("tree"))?;
    pair.carry_now()?;
    arrival::wait(&pair.target, &files, scene.interrupt)?;
    settle(&pair.target)?;
    let took = start.elapsed();
    for (path, _) in files.iter().step_by(7) {
        same(&pair.source.join(path), &pair.target.join(path))?;
    }
    Ok(took)
}

fn one_file(pair: &Pair, scene: &Scene<'_>) -> Result<Duration> {
    let aside = pair.aside()?;
    let len = scene.size.large;
    let prepared = aside.path().join("large.bin");
    Random::new(2).write(len, &mut BufWriter::new(File::create(&prepared)?))?;
    settle(aside.path())?;
    let start = Instant::now();
    put(&prepared, &pair.source.join("large.bin"))?;
    pair.carry_now()?;
    arrival::wait(&pair.target, &[("large.bin".into(), len)], scene.interrupt)?;
    settle(&pair.target)?;
    let took = start.elapsed();
    same(
        &pair.source.join("large.bin"),
        &pair.target.join("large.bin"),
    )?;
    Ok(took)
}

fn rename(pair: &Pair, scene: &Scene<'_>) -> Result<Duration> {
    let start = Instant::now();
    fs::rename(pair.source.join("tree"), pair.source.join("renamed"))?;
    pair.carry_now()?;
    let files = scene.size.many.files("renamed");
    arrival::wait(&pair.target, &files, scene.interrupt)?;
    let limit = Duration::from_secs(300);
    scene.interrupt.until(limit, "the old name is gone", || {
        !pair.target.join("tree").exists()
    })?;
    Ok(start.elapsed())
}

fn edits(pair: &Pair, scene: &Scene<'_>) -> Result<Vec<f64>> {
    // As many as make a percentile where they are quick, as few as can be waited for where not.
    let count = match scene.contestant {
        Contestant::Syncthing { tuned: false } => 3,
        Contestant::Syncthing { tuned: true } | Contestant::Copy | Contestant::Rsync => 10,
        Contestant::PeerDrive { .. } => 100,
    };
    let (here, there) = (pair.source.join("note.md"), pair.target.join("note.md"));
    fs::write(&here, "# Note\n")?;
    pair.carry_now()?;
    arrival::wait_for_bytes(&there, b"# Note\n", scene.interrupt)?;
    let mut random = Random::new(3);
    let mut times = Vec::new();
    for number in 0..count {
        // A person pauses between two saves, and never for a round number.
        thread::sleep(Duration::from_millis(150 + random.below(250)));
        let text = format!(
            "# Note\n\nSaved {number} times, {} words.\n",
            random.below(1000)
        );
        let start = Instant::now();
        fs::write(&here, &text)?;
        pair.carry_now()?;
        let seen = arrival::wait_for_bytes(&there, text.as_bytes(), scene.interrupt)?;
        times.push((seen - start).as_secs_f64());
    }
    Ok(times)
}
