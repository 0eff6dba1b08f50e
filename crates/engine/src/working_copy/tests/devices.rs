//! Two devices of the engine in one process, over loopback, each with its folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use peerdrive_crypto::body::Role;

use super::support::{Or, TestResult, walk};
use crate::join::InviteOptions;
use crate::{DriveHandle, Engine, EngineConfig};

struct Pair {
    dir: tempfile::TempDir,
    engines: Vec<Engine>,
    drives: Vec<DriveHandle>,
    roots: [PathBuf; 2],
}

async fn engine(data: &Path) -> Or<Engine> {
    let config = EngineConfig {
        data_dir: data.to_owned(),
        device_name: "test".into(),
        bind: Some("127.0.0.1:0".parse()?),
        discovery: false,
        relay: None,
    };
    Ok(Engine::open(config).await?)
}

impl Pair {
    /// `fill` puts files into the first folder before it is shared.
    async fn new(role: Role, fill: impl FnOnce(&Path) -> TestResult) -> Or<Pair> {
        let dir = tempfile::tempdir()?;
        let roots = ["one", "two"].map(|name| dir.path().join(name));
        fs::create_dir(&roots[0])?;
        fill(&roots[0])?;
        let a = engine(&dir.path().join("data-a")).await?;
        let b = engine(&dir.path().join("data-b")).await?;
        let one = a.share(&roots[0], Some("Test".into()))?;
        copy_of(&one)?.sync_now().await?;
        let options = InviteOptions {
            role,
            expires: None,
            uses: 1,
            approve: None,
        };
        let invite = a.invite(&one, options).await?;
        let two = b.join(invite.ticket.text(), Some(&roots[1])).await?;
        Ok(Pair {
            dir,
            engines: vec![a, b],
            drives: vec![one, two],
            roots,
        })
    }

    fn on_disk(&self, side: usize) -> Or<BTreeMap<String, Option<Vec<u8>>>> {
        let mut all = BTreeMap::new();
        walk(&self.roots[side], "", &mut all)?;
        Ok(all)
    }

    async fn until_same(&self) -> TestResult {
        let begun = Instant::now();
        loop {
            for drive in &self.drives {
                copy_of(drive)?.sync_now().await?;
            }
            let (one, two) = (self.on_disk(0)?, self.on_disk(1)?);
            if one == two && self.drives[0].view_hash() == self.drives[1].view_hash() {
                return Ok(());
            }
            if begun.elapsed() > Duration::from_secs(20) {
                let (one, two) = (super::support::text(&one), super::support::text(&two));
                return Err(format!("not the same: {one:#?}\n{two:#?}\n{}", self.told()).into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How long it takes until a file in the folder of one side holds these bytes, by itself.
    async fn until_reads(&self, side: usize, rel: &str, bytes: &[u8]) -> Or<Duration> {
        let (begun, path) = (Instant::now(), self.roots[side].join(rel));
        while fs::read(&path).ok().as_deref() != Some(bytes) {
            if begun.elapsed() > Duration::from_secs(20) {
                return Err(format!("{rel} never came\n{}", self.told()).into());
            }
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        Ok(begun.elapsed())
    }

    /// All that can be said of a failure.
    fn told(&self) -> String {
        let of = |drive: &DriveHandle| {
            let status = drive.working_copy().map(|copy| copy.status());
            let paths = drive
                .listing(None)
                .into_iter()
                .flatten()
                .map(|line| format!("{line:?}"));
            format!(
                "{:#?}\n{status:#?}\n{:#?}",
                paths.collect::<Vec<_>>(),
                drive.status()
            )
        };
        self.drives.iter().map(of).collect::<Vec<_>>().join("\n")
    }

    async fn end(self) {
        for engine in &self.engines {
            engine.shutdown().await;
        }
        drop(self.dir);
    }
}

fn copy_of(drive: &DriveHandle) -> Or<crate::working_copy::WorkingCopy> {
    Ok(drive.working_copy().ok_or("the drive has no folder")?)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_device_does_in_its_folder_the_other_has_in_its_own() -> TestResult {
    let fill = |root: &Path| -> TestResult {
        fs::create_dir_all(root.join("docs/empty"))?;
        fs::write(root.join("docs/a.txt"), "a")?;
        fs::write(root.join("big"), vec![5; 3_000_000])?;
        Ok(())
    };
    let pair = Pair::new(Role::Writer, fill).await?;
    pair.until_same().await?;
    let [one, two] = &pair.roots;
    fs::write(one.join("docs/a.txt"), "a, edited")?;
    let took = pair.until_reads(1, "docs/a.txt", b"a, edited").await?;
    assert!(took < Duration::from_secs(3), "{took:?}");
    fs::rename(two.join("docs"), two.join("papers"))?;
    pair.until_reads(0, "papers/a.txt", b"a, edited").await?;
    fs::remove_file(one.join("big"))?;
    fs::write(two.join("papers/b.txt"), "b")?;
    pair.until_same().await?;
    assert!(!two.join("big").exists() && one.join("papers/b.txt").exists());
    pair.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn work_in_both_folders_at_once_converges_and_then_there_is_silence() -> TestResult {
    let pair = Pair::new(Role::Writer, |_| Ok(())).await?;
    for round in 0..5 {
        for (side, root) in pair.roots.iter().enumerate() {
            fs::create_dir_all(root.join("shared"))?;
            fs::write(
                root.join(format!("shared/{side}-{round}")),
                format!("{side} {round}"),
            )?;
            fs::write(root.join("shared/same"), format!("both, {side} {round}"))?;
        }
        tokio::time::sleep(Duration::from_millis(30 * round)).await;
    }
    pair.until_same().await?;
    assert!(pair.on_disk(0)?.len() >= 12);
    let mut events: Vec<_> = pair.drives.iter().map(DriveHandle::subscribe).collect();
    tokio::time::sleep(Duration::from_millis(700)).await;
    for drive in &pair.drives {
        copy_of(drive)?.sync_now().await?;
    }
    for events in &mut events {
        while let Ok(event) = events.try_recv() {
            let said = format!("{event:?}");
            assert!(!said.contains("Tree"), "{said}");
        }
    }
    pair.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_readers_folder_follows_and_says_what_it_keeps_to_itself() -> TestResult {
    let fill = |root: &Path| -> TestResult { Ok(fs::write(root.join("a.txt"), "v1")?) };
    let pair = Pair::new(Role::Reader, fill).await?;
    pair.until_same().await?;
    let [one, two] = &pair.roots;
    fs::write(two.join("a.txt"), "the reader's")?;
    let status = copy_of(&pair.drives[1])?.sync_now().await?;
    assert_eq!(status.problems.len(), 1, "{status:?}");
    fs::write(one.join("a.txt"), "v2")?;
    pair.until_reads(1, "a.txt", b"v2").await?;
    assert_eq!(
        fs::read_to_string(two.join("a (local).txt"))?,
        "the reader's"
    );
    assert_eq!(pair.on_disk(0)?.len(), 1);
    pair.end().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_finds_what_was_done_meanwhile() -> TestResult {
    let fill = |root: &Path| -> TestResult {
        fs::write(root.join("a"), "a")?;
        Ok(fs::write(root.join("b"), "b")?)
    };
    let mut pair = Pair::new(Role::Writer, fill).await?;
    pair.until_same().await?;
    let off = pair.engines.remove(0);
    off.shutdown().await;
    drop((off, pair.drives.remove(0)));
    fs::write(pair.roots[0].join("a"), "a, while off")?;
    fs::remove_file(pair.roots[0].join("b"))?;
    fs::write(pair.roots[1].join("c"), "c")?;
    copy_of(&pair.drives[0])?.sync_now().await?;
    pair.engines
        .insert(0, engine(&pair.dir.path().join("data-a")).await?);
    pair.drives.insert(0, pair.engines[0].drive("Test")?);
    pair.until_reads(1, "a", b"a, while off").await?;
    pair.until_same().await?;
    let names: Vec<String> = pair.on_disk(0)?.into_keys().collect();
    assert_eq!(names, ["a", "c"]);
    pair.end().await;
    Ok(())
}
