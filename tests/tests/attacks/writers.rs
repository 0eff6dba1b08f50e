//! People who may read, or may not even that, and write all the same: their entries are whole, sealed with
//! real keys and really signed, and come over the real network, from themselves or passed on by somebody
//! who may speak.

use anyhow::{Result, ensure};
use peerdrive_crdt_tree::id::Actor;
use peerdrive_crypto::author::Draft;
use peerdrive_crypto::body::{Grant, Reason, Revoke};
use peerdrive_crypto::content::{ManifestOf, seal_manifest};
use peerdrive_crypto::entry::{Entry, LogPosition, Plane};
use peerdrive_crypto::epoch::EpochKeys;
use peerdrive_crypto::identity::DeviceCert;
use peerdrive_crypto::ids::{BindId, ContentHash, EpochId, MemberId};
use peerdrive_crypto::secret::EpochSecret;
use peerdrive_engine::Role;
use peerdrive_net::LogId;

use crate::evil::{Evil, OnAir};
use crate::scene::{Scene, folder, until};

/// Waits until every device has been handed a log, has not kept it, and asked for it again: so it was
/// judged. `times` is how often that was, all devices together.
async fn judged(air: &OnAir, log: &LogId, times: u64) -> Result<()> {
    let wanted = air.shelf.asked(log) + times;
    until("the log was handed over, and asked for again", || {
        Ok(air.shelf.asked(log) >= wanted)
    })
    .await
}

fn log_of(entry: &Entry) -> LogId {
    LogId(entry.log_id().0)
}

/// Offers entries to devices, from under the keys of `speaker`; they are to be refused by each.
async fn offer(scene: &Scene, speaker: &Evil, entries: &[Entry], to: &[usize]) -> Result<()> {
    for at in to {
        let air = speaker.on_air(&scene.addresses(&[*at])?).await?;
        for entry in entries {
            air.shelf.put(&entry.to_bytes());
        }
        until("there is a session", || Ok(air.is_met(0))).await?;
        air.push(entries);
        for entry in entries {
            judged(&air, &log_of(entry), 2).await?;
        }
        air.off().await;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_l1_a_patched_readers_entries_are_refused_by_all_whoever_passes_them_on()
-> Result<()> {
    let mut scene = Scene::of(&[Role::Writer, Role::Reader, Role::Writer]).await?;
    let mut reader = scene.seize(2).await?;
    let colluding = scene.seize(3).await?;
    let before = scene.at(0)?.all();
    let entries = reader.write(&[folder("written by a reader")?])?;
    ensure!(!entries.is_empty());
    // Pushed and asked for, from the reader itself, then from a writer who passes it on.
    offer(&scene, &reader, &entries, &[0, 1]).await?;
    offer(&scene, &colluding, &entries, &[0, 1]).await?;
    for at in [0, 1] {
        ensure!(scene.at(at)?.all() == before, "device {at} shows it");
    }
    scene.goes_on(&[0, 1], "after the reader").await?;
    // A later promotion does not let in what was written before it.
    let owner = scene.at(0)?;
    let id = reader.member.to_string();
    owner.drive.change_role(&id, Role::Writer).await?;
    offer(&scene, &colluding, &entries, &[0, 1]).await?;
    for at in [0, 1] {
        ensure!(!scene.at(at)?.shows("written by a reader"));
    }
    // And nothing of it lies on a disk, to be shown by some later program.
    let kept = scene.look_into(0).await?;
    let log = log_of(&entries[0]);
    ensure!(!kept.shelf.logs().contains_key(&log), "it was kept");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_l2_whoever_has_the_leaked_keys_of_an_epoch_writes_nothing() -> Result<()> {
    let mut scene = Scene::of(&[Role::Writer, Role::Writer]).await?;
    let member = scene.seize(2).await?;
    let before = scene.at(0)?.all();
    // The keys of the drive, an endpoint of one's own: nobody opens.
    let mut stranger = member.stranger(7)?;
    let forged = stranger.write(&[folder("under a member's name")?])?;
    let air = stranger.on_air(&scene.addresses(&[0, 1])?).await?;
    // Whoever calls after the stranger, and may, is spoken with.
    let members = member.on_air(&scene.addresses(&[0, 1])?).await?;
    until("the member has sessions", || {
        Ok(members.is_level(0) && members.is_level(1))
    })
    .await?;
    members.off().await;
    ensure!(!air.is_met(0) && !air.is_met(1), "a stranger has a session");
    ensure!(air.shelf.asked(&log_of(&forged[0])) == 0);
    air.off().await;
    // Passed on by a member: signed by nobody's key, under a member's id and under one of its own.
    let mut unknown = member.stranger(8)?;
    unknown.act_as(BindId([9; 32]));
    let nobodys = unknown.write(&[folder("under no name")?])?;
    offer(&scene, &member, &forged, &[0, 1]).await?;
    offer(&scene, &member, &nobodys, &[0, 1]).await?;
    for at in [0, 1] {
        ensure!(scene.at(at)?.all() == before, "device {at} shows it");
    }
    scene.goes_on(&[0, 1], "after the leak").await
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_e9_no_folder_is_injected_by_readers_ex_members_or_strangers() -> Result<()> {
    let mut scene = Scene::of(&[Role::Writer, Role::Reader, Role::Writer, Role::Writer]).await?;
    let mut reader = scene.seize(2).await?;
    let mut ex = scene.seize(3).await?;
    let colluding = scene.seize(4).await?;
    let owner = scene.at(0)?;
    owner
        .drive
        .remove(
            &ex.member.to_string(),
            peerdrive_engine::drive::roll::RemovalReason::Compromised,
        )
        .await?;
    scene.level(&[0, 1]).await?;
    let before = scene.at(0)?.all();
    let mut forged = reader.write(&[folder("of a reader")?])?;
    // The old epoch, and a claim to know nothing of the removal: all of it as it once was right.
    forged.extend(ex.write(&[folder("of an ex-member")?])?);
    forged.extend(colluding.stranger(3)?.write(&[folder("of a stranger")?])?);
    let air = colluding.on_air(&scene.addresses(&[0, 1])?).await?;
    for entry in &forged {
        air.shelf.put(&entry.to_bytes());
    }
    until("there are sessions", || Ok(air.is_met(0) && air.is_met(1))).await?;
    air.push(&forged);
    judged(&air, &log_of(&forged[0]), 4).await?;
    judged(&air, &log_of(&forged[2]), 4).await?;
    // What the ex-member wrote is kept for an admin to look at, and shows nowhere.
    until("it waits for review", || {
        Ok(air.shelf.asked(&log_of(&forged[1])) > 0)
    })
    .await?;
    for at in [0, 1] {
        ensure!(scene.at(at)?.all() == before, "device {at} shows it");
    }
    air.off().await;
    scene.goes_on(&[0, 1], "after the injection").await
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_e10_an_epoch_and_a_file_that_nobody_may_make_appear_nowhere() -> Result<()> {
    let mut scene = Scene::of(&[Role::Writer, Role::Reader]).await?;
    let mut reader = scene.seize(2).await?;
    let was = scene.look_into(1).await?.control.state().current_epoch();
    let before = scene.at(0)?.all();
    // Sealed to everyone's public key, consistent in itself, signed by a reader: a new epoch, and one
    // by a stranger who knows the public keys only.
    let rekeyed = reader.rule(Draft::new().rekey())?;
    let mut strangers = rekeyed.clone();
    // The first of a log that nobody has seen.
    strangers.header.inc[0] ^= 1;
    strangers.header.seq = 0;
    strangers.header.prev = [0; 32];
    // A manifest under a key of one's own, its blob on offer, and an entry that speaks of it.
    let own = EpochKeys::derive(
        scene.drive,
        EpochId([5; 32]),
        EpochSecret::from_bytes([5; 32]),
    );
    let of = ManifestOf {
        content: ContentHash([1; 32]),
        len: 3,
    };
    let manifest = seal_manifest(&own, &of, &[2; 24], b"inline");
    reader.seal_with = Some(std::sync::Arc::new(own));
    let planted = reader.write(&[folder("planted")?])?;
    let air = reader.on_air(&scene.addresses(&[0, 1])?).await?;
    air.net.blobs().put(manifest.into()).await?;
    air.shelf
        .lie(log_of(&strangers), vec![strangers.to_bytes().into()]);
    until("there are sessions", || Ok(air.is_met(0) && air.is_met(1))).await?;
    air.push(&planted);
    air.push(std::slice::from_ref(&strangers));
    judged(&air, &log_of(&planted[0]), 4).await?;
    judged(&air, &log_of(&strangers), 1).await?;
    air.off().await;
    for at in [0, 1] {
        ensure!(scene.at(at)?.all() == before, "device {at} shows it");
    }
    scene.goes_on(&[0, 1], "after the planting").await?;
    for at in [0, 1] {
        let found = scene.look_into(at).await?;
        let state = found.control.state();
        ensure!(state.current_epoch() == was, "the epoch is another");
        let valid = found.control.verdicts(&rekeyed.id());
        ensure!(
            valid.iter().all(|(_, valid)| !valid),
            "a reader's epoch counts"
        );
        ensure!(found.control.verdicts(&strangers.id()).is_empty());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_e1_an_epoch_a_wrap_or_a_device_that_a_reader_makes_is_void_on_all() -> Result<()> {
    let mut scene = Scene::of(&[Role::Writer, Role::Reader]).await?;
    let mut reader = scene.seize(2).await?;
    let was = scene.look_into(1).await?.control.state().ctrl_hash();
    let members = scene.at(0)?.members();
    let state = reader.control.state();
    let owner = state
        .members
        .iter()
        .find(|(_, m)| m.role == Some(Role::Owner));
    let owner = *owner.map_or(&MemberId([0; 16]), |(id, _)| id);
    let mut helper = reader.stranger(5)?;
    let cert = DeviceCert::issue(&scene.drive, &helper.keys, &helper.endpoint, 1);
    let grant = |member, role| Grant {
        member,
        role,
        devices: vec![cert.clone()],
        invite: None,
    };
    // All of it signed with the reader's own key, in good order, at the end of its own log.
    let revoke = Revoke {
        member: owner,
        cut: Vec::new(),
        reason: Reason::Compromised,
    };
    let mut entries = Vec::new();
    for draft in [
        Draft::new().rekey(),
        Draft::new().wrap(helper.keys.kem_pk()),
        Draft::new().grant(grant(reader.member, Role::Owner), "me"),
        Draft::new().grant(grant(MemberId([7; 16]), Role::Writer), "a friend"),
        Draft::new().grant(grant(owner, Role::Admin), "in the owner's seat"),
        Draft::new().revoke(revoke),
    ] {
        entries.push(reader.rule(draft)?);
    }
    let brought = peerdrive_crypto::author::brought_in(&entries[3]);
    helper.control = reader.control.clone();
    helper.shelf = reader.shelf.clone();
    helper.act_as(brought[0]);
    let written = helper.write(&[folder("by a friend of a reader")?])?;
    let before = scene.at(0)?.all();
    let air = reader.on_air(&scene.addresses(&[0, 1])?).await?;
    until("there are sessions", || Ok(air.is_met(0) && air.is_met(1))).await?;
    air.push(&entries);
    air.push(&written);
    // It is kept, as whatever a device signs is that some entry brought in, and counts for nobody.
    until(
        "all is delivered",
        || Ok(air.has_told(0) && air.has_told(1)),
    )
    .await?;
    air.off().await;
    // The friend's own endpoint opens no door either: whoever calls after it, and may, is spoken with.
    let friend = helper.on_air(&scene.addresses(&[0, 1])?).await?;
    let air = reader.on_air(&scene.addresses(&[0, 1])?).await?;
    until("there are sessions", || Ok(air.is_met(0) && air.is_met(1))).await?;
    ensure!(
        !friend.is_met(0) && !friend.is_met(1),
        "the friend is let in"
    );
    friend.off().await;
    air.off().await;
    for at in [0, 1] {
        ensure!(scene.at(at)?.all() == before && scene.at(at)?.members() == members);
    }
    scene.goes_on(&[0, 1], "after the reader's rule").await?;
    for at in [0, 1] {
        let found = scene.look_into(at).await?;
        ensure!(found.control.state().ctrl_hash() == was, "device {at}");
        // What is sealed from here on does not open with anything that the reader's epoch holds.
        let evil_epochs: Vec<_> = reader.keyring.epochs().cloned().collect();
        let current = found.control.state().current_epoch();
        let usable: Vec<_> = evil_epochs
            .iter()
            .filter(|keys| Some(keys.id()) != current)
            .collect();
        for entry in found.contents() {
            ensure!(usable.iter().all(|keys| entry.open_body(keys).is_err()));
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_b4_a_poisoned_entry_stops_its_own_log_and_nothing_else() -> Result<()> {
    let mut scene = Scene::of(&[Role::Writer, Role::Writer]).await?;
    let mut writer = scene.seize(2).await?;
    let before = scene.at(0)?.all();
    let good = {
        let mut tree = writer.tree();
        tree.set_actor(Actor(writer.content_at.log_id().actor()));
        tree.edit(&[folder("good")?]).changes.remove(0)
    };
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let poisons: Vec<(&str, Vec<u8>)> = vec![
        ("no body at all", Vec::new()),
        ("no body", vec![0xff; 400]),
        (
            "a list without end",
            [&[1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f][..], &[0; 90]].concat(),
        ),
    ];
    let changes: Vec<(&str, Vec<Vec<u8>>)> = vec![
        ("no change", vec![]),
        ("an empty change", vec![vec![]]),
        ("a damaged change", vec![flipped]),
        ("two changes", vec![good.clone(), good.clone()]),
        ("a huge change", vec![vec![0x85; 300 << 10]]),
        (
            "a compressed change",
            vec![{
                let mut compressed = good.clone();
                compressed[8] = 2;
                compressed
            }],
        ),
    ];
    let mut entries = Vec::new();
    for (_, plain) in &poisons {
        writer.fresh_log();
        entries.push(writer.mutter(plain)?);
        // What comes after it in the same log is as good as gone, and does no harm.
        entries.push(writer.mutter(b"more")?);
    }
    for (_, changes) in changes {
        writer.fresh_log();
        entries.push(writer.say(changes)?);
    }
    let air = writer.on_air(&scene.addresses(&[0, 1])?).await?;
    until("there are sessions", || Ok(air.is_met(0) && air.is_met(1))).await?;
    until(
        "all is delivered",
        || Ok(air.has_told(0) && air.has_told(1)),
    )
    .await?;
    air.off().await;
    for at in [0, 1] {
        ensure!(scene.at(at)?.all() == before, "device {at} shows something");
    }
    scene.goes_on(&[0, 1], "beside the poison").await?;
    // Void is void after a restart too, and nothing waits for it.
    scene.stop(0).await?;
    scene.start(0).await?;
    until("nothing waits", || {
        Ok(scene.at(0)?.drive.status().pending_down == 0)
    })
    .await?;
    scene.goes_on(&[0, 1], "after a restart").await
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_l20_a_change_under_another_devices_actor_is_void_on_all() -> Result<()> {
    let mut scene = Scene::of(&[Role::Writer, Role::Writer]).await?;
    let mut writer = scene.seize(2).await?;
    let before = scene.at(0)?.all();
    let others = writer.shelf.contents_of_others(&writer.bind.0);
    ensure!(!others.is_empty(), "nobody wrote anything");
    let mut entries = Vec::new();
    for log in others {
        // The next change of somebody else, made with the real encoder, in an entry of one's own.
        let mut tree = writer.tree();
        tree.set_actor(Actor(peerdrive_crypto::ids::LogId(log.0).actor()));
        let change = tree.edit(&[folder("in another's name")?]).changes.remove(0);
        writer.fresh_log();
        entries.push(writer.say(vec![change])?);
    }
    let air = writer.on_air(&scene.addresses(&[0, 1])?).await?;
    until(
        "all is delivered",
        || Ok(air.has_told(0) && air.has_told(1)),
    )
    .await?;
    air.off().await;
    for at in [0, 1] {
        ensure!(scene.at(at)?.all() == before, "device {at} shows it");
    }
    scene.goes_on(&[0, 1], "after the forgery").await
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_l11_nothing_of_one_drive_is_taken_in_another_of_the_same_people() -> Result<()> {
    let mut one = Scene::of(&[Role::Writer]).await?;
    let mut two = Scene::of(&[Role::Writer, Role::Writer]).await?;
    let of_one = one.seize(1).await?;
    let of_two = two.seize(2).await?;
    let before = two.at(0)?.all();
    // Everything of the other drive, as it is, told under the name of this one.
    let air = of_two.on_air(&two.addresses(&[0, 1])?).await?;
    let foreign = of_one.shelf.logs();
    ensure!(
        foreign.len() >= 2,
        "a control log and a content log at least"
    );
    for (log, entries) in &foreign {
        air.shelf.lie(*log, entries.clone());
    }
    until("there are sessions", || Ok(air.is_met(0) && air.is_met(1))).await?;
    air.push(&of_one.shelf.entries());
    for log in foreign.keys() {
        judged(&air, log, 2).await?;
    }
    air.off().await;
    ensure!(two.at(0)?.all() == before);
    let position = LogPosition::open(
        one.drive,
        Plane::Content,
        of_two.bind,
        &mut of_two.stranger(1)?.rng,
    );
    ensure!(position.drive != two.drive);
    two.goes_on(&[0, 1], "after the other drive").await
}
