//! Two and three engines in one process, over real endpoints on loopback: share, invite, join, edit on
//! both sides, restart. No working copy takes part.

use std::path::Path;
use std::time::{Duration, Instant};

use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::name::Name;
use peerdrive_crdt_tree::node::{Content, Kind};
use peerdrive_crypto::body::Role;
use peerdrive_engine::join::InviteOptions;
use peerdrive_engine::{DriveHandle, Engine, EngineConfig};

type TestResult = Result<(), Box<dyn std::error::Error>>;

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

async fn create(
    drive: &DriveHandle,
    name: &str,
    bytes: &[u8],
) -> Result<NodeId, Box<dyn std::error::Error>> {
    let content = drive.content().import_bytes(bytes.to_vec(), 0).await?;
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

async fn read(
    drive: &DriveHandle,
    path: &str,
) -> Result<Option<Vec<u8>>, Box<dyn std::error::Error>> {
    let node = {
        let tree = drive.view();
        tree.lookup(path).and_then(|id| tree.get(id))
    };
    let Some(Content::File(file)) = node.and_then(|node| node.content) else {
        return Ok(None);
    };
    let reader = drive.content().open(&file).await?;
    Ok(Some(reader.read_at(0, file.len as usize).await?.to_vec()))
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) -> TestResult {
    let begun = Instant::now();
    while !holds().await {
        if begun.elapsed() > Duration::from_secs(20) {
            return Err(format!("{what}: not within 20 s").into());
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

fn options(role: Role) -> InviteOptions {
    InviteOptions {
        role,
        expires: None,
        uses: 1,
        approve: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drive_is_shared_joined_edited_on_both_sides_and_survives_restarts() -> TestResult {
    let folder = tempfile::tempdir()?;
    let (a_data, b_data) = (folder.path().join("a"), folder.path().join("b"));
    let root = folder.path().join("root");
    std::fs::create_dir(&root)?;
    let (a, b) = (engine(&a_data).await?, engine(&b_data).await?);
    let drive_a = a.share(&root, Some("Photos".into()))?;
    create(&drive_a, "before.txt", b"written before b joined").await?;
    let invite = a.invite(&drive_a, options(Role::Writer)).await?;
    let drive_b = b.join(invite.ticket.text(), None).await?;
    assert_eq!(drive_b.name(), "Photos");
    assert_eq!(drive_b.role(), Some(Role::Writer));
    assert_eq!(
        read(&drive_b, "before.txt").await?.as_deref(),
        Some(&b"written before b joined"[..])
    );
    create(&drive_b, "from-b.bin", &vec![7; 3_000_000]).await?;
    until("b's file at a", async || {
        matches!(read(&drive_a, "from-b.bin").await, Ok(Some(_)))
    })
    .await?;
    assert_eq!(
        read(&drive_a, "from-b.bin").await?,
        Some(vec![7; 3_000_000])
    );
    assert_eq!(drive_a.view_hash(), drive_b.view_hash());
    assert!(b.join(invite.ticket.text(), None).await.is_err());

    a.shutdown().await;
    drop((drive_a, a));
    create(&drive_b, "while-a-was-off.txt", b"later").await?;
    let a = engine(&a_data).await?;
    let drive_a = a.drive("Photos")?;
    until("a catches up", async || {
        drive_a.view_hash() == drive_b.view_hash()
    })
    .await?;
    assert_eq!(
        read(&drive_a, "while-a-was-off.txt").await?.as_deref(),
        Some(&b"later"[..])
    );
    create(&drive_a, "after.txt", b"a again").await?;
    until("b follows", async || {
        drive_a.view_hash() == drive_b.view_hash()
    })
    .await?;
    a.shutdown().await;
    b.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_is_good_for_as_many_as_it_says_and_a_third_device_meets_the_second() -> TestResult
{
    let folder = tempfile::tempdir()?;
    let root = folder.path().join("root");
    std::fs::create_dir(&root)?;
    let mut engines = Vec::new();
    for name in ["a", "b", "c", "d"] {
        engines.push(engine(&folder.path().join(name)).await?);
    }
    let [a, b, c, d] = engines.as_slice() else {
        unreachable!()
    };
    let drive_a = a.share(&root, None)?;
    let invite = a
        .invite(
            &drive_a,
            InviteOptions {
                uses: 2,
                approve: None,
                ..options(Role::Writer)
            },
        )
        .await?;
    let drive_b = b.join(invite.ticket.text(), None).await?;
    let drive_c = c.join(invite.ticket.text(), None).await?;
    let refused = d.join(invite.ticket.text(), None).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("used already")));
    a.shutdown().await;
    create(&drive_b, "b.txt", b"without a").await?;
    until("c hears from b", async || {
        drive_c.view_hash() == drive_b.view_hash()
    })
    .await?;
    assert_eq!(
        read(&drive_c, "b.txt").await?.as_deref(),
        Some(&b"without a"[..])
    );
    for engine in [b, c, d] {
        engine.shutdown().await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_reads_and_cannot_write() -> TestResult {
    let folder = tempfile::tempdir()?;
    let root = folder.path().join("root");
    std::fs::create_dir(&root)?;
    let (a, b) = (
        engine(&folder.path().join("a")).await?,
        engine(&folder.path().join("b")).await?,
    );
    let drive_a = a.share(&root, None)?;
    create(&drive_a, "a.txt", b"hello").await?;
    let invite = a.invite(&drive_a, options(Role::Reader)).await?;
    let drive_b = b.join(invite.ticket.text(), None).await?;
    assert_eq!(
        read(&drive_b, "a.txt").await?.as_deref(),
        Some(&b"hello"[..])
    );
    assert!(!drive_b.can_write());
    let error = create(&drive_b, "b.txt", b"no")
        .await
        .err()
        .map(|error| error.to_string());
    assert!(error.is_some_and(|error| error.contains("only read")));
    assert!(b.invite(&drive_b, options(Role::Reader)).await.is_err());
    a.shutdown().await;
    b.shutdown().await;
    Ok(())
}
