//! What the kernel is told to forget, without a kernel: enough after any change by others, and nothing
//! of names and pages after one's own.

use std::time::Duration;

use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::name::Name;
use peerdrive_mount::MountOptions;
use peerdrive_mount::fs::{FileSystem, OpenMode, ROOT, RenameMode, Stale};
use peerdrive_mount::volume::{Feed, Volume};

use crate::support::memory::MemoryFeed;
use crate::support::{MemoryVolume, TestResult};

/// A file system whose feed is read by hand.
struct Bench {
    volume: MemoryVolume,
    fs: FileSystem<MemoryVolume>,
    feed: MemoryFeed,
    _staging: tempfile::TempDir,
}

impl Bench {
    fn new() -> TestResult<Self> {
        let staging = tempfile::tempdir()?;
        let volume = MemoryVolume::new();
        Ok(Self {
            fs: FileSystem::new(volume.clone(), MountOptions::new(staging.path())),
            feed: volume.feed(),
            volume,
            _staging: staging,
        })
    }

    /// What is stale after the next `changes` of the drive.
    async fn stale(&mut self, changes: usize) -> TestResult<Vec<Stale>> {
        let mut stale = Vec::new();
        for _ in 0..changes {
            let change = self.feed.next().await.ok_or("the feed ended")?;
            stale.extend(self.fs.absorb(change).await);
        }
        Ok(stale)
    }

    async fn save(&self, name: &str, bytes: &[u8]) -> TestResult<u64> {
        let mode = OpenMode {
            write: true,
            truncate: true,
            exclusive: false,
        };
        let (found, opened) = self.fs.create(ROOT, name.as_bytes(), 0o644, mode).await?;
        self.fs.write(opened.handle, 0, bytes).await?;
        self.fs.flush(opened.handle).await?;
        self.fs.release(opened.handle).await?;
        Ok(found.attributes.ino)
    }
}

fn name(folder: u64, name: &str) -> Stale {
    Stale::Name {
        folder,
        name: name.to_owned(),
    }
}

fn only_attributes(stale: &[Stale]) -> bool {
    stale
        .iter()
        .all(|stale| matches!(stale, Stale::Attributes { .. }))
}

#[tokio::test]
async fn what_was_done_here_makes_no_name_and_no_page_stale() -> TestResult {
    let mut bench = Bench::new()?;
    bench.save("a", b"1").await?;
    bench.save("b", b"22").await?;
    assert_eq!(bench.stale(2).await?, []);
    bench.save("a", b"333").await?;
    assert!(only_attributes(&bench.stale(1).await?));
    let to = |name: &'static str| (ROOT, name.as_bytes());
    bench
        .fs
        .rename(to("a"), to("c"), RenameMode::Replace)
        .await?;
    assert!(only_attributes(&bench.stale(1).await?));
    bench
        .fs
        .rename(to("c"), to("b"), RenameMode::Replace)
        .await?;
    assert!(only_attributes(&bench.stale(1).await?));
    bench.fs.make_folder(ROOT, b"folder", 0o755).await?;
    bench.fs.unlink(ROOT, b"b").await?;
    bench.fs.remove_folder(ROOT, b"folder").await?;
    assert_eq!(bench.stale(3).await?, []);
    Ok(())
}

#[tokio::test]
async fn a_look_that_outruns_the_feed_hides_no_new_name() -> TestResult {
    let mut bench = Bench::new()?;
    bench.volume.remote_write("new", b"x");
    assert!(bench.fs.lookup(ROOT, b"new")?.is_some());
    let stale = bench.stale(1).await?;
    assert!(stale.contains(&name(ROOT, "new")) && stale.contains(&Stale::Pages { ino: ROOT }));
    Ok(())
}

#[tokio::test]
async fn a_look_that_outruns_the_feed_hides_no_move() -> TestResult {
    let mut bench = Bench::new()?;
    bench.save("file", b"x").await?;
    let folder = bench
        .fs
        .make_folder(ROOT, b"folder", 0o755)
        .await?
        .attributes
        .ino;
    bench.stale(2).await?;
    let (node, parent) = (
        bench.volume.at("file").ok_or("no node")?.id,
        bench.volume.at("folder").ok_or("no node")?.id,
    );
    bench.volume.remote(&[Edit::Move {
        node,
        parent,
        name: Name::new("moved")?,
    }]);
    assert!(bench.fs.lookup(folder, b"moved")?.is_some());
    let stale = bench.stale(1).await?;
    for expected in [
        name(ROOT, "file"),
        name(folder, "moved"),
        Stale::Pages { ino: ROOT },
        Stale::Pages { ino: folder },
    ] {
        assert!(stale.contains(&expected), "{expected:?} not in {stale:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_look_that_outruns_the_feed_hides_no_content() -> TestResult {
    let mut bench = Bench::new()?;
    let ino = bench.save("file", b"old").await?;
    let opened = bench.fs.open(ino, OpenMode::default()).await?;
    bench.stale(1).await?;
    bench.volume.remote_write("file", b"newer");
    assert!(bench.fs.lookup(ROOT, b"file")?.is_some());
    assert!(bench.stale(1).await?.contains(&name(ROOT, "file")));
    assert_eq!(bench.fs.read(opened.handle, 0, 100).await?, b"old"[..]);
    let found = bench.fs.lookup(ROOT, b"file")?.ok_or("the name is gone")?;
    assert_ne!(found.attributes.ino, ino);
    assert_eq!((found.attributes.size, found.attributes.nlink), (5, 1));
    let old = bench.fs.attributes(ino)?;
    assert_eq!((old.size, old.nlink), (3, 0));
    Ok(())
}

#[tokio::test]
async fn a_move_there_and_back_by_others_leaves_nothing_stale_behind() -> TestResult {
    let mut bench = Bench::new()?;
    bench.save("a", b"x").await?;
    bench.stale(1).await?;
    let node = bench.volume.at("a").ok_or("no node")?.id;
    for to in ["b", "a"] {
        let (parent, to) = (NodeId::ROOT, Name::new(to)?);
        bench.volume.remote(&[Edit::Move {
            node,
            parent,
            name: to,
        }]);
        assert!(bench.fs.lookup(ROOT, b"b")?.is_some() == (bench.volume.at("b").is_some()));
    }
    let stale = bench.stale(2).await?;
    assert!(stale.contains(&name(ROOT, "a")) && stale.contains(&name(ROOT, "b")));
    Ok(())
}

/// A writer who waits for bytes that never come, or a handle that just closes, is no reason to go on showing
/// the old version: nothing was written that would take its place.
#[tokio::test]
async fn a_write_that_comes_to_nothing_hides_no_content() -> TestResult {
    let mut bench = Bench::new()?;
    bench.volume.remote_write("file", b"old");
    bench.stale(1).await?;
    let found = bench.fs.lookup(ROOT, b"file")?.ok_or("no file")?;
    let mode = OpenMode {
        write: true,
        truncate: false,
        exclusive: false,
    };
    let opened = bench.fs.open(found.attributes.ino, mode).await?;
    bench.volume.make_unreachable("file");
    bench.volume.set_slowness(Duration::from_millis(20));
    let Bench {
        fs, volume, feed, ..
    } = &mut bench;
    let (written, stale) = tokio::join!(biased; fs.write(opened.handle, 1, b"ours"), async {
        volume.remote_write("file", b"new and longer");
        let change = feed.next().await.ok_or("the feed ended")?;
        TestResult::Ok(fs.absorb(change).await)
    });
    assert!(written.is_err());
    assert_eq!(stale?, [name(ROOT, "file")]);
    bench.fs.release(opened.handle).await?;
    let again = bench.fs.lookup(ROOT, b"file")?.ok_or("no file")?;
    assert_ne!(again.attributes.ino, found.attributes.ino);
    assert_eq!(again.attributes.size, 14);
    Ok(())
}
