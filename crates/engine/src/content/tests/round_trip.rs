//! What goes in comes out: whole and in ranges, at all sizes that matter.

use std::time::Instant;

use super::support::*;
use crate::content::{ContentError, Progress, shape::Shape};

/// Lengths around every limit of a shape.
fn lengths(shape: &Shape) -> Vec<usize> {
    let limits = [
        0,
        shape.inline as usize,
        shape.min,
        shape.avg,
        shape.max,
        shape.short as usize,
        shape.short as usize + shape.max,
        shape.max * shape.fanout,
    ];
    let mut lengths: Vec<usize> = limits
        .iter()
        .flat_map(|at| [at.saturating_sub(1), *at, at + 1])
        .collect();
    lengths.sort_unstable();
    lengths.dedup();
    lengths
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_all_sizes_come_back_whole_and_in_ranges() -> TestResult {
    let mut random = Random::new(1);
    let keys = Keys::of_drive(7);
    let (store, _) = alone(&keys, TINY);
    for len in lengths(&TINY) {
        // Random bytes, and one long run, which is cut at the longest piece only.
        for bytes in [random.bytes(len), vec![0x55; len]] {
            let progress = Progress::new();
            let content = store.import_file(file_of(&bytes)?, 42, &progress).await?;
            assert_eq!((content.len, content.mtime_ns), (len as u64, 42));
            assert_eq!(content.manifest.is_none(), len == 0);
            let done = progress.snapshot(Instant::now());
            assert_eq!((done.files_done, done.bytes_done), (1, len as u64));

            let same = store.import_bytes(bytes.clone(), 43).await?;
            assert_eq!((same.hash, same.len), (content.hash, content.len));
            assert_eq!(
                store.hash_file(file_of(&bytes)?).await?,
                (content.hash, content.len)
            );

            assert!(store.is_local(&content).await?);
            assert!(written(&store, &content).await? == bytes, "length {len}");
            let reader = store.open(&content).await?;
            assert_eq!(reader.len(), len as u64);
            assert!(reader.read_at(0, len + 1).await? == bytes, "length {len}");
            for _ in 0..8 {
                let (at, n) = (random.below(len as u64 + 3), random.below(40_000) as usize);
                let from = bytes.len().min(at as usize);
                let to = bytes.len().min(from + n);
                let read = reader.read_at(at, n).await?;
                assert!(read == bytes[from..to], "length {len}, {n} at {at}");
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sequential_reads_of_a_file_with_pages_give_it_back() -> TestResult {
    let mut random = Random::new(2);
    let keys = Keys::of_drive(7);
    let (store, _) = alone(&keys, TINY);
    let bytes = random.bytes(1 << 20);
    let content = store.import_bytes(bytes.clone(), 0).await?;
    let reader = store.open(&content).await?;
    let mut back = Vec::new();
    loop {
        let read = reader.read_at(back.len() as u64, 7777).await?;
        if read.is_empty() {
            break;
        }
        back.extend_from_slice(&read);
    }
    assert!(back == bytes);
    Ok(())
}

#[tokio::test]
async fn the_sizes_of_the_real_shape_hold_too() -> TestResult {
    let mut random = Random::new(3);
    let keys = Keys::of_drive(7);
    let (store, blobs) = alone(&keys, Shape::V1);
    let whole = random.bytes(9 << 20);
    for len in [
        16 * 1024,
        16 * 1024 + 1,
        256 * 1024,
        1 << 20,
        (1 << 20) + 1,
        9 << 20,
    ] {
        let before = blobs.ids().await?.len();
        let content = store
            .import_file(file_of(&whole[..len])?, 0, &Progress::new())
            .await?;
        let stored = blobs.ids().await?.len() - before;
        if len <= 16 * 1024 {
            assert_eq!(stored, 1, "a small file is one blob");
        }
        assert!(written(&store, &content).await? == whole[..len]);
    }
    Ok(())
}

#[tokio::test]
async fn one_byte_at_the_front_of_a_long_file_stores_little_anew() -> TestResult {
    let mut random = Random::new(4);
    let keys = Keys::of_drive(7);
    let (store, blobs) = alone(&keys, Shape::V1);
    let mut bytes = random.bytes(64 << 20);
    let first = store.import_bytes(bytes.clone(), 0).await?;
    let before = blobs.ids().await?;
    bytes.insert(0, 1);
    let second = store.import_bytes(bytes.clone(), 0).await?;
    assert_ne!(first.hash, second.hash);
    let mut anew = 0;
    for id in blobs.ids().await? {
        if !before.contains(&id) {
            anew += blobs.size(&id).await?.unwrap_or_default();
        }
    }
    assert!(anew < 8 << 20, "{anew} bytes stored anew");
    assert!(written(&store, &second).await? == bytes);
    Ok(())
}

#[tokio::test]
async fn equal_files_share_their_chunks_also_across_devices() -> TestResult {
    let mut random = Random::new(5);
    let keys = Keys::of_drive(7);
    let ((one, ours), (two, theirs)) = (alone(&keys, TINY), alone(&keys, TINY));
    let bytes = random.bytes(100_000);
    one.import_bytes(bytes.clone(), 0).await?;
    let before = ours.ids().await?.len();
    one.import_bytes(bytes.clone(), 0).await?;
    assert_eq!(
        ours.ids().await?.len(),
        before + 1,
        "only the manifest is new"
    );
    two.import_bytes(bytes, 0).await?;
    let ours = ours.ids().await?;
    let new = theirs
        .ids()
        .await?
        .into_iter()
        .filter(|id| !ours.contains(id))
        .count();
    assert_eq!(new, 1, "two devices of a drive seal alike");
    Ok(())
}

#[tokio::test]
async fn zeros_become_holes_and_read_as_zeros() -> TestResult {
    use std::os::unix::fs::MetadataExt;
    let keys = Keys::of_drive(7);
    let (store, _) = alone(&keys, Shape::V1);
    let mut bytes = vec![0; 12 << 20];
    bytes[5 << 20] = 1;
    let content = store.import_bytes(bytes.clone(), 0).await?;
    assert!(written(&store, &content).await? == bytes);
    let file = tempfile::tempfile()?;
    store
        .write_to(&content, file.try_clone()?, &Progress::new())
        .await?;
    let meta = file.metadata()?;
    assert_eq!(meta.len(), 12 << 20);
    assert!(meta.blocks() * 512 < 1 << 20, "{} blocks", meta.blocks());
    Ok(())
}

#[tokio::test]
async fn a_version_of_an_unknown_epoch_says_that_the_key_is_missing() -> TestResult {
    let keys = Keys::of_drive(7);
    let (store, _) = alone(&keys, TINY);
    let mut content = store.import_bytes(vec![1; 10], 0).await?;
    if let Some(manifest) = &mut content.manifest {
        manifest.epoch = [9; 8];
    }
    let outcome = store.open(&content).await;
    assert!(matches!(outcome, Err(ContentError::NoKey { epoch }) if epoch == [9; 8]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_long_files_at_once_neither_starve_nor_wait_for_each_other() -> TestResult {
    let mut random = Random::new(6);
    let keys = Keys::of_drive(7);
    let (store, _) = alone(&keys, Shape::V1);
    let bytes = random.bytes(16 << 20);
    let files = (0..12usize).map(|i| bytes[i << 20..(i + 4) << 20].to_vec());
    let imports = files.clone().map(|bytes| store.import_bytes(bytes, 0));
    let contents = futures_util::future::try_join_all(imports).await?;
    let progress = Progress::new();
    let writes = contents.iter().map(|content| async {
        let file = tempfile::tempfile()?;
        store.write_to(content, file.try_clone()?, &progress).await
    });
    futures_util::future::try_join_all(writes).await?;
    assert_eq!(progress.snapshot(Instant::now()).files_done, 12);
    Ok(())
}
