use iroh::endpoint::{ConnectionError, RecvStream, SendStream};

use super::*;
use crate::{holding::HOLD_ALPN, proto::Message, screen::REFUSED};

/// An endpoint of somebody who does not use this crate.
async fn outsider(key: u8) -> TestResult<Endpoint> {
    Ok(Endpoint::builder(presets::Minimal)
        .relay_mode(RelayMode::Disabled)
        .secret_key(SecretKey::from_bytes(&[key; 32]))
        .bind()
        .await?)
}

fn addr(device: &Device) -> TestResult<EndpointAddr> {
    Ok(address::decode(&device.net.address())?)
}

/// Whether the other side closes the connection, with the one code for everything.
async fn is_refused(connection: &iroh::endpoint::Connection, limit: Duration) -> bool {
    match tokio::time::timeout(limit, connection.closed()).await {
        Ok(ConnectionError::ApplicationClosed(close)) => {
            close.error_code == REFUSED && close.reason.is_empty()
        }
        _ => false,
    }
}

/// A session of a member that speaks for itself.
async fn rogue(
    device: &Device,
    key: u8,
) -> TestResult<(Endpoint, iroh::endpoint::Connection, SendStream, RecvStream)> {
    device.admit(&[key]);
    device.link.set_members(vec![peer(key)]);
    let endpoint = outsider(key).await?;
    let connection = endpoint.connect(addr(device)?, SYNC_ALPN).await?;
    let (mut send, mut recv) = connection.open_bi().await?;
    write(
        &mut send,
        &Message::Hello {
            drive: DRIVE,
            instance: 1,
        }
        .encode(),
    )
    .await?;
    read(&mut recv).await?;
    Ok((endpoint, connection, send, recv))
}

async fn write(send: &mut SendStream, frame: &[u8]) -> TestResult {
    Ok(crate::frame::write(send, vec![frame.to_vec()]).await?)
}

async fn read(recv: &mut RecvStream) -> TestResult<Message> {
    let frame = crate::frame::read(recv, 1 << 20);
    Ok(Message::decode(
        &tokio::time::timeout(Duration::from_secs(5), frame).await??,
    )?)
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_g4_a_stranger_is_refused_at_every_door_but_joining() -> TestResult {
    let one = Device::start(1).await?;
    let id = one.net.blobs().put(vec![1; 100].into()).await?;
    let stranger = outsider(66).await?;
    for alpn in [SYNC_ALPN, HOLD_ALPN, iroh_gossip::ALPN, iroh_blobs::ALPN] {
        // The handshake itself may complete on this side before the refusal arrives.
        if let Ok(connection) = stranger.connect(addr(&one)?, alpn).await {
            assert!(is_refused(&connection, Duration::from_secs(2)).await);
        }
    }
    let mut joins = one.net.accept_joins();
    let connection = stranger.connect(addr(&one)?, JOIN_ALPN).await?;
    let (mut send, _recv) = connection.open_bi().await?;
    write(&mut send, b"hello").await?;
    assert!(joins.recv().await.is_some());

    // And with this crate's own means.
    let two = Device::start(2).await?;
    two.admit(&[1]);
    two.net.learn(&one.net.address())?;
    two.link.set_members(vec![peer(1)]);
    use futures_util::StreamExt;
    let fetched: Vec<_> = two.net.fetch(vec![id], vec![peer(1)]).collect().await;
    assert!(matches!(fetched[..], [(_, Err(_))]));
    assert!(!two.net.blobs().has(&id).await?);
    assert!(!two.is_connected(1) && !one.is_connected(2));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_g4_a_member_of_another_drive_gets_nowhere_in_this_one() -> TestResult {
    let one = Device::start(1).await?;
    one.admit(&[66]);
    let member = outsider(66).await?;
    let connection = member.connect(addr(&one)?, SYNC_ALPN).await?;
    let (mut send, _recv) = connection.open_bi().await?;
    let other = DriveTag([99; 32]);
    write(
        &mut send,
        &Message::Hello {
            drive: other,
            instance: 1,
        }
        .encode(),
    )
    .await?;
    assert!(is_refused(&connection, Duration::from_secs(2)).await);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_g3_a_member_that_says_nothing_is_let_go() -> TestResult {
    let one = Device::start(1).await?;
    one.admit(&[66]);
    let member = outsider(66).await?;
    let silent = member.connect(addr(&one)?, SYNC_ALPN).await?;
    let slow = member.connect(addr(&one)?, SYNC_ALPN).await?;
    let (mut send, _recv) = slow.open_bi().await?;
    send.write_all(&[0, 0]).await?;
    assert!(is_refused(&silent, Duration::from_secs(7)).await);
    assert!(is_refused(&slow, Duration::from_secs(7)).await);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_x4_bad_frames_end_the_session_and_nothing_else() -> TestResult {
    let one = Device::start(1).await?;
    let long_heads = {
        let head = crate::LogHead {
            log: log(1),
            len: 1,
            tip: crate::EntryId([1; 32]),
        };
        Message::Heads {
            heads: vec![head; 5000],
            more: false,
        }
        .encode()
    };
    let bad: Vec<(&str, Vec<u8>)> = vec![
        ("oversize", u32::MAX.to_be_bytes().to_vec()),
        (
            "a little oversize",
            ((1u32 << 20) + 1).to_be_bytes().to_vec(),
        ),
        ("garbage", [&5u32.to_be_bytes()[..], &[255; 5]].concat()),
        (
            "trailing",
            [&4u32.to_be_bytes()[..], &[1, 0, 0, 0]].concat(),
        ),
        (
            "not canonical",
            [&4u32.to_be_bytes()[..], &[1, 0x80, 0, 0]].concat(),
        ),
        (
            "limits",
            [&(long_heads.len() as u32).to_be_bytes()[..], &long_heads].concat(),
        ),
        ("empty", 0u32.to_be_bytes().to_vec()),
    ];
    for (what, bytes) in bad {
        let (_endpoint, connection, mut send, _recv) = rogue(&one, 66).await?;
        until("met", || one.is_connected(66)).await?;
        send.write_all(&bytes).await?;
        let closed = tokio::time::timeout(Duration::from_secs(3), connection.closed()).await;
        assert!(closed.is_ok(), "{what} was put up with");
        until("gone", || !one.is_connected(66)).await?;
    }
    let two = Device::start(2).await?;
    introduce(&[&one, &two])?;
    one.write(b"still here");
    until("two has it", || two.keeper.len(&log(1)) == 1).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_l13_a_log_that_is_promised_and_not_delivered_does_not_hold_up_others() -> TestResult
{
    let (one, two) = (Device::start(1).await?, Device::start(2).await?);
    let (_endpoint, connection, mut send, mut recv) = rogue(&one, 66).await?;
    let head = crate::LogHead {
        log: log(50),
        len: 1 << 40,
        tip: crate::EntryId([1; 32]),
    };
    write(
        &mut send,
        &Message::Heads {
            heads: vec![head],
            more: false,
        }
        .encode(),
    )
    .await?;
    // It asks; the answers are empty, or nonsense.
    let mut asked = 0;
    let answering = async {
        loop {
            match read(&mut recv).await {
                Ok(Message::Want { log, from }) => {
                    asked += 1;
                    let entries = if asked % 2 == 0 {
                        vec![]
                    } else {
                        vec![vec![asked; 50].into()]
                    };
                    let run = crate::proto::Run {
                        head: crate::LogHead { log, ..head },
                        from,
                        entries,
                    };
                    write(&mut send, &Message::Entries(run).encode()).await?;
                }
                Ok(_) => {}
                Err(error) => return TestResult::Err(error),
            }
        }
    };
    let meanwhile = async {
        // The rogue stays a member all the while: one that is none, be it for a moment, is let go.
        acquaint(&[&one, &two])?;
        one.link.set_members(vec![peer(2), peer(66)]);
        two.link.set_members(vec![peer(1)]);
        two.write(b"honest");
        until("one has it", || one.keeper.len(&log(2)) == 1).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        TestResult::Ok(())
    };
    tokio::select! {
        ended = answering => return ended,
        done = meanwhile => done?,
    }
    println!("asked {asked} times in two seconds");
    assert!((1..=12).contains(&asked), "asked {asked} times");
    assert!(connection.close_reason().is_none());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_g3_a_member_that_asks_and_does_not_read_is_let_go() -> TestResult {
    let one = Device::start(1).await?;
    for _ in 0..50 {
        one.keeper.write(log(1), &[3; 200_000]);
    }
    let (_endpoint, connection, mut send, _recv) = rogue(&one, 66).await?;
    for _ in 0..400 {
        let want = Message::Want {
            log: log(1),
            from: 0,
        };
        if write(&mut send, &want.encode()).await.is_err() {
            break;
        }
    }
    assert!(is_refused(&connection, Duration::from_secs(5)).await);
    Ok(())
}
