//! The router against a host without an engine.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::*;
use crate::testing::fake;

async fn all(mut runs: mpsc::Receiver<Bytes>) -> Vec<serde_json::Value> {
    let mut text = Vec::new();
    while let Some(run) = runs.recv().await {
        text.extend_from_slice(&run);
    }
    text.split(|b| *b == b'\n')
        .filter(|l| !l.is_empty())
        .filter_map(|l| serde_json::from_slice(l).ok())
        .collect()
}

/// What each command is asked in this test: an entry is needed for every name of the list.
fn request(name: &str) -> Option<&'static str> {
    Some(match name {
        "share" => r#"{"path":"/p","name":null,"wait":true}"#,
        "invite" => r#"{"drive":"d","role":"writer","expires_in":null,"uses":1}"#,
        "join" => r#"{"ticket":"t","place":{"inside":"/p"},"wait":false}"#,
        "mount" => r#"{"drive":"d","path":"/p"}"#,
        "unmount" => r#"{"path":"/p"}"#,
        "status" | "stop" | "address" | "drives" | "problems" | "transfers" => "",
        "leave" => r#"{"drive":"d","force":false}"#,
        "device_code" | "audit" => r#"{"drive":"d"}"#,
        "phrase" => r#"{"drive":"d","forget":false}"#,
        "passphrase" => r#"{"passphrase":null}"#,
        "backup" => r#"{"passphrase":"w","out":"/p"}"#,
        "keep" => r#"{"drive":"d","path":"/p"}"#,
        "recover" => r#"{"phrase":"w","contact":"c","place":{"inside":"/p"},"keep_devices":false}"#,
        "tree" | "ls" | "wait" | "peers" | "conflicts" | "deletions" | "members" | "invites"
        | "join_requests" | "leases" => r#"{"drive":"d","timeout":1}"#,
        "role" => r#"{"drive":"d","member":"m","role":"reader"}"#,
        "revoke" => r#"{"drive":"d","who":"m","compromised":false}"#,
        "revoke_invite" => r#"{"drive":"d","invite":"i"}"#,
        "lease" => r#"{"drive":"d","code":"c","quota":1,"expires_in":1}"#,
        "end_lease" => r#"{"drive":"d","lease":"l"}"#,
        "decide_join" => r#"{"drive":"d","request":"r","admit":true}"#,
        "cat" | "history" | "undelete" | "pin" | "unpin" | "evict" => r#"{"drive":"d","path":"p"}"#,
        "restore" => r#"{"drive":"d","path":"p","exact":false}"#,
        "trash" | "config" | "collect" | "limit" | "pause" | "resume" => r#"{"drive":"d"}"#,
        "folder" => r#"{"drive":"d","offset":0,"count":1}"#,
        "search" => r#"{"drive":"d","text":"t","limit":1}"#,
        "read" => r#"{"drive":"d","node":"n"}"#,
        "make_folder" | "create_file" => r#"{"drive":"d","name":"n"}"#,
        "rename" => r#"{"drive":"d","node":"n","name":"m"}"#,
        "move_nodes" | "delete_nodes" => r#"{"drive":"d","nodes":["n"]}"#,
        "review" | "presence" => r#"{"drive":"d"}"#,
        "activity" => r#"{"drive":"d","limit":1}"#,
        "focus" => r#"{"window":"w"}"#,
        "decide_review" => r#"{"drive":"d","device":"v","accept":true}"#,
        _ => return None,
    })
}

#[tokio::test]
async fn every_command_reaches_its_handler_and_ends_with_one_last_line() -> Result<(), String> {
    let (_, router) = fake();
    for name in NAMES {
        let body = request(name).ok_or_else(|| format!("no request for {name}"))?;
        let runs = router
            .start(name, body.into())
            .ok_or_else(|| format!("{name} is not routed"))?;
        let lines = all(runs).await;
        let last = lines.last().ok_or_else(|| format!("{name} said nothing"))?;
        assert_ne!(
            last["error"]["code"], "bad_request",
            "{name} did not understand its request"
        );
        let ends = lines
            .iter()
            .filter(|l| l.get("ok").is_some() || l.get("error").is_some())
            .count();
        assert_eq!(ends, 1, "{name}: {lines:?}");
        assert!(
            last.get("ok").is_some() || last.get("error").is_some(),
            "{name}: {last}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_unknown_command_is_not_started() {
    let (_, router) = fake();
    for name in ["", "Share", "shares", "tree ", "../tree"] {
        assert!(router.start(name, Bytes::new()).is_none(), "{name}");
    }
}

#[tokio::test]
async fn a_request_of_another_form_is_wrong_usage_and_its_text_is_not_repeated()
-> Result<(), String> {
    let (_, router) = fake();
    for body in [
        "{",
        "[]",
        r#"{"ticket":17,"secret":"hunter2"}"#,
        r#"{"ticket":"hunter2","place":"hunter2"}"#,
    ] {
        let lines = all(router.start("join", body.into()).ok_or("not routed")?).await;
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0]["error"]["code"], "bad_request", "{body}");
        assert!(!lines[0].to_string().contains("hunter2"));
    }
    Ok(())
}

#[tokio::test]
async fn a_listing_stops_when_nobody_reads_it_any_more() -> Result<(), String> {
    let (host, router) = fake();
    let mut runs = router
        .start("tree", r#"{"drive":"d","path":"100000"}"#.into())
        .ok_or("not routed")?;
    runs.recv().await.ok_or("no line")?;
    drop(runs);
    tokio::time::timeout(Duration::from_secs(10), router.idle())
        .await
        .map_err(|_| "the listing went on")?;
    assert!(host.listed.load(Ordering::Relaxed) < 50_000);
    Ok(())
}

#[tokio::test]
async fn a_slow_reader_holds_the_listing_back() -> Result<(), String> {
    let (host, router) = fake();
    let runs = router
        .start("tree", r#"{"drive":"d","path":"100000"}"#.into())
        .ok_or("not routed")?;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(host.listed.load(Ordering::Relaxed) < 20_000);
    assert_eq!(all(runs).await.len(), 100_001);
    Ok(())
}

#[tokio::test]
async fn what_waits_gives_up_when_the_daemon_is_to_end() -> Result<(), String> {
    let (host, router) = fake();
    let runs = router
        .start("wait", r#"{"drive":"d"}"#.into())
        .ok_or("not routed")?;
    host.closing.cancel();
    let lines = all(runs).await;
    assert_eq!(lines[0]["error"]["code"], "daemon_unavailable");
    Ok(())
}
