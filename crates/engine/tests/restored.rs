//! Data directories that were copied, or put back from a backup, over real endpoints on loopback: nothing
//! is lost, and no number of a log is ever signed twice.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::name::Name;
use peerdrive_crdt_tree::node::Kind;
use peerdrive_crypto::body::Role;
use peerdrive_crypto::entry::EntryHeader;
use peerdrive_crypto::ids::{EntryId, LogId};
use peerdrive_engine::join::InviteOptions;
use peerdrive_engine::{DriveHandle, Engine, EngineConfig};

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

async fn folder(drive: &DriveHandle, name: &str) -> TestResult {
    let edit = Edit::Create {
        parent: Place::In(NodeId::ROOT),
        name: Name::new(name)?,
        kind: Kind::Folder,
        content: None,
        mode: None,
    };
    drive.edit(vec![edit]).await?.remove(0)?;
    Ok(())
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

fn shows(drive: &DriveHandle, names: &[&str]) -> bool {
    names.iter().all(|name| drive.view().lookup(name).is_some())
}

/// Every number that was ever seen signed, and for what.
#[derive(Default)]
struct Signed(HashMap<(LogId, u64), EntryId>);

impl Signed {
    /// Takes in what one device holds. Fails on a number that was signed for something else.
    async fn take_in(&mut self, drive: &DriveHandle) -> TestResult {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let to = lines.clone();
        drive
            .export_history(move |line| {
                to.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                true
            })
            .await?;
        let lines = std::mem::take(&mut *lines.lock().unwrap_or_else(PoisonError::into_inner));
        for line in &lines {
            let Some((_, rest)) = line.split_once(r#""header":""#) else {
                continue;
            };
            let (header, _) = rest.split_once('"').ok_or("no header")?;
            let header = EntryHeader::decode(&BASE64.decode(header.as_bytes())?)?;
            let place = (header.log_id(), header.seq);
            let known = self.0.insert(place, header.id());
            if known.is_some_and(|known| known != header.id()) {
                return Err(format!("number {} of {} was signed twice", place.1, place.0).into());
            }
        }
        Ok(())
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            // In place, if it is there: as `cp` does.
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// A drive of a and b, with one folder made by b.
async fn two(root: &Path) -> TestResult<(Engine, Engine, DriveHandle, DriveHandle)> {
    let files = root.join("root");
    std::fs::create_dir(&files)?;
    let (a, b) = (
        engine(&root.join("a")).await?,
        engine(&root.join("b")).await?,
    );
    let drive_a = a.share(&files, Some("D".into()))?;
    let options = InviteOptions {
        role: Role::Writer,
        expires: None,
        uses: 1,
        approve: None,
    };
    let invite = a.invite(&drive_a, options).await?;
    let drive_b = b.join(invite.ticket.text(), None).await?;
    folder(&drive_b, "first").await?;
    until("a has the first", async || shows(&drive_a, &["first"])).await?;
    Ok((a, b, drive_a, drive_b))
}

/// What is put back, and how.
#[derive(Clone, Copy, PartialEq)]
enum Put {
    /// The whole directory, anew.
    Anew,
    /// The whole directory, over what is there.
    Over,
    /// The drive's record alone, over what is there.
    Record,
}

async fn put_back(how: Put) -> TestResult {
    let root = tempfile::tempdir()?;
    let (a, b, drive_a, drive_b) = two(root.path()).await?;
    let (data, backup) = (root.path().join("b"), root.path().join("backup"));
    let mut signed = Signed::default();
    b.shutdown().await;
    drop((drive_b, b));
    copy(&data, &backup)?;

    let b = engine(&data).await?;
    let drive_b = b.drive("D")?;
    for name in ["second", "third"] {
        folder(&drive_b, name).await?;
    }
    until("a has them", async || shows(&drive_a, &["second", "third"])).await?;
    signed.take_in(&drive_b).await?;
    let id = drive_b.id().to_string();
    b.shutdown().await;
    drop((drive_b, b));
    // Nobody is there to tell what was forgotten.
    a.shutdown().await;
    drop((drive_a, a));

    std::thread::sleep(Duration::from_millis(30));
    match how {
        Put::Anew => {
            std::fs::remove_dir_all(&data)?;
            copy(&backup, &data)?;
        }
        Put::Over => copy(&backup, &data)?,
        Put::Record => {
            let record = Path::new("drives").join(id).join("log.redb");
            std::fs::copy(backup.join(&record), data.join(&record))?;
        }
    }
    let b = engine(&data).await?;
    let drive_b = b.drive("D")?;
    assert!(!shows(&drive_b, &["second"]), "it was not put back");
    for name in ["after", "after that"] {
        folder(&drive_b, name).await?;
    }
    let a = engine(&root.path().join("a")).await?;
    let drive_a = a.drive("D")?;
    let all = ["first", "second", "third", "after", "after that"];
    until("both show everything", async || {
        shows(&drive_a, &all) && shows(&drive_b, &all)
    })
    .await?;
    assert_eq!(drive_a.view_hash(), drive_b.view_hash());
    for drive in [&drive_a, &drive_b] {
        signed.take_in(drive).await?;
    }
    a.shutdown().await;
    b.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_put_back_anew_signs_no_number_twice() -> TestResult {
    put_back(Put::Anew).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_put_back_over_the_present_one_signs_no_number_twice() -> TestResult {
    put_back(Put::Over).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_put_back_by_itself_signs_no_number_twice() -> TestResult {
    put_back(Put::Record).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_sign_shows_a_peer_tells_before_anything_is_signed() -> TestResult {
    let root = tempfile::tempdir()?;
    let (a, b, drive_a, drive_b) = two(root.path()).await?;
    let (data, backup) = (root.path().join("b"), root.path().join("backup"));
    let mut signed = Signed::default();
    b.shutdown().await;
    drop((drive_b, b));
    copy(&data, &backup)?;
    let b = engine(&data).await?;
    let drive_b = b.drive("D")?;
    folder(&drive_b, "second").await?;
    until("a has it", async || shows(&drive_a, &["second"])).await?;
    signed.take_in(&drive_b).await?;
    let drive = Path::new("drives").join(drive_b.id().to_string());
    b.shutdown().await;
    drop((drive_b, b));
    // Record and count, in place: as if the volume had been set back.
    for file in ["log.redb", "high"] {
        std::fs::copy(backup.join(&drive).join(file), data.join(&drive).join(file))?;
    }
    let b = engine(&data).await?;
    let drive_b = b.drive("D")?;
    until("b hears of it", async || shows(&drive_b, &["second"])).await?;
    folder(&drive_b, "third").await?;
    until("a has it", async || shows(&drive_a, &["third"])).await?;
    for drive in [&drive_a, &drive_b] {
        signed.take_in(drive).await?;
    }
    a.shutdown().await;
    b.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_d1_a_copy_and_its_original_run_side_by_side_and_nothing_is_lost() -> TestResult {
    let root = tempfile::tempdir()?;
    let (a, b, drive_a, drive_b) = two(root.path()).await?;
    let mut signed = Signed::default();
    b.shutdown().await;
    drop((drive_b, b));
    copy(&root.path().join("b"), &root.path().join("copy"))?;
    let (b, c) = (
        engine(&root.path().join("b")).await?,
        engine(&root.path().join("copy")).await?,
    );
    let (drive_b, drive_c) = (b.drive("D")?, c.drive("D")?);
    let mut all = vec!["first".to_owned()];
    for round in 0..5 {
        for (drive, who) in [(&drive_b, "b"), (&drive_c, "copy")] {
            let name = format!("{who} {round}");
            folder(drive, &name).await?;
            all.push(name);
        }
    }
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let begun = Instant::now();
    until("all three show everything", async || {
        [&drive_a, &drive_b, &drive_c]
            .into_iter()
            .all(|drive| shows(drive, &all))
    })
    .await?;
    println!("level after {:?}", begun.elapsed());
    assert_eq!(drive_a.view_hash(), drive_b.view_hash());
    assert_eq!(drive_a.view_hash(), drive_c.view_hash());
    for drive in [&drive_a, &drive_b, &drive_c] {
        signed.take_in(drive).await?;
    }
    for engine in [a, b, c] {
        engine.shutdown().await;
    }
    Ok(())
}
