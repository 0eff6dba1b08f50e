//! What is kept, by real engines over loopback: nothing goes that somebody still needs.

use std::path::Path;
use std::time::{Duration, Instant};

use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::name::Name;
use peerdrive_crdt_tree::node::{Content, FileContent, Kind};
use peerdrive_crypto::body::Role;
use peerdrive_net::BlobId;

use super::{HoldError, Keeping};
use crate::join::InviteOptions;
use crate::{DriveHandle, Engine, EngineConfig};

type TestResult<T = ()> = Result<T, Box<dyn std::error::Error>>;

async fn engine(data: &Path) -> TestResult<Engine> {
    let config = EngineConfig {
        data_dir: data.to_owned(),
        device_name: "test".into(),
        bind: Some("127.0.0.1:0".parse()?),
        discovery: false,
        relay: None,
    };
    Ok(Engine::open(config).await?)
}

/// Bytes that do not repeat.
fn bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_add(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| next()).collect();
    bytes.truncate(len);
    bytes
}

async fn create(drive: &DriveHandle, name: &str, plain: Vec<u8>) -> TestResult<NodeId> {
    let content = drive.content().import_bytes(plain, 0).await?;
    drive.content().flush().await?;
    let edit = Edit::Create {
        parent: Place::In(NodeId::ROOT),
        name: Name::new(name)?,
        kind: Kind::File,
        content: Some(Content::File(content)),
        mode: None,
    };
    Ok(drive.edit(vec![edit]).await?.remove(0)?)
}

async fn replace(drive: &DriveHandle, node: NodeId, plain: Vec<u8>) -> TestResult {
    let content = drive.content().import_bytes(plain, 1).await?;
    drive.content().flush().await?;
    let content = Content::File(content);
    drive
        .edit(vec![Edit::SetContent { node, content }])
        .await?
        .remove(0)?;
    Ok(())
}

fn content(drive: &DriveHandle, name: &str) -> TestResult<FileContent> {
    let tree = drive.view();
    let node = tree.lookup(name).and_then(|id| tree.get(id));
    match node.and_then(|node| node.content) {
        Some(Content::File(content)) => Ok(content),
        _ => Err(format!("no file {name}").into()),
    }
}

async fn parts(drive: &DriveHandle, content: &FileContent) -> TestResult<Vec<BlobId>> {
    let parts = drive.content().parts(content).await?;
    Ok(parts.parts.into_iter().map(|part| part.id).collect())
}

async fn has_all(drive: &DriveHandle, ids: &[BlobId]) -> TestResult<bool> {
    for id in ids {
        if !drive.content().blobs().has(id).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) -> TestResult {
    let begun = Instant::now();
    while !holds().await {
        if begun.elapsed() > Duration::from_secs(60) {
            return Err(format!("{what}: not within a minute").into());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// A drive of a and b, who shows what a shows. Only a's is kept as a folder.
async fn joined(a: &Engine, drive_a: &DriveHandle, b: &Engine) -> TestResult<DriveHandle> {
    let options = InviteOptions {
        role: Role::Writer,
        expires: None,
        uses: 1,
        approve: None,
    };
    let invite = a.invite(drive_a, options).await?;
    let drive_b = b.join(invite.ticket.text(), None).await?;
    until("both show the same", async || {
        drive_a.view_hash() == drive_b.view_hash()
    })
    .await?;
    Ok(drive_b)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_collected_that_a_damaged_list_may_name() -> TestResult {
    let root = tempfile::tempdir()?;
    let files = root.path().join("files");
    std::fs::create_dir(&files)?;
    let a = engine(&root.path().join("a")).await?;
    let drive = a.share(&files, Some("D".into()))?;
    // More than the longest chunk, so that there are several.
    create(&drive, "f", bytes(1, 5 << 20)).await?;
    let file = content(&drive, "f")?;
    let ids = parts(&drive, &file).await?;
    assert!(ids.len() > 2);
    // Another device has the list, and nothing else.
    let b = engine(&root.path().join("b")).await?;
    let drive_b = joined(&a, &drive, &b).await?;
    drive_b.content().fetch_list(&file).await?;
    b.shutdown().await;
    drop((drive_b, b));
    until("b is gone", async || drive.connected().is_empty()).await?;

    drive.working_copy().ok_or("no folder")?.sync_now().await?;
    let blobs = drive.content().blobs();
    blobs.remove_damaged(ids[0]).await?;
    blobs.forget_claims();
    let refused = a.collect().await;
    assert!(
        matches!(&refused, Err(HoldError::Untold(name)) if name == "D"),
        "{refused:?}"
    );
    assert!(
        has_all(&drive, &ids[1..]).await?,
        "its chunks were collected"
    );
    // It comes back with whoever has it.
    let b = engine(&root.path().join("b")).await?;
    until("it can be told again", async || a.collect().await.is_ok()).await?;
    assert!(has_all(&drive, &ids).await?);
    let reader = drive.content().open(&file).await?;
    assert_eq!(reader.read_at(0, 5 << 20).await?, bytes(1, 5 << 20));
    a.shutdown().await;
    b.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promise_binds_the_collector_of_whoever_gave_it() -> TestResult {
    let root = tempfile::tempdir()?;
    let files = root.path().join("files");
    std::fs::create_dir(&files)?;
    let (a, b) = (
        engine(&root.path().join("a")).await?,
        engine(&root.path().join("b")).await?,
    );
    let drive_b = b.share(&files, Some("D".into()))?;
    let drive = joined(&b, &drive_b, &a).await?;
    let node = create(&drive, "f", bytes(2, 3 << 20)).await?;
    until("b hears of it", async || content(&drive_b, "f").is_ok()).await?;
    let first = content(&drive, "f")?;
    let ids = parts(&drive, &first).await?;
    // B is about to keep nothing but what its drive shows, a keeps 30 days and relies on b.
    drive_b.content().prefetch(&[first]).await?;
    drive_b
        .keep(Keeping {
            days: 0,
            versions: 0,
            ..Keeping::default()
        })
        .await?;
    let evicted = drive.evict("f").await?;
    // All chunks, however many: where files are cut depends on the drive's keys.
    let chunks = ids.len() as u64 - 1;
    assert_eq!((evicted.blobs, evicted.only_here), (chunks, 0));
    replace(&drive, node, bytes(3, 2 << 20)).await?;
    until("b hears of that too", async || {
        content(&drive_b, "f").is_ok_and(|now| now != first)
    })
    .await?;
    let second = content(&drive_b, "f")?;
    let list = ids[0];
    // Also over a restart.
    let data = root.path().join("b");
    drive_b
        .working_copy()
        .ok_or("no folder")?
        .sync_now()
        .await?;
    b.shutdown().await;
    drop((drive_b, b));
    let b = engine(&data).await?;
    let drive_b = b.drive("D")?;
    drive_b
        .working_copy()
        .ok_or("no folder")?
        .sync_now()
        .await?;
    drive_b.content().blobs().forget_claims();
    b.collect().await?;
    assert!(
        has_all(&drive_b, &ids[1..]).await?,
        "what a relies on was collected"
    );
    until("a reads the replaced version", async || {
        let Ok(reader) = drive.content().open(&first).await else {
            return false;
        };
        let read = reader.read_at(0, 3 << 20).await;
        read.is_ok_and(|read| read == bytes(2, 3 << 20))
    })
    .await?;
    // Once a needs it no longer either, nothing holds it.
    assert!(has_all(&drive, &[list]).await?);
    replace(&drive, node, bytes(4, 2 << 20)).await?;
    until("b hears of that too", async || {
        content(&drive_b, "f").is_ok_and(|now| now != second)
    })
    .await?;
    drive_b
        .working_copy()
        .ok_or("no folder")?
        .sync_now()
        .await?;
    let unpromised = parts(&drive_b, &second).await?;
    drive_b.content().blobs().forget_claims();
    b.collect().await?;
    assert!(
        !has_all(&drive_b, &unpromised).await?,
        "what nobody relies on was kept"
    );
    a.shutdown().await;
    b.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_files_share_is_served_while_either_is_there() -> TestResult {
    let root = tempfile::tempdir()?;
    let files = root.path().join("files");
    std::fs::create_dir(&files)?;
    for name in ["one", "two", "three"] {
        std::fs::write(files.join(name), bytes(5, 3 << 20))?;
    }
    let a = engine(&root.path().join("a")).await?;
    let drive = a.share(&files, Some("D".into()))?;
    let folder = drive.working_copy().ok_or("no folder")?;
    until("all are in the drive", async || {
        content(&drive, "one").is_ok() && content(&drive, "two").is_ok()
    })
    .await?;
    folder.sync_now().await?;
    let one = content(&drive, "one")?;
    let chunks = parts(&drive, &one).await?.split_off(1);
    until("the folder stands for all of it", async || {
        drive.evict("").await.is_ok()
            && matches!(drive.content().blobs().ids().await, Ok(ids) if !chunks.iter().any(|id| ids.contains(id)))
    })
    .await?;
    // In any order: each time another of them is left.
    for (gone, left) in [("one", "two"), ("two", "three")] {
        std::fs::remove_file(files.join(gone))?;
        folder.sync_now().await?;
        until("its deletion is in the drive", async || {
            content(&drive, gone).is_err()
        })
        .await?;
        let here = drive.is_here(&content(&drive, left)?).await?;
        assert!(here, "{left} is on the disk");
        for id in &chunks {
            assert!(super::remake(&drive.shared, *id).await, "{left} has it");
        }
        drive.evict("").await?;
    }
    a.shutdown().await;
    Ok(())
}
