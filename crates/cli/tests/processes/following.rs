//! What happens in a drive, as a program of the same machine follows it.

use std::time::Duration;

use peerdrive_api::client::{Client, Events};
use peerdrive_api::dto::{ChangeKind, DrivesRequest, Event, FocusRequest, Frame};
use peerdrive_api::events::Cursor;
use peerdrive_api::rendezvous::{self, Found};
use peerdrive_api::schema;
use serde_json::Value;

use crate::device::{Device, TestResult, text};

/// Far above anything that should happen, for a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn client(device: &Device) -> TestResult<Client> {
    match rendezvous::find(&device.data_dir())? {
        Found::Daemon(daemon) => Ok(Client::new(&daemon)),
        other => Err(format!("{other:?}").into()),
    }
}

/// Waits for an event that is wanted; numbers have no gap.
async fn until<T>(
    events: &mut Events,
    seen: &mut Cursor,
    mut wanted: impl FnMut(&Event) -> Option<T>,
) -> TestResult<T> {
    let found = async {
        loop {
            match events.next().await? {
                Frame::Event { seq, event } => {
                    assert_eq!(seq, seen.seq + 1);
                    seen.seq = seq;
                    if let Some(found) = wanted(&event) {
                        return Ok(found);
                    }
                }
                Frame::Beat { .. } => {}
                other => return Err(format!("{other:?}").into()),
            }
        }
    };
    tokio::time::timeout(PATIENCE, found).await?
}

async fn hello(events: &mut Events) -> TestResult<(Cursor, bool)> {
    match events.next().await? {
        Frame::Hello {
            stream,
            seq,
            resumed,
        } => Ok((Cursor { stream, seq }, resumed)),
        other => Err(format!("{other:?}").into()),
    }
}

/// A change of this kind at this path, and whether this device's member did it.
fn change(event: &Event, kind: ChangeKind, path: &str) -> Option<bool> {
    let Event::Tree { who, changes, .. } = event else {
        return None;
    };
    let mut all = changes.iter();
    let found = all.any(|change| change.what == kind && change.path == path);
    found.then_some(who.you)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_do_is_told_with_their_name_and_without_a_gap() -> TestResult {
    let (ana, ben) = (Device::new()?, Device::new()?);
    let folder = ana.path("shared");
    std::fs::create_dir(&folder)?;
    ana.json(&["status"])?;
    let client = client(&ana)?;
    let mut events = client.events(None).await?;
    let (mut seen, resumed) = hello(&mut events).await?;
    assert!(!resumed);

    let shared = ana.json(&["share", text(&folder)?])?;
    let drive = shared["drive"].as_str().ok_or("no id")?;
    until(&mut events, &mut seen, |event| {
        (*event == Event::Drives).then_some(())
    })
    .await?;
    let invite = ana.json(&["invite", drive, "--role", "writer"])?;
    let ticket = invite["ticket"].as_str().ok_or("no ticket")?;
    let mine = ben.path("mine");
    ben.json(&["join", ticket, text(&mine)?, "--wait"])?;
    until(&mut events, &mut seen, |event| match event {
        Event::Members { drive: id, role } if id == drive => role.map(drop),
        _ => None,
    })
    .await?;
    until(&mut events, &mut seen, |event| match event {
        Event::Peers { connected: 1, .. } => Some(()),
        _ => None,
    })
    .await?;

    std::fs::write(mine.join("b.txt"), "from Ben")?;
    let by_you = until(&mut events, &mut seen, |event| {
        change(event, ChangeKind::Created, "b.txt")
    })
    .await?;
    assert!(!by_you);

    // Away for a moment: nothing is missed.
    drop(events);
    std::fs::rename(mine.join("b.txt"), mine.join("c.txt"))?;
    ben.json(&["wait", drive, "--timeout", "60"])?;
    let mut events = client.events(Some(&seen)).await?;
    let (from, resumed) = hello(&mut events).await?;
    assert_eq!((from, resumed), (seen.clone(), true));
    until(&mut events, &mut seen, |event| {
        change(event, ChangeKind::Renamed, "c.txt")
    })
    .await?;
    std::fs::write(folder.join("a.txt"), "from Ana")?;
    let by_you = until(&mut events, &mut seen, |event| {
        change(event, ChangeKind::Created, "a.txt")
    })
    .await?;
    assert!(by_you);

    let deeds = ana.json(&["activity", drive])?;
    let whats = |you: bool| -> Vec<&Value> {
        let items = deeds["items"].as_array().into_iter().flatten();
        let theirs = items.filter(|item| item["who"]["you"] == you);
        theirs.map(|item| &item["changes"][0]["what"]).collect()
    };
    assert!(whats(false).contains(&&Value::from("renamed")), "{deeds}");
    assert!(whats(true).contains(&&Value::from("created")), "{deeds}");

    // Another run tells that what is shown may be old.
    ana.json(&["stop"])?;
    while events.next().await.is_ok() {}
    ana.json(&["status"])?;
    let mut events = self::client(&ana)?.events(Some(&seen)).await?;
    let (other, resumed) = hello(&mut events).await?;
    assert!(!resumed && other.stream != seen.stream);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_window_shows_is_seen_by_the_others_and_ends_with_it() -> TestResult {
    let (ana, ben) = (Device::new()?, Device::new()?);
    let folder = ana.path("shared");
    std::fs::create_dir(&folder)?;
    let shared = ana.json(&["share", text(&folder)?])?;
    let drive = shared["drive"].as_str().ok_or("no id")?;
    let invite = ana.json(&["invite", drive, "--role", "reader"])?;
    let ticket = invite["ticket"].as_str().ok_or("no ticket")?;
    ben.json(&["join", ticket, text(&ben.path("mine"))?, "--wait"])?;

    let mut events = client(&ana)?.events(None).await?;
    let (mut seen, _) = hello(&mut events).await?;
    let window = client(&ben)?;
    let root = "AAAAAAAAAAAAAAAAAAAAAA";
    let focus = FocusRequest {
        window: "w".into(),
        drive: Some(drive.to_owned()),
        folder: Some(root.to_owned()),
        ..FocusRequest::default()
    };
    window.call::<schema::Focus>(&focus).await?;
    let in_folder = |event: &Event| match event {
        Event::Presence { here, .. } => here
            .first()
            .and_then(|one| (one.folder.as_deref() == Some(root)).then(|| one.clone())),
        _ => None,
    };
    let one = until(&mut events, &mut seen, in_folder).await?;
    assert!(!one.you && !one.idle);
    let who = ana.json(&["who", drive])?;
    assert_eq!(who["here"][0]["device"], one.device, "{who}");
    let members = ana.run(&["members", drive])?.out;
    assert!(members.contains(&one.device), "{members}");

    let cards = client(&ana)?
        .call::<schema::Drives>(&DrivesRequest {})
        .await?;
    assert_eq!(
        cards
            .drives
            .first()
            .map(|card| (card.peers, card.connected)),
        Some((1, 1))
    );

    let closed = FocusRequest {
        window: "w".into(),
        ..FocusRequest::default()
    };
    window.call::<schema::Focus>(&closed).await?;
    until(&mut events, &mut seen, |event| match event {
        Event::Presence { here, .. } => {
            let open = here.iter().any(|one| one.folder.is_some());
            (!open).then_some(())
        }
        _ => None,
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drive_that_was_left_and_joined_again_is_followed_again() -> TestResult {
    let (ana, ben) = (Device::new()?, Device::new()?);
    let folder = ana.path("shared");
    std::fs::create_dir(&folder)?;
    let shared = ana.json(&["share", text(&folder)?])?;
    let drive = shared["drive"].as_str().ok_or("no id")?;
    let join = |place: &str| -> TestResult {
        let invite = ana.json(&["invite", drive, "--role", "writer"])?;
        let ticket = invite["ticket"].as_str().ok_or("no ticket")?;
        ben.json(&["join", ticket, text(&ben.path(place))?, "--wait"])?;
        Ok(())
    };
    join("first")?;
    let mut events = client(&ben)?.events(None).await?;
    let (mut seen, _) = hello(&mut events).await?;
    ben.json(&["leave", drive])?;
    join("second")?;
    std::fs::write(folder.join("a.txt"), "from Ana")?;
    until(&mut events, &mut seen, |event| {
        change(event, ChangeKind::Created, "a.txt")
    })
    .await?;
    Ok(())
}
