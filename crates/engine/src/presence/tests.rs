//! Presence between real engines over loopback: it appears, changes and goes; and what is forged, replayed,
//! old, or said by somebody who was removed is dropped (attack L19).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crypto::body::Role;
use peerdrive_crypto::epoch::EpochKeys;
use peerdrive_crypto::frame::{Channel, seal_frame};
use peerdrive_crypto::identity::DriveKeys;
use peerdrive_crypto::ids::BindId;
use peerdrive_net::TopicSeal;
use tokio::sync::watch;

use super::said::{Mark, Said};
use super::{Focus, Here, Pace};
use crate::content::ContentKeys;
use crate::drive::handle::DriveHandle;
use crate::drive::roll::RemovalReason;
use crate::join::InviteOptions;
use crate::{Engine, EngineConfig};

type TestResult<T = ()> = Result<T, Box<dyn std::error::Error>>;

const LONG: Duration = Duration::from_secs(3600);

/// Nobody goes by itself, and nobody speaks unasked.
const PATIENT: Pace = Pace {
    beat: LONG,
    gap: Duration::from_millis(20),
    expiry: LONG,
    grace: LONG,
    fresh: Duration::from_secs(60),
};

async fn engine(data: &Path, name: &str, pace: Pace) -> TestResult<Engine> {
    let config = EngineConfig {
        data_dir: data.join(name),
        device_name: name.into(),
        bind: Some("127.0.0.1:0".parse()?),
        discovery: false,
        relay: None,
    };
    Ok(Engine::open_paced(config, None, pace).await?)
}

fn share(engine: &Engine, data: &Path) -> TestResult<DriveHandle> {
    let root = data.join("root");
    std::fs::create_dir(&root)?;
    Ok(engine.share(&root, Some("Drive".into()))?)
}

async fn join(
    host: &Engine,
    drive: &DriveHandle,
    guest: &Engine,
    role: Role,
) -> TestResult<DriveHandle> {
    let options = InviteOptions {
        role,
        expires: None,
        uses: 1,
        approve: None,
    };
    let invite = host.invite(drive, options).await?;
    Ok(guest.join(invite.ticket.text(), None).await?)
}

fn node(number: u8) -> NodeId {
    NodeId([number; 16])
}

fn folder(number: u8) -> Focus {
    Focus {
        folder: Some(node(number)),
        ..Focus::default()
    }
}

/// Waits until those who are here are as they should be.
async fn until(
    what: &str,
    here: &mut watch::Receiver<Arc<[Here]>>,
    so: impl Fn(&[Here]) -> bool,
) -> TestResult<Arc<[Here]>> {
    let waited = tokio::time::timeout(Duration::from_secs(20), here.wait_for(|here| so(here)));
    let waited = waited.await.map(|here| here.map(|here| here.clone()));
    match waited {
        Ok(here) => Ok(here?),
        Err(_) => Err(format!("{what}: not within 20 s; here are {:?}", here.borrow()).into()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn presence_appears_changes_and_goes_at_once_with_an_orderly_end() -> TestResult {
    let data = tempfile::tempdir()?;
    let a = engine(data.path(), "a", PATIENT).await?;
    let drive_a = share(&a, data.path())?;
    let b = engine(data.path(), "b", PATIENT).await?;
    let c = engine(data.path(), "c", PATIENT).await?;
    let drive_b = join(&a, &drive_a, &b, Role::Writer).await?;
    let drive_c = join(&a, &drive_a, &c, Role::Reader).await?;
    let (mut at_a, mut at_c) = (drive_a.presence(), drive_c.presence());

    // All are on line, and nobody has a window.
    for here in [&mut at_a, &mut at_c] {
        let two = until("two others", here, |here| here.len() == 2).await?;
        assert!(
            two.iter()
                .all(|one| one.idle && one.folder.is_none() && !one.you)
        );
    }
    let of_b = |here: &[Here]| here.iter().find(|one| one.device == b.peer_id()).cloned();

    drive_b.focus(Some(folder(1)));
    drive_b.writing(node(2), true);
    for (here, drive) in [(&mut at_a, &drive_a), (&mut at_c, &drive_c)] {
        let there = |here: &[Here]| {
            of_b(here).is_some_and(|b| b.folder == Some(node(1)) && b.editing == [node(2)])
        };
        let shown = until("where b is", here, there).await?;
        let shown = of_b(&shown).ok_or("b")?;
        let device = drive.find("b")?;
        let crate::members::Target::Member(member) = device else {
            return Err("b is no member".into());
        };
        assert_eq!(shown.member, member.id);
        assert_eq!(shown.bind, member.devices[0].id);
        assert!(!shown.idle);
    }
    // A second handle of the same file, and the end of one: nothing to tell. Then of both.
    drive_b.writing(node(2), true);
    drive_b.writing(node(2), false);
    drive_b.writing(node(2), false);
    drive_b.focus(None);
    let alone = |here: &[Here]| {
        of_b(here).is_some_and(|b| b.folder.is_none() && b.editing.is_empty() && b.idle)
    };
    until("b has no window any more", &mut at_a, alone).await?;

    b.shutdown().await;
    // No message of b expires here, and the end of its session ends nothing: it said that it leaves.
    until("b is gone", &mut at_a, |here| of_b(here).is_none()).await?;
    until("b is gone for c too", &mut at_c, |here| {
        of_b(here).is_none()
    })
    .await?;
    assert_eq!(at_a.borrow().len(), 1);
    // A pause is an end, too, for those who watch.
    c.pause(&drive_c).await?;
    until("c has paused", &mut at_a, <[Here]>::is_empty).await?;
    until("who pauses sees nobody", &mut at_c, <[Here]>::is_empty).await?;
    c.unpause(&drive_c)?;
    until("c is back", &mut at_a, |here| here.len() == 1).await?;
    a.shutdown().await;
    c.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_falls_silent_is_gone_and_so_is_who_breaks_off() -> TestResult {
    let data = tempfile::tempdir()?;
    let hasty = Pace {
        expiry: Duration::from_secs(3),
        ..PATIENT
    };
    let a = engine(data.path(), "a", hasty).await?;
    let drive_a = share(&a, data.path())?;
    let b = engine(data.path(), "b", PATIENT).await?;
    let drive_b = join(&a, &drive_a, &b, Role::Writer).await?;
    let mut at_a = drive_a.presence();
    drive_b.focus(Some(folder(1)));
    until("b", &mut at_a, |here| {
        here.iter().any(|b| b.folder == Some(node(1)))
    })
    .await?;
    // b is connected all the time, and says nothing.
    until("b is forgotten", &mut at_a, <[Here]>::is_empty).await?;
    assert!(drive_a.peers().iter().all(|peer| peer.connected));
    drive_b.focus(Some(folder(2)));
    until("b speaks again", &mut at_a, |here| here.len() == 1).await?;
    a.shutdown().await;
    drop((drive_a, a));

    let abrupt = Pace {
        grace: Duration::from_millis(300),
        ..PATIENT
    };
    let a = engine(data.path(), "a", abrupt).await?;
    let drive_a = a.drive("Drive")?;
    let mut at_a = drive_a.presence();
    until("b is there for who comes back", &mut at_a, |here| {
        here.len() == 1
    })
    .await?;
    // The network of b ends under it, and b does not know.
    b.inner.device.net.shutdown().await;
    until("b broke off", &mut at_a, <[Here]>::is_empty).await?;
    a.shutdown().await;
    Ok(())
}

/// A member's device that has gone, and whose keys somebody uses by hand.
struct Hand {
    bind: BindId,
    keys: Arc<DriveKeys>,
    started_ms: u64,
}

impl Hand {
    fn of(drive: &DriveHandle) -> Self {
        let (bind, keys) = drive.shared.voices.stolen();
        Self {
            bind,
            keys,
            // Later than its own run.
            started_ms: crate::env::now_ms() + 1_000_000,
        }
    }

    fn says(&self, counter: u64, at: u8) -> Said {
        Said {
            mark: Mark {
                started_ms: self.started_ms,
                counter,
            },
            at_ms: crate::env::now_ms(),
            left: false,
            focus: folder(at),
        }
    }

    /// Sealed and signed by this hand, as coming from `bind`.
    fn seal_as(&self, bind: &BindId, epoch: &EpochKeys, said: &Said) -> TestResult<Vec<u8>> {
        let (keys, rng) = (&self.keys, &mut crate::env::rng());
        Ok(seal_frame(
            epoch,
            Channel::Presence,
            bind,
            keys,
            &said.to_bytes(),
            rng,
        )?)
    }

    fn seal(&self, epoch: &EpochKeys, said: &Said) -> TestResult<Vec<u8>> {
        self.seal_as(&self.bind, epoch, said)
    }
}

/// An owner's device that runs, and the hands of a writer and a reader that have gone.
struct Scene {
    _data: tempfile::TempDir,
    a: Engine,
    drive: DriveHandle,
    here: watch::Receiver<Arc<[Here]>>,
    writer: Hand,
    reader: Hand,
    said: u64,
}

impl Scene {
    async fn set(pace: Pace) -> TestResult<Self> {
        let data = tempfile::tempdir()?;
        // A goodbye may be lost on the way, as everything in gossip.
        let pace = Pace {
            grace: Duration::from_millis(300),
            ..pace
        };
        let a = engine(data.path(), "a", pace).await?;
        let drive = share(&a, data.path())?;
        let mut hands = Vec::new();
        for (name, role) in [("writer", Role::Writer), ("reader", Role::Reader)] {
            let guest = engine(data.path(), name, PATIENT).await?;
            let joined = join(&a, &drive, &guest, role).await?;
            guest.shutdown().await;
            hands.push(Hand::of(&joined));
        }
        let (Some(reader), Some(writer)) = (hands.pop(), hands.pop()) else {
            return Err("two hands".into());
        };
        let mut here = drive.presence();
        while drive.peers().iter().any(|peer| peer.connected) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        until("both have left", &mut here, <[Here]>::is_empty).await?;
        Ok(Self {
            _data: data,
            a,
            drive,
            here,
            writer,
            reader,
            said: 0,
        })
    }

    fn epoch(&self) -> TestResult<Arc<EpochKeys>> {
        Ok(self.drive.shared.keyring.current().ok_or("no epoch")?)
    }

    fn arrives(&self, frame: Vec<u8>) {
        self.drive.shared.presence.heard(frame);
    }

    /// Returns who is here once everything that arrived before has been looked at: the reader says
    /// something, and that is heard.
    async fn settled(&mut self) -> TestResult<Vec<Here>> {
        self.said += 1;
        let at = self.said as u8;
        let epoch = self.epoch()?;
        let frame = self.reader.seal(&epoch, &self.reader.says(self.said, at))?;
        self.arrives(frame);
        let reader = self.reader.bind;
        let heard = |here: &[Here]| {
            let mut here = here.iter();
            here.any(|one| one.bind == reader && one.folder == Some(node(at)))
        };
        let here = until("the reader", &mut self.here, heard).await?;
        Ok(here
            .iter()
            .filter(|one| one.bind != reader)
            .cloned()
            .collect())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_l19_a_reader_forges_anothers_presence() -> TestResult {
    let mut scene = Scene::set(PATIENT).await?;
    let epoch = scene.epoch()?;
    let (owner, _) = scene.drive.shared.voices.stolen();
    let victim = scene.writer.bind;
    let stranger = BindId([7; 32]);
    for bind in [victim, owner, stranger] {
        let forged = scene
            .reader
            .seal_as(&bind, &epoch, &scene.writer.says(1, 9))?;
        scene.arrives(forged);
        assert_eq!(scene.settled().await?, []);
    }
    // A message for another purpose, and bytes of any kind.
    let (keys, rng) = (&scene.writer.keys, &mut crate::env::rng());
    let said = scene.writer.says(1, 9).to_bytes();
    let hint = seal_frame(&epoch, Channel::Announce, &victim, keys, &said, rng)?;
    scene.arrives(hint);
    let nonsense = seal_frame(&epoch, Channel::Presence, &victim, keys, b"here", rng)?;
    scene.arrives(nonsense);
    let mut bent = scene.writer.seal(&epoch, &scene.writer.says(1, 9))?;
    bent[30] ^= 1;
    scene.arrives(bent);
    scene.arrives(vec![0; 5000]);
    scene.arrives(Vec::new());
    assert_eq!(scene.settled().await?, []);
    // The same from the writer itself.
    scene.arrives(scene.writer.seal(&epoch, &scene.writer.says(1, 9))?);
    let here = scene.settled().await?;
    assert_eq!(here.len(), 1);
    assert_eq!((here[0].bind, here[0].folder), (victim, Some(node(9))));
    scene.a.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_l19_presence_is_replayed_while_it_holds_and_after() -> TestResult {
    let pace = Pace {
        expiry: Duration::from_secs(3),
        ..PATIENT
    };
    let mut scene = Scene::set(pace).await?;
    let epoch = scene.epoch()?;
    let writer = scene.writer.bind;
    let first = scene.writer.seal(&epoch, &scene.writer.says(1, 1))?;
    let second = scene.writer.seal(&epoch, &scene.writer.says(2, 2))?;
    let mut here = scene.drive.presence();
    let at = |number| {
        move |here: &[Here]| {
            let mut here = here.iter();
            here.any(|one| one.bind == writer && one.folder == Some(node(number)))
        }
    };
    scene.arrives(first.clone());
    until("the first", &mut here, at(1)).await?;
    scene.arrives(second.clone());
    until("the second", &mut here, at(2)).await?;
    scene.arrives(first.clone());
    let now = scene.settled().await?;
    assert!(now.iter().all(|one| one.folder == Some(node(2))), "{now:?}");
    let gone = |here: &[Here]| here.iter().all(|one| one.bind != writer);
    until("it is forgotten", &mut here, gone).await?;
    for old in [&first, &second] {
        scene.arrives(old.clone());
    }
    assert_eq!(scene.settled().await?, []);

    // A device that has just started does not know what was said before. What it hears must be fresh.
    let mut old = scene.writer.says(3, 3);
    old.at_ms -= 61_000;
    scene.arrives(scene.writer.seal(&epoch, &old)?);
    assert_eq!(scene.settled().await?, []);
    scene.a.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_l19_a_removed_member_and_a_former_epoch_are_not_heard() -> TestResult {
    let mut scene = Scene::set(PATIENT).await?;
    let (former, writer) = (scene.epoch()?, scene.writer.bind);
    scene.arrives(scene.writer.seal(&former, &scene.writer.says(1, 1))?);
    assert_eq!(scene.settled().await?.len(), 1);
    scene
        .drive
        .remove("writer", RemovalReason::Compromised)
        .await?;
    let mut here = scene.drive.presence();
    let gone = |here: &[Here]| here.iter().all(|one| one.bind != writer);
    until("the removed one is gone", &mut here, gone).await?;
    let epoch = scene.epoch()?;
    assert_ne!(epoch.id(), former.id());
    // Under the keys that it has; and under those that it has not, should somebody lend them.
    for keys in [&former, &epoch] {
        scene.arrives(scene.writer.seal(keys, &scene.writer.says(2, 2))?);
        assert_eq!(scene.settled().await?, []);
    }
    // Others are not heard under the former keys either, which the removed one can open.
    let shown = scene.drive.presence().borrow().clone();
    scene.arrives(scene.reader.seal(&former, &scene.reader.says(1000, 99))?);
    scene.settled().await?;
    assert_eq!(shown.len(), 1);
    let at = scene.drive.presence().borrow()[0].folder;
    assert_eq!(at, Some(node(scene.said as u8)));
    scene.a.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_l19_a_flood_from_one_device_is_one_device() -> TestResult {
    let mut scene = Scene::set(PATIENT).await?;
    let epoch = scene.epoch()?;
    for counter in 1..=10_000 {
        let said = scene.writer.says(counter, counter as u8);
        scene.arrives(scene.writer.seal(&epoch, &said)?);
        if counter % 100 == 0 {
            // So that they are looked at, and not dropped at the door.
            assert!(scene.settled().await?.len() <= 1);
        }
    }
    scene.arrives(scene.writer.seal(&epoch, &scene.writer.says(20_000, 5))?);
    let here = scene.settled().await?;
    assert_eq!(here.len(), 1);
    assert_eq!(here[0].folder, Some(node(5)));
    scene.a.shutdown().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_l19_a_hint_counts_only_from_a_live_member() -> TestResult {
    let scene = Scene::set(PATIENT).await?;
    let (epoch, voices) = (scene.epoch()?, &scene.drive.shared.voices);
    let hint = |channel, bind: &BindId, keys: &DriveKeys| {
        seal_frame(
            &epoch,
            channel,
            bind,
            keys,
            b"a hint",
            &mut crate::env::rng(),
        )
    };
    let (writer, reader) = (&scene.writer, &scene.reader);
    let good = hint(Channel::Announce, &writer.bind, &writer.keys)?;
    assert_eq!(voices.open_hint(&good).as_deref(), Some(&b"a hint"[..]));
    let forged = hint(Channel::Announce, &writer.bind, &reader.keys)?;
    assert_eq!(voices.open_hint(&forged), None);
    let other = hint(Channel::Presence, &writer.bind, &writer.keys)?;
    assert_eq!(voices.open_hint(&other), None);
    assert_eq!(voices.open_hint(b"a hint"), None);
    scene.drive.remove("writer", RemovalReason::Retired).await?;
    assert_eq!(voices.open_hint(&good), None);
    // What this device says opens elsewhere, and what gossip does not carry is not sealed.
    let sealed = voices.seal_hint(b"mine").ok_or("this device has a say")?;
    assert_eq!(voices.open_hint(&sealed).as_deref(), Some(&b"mine"[..]));
    assert_eq!(voices.seal_hint(&[0; 3000]), None);
    scene.a.shutdown().await;
    Ok(())
}
