//! B2 and B17: a tree of real sources, and what it takes on disk once it is shared.

use std::time::Instant;

use anyhow::{Result, ensure};
use peerdrive_tests::{Tree, source_tree};

use super::{Scene, put, settle, used};
use crate::bench::arrival;
use crate::bench::disk::allocated;
use crate::bench::figure::Figure;
use crate::bench::pair::{Joined, Pair};
use crate::bench::work::Work;

pub(super) fn run(scene: &mut Scene<'_>) -> Result<()> {
    let pair = Pair::start(scene.contestant, scene.place, Joined::ByLoopback)?;
    let aside = pair.aside()?;
    let prepared = aside.path().join("tree");
    let (most, bytes) = (scene.size.tree_files, scene.size.tree_bytes);
    let mut files = source_tree(&prepared, most, bytes)?;
    ensure!(!files.is_empty(), "cargo's cache is empty");
    let bytes: u64 = files.iter().map(|(_, len)| len).sum();
    for (path, _) in &mut files {
        *path = std::path::Path::new("tree").join(&*path);
    }
    settle(aside.path())?;
    let plain = allocated(&prepared)?;

    let start = Instant::now();
    put(&prepared, &pair.source.join("tree"))?;
    pair.carry_now()?;
    arrival::wait(&pair.target, &files, scene.interrupt)?;
    settle(&pair.target)?;
    let took = start.elapsed().as_secs_f64();
    pair.rest()?;
    Tree::read(&pair.source)?.same_as(&Tree::read(&pair.target)?)?;
    let notes = [
        format!("{} files of {:.0} MB", files.len(), bytes as f64 / 1e6),
        used(&pair.usage()?),
    ];
    scene.record(Work::SourceTree, Figure::Seconds(took), &notes);

    if scene.wants(Work::Disk) {
        settle(&pair.target)?;
        let [sharer, keeper] = pair.kept()?;
        let (sharer, keeper) = (sharer.taken()?, keeper.taken()?);
        let figure = Figure::Disk {
            sharer: sharer.above(plain),
            keeper: keeper.above(plain),
        };
        let notes = [
            format!("{} MiB the plain files", plain.div_ceil(1 << 20)),
            format!("at the sharer {}", sharer.words()),
            format!("at the keeper {}", keeper.words()),
        ];
        scene.record(Work::Disk, figure, &notes);
    }
    pair.leave(scene.place);
    Ok(())
}
