use super::*;

async fn pair() -> TestResult<(Device, Device, JoinStream, JoinStream)> {
    // Neither is a member for the other: joining is for strangers.
    let (one, two) = (Device::start(1).await?, Device::start(2).await?);
    let mut joins = one.net.accept_joins();
    let mut guest = two.net.dial_join(&one.net.address()).await?;
    guest.send(b"let me in").await?;
    let host = joins.recv().await.ok_or("no join")?;
    Ok((one, two, host, guest))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_is_a_conversation_bound_to_one_session() -> TestResult {
    let (one, two, mut host, mut guest) = pair().await?;
    assert_eq!((host.peer(), guest.peer()), (two.net.id(), one.net.id()));
    assert_eq!(host.exporter(), guest.exporter());
    assert_ne!(host.exporter(), [0; 32]);
    assert_eq!(host.recv().await?, b"let me in");
    let large = vec![7; MAX];
    host.send(&large).await?;
    assert_eq!(guest.recv().await?, large);
    assert!(matches!(
        guest.send(&vec![7; MAX + 1]).await,
        Err(JoinError::TooLong(_))
    ));
    guest.send(b"thanks").await?;
    assert_eq!(host.recv().await?, b"thanks");
    host.send(b"welcome").await?;
    let finishing = tokio::spawn(host.finish());
    assert_eq!(guest.recv().await?, b"welcome", "the last message arrives");
    assert!(guest.recv().await.is_err());
    finishing.await?;
    Ok(())
}

const MAX: usize = crate::MAX_JOIN_FRAME;

#[tokio::test(flavor = "multi_thread")]
async fn attack_l10_two_joins_have_two_exporters() -> TestResult {
    let (one, two, _host, guest) = pair().await?;
    let other = two.net.dial_join(&one.net.address()).await?;
    assert_ne!(guest.exporter(), other.exporter());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_g3_guests_that_say_nothing_do_not_shut_others_out_for_long() -> TestResult {
    let (one, two) = (Device::start(1).await?, Device::start(2).await?);
    let mut joins = one.net.accept_joins();
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.extend(two.net.dial_join(&one.net.address()).await);
    }
    let begun = Instant::now();
    loop {
        // Refused while all places are taken.
        let said = match two.net.dial_join(&one.net.address()).await {
            Ok(mut guest) => guest.send(b"hello").await.map(|()| guest),
            Err(error) => Err(error),
        };
        let host = tokio::time::timeout(Duration::from_millis(500), joins.recv()).await;
        if let (Ok(_guest), Ok(Some(mut host))) = (said, host) {
            assert_eq!(host.recv().await?, b"hello");
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(8),
            "silent guests keep their places"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_address_is_said_to_be_wrong() -> TestResult {
    let one = Device::start(1).await?;
    assert!(matches!(
        one.net.dial_join(b"nonsense").await,
        Err(JoinError::Address(_))
    ));
    let own = one.net.dial_join(&one.net.address()).await;
    assert!(matches!(own, Err(JoinError::Address(AddressError::Own))));
    Ok(())
}
