use std::error::Error;

use super::*;

type TestResult = Result<(), Box<dyn Error>>;

fn blob(seed: u8, len: usize) -> Bytes {
    (0..len)
        .map(|i| (i as u8).wrapping_mul(31).wrapping_add(seed))
        .collect::<Vec<u8>>()
        .into()
}

async fn both_kinds() -> Result<Vec<(BlobStore, Option<tempfile::TempDir>)>, Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    Ok(vec![
        (BlobStore::in_memory(), None),
        (BlobStore::open(&dir.path().join("blobs")).await?, Some(dir)),
    ])
}

#[tokio::test]
async fn what_is_put_can_be_got() -> TestResult {
    for (store, _dir) in both_kinds().await? {
        for len in [0, 1, 16 * 1024, 16 * 1024 + 1, 3 << 20] {
            let bytes = blob(7, len);
            let id = store.put(bytes.clone()).await?;
            assert_eq!(id, BlobId::from(Hash::new(&bytes)));
            assert_eq!(store.get(&id).await?, Some(bytes));
            assert_eq!(store.size(&id).await?, Some(len as u64));
        }
        assert_eq!(store.get(&BlobId([9; 32])).await?, None);
    }
    Ok(())
}

#[tokio::test]
async fn a_large_blob_is_read_from_its_file_unless_that_is_not_as_it_should_be() -> TestResult {
    let dir = tempfile::tempdir()?;
    let store = BlobStore::open(dir.path()).await?;
    let bytes = blob(7, 3 << 20);
    let id = store.put(bytes.clone()).await?;
    let size = bytes.len() as u64;
    assert_eq!(store.read_file(&id, size).await, Some(bytes.clone()));
    assert_eq!(store.read_file(&id, size - 1).await, None);
    let path = sync::file_of(dir.path(), &Hash::from(id).to_hex());
    std::fs::write(&path, &bytes[1..])?;
    assert_eq!(store.read_file(&id, size).await, None);
    std::fs::remove_file(&path)?;
    assert_eq!(store.read_file(&id, size).await, None);
    Ok(())
}

#[tokio::test]
async fn many_are_put_in_order() -> TestResult {
    for (store, _dir) in both_kinds().await? {
        let blobs: Vec<Bytes> = (0..200).map(|i| blob(i, 100 + usize::from(i))).collect();
        let ids = store.put_many(blobs.clone()).await?;
        for (id, bytes) in ids.iter().zip(blobs) {
            assert_eq!(store.get(id).await?, Some(bytes));
        }
    }
    Ok(())
}

#[tokio::test]
async fn removal_takes_the_named_and_nothing_else() -> TestResult {
    for (store, _dir) in both_kinds().await? {
        let blobs: Vec<Bytes> = (0..100)
            .map(|i| blob(i, 400 * usize::from(i) + 1))
            .collect();
        let ids = store.put_many(blobs.clone()).await?;
        let (gone, kept) = ids.split_at(30);
        for part in gone.chunks(10) {
            store.remove(part.to_vec()).await?;
        }
        for id in gone {
            assert!(!store.has(id).await?);
        }
        for id in kept {
            assert!(store.has(id).await?);
        }
        assert_eq!(
            store
                .ids()
                .await?
                .into_iter()
                .filter(|id| gone.contains(id))
                .count(),
            0
        );
        let again = store.put(blobs[3].clone()).await?;
        assert_eq!(
            store.get(&again).await?,
            Some(blobs[3].clone()),
            "a removed blob can come back"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn puts_beside_removals_are_kept() -> TestResult {
    for (store, _dir) in both_kinds().await? {
        let doomed = store
            .put_many((0..50).map(|i| blob(i, 50)).collect())
            .await?;
        let remover = tokio::spawn({
            let store = store.clone();
            async move {
                for id in doomed {
                    store.remove(vec![id]).await?;
                }
                Ok::<_, BlobError>(())
            }
        });
        let mut put = Vec::new();
        let mut n = 0u32;
        while !remover.is_finished() {
            n += 1;
            let bytes =
                Bytes::from(
                    n.to_le_bytes()
                        .repeat(if n.is_multiple_of(9) { 9000 } else { 20 }),
                );
            put.push(store.put(bytes).await?);
        }
        remover.await??;
        for id in put {
            assert!(store.has(&id).await?);
        }
    }
    Ok(())
}

#[tokio::test]
async fn blobs_survive_a_restart_and_the_files_are_unlocked() -> TestResult {
    let dir = tempfile::tempdir()?;
    let store = BlobStore::open(dir.path()).await?;
    let ids = store.put_many(vec![blob(1, 10), blob(2, 1 << 20)]).await?;
    store.sync().await?;
    assert!(store.size_on_disk().await? > 1 << 20);
    store.close().await;
    assert!(matches!(store.has(&ids[0]).await, Err(BlobError::Closed)));

    let store = BlobStore::open(dir.path()).await?;
    assert_eq!(store.get(&ids[0]).await?, Some(blob(1, 10)));
    assert_eq!(store.get(&ids[1]).await?, Some(blob(2, 1 << 20)));
    assert!(matches!(
        BlobStore::open(dir.path()).await,
        Err(BlobError::Open { .. })
    ));
    Ok(())
}

#[tokio::test]
async fn damaged_bytes_are_told_from_missing_ones() -> TestResult {
    let dir = tempfile::tempdir()?;
    let store = BlobStore::open(dir.path()).await?;
    let id = store.put(blob(5, 1 << 20)).await?;
    store.close().await;
    std::fs::write(
        dir.path().join("data").join(format!("{id}.data")),
        blob(6, 1 << 20),
    )?;
    let store = BlobStore::open(dir.path()).await?;
    assert!(matches!(store.get(&id).await, Err(BlobError::Damaged(found)) if found == id));
    // Without that the store may go on reading the file that it has open.
    store.remove_damaged(id).await?;
    let again = store.put(blob(5, 1 << 20)).await?;
    assert_eq!(
        store.get(&again).await?,
        Some(blob(5, 1 << 20)),
        "a new put mends it"
    );
    Ok(())
}

#[test]
fn no_room_is_told_from_other_failures_wherever_it_is_said() {
    use std::io;
    let full = || io::Error::from(io::ErrorKind::StorageFull);
    assert!(matches!(BlobError::from(full()), BlobError::Full(_)));
    assert!(matches!(
        BlobError::from(io::Error::other(full())),
        BlobError::Full(_)
    ));
    let deep = io::Error::other(io::Error::other(io::Error::from(
        io::ErrorKind::QuotaExceeded,
    )));
    assert!(matches!(BlobError::from(deep), BlobError::Full(_)));
    assert!(matches!(
        BlobError::from(io::Error::other("broken")),
        BlobError::Io(_)
    ));
}

#[test]
fn a_sync_waits_for_the_files_that_were_put_and_no_others() {
    let mut unsynced = Unsynced::default();
    unsynced.note(Hash::new(b"small"), INLINED as usize);
    assert!(unsynced.files.is_empty() && !unsynced.many);
    unsynced.note(Hash::new(b"large"), INLINED as usize + 1);
    assert_eq!(unsynced.files.len(), 1);
    // What a failed sync gives back is there beside what came meanwhile.
    let taken = std::mem::take(&mut unsynced);
    for n in 0..Unsynced::MOST {
        unsynced.note(Hash::new([n as u8]), 1 << 20);
    }
    assert!(!unsynced.many);
    unsynced.give_back(taken);
    assert!(unsynced.many && unsynced.files.contains(&Hash::new(b"large")));
}

#[tokio::test]
async fn large_blobs_are_still_there_after_a_sync_and_a_new_start() -> TestResult {
    let dir = tempfile::tempdir()?;
    let store = BlobStore::open(&dir.path().join("blobs")).await?;
    let mut ids = Vec::new();
    for n in 0..12 {
        ids.push(store.put(blob(n, 300_000)).await?);
        store.sync().await?;
    }
    store.close().await;
    drop(store);
    let store = BlobStore::open(&dir.path().join("blobs")).await?;
    for id in ids {
        assert!(store.has(&id).await?);
    }
    Ok(())
}

#[tokio::test]
async fn a_store_that_has_stopped_by_itself_is_opened_again_and_one_that_was_closed_is_not()
-> TestResult {
    let dir = tempfile::tempdir()?;
    let store = BlobStore::open(dir.path()).await?;
    let (small, large) = (Bytes::from_static(b"small"), Bytes::from(vec![7; 1 << 20]));
    let before = store.put(large.clone()).await?;
    store.sync().await?;
    assert!(!store.revive().await?, "it works");
    // As when its database meets a full disk.
    store.store().shutdown().await?;
    assert!(store.put(small.clone()).await.is_err());
    assert!(store.sync().await.is_err());
    assert!(store.revive().await?);
    assert!(!store.revive().await?, "it works again");
    assert_eq!(store.get(&before).await?, Some(large));
    let after = store.put(small.clone()).await?;
    assert_eq!(store.get(&after).await?, Some(small));
    store.sync().await?;
    store.remove(vec![before]).await?;
    assert!(!store.has(&before).await? && store.has(&after).await?);
    store.close().await;
    assert!(!store.revive().await?);
    assert!(store.put(Bytes::from_static(b"late")).await.is_err());
    Ok(())
}
