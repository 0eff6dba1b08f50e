//! What happens when the bytes are at a peer, or nowhere.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::{
    StreamExt,
    stream::{self, BoxStream},
};
use peerdrive_crdt_tree::node::FileContent;
use peerdrive_net::{BlobId, BlobStore};

use super::support::*;
use crate::content::{
    BlobSource, ContentError, ContentKeys, ContentStore, FetchError, Progress, WriteJob,
    shape::Shape,
};

async fn imported(
    keys: &Arc<Keys>,
    files: &[Vec<u8>],
) -> Result<(Vec<FileContent>, BlobStore), ContentError> {
    let (store, blobs) = alone(keys, TINY);
    let imports = files
        .iter()
        .map(|bytes| store.import_bytes(bytes.clone(), 0));
    Ok((futures_util::future::try_join_all(imports).await?, blobs))
}

#[tokio::test]
async fn absent_everywhere_is_said_at_once() -> TestResult {
    let mut random = Random::new(20);
    let keys = Keys::of_drive(7);
    let (contents, theirs) = imported(&keys, &[random.bytes(100), random.bytes(50_000)]).await?;
    let (empty, _) = alone(&keys, TINY);
    let (partial, ours) = alone(&keys, TINY);
    for content in &contents {
        let id = BlobId(content.manifest.map(|m| m.blob).unwrap_or_default());
        ours.put(theirs.get(&id).await?.unwrap_or_default()).await?;
    }
    let long = contents[1];
    let tries = async {
        let unavailable = |error| matches!(error, Some(ContentError::Unavailable { .. }));
        for content in &contents {
            assert!(unavailable(empty.open(content).await.err()));
            assert!(!empty.is_local(content).await?);
            assert!(written(&empty, content).await.is_err());
        }
        assert!(unavailable(empty.prefetch(&contents).await.err()));
        // With the manifest alone, a length is known, and nothing more.
        let reader = partial.open(&long).await?;
        assert_eq!(reader.len(), 50_000);
        assert!(unavailable(reader.read_at(0, 10).await.err()));
        assert!(!partial.is_local(&long).await?);
        assert!(written(&partial, &long).await.is_err());
        let small = written(&partial, &contents[0]).await;
        assert_eq!(small?.len(), 100, "a small file is all in its manifest");
        TestResult::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(20), tries).await?
}

/// Says of every blob that it is here now, and stores nothing.
struct Liar;

impl BlobSource for Liar {
    fn fetch(&self, ids: Vec<BlobId>) -> BoxStream<'static, (BlobId, Result<u64, FetchError>)> {
        // More than was asked for, twice, and some of it never asked for.
        let said = ids.into_iter().flat_map(|id| [id, BlobId([0; 32]), id]);
        stream::iter(said).map(|id| (id, Ok(1))).boxed()
    }
}

#[tokio::test]
async fn a_source_that_lies_about_what_it_brought_is_an_absent_one() -> TestResult {
    let keys = Keys::of_drive(7);
    let (contents, _) = imported(&keys, &[vec![1; 100]]).await?;
    let keys: Arc<dyn ContentKeys> = keys;
    let blobs = BlobStore::in_memory();
    let store = ContentStore::with_shape(blobs, keys, Arc::new(Liar), TINY);
    let opened = tokio::time::timeout(Duration::from_secs(10), store.open(&contents[0])).await?;
    assert!(matches!(
        opened,
        Err(ContentError::Unavailable { missing: 1 })
    ));
    Ok(())
}

#[tokio::test]
async fn a_range_fetches_only_the_chunks_under_it() -> TestResult {
    let mut random = Random::new(21);
    let keys = Keys::of_drive(7);
    let bytes = random.bytes(200_000);
    let (contents, theirs) = imported(&keys, std::slice::from_ref(&bytes)).await?;
    let (store, peer, _) = beside(&keys, &theirs, TINY);
    let reader = store.open(&contents[0]).await?;
    assert_eq!(peer.fetched.lock().len(), 1, "the manifest");
    assert!(reader.read_at(100_000, 10).await? == bytes[100_000..100_010]);
    // One page and one or two chunks.
    assert!(peer.fetched.lock().len() <= 4, "{:?}", peer.fetched.lock());
    Ok(())
}

/// Waits for `fetched` to reach `least`, or for long enough to say that it does not.
async fn settles(peer: &Peer, least: usize) -> usize {
    for _ in 0..100 {
        if peer.fetched.lock().len() >= least {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    peer.fetched.lock().len()
}

#[tokio::test]
async fn reading_in_order_fetches_ahead() -> TestResult {
    let mut random = Random::new(22);
    let keys = Keys::of_drive(7);
    let (contents, theirs) = imported(&keys, &[random.bytes(400_000)]).await?;
    let (store, peer, _) = beside(&keys, &theirs, TINY);
    let reader = store.open(&contents[0]).await?;
    reader.read_at(0, 100).await?;
    assert_eq!(settles(&peer, 4).await, 3, "manifest, page, chunk");
    reader.read_at(100, 100).await?;
    // The other chunks of the page, and the next page.
    assert_eq!(settles(&peer, 19).await, 19);
    Ok(())
}

#[tokio::test]
async fn reading_here_and_there_does_not_fetch_ahead() -> TestResult {
    let mut random = Random::new(27);
    let keys = Keys::of_drive(7);
    let (store, theirs) = alone(&keys, Shape::V1);
    let content = store.import_bytes(random.bytes(12 << 20), 0).await?;
    let places = [0, 5 << 20, 9 << 20];
    let (store, jumping, _) = beside(&keys, &theirs, Shape::V1);
    let reader = store.open(&content).await?;
    for at in places {
        reader.read_at(at, 4096).await?;
    }
    let (store, single, _) = beside(&keys, &theirs, Shape::V1);
    for at in places {
        // A reader that reads once has no habit.
        store.open(&content).await?.read_at(at, 4096).await?;
    }
    let expected = single.fetched.lock().len();
    assert_eq!(settles(&jumping, expected + 1).await, expected);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_readers_of_one_file_fetch_it_once() -> TestResult {
    let mut random = Random::new(23);
    let keys = Keys::of_drive(7);
    let bytes = random.bytes(60_000);
    let (contents, theirs) = imported(&keys, std::slice::from_ref(&bytes)).await?;
    let (store, peer, _) = beside(&keys, &theirs, TINY);
    let readers = (0..30).map(|_| async {
        let reader = store.open(&contents[0]).await?;
        reader.read_at(0, 60_000).await
    });
    for read in futures_util::future::try_join_all(readers).await? {
        assert!(read == bytes);
    }
    let mut fetched = peer.fetched.lock().clone();
    let all = fetched.len();
    fetched.sort_unstable();
    fetched.dedup();
    assert_eq!(fetched.len(), all, "nothing was fetched twice");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_small_files_take_one_request_and_each_job_answers_for_itself() -> TestResult {
    let mut random = Random::new(24);
    let keys = Keys::of_drive(7);
    let mut files: Vec<Vec<u8>> = (0..300).map(|i| random.bytes(i * 3)).collect();
    files.push(random.bytes(90_000));
    let (mut contents, theirs) = imported(&keys, &files).await?;
    let (store, peer, _) = beside(&keys, &theirs, TINY);
    // One that nobody has, and one twice.
    if let Some(manifest) = &mut contents[17].manifest {
        manifest.blob = [3; 32];
    }
    contents.push(contents[18]);
    files.push(files[18].clone());

    let dir = tempfile::tempdir()?;
    let path = |index: usize| dir.path().join(index.to_string());
    let jobs = contents.iter().enumerate().map(|(index, content)| {
        let (part, whole) = (path(index).with_extension("part"), path(index));
        let from = part.clone();
        WriteJob::new(
            *content,
            move || std::fs::File::create(part),
            move |_| std::fs::rename(from, whole),
        )
    });
    let progress = Progress::new();
    let outcomes: Vec<_> = store.write_many(jobs.collect(), &progress).collect().await;
    assert_eq!(outcomes.len(), files.len());
    for (index, outcome) in outcomes {
        if index == 17 {
            assert!(matches!(outcome, Err(ContentError::Unavailable { .. })));
            assert!(!path(index).exists());
        } else {
            outcome?;
            assert!(std::fs::read(path(index))? == files[index], "file {index}");
        }
    }
    let done = progress.snapshot(std::time::Instant::now());
    assert_eq!(done.files_done, files.len() as u64 - 1);
    // All manifests, and then the pages and chunks of the long file.
    let requests = peer.requests.load(Ordering::Relaxed);
    assert!(requests < 12, "{requests} requests");
    Ok(())
}

#[tokio::test]
async fn what_was_prefetched_is_read_without_a_peer() -> TestResult {
    let mut random = Random::new(25);
    let keys = Keys::of_drive(7);
    let files = [0, 10, 5_000, 60_000, 400_000].map(|len| random.bytes(len));
    let (contents, theirs) = imported(&keys, &files).await?;
    let (store, peer, ours) = beside(&keys, &theirs, TINY);
    store.prefetch(&contents).await?;
    let requests = peer.requests.load(Ordering::Relaxed);
    for (content, bytes) in contents.iter().zip(&files) {
        assert!(store.is_local(content).await?);
        assert!(written(&store, content).await? == *bytes);
    }
    assert_eq!(peer.requests.load(Ordering::Relaxed), requests);
    assert_eq!(ours.ids().await?.len(), theirs.ids().await?.len());
    Ok(())
}

#[tokio::test]
async fn a_blob_that_is_damaged_on_the_disk_is_fetched_again() -> TestResult {
    let mut random = Random::new(26);
    let keys = Keys::of_drive(7);
    let bytes = random.bytes(3 << 20);
    let (theirs_store, theirs) = alone(&keys, Shape::V1);
    let content = theirs_store.import_bytes(bytes.clone(), 0).await?;
    let dir = tempfile::tempdir()?;
    let ours = BlobStore::open(dir.path()).await?;
    for id in theirs.ids().await? {
        ours.put(theirs.get(&id).await?.unwrap_or_default()).await?;
    }
    ours.close().await;
    let mut damaged = 0;
    for file in std::fs::read_dir(dir.path().join("data"))? {
        let path = file?.path();
        if path.extension().is_some_and(|e| e == "data") {
            let mut stored = std::fs::read(&path)?;
            stored[1000] ^= 1;
            std::fs::write(&path, stored)?;
            damaged += 1;
        }
    }
    assert!(damaged > 0);
    let ours = BlobStore::open(dir.path()).await?;
    let peer: Arc<dyn BlobSource> = Arc::new(Peer::new(&theirs, &ours));
    let store = ContentStore::new(ours, Arc::clone(&keys) as Arc<dyn ContentKeys>, peer);
    assert!(written(&store, &content).await? == bytes);
    Ok(())
}
