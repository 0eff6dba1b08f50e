use bytes::Bytes;
use peerdrive_crypto::author::Draft;
use peerdrive_crypto::body::Lease;
use peerdrive_crypto::ids::EndpointKey;
use peerdrive_crypto::testing::TestDevice;

use super::*;

type TestResult = Result<(), Box<dyn std::error::Error>>;

const STRANGER: PeerId = PeerId([5; 32]);

async fn open(folder: &tempfile::TempDir) -> Result<StoragePeer, StorageError> {
    let config = StorageConfig {
        data_dir: folder.path().join("store"),
        bind: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        discovery: false,
        relay: None,
        most: 1 << 20,
        grace: 0,
        new_code: false,
    };
    StoragePeer::open(config, None).await
}

fn take(storage: &StoragePeer, of: u8) -> Result<Arc<Drive>, Box<dyn std::error::Error>> {
    let inner = &storage.inner;
    let tag = DriveTag([of; 32]);
    let offered = Some((DriveId([of; 32]), STRANGER));
    let folder = folder_of(inner.data.path(), &tag);
    let drive = Drive::open(&folder, tag, offered, &inner.net, &inner.budget)?;
    inner.drives.0.write().insert(tag, drive.clone());
    Ok(drive)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attack_k3_a_blob_of_two_drives_stays_until_neither_keeps_it() -> TestResult {
    let folder = tempfile::tempdir()?;
    let storage = open(&folder).await?;
    let (one, two) = (take(&storage, 1)?, take(&storage, 2)?);
    let blobs = storage.inner.net.blobs().clone();
    let id = blobs.put(Bytes::from(vec![3; 2000])).await?;
    one.note_come(&[(id, 2000)])?;
    two.note_come(&[(id, 2000)])?;
    one.note_gone(&[id])?;
    storage.inner.remove(vec![id]).await;
    assert!(blobs.has(&id).await?, "the other drive keeps it");
    two.note_gone(&[id])?;
    storage.inner.remove(vec![id]).await;
    assert!(!blobs.has(&id).await?);
    drop((one, two));
    storage.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_is_the_same_after_a_restart_and_what_is_offered_lets_nobody_else_in() -> TestResult
{
    let folder = tempfile::tempdir()?;
    let storage = open(&folder).await?;
    let code = StoreCode::parse(&storage.code()?)?;
    let drive = take(&storage, 1)?;
    let gate = storage.inner.drives.clone();
    assert!(gate.admits_to(&STRANGER, &drive.tag) && !gate.admits(&PeerId([6; 32])));
    assert!(!gate.admits_to(&STRANGER, &DriveTag([2; 32])));
    // Without a lease, whoever offered it is nobody whose blobs are kept.
    let keep = storage
        .inner
        .keep(STRANGER, &drive.tag, &[BlobId([1; 32])])
        .await;
    assert_eq!(keep, Err(StoreRefusal::Lease));
    assert_eq!(
        storage.inner.named(STRANGER, &drive.tag),
        Err(StoreRefusal::Lease)
    );
    let wrong = StoreSecret::from_bytes([0; 32]);
    let other = (DriveTag([9; 32]), DriveId([9; 32]));
    let refused = storage
        .inner
        .take_in(STRANGER, &wrong, other.0, other.1)
        .await;
    assert_eq!(refused, Err(StoreRefusal::Code));
    // Another drive under the name of one that is here.
    let refused = storage
        .inner
        .take_in(STRANGER, &code.secret, drive.tag, other.1)
        .await;
    assert_eq!(refused, Err(StoreRefusal::Lease));
    drop((drive, gate));
    storage.shutdown().await;
    let again = open(&folder).await?;
    assert_eq!(StoreCode::parse(&again.code()?)?.secret, code.secret);
    assert_eq!(again.drives().len(), 1);
    // After a restart nobody is known to have offered it.
    assert!(!again.inner.drives.admits(&STRANGER));
    again.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drive_is_served_while_its_lease_lasts_and_taken_up_again_for_its_admins_only()
-> TestResult {
    let folder = tempfile::tempdir()?;
    let storage = open(&folder).await?;
    let inner = &storage.inner;
    let (mut ana, founded) = TestDevice::found("ana", 1)?;
    let rita = ana.admit_new("rita", Role::Reader, 2)?;
    let peer = |device: &TestDevice| PeerId(device.cert().endpoint.0);
    let tag = DriveTag([7; 32]);
    let offer = |by: PeerId| {
        let code = inner.secret.duplicate();
        async move { inner.take_in(by, &code, tag, founded.drive).await }
    };
    assert_eq!(offer(peer(&ana)).await, Ok(StoreReply::Done));
    let drive = inner.drives.get(&tag).ok_or("it is not here")?;
    let tell = |ana: &TestDevice| {
        let all = ana.control.entries().map(|(_, e)| e.to_bytes().into());
        drive.hear(all.collect()).map(drop)
    };
    ana.act(Draft::new().lease(Lease {
        id: [1; 16],
        endpoint: EndpointKey(inner.net.id().0),
        quota: 1 << 20,
        not_after: u64::MAX,
    }))?;
    tell(&ana)?;
    let gate = inner.drives.clone();
    let blob = BlobId([4; 32]);
    drive.note_come(&[(blob, 1)])?;
    for device in [&ana, &rita] {
        assert!(gate.admits_to(&peer(device), &tag) && gate.may_read_blob(&peer(device), &blob));
    }
    assert!(!gate.admits(&STRANGER) && !gate.may_read_blob(&STRANGER, &blob));
    // A reader has nothing kept, and only an admin says that everything was named.
    let named = inner.keep(peer(&rita), &tag, &[blob]).await;
    assert_eq!(named, Err(StoreRefusal::Lease));
    assert_eq!(inner.named(peer(&rita), &tag), Err(StoreRefusal::Lease));
    assert_eq!(inner.named(peer(&ana), &tag), Ok(StoreReply::Done));
    // One that is noted and not there is fetched anew.
    let kept = inner.keep(peer(&ana), &tag, &[blob]).await?;
    let lost = StoreReply::Kept {
        here: vec![false],
        full: false,
    };
    assert_eq!((kept, drive.keeps(&blob)), (lost, false));

    ana.act(Draft::new().revoke_lease([1; 16]))?;
    tell(&ana)?;
    assert!(!gate.admits(&peer(&ana)) && !gate.admits(&peer(&rita)));
    assert_eq!(offer(peer(&rita)).await, Err(StoreRefusal::Lease));
    assert_eq!(offer(STRANGER).await, Err(StoreRefusal::Lease));
    assert_eq!(offer(peer(&ana)).await, Ok(StoreReply::Done));
    // To bring the record that grants a lease, and for nothing else.
    assert!(gate.admits_to(&peer(&ana), &tag) && !gate.may_read_blob(&peer(&ana), &blob));
    drop((drive, gate));
    storage.shutdown().await;
    Ok(())
}
