//! How long it takes to join a large drive: two engines in one process, over real endpoints on loopback.
//! Says nothing about what is in the drive beyond that both show the same.
//!
//! `PEERDRIVE_LONG=1` makes it a drive of 100,000 files, `PEERDRIVE_NODES=N` one of N. The figures are printed.

use std::path::Path;
use std::time::{Duration, Instant};

use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::name::Name;
use peerdrive_crdt_tree::node::{Content, ContentHash, FileContent, Kind};
use peerdrive_crypto::body::Role;
use peerdrive_engine::join::InviteOptions;
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

async fn join_one(grown: Grown, files: usize) -> TestResult {
    let folder = tempfile::tempdir()?;
    let root = folder.path().join("root");
    std::fs::create_dir(&root)?;
    let a = engine(&folder.path().join("a")).await?;
    let drive_a = a.share(&root, Some("Large".into()))?;
    let begun = Instant::now();
    fill(&drive_a, files, grown).await?;
    println!("{grown:?}: {files} files written in {:?}", begun.elapsed());
    let options = InviteOptions {
        role: Role::Writer,
        expires: None,
        uses: 1,
        approve: None,
    };
    let invite = a.invite(&drive_a, options).await?;
    let b = engine(&folder.path().join("b")).await?;
    let begun = Instant::now();
    let drive_b = b.join(invite.ticket.text(), None).await?;
    let returned = begun.elapsed();
    let limit = Duration::from_secs(600);
    while drive_a.view_hash() != drive_b.view_hash() {
        if begun.elapsed() > limit {
            return Err("they never show the same".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!(
        "{grown:?}: joined after {returned:?}, shows the same after {:?}",
        begun.elapsed()
    );
    a.shutdown().await;
    b.shutdown().await;
    Ok(())
}

fn files() -> Result<usize, Box<dyn std::error::Error>> {
    match std::env::var("PEERDRIVE_NODES") {
        Ok(nodes) => Ok(nodes.parse()?),
        Err(_) if std::env::var_os("PEERDRIVE_LONG").is_some() => Ok(100_000),
        Err(_) => Ok(3_000),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_drive_that_was_imported_is_joined() -> TestResult {
    join_one(Grown::Imported, files()?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_drive_that_grew_file_by_file_is_joined() -> TestResult {
    join_one(Grown::OneByOne, files()?).await
}
