use futures_util::StreamExt;

use super::*;
use crate::{MAX_PRESENCE, TooLong};

#[tokio::test(flavor = "multi_thread")]
async fn two_devices_come_level_and_stay_so() -> TestResult {
    let (one, two) = (Device::start(1).await?, Device::start(2).await?);
    for i in 0..500u32 {
        one.keeper.write(log(1), &i.to_le_bytes().repeat(100));
        two.keeper.write(log(2), &i.to_le_bytes());
    }
    introduce(&[&one, &two])?;
    until("level", || one.is_level(2) && two.is_level(1)).await?;
    assert_eq!(one.keeper.all(), two.keeper.all());

    for i in 0..100u32 {
        one.write(&i.to_le_bytes());
        two.write(&i.to_le_bytes());
    }
    until("level again", || {
        one.keeper.len(&log(2)) == 600 && two.keeper.len(&log(1)) == 600 && one.is_level(2)
    })
    .await?;
    assert_eq!(one.keeper.all(), two.keeper.all());
    one.net.shutdown().await;
    until("seen to be gone", || !two.is_connected(1)).await?;
    two.net.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announced_entry_arrives_within_milliseconds() -> TestResult {
    let (one, two) = (Device::start(1).await?, Device::start(2).await?);
    introduce(&[&one, &two])?;
    until("level", || one.is_level(2) && two.is_level(1)).await?;
    let mut took = Vec::new();
    for i in 1..=50u64 {
        let begun = Instant::now();
        one.write(&[0; 300]);
        while two.keeper.len(&log(1)) < i {
            tokio::time::sleep(Duration::from_micros(50)).await;
        }
        took.push(begun.elapsed());
    }
    took.sort();
    println!("median {:?}, worst {:?}", took[25], took[49]);
    assert!(
        took[25] < Duration::from_millis(10),
        "median {:?}",
        took[25]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_third_device_learns_of_the_second_through_the_first() -> TestResult {
    let (one, two, three) = (
        Device::start(1).await?,
        Device::start(2).await?,
        Device::start(3).await?,
    );
    for (device, others) in [(&one, [2, 3]), (&two, [1, 3]), (&three, [1, 2])] {
        device.admit(&others);
        device.link.set_members(others.map(peer).to_vec());
    }
    two.net.learn(&one.net.address())?;
    two.write(b"from two");
    until("one and two", || one.is_level(2)).await?;
    three.net.learn(&one.net.address())?;
    three.write(b"from three");
    until("two and three", || two.is_connected(3) && three.is_level(2)).await?;
    until("all level", || {
        [(&one, [2, 3]), (&two, [1, 3]), (&three, [1, 2])]
            .iter()
            .all(|(device, others)| others.iter().all(|other| device.is_level(*other)))
    })
    .await?;
    assert_eq!(one.keeper.all(), three.keeper.all());
    assert_eq!(two.keeper.all(), three.keeper.all());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_level_with_what_was_written_a_moment_ago() -> TestResult {
    let (one, two) = (Device::start(1).await?, Device::start(2).await?);
    introduce(&[&one, &two])?;
    for written in 1..=50u64 {
        until("level", || one.is_level(2) && two.is_level(1)).await?;
        one.write(b"new");
        // Asked before the link had a turn.
        assert!(!one.is_level(2) || two.keeper.len(&log(1)) == written);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_between_two_passes_entries_on() -> TestResult {
    let (one, two, three) = (
        Device::start(1).await?,
        Device::start(2).await?,
        Device::start(3).await?,
    );
    // One and three do not know each other.
    introduce(&[&one, &two])?;
    introduce(&[&two, &three])?;
    two.link.set_members(vec![peer(1), peer(3)]);
    until("two sees both", || two.is_level(1) && two.is_level(3)).await?;
    one.write(b"through two");
    let took = until("three has it", || three.keeper.len(&log(1)) == 1).await?;
    println!("over two hops: {took:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_device_is_back_at_once() -> TestResult {
    let (one, mut two) = (Device::start(1).await?, Device::start(2).await?);
    introduce(&[&one, &two])?;
    for round in 1..=3u64 {
        until("level", || one.is_level(2) && two.is_level(1)).await?;
        two = two.restart().await?;
        one.write(b"while you were away");
        let begun = Instant::now();
        two.net.learn(&one.net.address())?;
        two.link.set_members(vec![peer(1)]);
        until("caught up", || two.keeper.len(&log(1)) == round).await?;
        println!("caught up after {:?}", begun.elapsed());
        assert!(begun.elapsed() < Duration::from_secs(2));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_comes_back_without_calling_is_found() -> TestResult {
    let (one, two) = (Device::start(1).await?, Device::start(2).await?);
    introduce(&[&one, &two])?;
    until("level", || one.is_level(2) && two.is_level(1)).await?;
    let two = two.restart().await?;
    let took = until("one has called", || two.is_connected(1)).await?;
    println!("called after {took:?}");
    // The first recheck of an actor without members must not have ended it for good.
    two.link.set_members(vec![peer(1)]);
    until("level", || one.is_level(2) && two.is_level(1)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_member_is_cut_off_and_not_let_in_again() -> TestResult {
    let (one, mut two) = (Device::start(1).await?, Device::start(2).await?);
    introduce(&[&one, &two])?;
    until("level", || one.is_level(2) && two.is_level(1)).await?;
    one.gate.peers.lock().clear();
    one.link.set_members(Vec::new());
    until("cut off", || !one.is_connected(2) && !two.is_connected(1)).await?;
    one.write(b"not for two");
    two.link.nudge();
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(two.keeper.len(&log(1)), 0);
    assert!(!two.is_connected(1));
    let mut seen = Vec::new();
    while let Ok(event) = two.events.try_recv() {
        seen.push(event);
    }
    assert!(
        seen.iter()
            .any(|e| matches!(e, LinkEvent::Disconnected(p) if *p == peer(1)))
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_removed_hears_why() -> TestResult {
    for _ in 0..10 {
        let (one, two) = (Device::start(1).await?, Device::start(2).await?);
        introduce(&[&one, &two])?;
        until("level", || one.is_level(2) && two.is_level(1)).await?;
        one.write(b"you are removed");
        one.remove(2, 1);
        until("told", || two.keeper.len(&log(1)) == 1).await?;
        until("cut off", || !one.is_connected(2) && !two.is_connected(1)).await?;
        one.net.shutdown().await;
        two.net.shutdown().await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_removed_while_away_hears_why_and_nothing_else() -> TestResult {
    let (one, two) = (Device::start(1).await?, Device::start(2).await?);
    let blob = one.net.blobs().put(vec![1; 100_000].into()).await?;
    for _ in 0..300 {
        one.write(&[7; 2_000]);
    }
    one.write(b"you are removed");
    one.write(b"not for you");
    one.keeper.write(log(9), b"another log, not for you");
    two.write(b"what the one who was removed would like to say");
    acquaint(&[&one, &two])?;
    one.remove(2, 301);
    two.link.set_members(vec![one.net.id()]);
    let took = until("told", || two.keeper.len(&log(1)) == 301).await?;
    println!("told after {took:?}");
    until("cut off", || !two.is_connected(1)).await?;
    // It may call as often as it likes.
    for _ in 0..5 {
        two.link.nudge();
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    until("cut off again", || !two.is_connected(1)).await?;
    assert_eq!(
        two.keeper.all().keys().collect::<Vec<_>>(),
        [&log(1), &log(2)]
    );
    assert_eq!(two.keeper.len(&log(1)), 301);
    assert!(
        !one.keeper.all().contains_key(&log(2)),
        "it was listened to"
    );
    assert!(one.link.peers().is_empty(), "it counts as a peer");
    let fetched = two.net.fetch(vec![blob], vec![one.net.id()]).next().await;
    assert!(matches!(fetched, Some((_, Err(_)))), "it read a blob");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_drive_never_knew_hears_nothing() -> TestResult {
    let (one, two, three) = (
        Device::start(1).await?,
        Device::start(2).await?,
        Device::start(3).await?,
    );
    one.write(b"of one who was removed");
    acquaint(&[&one, &three])?;
    three.net.learn(&one.net.address())?;
    one.remove(2, 1);
    three.link.set_members(vec![one.net.id()]);
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(!three.is_connected(1) && three.keeper.len(&log(1)) == 0);
    drop(two);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_that_call_each_other_at_once_keep_one_session() -> TestResult {
    for _ in 0..10 {
        let (one, mut two) = (Device::start(1).await?, Device::start(2).await?);
        introduce(&[&one, &two])?;
        until("level", || one.is_level(2) && two.is_level(1)).await?;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(one.is_level(2) && two.is_level(1));
        let mut connects = 0;
        while let Ok(event) = two.events.try_recv() {
            assert!(
                !matches!(event, LinkEvent::Disconnected(_)),
                "one session took another's place"
            );
            connects += u32::from(matches!(event, LinkEvent::Connected(_)));
        }
        assert_eq!(connects, 1);
        one.net.shutdown().await;
        two.net.shutdown().await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_engine_stops_the_network_and_not_its_memory() -> TestResult {
    let (one, two) = (Device::start(1).await?, Device::start(2).await?);
    // A second link of the drive at two, whose events nobody reads at first.
    let keeper = Arc::new(Keeper::default());
    let source = Arc::clone(&keeper) as Arc<dyn EntrySource>;
    let link = two.net.open_drive(DRIVE, TOPIC, source, password());
    two.link.clone().close().await;
    let mut events = link.events();
    for _ in 0..400 {
        one.keeper.write(log(1), &[7; 100_000]);
    }
    introduce(&[&one, &two])?;
    link.set_members(vec![peer(1)]);
    until("connected", || one.is_connected(2)).await?;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let sent = one.net.inner.endpoint.metrics().socket.send_ipv4.get();
    println!("sent {sent} bytes of 40 MB");
    assert!(sent < 16_000_000);
    while keeper.len(&log(1)) < 400 {
        let event = tokio::time::timeout(Duration::from_secs(10), events.recv()).await?;
        if let Some(LinkEvent::Entries { entries, done, .. }) = event {
            keeper.take(&entries);
            let _ = done.send(());
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_is_reported_with_evidence_and_other_logs_go_on() -> TestResult {
    let (one, mut two) = (Device::start(1).await?, Device::start(2).await?);
    for i in 0..100u8 {
        let (_, same) = one.keeper.write(log(9), &[i]);
        two.keeper.take(&same);
    }
    one.keeper.write(log(9), b"one way");
    two.keeper.write(log(9), b"another way");
    introduce(&[&one, &two])?;
    one.write(b"of another log");
    until("the other log", || two.keeper.len(&log(1)) == 1).await?;
    let fork = tokio::time::timeout(Duration::from_secs(5), async {
        loop {
            match two.events.recv().await {
                Some(LinkEvent::Fork {
                    from,
                    log,
                    at,
                    ours,
                    theirs,
                    entries,
                }) => {
                    break Some((from, log, at, ours, theirs, entries));
                }
                Some(_) => {}
                None => break None,
            }
        }
    })
    .await?;
    let (from, forked, at, ours, theirs, entries) = fork.ok_or("no event")?;
    assert_eq!((from, forked, at), (peer(1), log(9), 100));
    assert_eq!(Some(ours), two.keeper.entry_id_at(&log(9), 100));
    assert_eq!(Some(theirs), one.keeper.entry_id_at(&log(9), 100));
    assert_eq!(crate::testing::id_of(&entries[0]), theirs);
    assert!(!two.is_level(1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_reaches_the_others_and_follows_the_topic() -> TestResult {
    let (one, mut two) = (Device::start(1).await?, Device::start(2).await?);
    introduce(&[&one, &two])?;
    until("connected", || one.is_connected(2) && two.is_connected(1)).await?;
    for topic in [TOPIC, [9; 32]] {
        one.link.change_topic(topic);
        two.link.change_topic(topic);
        let heard = async {
            loop {
                // Gossip takes a moment to find its neighbours, and loses what is said before.
                assert!(one.link.send_presence(topic.to_vec()).is_ok());
                while let Ok(event) = two.events.try_recv() {
                    if matches!(&event, LinkEvent::Presence(bytes) if *bytes == topic) {
                        return;
                    }
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), heard).await?;
    }
    let long = one.link.send_presence(vec![0; MAX_PRESENCE + 1]);
    assert_eq!(
        long,
        Err(TooLong {
            len: MAX_PRESENCE + 1
        })
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_to_the_topic_is_announced_and_the_last_words_of_a_link_are_heard() -> TestResult
{
    let (mut one, mut two) = (Device::start(1).await?, Device::start(2).await?);
    introduce(&[&one, &two])?;
    for device in [&mut one, &mut two] {
        let audience = async {
            while let Some(event) = device.events.recv().await {
                if matches!(event, LinkEvent::Audience) {
                    return Ok(());
                }
            }
            Err("no event")
        };
        tokio::time::timeout(Duration::from_secs(10), audience).await??;
    }
    assert!(one.link.send_presence(b"I leave".to_vec()).is_ok());
    one.link.clone().close().await;
    let heard = async {
        while let Some(event) = two.events.recv().await {
            if matches!(event, LinkEvent::Presence(bytes) if bytes == b"I leave") {
                return Ok(());
            }
        }
        Err("no event")
    };
    tokio::time::timeout(Duration::from_secs(10), heard).await??;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_a_link_ends_its_sessions_and_no_other() -> TestResult {
    let (one, two) = (Device::start(1).await?, Device::start(2).await?);
    introduce(&[&one, &two])?;
    until("level", || one.is_level(2) && two.is_level(1)).await?;
    one.link.clone().close().await;
    until("gone", || !two.is_connected(1)).await?;
    let keeper = Arc::clone(&one.keeper) as Arc<dyn EntrySource>;
    let again = one.net.open_drive(DRIVE, TOPIC, keeper, password());
    let _events = again.events();
    again.set_members(vec![peer(2)]);
    until("back", || two.is_connected(1)).await?;
    Ok(())
}

/// As after `kill -9`: no goodbye is sent, and the other side still believes in the old session.
#[tokio::test(flavor = "multi_thread")]
async fn a_killed_device_that_starts_again_is_back_within_two_seconds() -> TestResult {
    let one = Device::start(1).await?;
    let doomed = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let two = doomed.spawn(async { Device::start(2).await }).await??;
    introduce(&[&one, &two])?;
    until("level", || one.is_level(2) && two.is_level(1)).await?;
    let (port, gate, keeper) = (
        two.net.bound_port(),
        Arc::clone(&two.gate),
        Arc::clone(&two.keeper),
    );
    doomed.shutdown_background();
    // Its tasks are gone, so nobody says goodbye; this frees the port.
    drop(two);
    one.write(b"while two is dead");

    let begun = Instant::now();
    let dir = Arc::new(tempfile::tempdir()?);
    let again = loop {
        let (dir, gate, keeper) = (Arc::clone(&dir), Arc::clone(&gate), Arc::clone(&keeper));
        match Device::start_with(2, port, dir, gate, keeper).await {
            Ok(device) => break device,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
        assert!(
            begun.elapsed() < Duration::from_secs(10),
            "the port does not become free"
        );
    };
    assert!(one.is_connected(2), "it is too late to test this");
    let begun = Instant::now();
    again.net.learn(&one.net.address())?;
    again.link.set_members(vec![peer(1)]);
    until("caught up", || {
        again.keeper.len(&log(1)) == 1 && one.is_level(2)
    })
    .await?;
    println!("back after {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(2));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_device_that_stays_away_is_missed_soon() -> TestResult {
    let one = Device::start(1).await?;
    let doomed = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let two = doomed.spawn(async { Device::start(2).await }).await??;
    introduce(&[&one, &two])?;
    until("level", || one.is_level(2) && two.is_level(1)).await?;
    doomed.shutdown_background();
    let took = until("missed", || !one.is_connected(2)).await?;
    println!("missed after {took:?}");
    assert!(took < Duration::from_secs(8));
    drop(two);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_address_to_bind_the_device_knows_where_it_is() -> TestResult {
    let dir = tempfile::tempdir()?;
    let config = NetConfig {
        secret_key: [5; 32],
        bind: None,
        discovery: false,
        relay: None,
        blobs_dir: dir.path().to_owned(),
    };
    let net = Net::start(config, Arc::new(Members::default())).await?;
    until("has addresses", || {
        address::decode(&net.address())
            .is_ok_and(|addr| addr.addrs.iter().any(TransportAddr::is_ip))
    })
    .await?;
    assert_ne!(net.bound_port(), 0);
    net.shutdown().await;
    Ok(())
}
