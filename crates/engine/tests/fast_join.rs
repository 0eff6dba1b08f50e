//! Joining a large drive by a checkpoint: two engines in one process, over real endpoints on loopback. What a
//! checkpoint may and may not say is tested beside the code.
//!
//! `PEERDRIVE_LONG=1` measures drives of 100,000 files, `PEERDRIVE_NODES=N` of N. The figures are printed.

#![allow(clippy::print_stdout, reason = "figures that are asked for")]

use std::path::Path;
use std::time::{Duration, Instant};

use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::name::Name;
use peerdrive_crdt_tree::node::{Content, ContentHash, FileContent, Kind};
use peerdrive_crypto::body::Role;
use peerdrive_engine::join::{Invite, InviteOptions};
use peerdrive_engine::{DriveHandle, Engine, EngineConfig};

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// Files in one folder.
const FOLDER: usize = 250;

/// How the drive came to be.
#[derive(Clone, Copy, Debug)]
enum Grown {
    /// As a folder that is taken in: many files in one action.
    Imported,
    /// One action a file, as over years.
    OneByOne,
}

async fn engine(data: &Path) -> Result<Engine, Box<dyn std::error::Error>> {
    let config = EngineConfig {
        data_dir: data.to_owned(),
        device_name: "test".into(),
        bind: Some("127.0.0.1:0".parse()?),
        discovery: false,
        relay: None,
    };
    Ok(Engine::open(config).await?)
}

fn create(parent: NodeId, name: String, kind: Kind) -> Result<Edit, Box<dyn std::error::Error>> {
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(name.bytes().cycle()) {
        *to = from;
    }
    let content = FileContent {
        hash: ContentHash(hash),
        len: 4096,
        mtime_ns: 1_700_000_000_000_000_000,
        manifest: None,
    };
    Ok(Edit::Create {
        parent: Place::In(parent),
        name: Name::new(&name)?,
        content: (kind == Kind::File).then_some(Content::File(content)),
        mode: (kind == Kind::File).then_some(0o644),
        kind,
    })
}

/// Fills a drive with files in folders.
async fn fill(drive: &DriveHandle, files: usize, grown: Grown) -> TestResult {
    let folders = files.div_ceil(FOLDER);
    for folder in 0..folders {
        let edit = create(NodeId::ROOT, format!("folder {folder:04}"), Kind::Folder)?;
        let parent = drive.edit(vec![edit]).await?.remove(0)?;
        let here = FOLDER.min(files - folder * FOLDER);
        let edits: Result<Vec<Edit>, _> = (0..here)
            .map(|file| {
                create(
                    parent,
                    format!("IMG_{folder:04}_{file:04}.jpeg"),
                    Kind::File,
                )
            })
            .collect();
        let together = match grown {
            Grown::Imported => here,
            Grown::OneByOne => 1,
        };
        let edits = edits?;
        let asked = edits
            .chunks(together)
            .map(|edits| drive.edit(edits.to_vec()));
        for results in futures_util::future::join_all(asked).await {
            for result in results? {
                result?;
            }
        }
    }
    Ok(())
}

/// A drive of one device.
struct Large {
    folder: tempfile::TempDir,
    running: Option<(Engine, DriveHandle)>,
}

impl Large {
    async fn of(files: usize, grown: Grown) -> Result<Self, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let root = folder.path().join("root");
        std::fs::create_dir(&root)?;
        let engine = engine(&folder.path().join("a")).await?;
        let drive = engine.share(&root, Some("Large".into()))?;
        fill(&drive, files, grown).await?;
        let running = Some((engine, drive));
        Ok(Self { folder, running })
    }

    fn drive(&self) -> Result<&DriveHandle, Box<dyn std::error::Error>> {
        let running = self.running.as_ref();
        Ok(running.map(|(_, drive)| drive).ok_or("it does not run")?)
    }

    fn shows(&self) -> Option<[u8; 32]> {
        Some(self.drive().ok()?.view_hash())
    }

    async fn stop(&mut self) {
        if let Some((engine, drive)) = self.running.take() {
            engine.shutdown().await;
            drop((engine, drive));
        }
    }

    async fn start(&mut self) -> TestResult {
        let begun = Instant::now();
        loop {
            let engine = engine(&self.folder.path().join("a")).await?;
            match engine.drive("Large") {
                Ok(drive) => {
                    self.running = Some((engine, drive));
                    return Ok(());
                }
                // Its folder was in the middle of writing files whose bytes nobody has, and has the record
                // open until it is done.
                Err(error) if begun.elapsed() > Duration::from_secs(60) => return Err(error.into()),
                Err(_) => engine.shutdown().await,
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn invite(&self) -> Result<Invite, Box<dyn std::error::Error>> {
        let options = InviteOptions {
            role: Role::Writer,
            expires: None,
            uses: 1,
            approve: None,
        };
        let (engine, drive) = self.running.as_ref().ok_or("it does not run")?;
        Ok(engine.invite(drive, options).await?)
    }
}

async fn until(what: &str, holds: impl Fn() -> bool) -> TestResult {
    let begun = Instant::now();
    while !holds() {
        if begun.elapsed() > Duration::from_secs(600) {
            return Err(format!("{what}: not within 10 minutes").into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn measure(grown: Grown) -> TestResult {
    let files = grown.files()?;
    let begun = Instant::now();
    let mut a = Large::of(files, grown).await?;
    let written = begun.elapsed();
    let begun = Instant::now();
    let invite = a.invite().await?;
    // People take longer than this to hand a ticket over; here nobody does.
    let snapshot = a.folder.path().join("a/blobs/data");
    until("a snapshot", || is_stored(&snapshot)).await?;
    let prepared = begun.elapsed();
    let b = engine(&a.folder.path().join("b")).await?;
    let begun = Instant::now();
    let drive = b.join(invite.ticket.text(), None).await?;
    let (joined, verified) = (begun.elapsed(), drive.status().verified);
    until("b shows what a shows", || {
        a.shows() == Some(drive.view_hash())
    })
    .await?;
    let shown = begun.elapsed();
    let edit = create(NodeId::ROOT, "b was here".into(), Kind::File)?;
    let asked = Instant::now();
    drive.edit(vec![edit]).await?.remove(0)?;
    let edited = asked.elapsed();
    until("all is judged", || {
        drive.status().verified.is_none() && drive.peers().iter().all(|peer| peer.level)
    })
    .await?;
    let judged = begun.elapsed();
    assert_eq!(drive.status().problems, Vec::new());
    until("a shows what b did", || {
        a.shows() == Some(drive.view_hash())
    })
    .await?;
    println!(
        "{grown:?}, {files} files, written in {written:.1?}; a checkpoint in {prepared:.2?}; joined after {joined:.2?} \
         (verified to {verified:?} %), shows all after {shown:.2?}, an edit then takes {edited:.0?}, all is judged \
         after {judged:.1?}"
    );
    a.stop().await;
    b.shutdown().await;
    Ok(())
}

/// Whether a snapshot is among the blobs: there is nothing else in these drives.
fn is_stored(data: &Path) -> bool {
    data.read_dir().is_ok_and(|mut dir| dir.next().is_some())
}

impl Grown {
    /// Files of a drive that is just large enough to have checkpoints.
    fn least(self) -> usize {
        match self {
            Grown::Imported => 5_000,
            Grown::OneByOne => 1_000,
        }
    }

    fn files(self) -> Result<usize, Box<dyn std::error::Error>> {
        match std::env::var("PEERDRIVE_NODES") {
            Ok(nodes) => Ok(nodes.parse()?),
            Err(_) if std::env::var_os("PEERDRIVE_LONG").is_some() => Ok(100_000),
            Err(_) => Ok(self.least()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_drive_that_was_imported_is_joined() -> TestResult {
    measure(Grown::Imported).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_drive_that_grew_file_by_file_is_joined() -> TestResult {
    measure(Grown::OneByOne).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_joiner_that_is_left_alone_works_on_restarts_and_is_level_in_the_end() -> TestResult {
    let mut a = Large::of(Grown::OneByOne.least(), Grown::OneByOne).await?;
    let shown = a.shows();
    let invite = a.invite().await?;
    let data = a.folder.path().join("b");
    let b = engine(&data).await?;
    let drive = b.join(invite.ticket.text(), None).await?;
    // The one who let it in goes, most likely long before every entry was sent.
    a.stop().await;
    assert_eq!(Some(drive.view_hash()), shown);
    let edit = create(NodeId::ROOT, "b was here".into(), Kind::File)?;
    drive.edit(vec![edit]).await?.remove(0)?;
    let before = drive.view_hash();
    b.shutdown().await;
    drop((drive, b));
    let b = engine(&data).await?;
    let drive = b.drive("Large")?;
    assert_eq!(drive.view_hash(), before);
    assert!(drive.has_arrived());
    let edit = create(NodeId::ROOT, "and here".into(), Kind::File)?;
    drive.edit(vec![edit]).await?.remove(0)?;
    a.start().await?;
    until("both are level", || {
        a.shows() == Some(drive.view_hash()) && drive.status().verified.is_none()
    })
    .await?;
    assert!(a.drive()?.view().lookup("b was here").is_some());
    assert!(a.drive()?.view().lookup("and here").is_some());
    assert_eq!(drive.status().problems, Vec::new());
    a.stop().await;
    b.shutdown().await;
    Ok(())
}

/// Cuts every file of a store off, or takes it away.
fn spoil(store: &Path, cut: bool) -> TestResult {
    let mut spoilt = 0;
    for file in store.join("blobs/data").read_dir()? {
        let path = file?.path();
        match cut {
            true => std::fs::write(&path, &std::fs::read(&path)?[..100])?,
            false => std::fs::remove_file(&path)?,
        }
        spoilt += 1;
    }
    assert!(spoilt > 0, "there was no snapshot");
    Ok(())
}

async fn joined_the_slow_way(cut: bool) -> TestResult {
    let mut a = Large::of(Grown::Imported.least(), Grown::Imported).await?;
    a.invite().await?;
    let snapshot = a.folder.path().join("a/blobs/data");
    until("a snapshot", || is_stored(&snapshot)).await?;
    // It is signed right after it was stored.
    tokio::time::sleep(Duration::from_millis(500)).await;
    a.stop().await;
    spoil(&a.folder.path().join("a"), cut)?;
    a.start().await?;
    // Nothing has changed since: no other one is made.
    let invite = a.invite().await?;
    let b = engine(&a.folder.path().join("b")).await?;
    let drive = b.join(invite.ticket.text(), None).await?;
    until("b shows what a shows", || {
        a.shows() == Some(drive.view_hash())
    })
    .await?;
    assert_eq!(drive.status().verified, None);
    assert!(drive.has_arrived());
    a.stop().await;
    b.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drive_whose_snapshot_is_gone_is_joined_without_it() -> TestResult {
    joined_the_slow_way(false).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drive_whose_snapshot_is_cut_off_is_joined_without_it() -> TestResult {
    joined_the_slow_way(true).await
}
