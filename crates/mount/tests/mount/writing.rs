//! What the drive is told of files that are open for writing, without a kernel: as often as they are open,
//! and never once too often or too rarely.

use peerdrive_crdt_tree::id::NodeId;
use peerdrive_mount::MountOptions;
use peerdrive_mount::fs::{FileSystem, OpenMode, ROOT, RenameMode};

use crate::support::{MemoryVolume, TestResult};

const WRITE: OpenMode = OpenMode {
    write: true,
    truncate: false,
    exclusive: false,
};

const READ: OpenMode = OpenMode {
    write: false,
    truncate: false,
    exclusive: false,
};

struct Bench {
    volume: MemoryVolume,
    fs: FileSystem<MemoryVolume>,
    _staging: tempfile::TempDir,
}

impl Bench {
    fn new() -> TestResult<Self> {
        let staging = tempfile::tempdir()?;
        let volume = MemoryVolume::new();
        Ok(Self {
            fs: FileSystem::new(volume.clone(), MountOptions::new(staging.path())),
            volume,
            _staging: staging,
        })
    }

    fn id(&self, path: &str) -> TestResult<NodeId> {
        Ok(self.volume.at(path).ok_or("it is not there")?.id)
    }
}

#[tokio::test]
async fn a_file_is_written_from_open_to_release_and_not_while_it_is_read() -> TestResult {
    let bench = Bench::new()?;
    bench.volume.remote_write("a", b"there");
    let a = bench.id("a")?;
    let found = bench.fs.lookup(ROOT, b"a")?.ok_or("a")?;
    let ino = found.attributes.ino;
    let reading = bench.fs.open(ino, READ).await?.handle;
    assert_eq!(bench.volume.writing(), []);
    let first = bench.fs.open(ino, WRITE).await?.handle;
    let second = bench.fs.open(ino, WRITE).await?.handle;
    assert_eq!(bench.volume.writing(), [(a, 2)]);
    bench.fs.write(first, 0, b"more").await?;
    bench.fs.flush(first).await?;
    assert_eq!(bench.volume.writing(), [(a, 2)], "closed, not released");
    bench.fs.release(first).await?;
    bench.fs.release(reading).await?;
    assert_eq!(bench.volume.writing(), [(a, 1)]);
    // Whatever happens to the name.
    bench
        .fs
        .rename((ROOT, b"a"), (ROOT, b"b"), RenameMode::Replace)
        .await?;
    bench.fs.unlink(ROOT, b"b").await?;
    bench.fs.release(second).await?;
    assert_eq!(bench.volume.writing(), []);
    Ok(())
}

#[tokio::test]
async fn a_new_file_is_written_once_it_is_in_the_drive() -> TestResult {
    let bench = Bench::new()?;
    let (found, opened) = bench.fs.create(ROOT, b"new", 0o644, WRITE).await?;
    let again = bench.fs.open(found.attributes.ino, WRITE).await?.handle;
    let reading = bench.fs.open(found.attributes.ino, READ).await?.handle;
    bench.fs.write(opened.handle, 0, b"first").await?;
    assert_eq!(bench.volume.writing(), [], "nobody else could know it");
    bench.fs.flush(opened.handle).await?;
    let id = bench.id("new")?;
    assert_eq!(bench.volume.writing(), [(id, 2)]);
    bench.fs.write(opened.handle, 0, b"second").await?;
    bench.fs.flush(opened.handle).await?;
    assert_eq!(bench.volume.writing(), [(id, 2)]);
    for handle in [opened.handle, again, reading] {
        bench.fs.release(handle).await?;
    }
    assert_eq!(bench.volume.writing(), []);
    Ok(())
}

#[tokio::test]
async fn the_end_of_a_mount_ends_what_was_open() -> TestResult {
    let bench = Bench::new()?;
    bench.volume.remote_write("a", b"there");
    let found = bench.fs.lookup(ROOT, b"a")?.ok_or("a")?;
    bench.fs.open(found.attributes.ino, WRITE).await?;
    assert_eq!(bench.volume.writing(), [(bench.id("a")?, 1)]);
    drop(bench.fs);
    assert_eq!(bench.volume.writing(), []);
    Ok(())
}
