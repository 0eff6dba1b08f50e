use std::collections::HashMap;

use bytes::Bytes;
use futures_util::StreamExt;
use rand_chacha::rand_core::SeedableRng;

use super::*;

fn blob(seed: u64, len: usize) -> Bytes {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut bytes = vec![0; len];
    rng.fill_bytes(&mut bytes);
    bytes.into()
}

async fn fetch(
    device: &Device,
    ids: Vec<BlobId>,
    from: &[u8],
) -> TestResult<HashMap<BlobId, Result<u64, FetchError>>> {
    let providers = from.iter().map(|key| peer(*key)).collect();
    let mut reports = HashMap::new();
    let mut fetching = device.net.fetch(ids, providers);
    while let Some((id, result)) =
        tokio::time::timeout(Duration::from_secs(30), fetching.next()).await?
    {
        assert!(reports.insert(id, result).is_none(), "reported twice");
    }
    Ok(reports)
}

#[tokio::test(flavor = "multi_thread")]
async fn blobs_large_and_small_arrive_whole() -> TestResult {
    let (one, two) = (Device::start(1).await?, Device::start(2).await?);
    introduce(&[&one, &two])?;
    let mut blobs: Vec<Bytes> = (0..2000).map(|i| blob(i, 100 + i as usize * 3)).collect();
    blobs.push(Bytes::new());
    blobs.push(blob(99_999, 20 << 20));
    let ids = one.net.blobs().put_many(blobs.clone()).await?;
    let twice = ids.iter().chain(&ids).copied().collect();
    let reports = fetch(&two, twice, &[1]).await?;
    assert_eq!(reports.len(), blobs.len());
    for (id, bytes) in ids.iter().zip(&blobs) {
        assert!(matches!(reports[id], Ok(len) if len == bytes.len() as u64));
        assert_eq!(two.net.blobs().get(id).await?.as_ref(), Some(bytes));
    }
    // What is here needs nobody.
    let again = fetch(&two, ids, &[]).await?;
    assert!(again.values().all(Result::is_ok));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_provider_lacks_comes_from_another() -> TestResult {
    let (one, two, three) = (
        Device::start(1).await?,
        Device::start(2).await?,
        Device::start(3).await?,
    );
    introduce(&[&one, &two, &three])?;
    let blobs: Vec<Bytes> = (0..600).map(|i| blob(i, 5000)).collect();
    let mut ids = one.net.blobs().put_many(blobs[..400].to_vec()).await?;
    let more = two.net.blobs().put_many(blobs[300..].to_vec()).await?;
    ids.extend(&more[100..]);
    let nowhere = BlobId([5; 32]);
    ids.insert(250, nowhere);
    // Four is a provider that cannot be reached.
    let reports = fetch(&three, ids.clone(), &[1, 4, 2]).await?;
    assert_eq!(reports.len(), 601);
    for id in ids {
        let missing = matches!(reports[&id], Err(FetchError::Missing));
        assert_eq!(missing, id == nowhere, "{:?}", reports[&id]);
    }
    let unreachable = fetch(&three, vec![nowhere], &[4]).await?;
    assert!(matches!(
        unreachable[&nowhere],
        Err(FetchError::Unreachable)
    ));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_is_not_for_the_peer_is_missing_for_it() -> TestResult {
    let (one, two) = (Device::start(1).await?, Device::start(2).await?);
    introduce(&[&one, &two])?;
    let ids = one
        .net
        .blobs()
        .put_many((0..40).map(|i| blob(i, 900)).collect())
        .await?;
    one.gate.hidden.lock().insert(ids[20]);
    let reports = fetch(&two, ids.clone(), &[1]).await?;
    for id in &ids {
        assert_eq!(reports[id].is_err(), *id == ids[20]);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_goes_away_is_replaced() -> TestResult {
    let (one, two, three) = (
        Device::start(1).await?,
        Device::start(2).await?,
        Device::start(3).await?,
    );
    introduce(&[&one, &two, &three])?;
    let blobs: Vec<Bytes> = (0..48).map(|i| blob(i, 1 << 20)).collect();
    let ids = one.net.blobs().put_many(blobs.clone()).await?;
    two.net.blobs().put_many(blobs).await?;
    let mut fetching = three.net.fetch(ids.clone(), vec![peer(1), peer(2)]);
    let mut got = 0;
    while let Some((_, result)) =
        tokio::time::timeout(Duration::from_secs(30), fetching.next()).await?
    {
        result?;
        got += 1;
        if got == 3 {
            let net = one.net.clone();
            tokio::spawn(async move { net.shutdown().await });
        }
    }
    assert_eq!(got, ids.len());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_beside_removals_ends_with_the_blobs_here() -> TestResult {
    let (one, two) = (Device::start(1).await?, Device::start(2).await?);
    introduce(&[&one, &two])?;
    let ids = one
        .net
        .blobs()
        .put_many((0..1000).map(|i| blob(i, 2000)).collect())
        .await?;
    let doomed = two
        .net
        .blobs()
        .put_many((5000..5060).map(|i| blob(i, 100)).collect())
        .await?;
    let store = two.net.blobs().clone();
    let removing = tokio::spawn(async move {
        for id in doomed {
            store.remove(vec![id]).await?;
        }
        Ok::<_, BlobError>(())
    });
    let reports = fetch(&two, ids.clone(), &[1]).await?;
    removing.await??;
    for id in ids {
        assert!(reports[&id].is_ok() && two.net.blobs().has(&id).await?);
    }
    Ok(())
}

/// Prints rates, which mean something in a release build; asserts only that all arrives.
#[tokio::test(flavor = "multi_thread")]
async fn rates_over_loopback() -> TestResult {
    let (large, small) = if cfg!(debug_assertions) {
        (8 << 20, 500)
    } else {
        (256 << 20, 10_000)
    };
    let (one, two) = (Device::start(1).await?, Device::start(2).await?);
    introduce(&[&one, &two])?;
    let rate = async |what: &str, blobs: Vec<Bytes>| -> TestResult {
        let bytes: usize = blobs.iter().map(Bytes::len).sum();
        let count = blobs.len();
        let begun = Instant::now();
        let ids = one.net.blobs().put_many(blobs).await?;
        let put = begun.elapsed();
        let begun = Instant::now();
        let reports = fetch(&two, ids, &[1]).await?;
        let fetched = begun.elapsed();
        assert!(
            reports.len() == count && reports.values().all(Result::is_ok),
            "{what}: {:?}",
            reports.values().find(|r| r.is_err())
        );
        let begun = Instant::now();
        two.net.blobs().sync().await?;
        let mb = |t: Duration| bytes as f64 / 1e6 / t.as_secs_f64();
        println!(
            "{what}: put {:.0} MB/s, fetch {:.0} MB/s = {:.0} blobs/s, sync {:?}",
            mb(put),
            mb(fetched),
            count as f64 / fetched.as_secs_f64(),
            begun.elapsed()
        );
        Ok(())
    };
    rate("one large blob", vec![blob(1, large)]).await?;
    rate(
        "blobs of 1 MiB",
        (0..large as u64 >> 20)
            .map(|i| blob(100 + i, 1 << 20))
            .collect(),
    )
    .await?;
    rate(
        "blobs of 4 KiB",
        (0..small).map(|i| blob(100_000 + i, 4096)).collect(),
    )
    .await?;
    Ok(())
}
