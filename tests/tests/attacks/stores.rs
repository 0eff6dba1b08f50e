//! Whoever keeps the bytes and passes them on without a right to change them: it swaps, cuts, reorders,
//! hides and replays what honest devices wrote. What an honest device shows is at each moment something
//! that honest devices did, and the truth once it comes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::name::Name;
use peerdrive_crypto::entry::{Entry, Plane};
use peerdrive_engine::Role;
use peerdrive_net::{EntrySource, LogId};

use crate::evil::Evil;
use crate::scene::{Honest, Scene, folder, until};
use crate::shelf::Shelf;

type All = ([u8; 32], [u8; 32]);

/// What a story is about.
#[derive(Clone, Copy)]
enum Story {
    /// Names, folders, what is where.
    Names,
    /// Times, modes, lengths, attributes.
    Attributes,
}

/// What the owner does, in so many steps; what shows after each.
async fn play(story: Story, owner: &Honest) -> Result<HashSet<All>> {
    let mut seen: HashSet<All> = [owner.all()].into();
    let letters = owner.make("letters").await?;
    seen.insert(owner.all());
    let file = owner.file("plan.txt", b"attack at dawn").await?;
    seen.insert(owner.all());
    let other = owner.file("other.txt", b"retreat at noon").await?;
    seen.insert(owner.all());
    let moved = |node, parent, name: &str| -> Result<Edit> {
        Ok(Edit::Move {
            node,
            parent,
            name: Name::new(name)?,
        })
    };
    let attributes = |node: NodeId, mode, seconds: i64| Edit::SetAttributes {
        node,
        mode: Some(mode),
        mtime_ns: Some(seconds * 1_000_000_000),
    };
    let xattr = |value: &[u8]| Edit::SetXattr {
        node: file,
        key: "user.note".into(),
        value: Some(value.to_vec()),
    };
    let edits = match story {
        Story::Names => vec![
            moved(file, letters, "first.txt")?,
            moved(other, letters, "second.txt")?,
            moved(file, NodeId::ROOT, "renamed.txt")?,
            moved(letters, NodeId::ROOT, "old letters")?,
            Edit::Delete { node: other },
            moved(file, letters, "last.txt")?,
        ],
        Story::Attributes => vec![
            attributes(file, 0o600, 1_700_000_000),
            xattr(b"from the general"),
            attributes(other, 0o755, 1_750_000_000),
            attributes(file, 0o755, 1_800_000_000),
            xattr(b"void"),
            attributes(letters, 0o700, 1_600_000_000),
        ],
    };
    for edit in edits {
        owner.drive.edit(vec![edit]).await?.remove(0)?;
        seen.insert(owner.all());
    }
    Ok(seen)
}

/// The same log with something done to it that needs no key, behind the first `known` entries. The last ones
/// are the truth in another order, which is taken for what it is.
fn lies(
    entries: &[Bytes],
    known: usize,
    others: &[Bytes],
) -> Result<Vec<(&'static str, Vec<Bytes>)>> {
    let decode = |bytes: &Bytes| Entry::decode(bytes).map_err(anyhow::Error::from);
    let swapped =
        |at: usize, with: &Entry, what: &dyn Fn(&mut Entry, &Entry)| -> Result<Vec<Bytes>> {
            let mut all = entries.to_vec();
            let mut entry = decode(&all[at])?;
            what(&mut entry, with);
            all[at] = entry.to_bytes().into();
            Ok(all)
        };
    let (early, late) = (known, entries.len() - 2);
    ensure!(early < late, "nothing is left to lie about");
    let with = decode(&entries[late])?;
    let foreign = decode(others.first().context("no other log")?)?;
    let mut reversed = entries.to_vec();
    reversed[early..].reverse();
    let mut twice = entries[..=early].to_vec();
    twice.extend_from_slice(&entries[early..]);
    let mut cut = entries.to_vec();
    cut[early] = cut[early].slice(..cut[early].len() / 2);
    let mut without = entries.to_vec();
    without.remove(early);
    Ok(vec![
        (
            "bodies swapped",
            swapped(early, &with, &|entry, with| {
                entry.body = with.body.clone();
            })?,
        ),
        (
            "bodies swapped and the hash with them",
            swapped(early, &with, &|entry, with| {
                entry.body = with.body.clone();
                entry.header.body_hash = with.header.body_hash;
                entry.header.body_len = with.header.body_len;
            })?,
        ),
        (
            "signatures swapped",
            swapped(early, &with, &|entry, with| entry.sig = with.sig)?,
        ),
        (
            "another number",
            swapped(early, &with, &|entry, with| {
                entry.header.seq = with.header.seq;
            })?,
        ),
        (
            "another's body",
            swapped(early, &foreign, &|entry, with| {
                entry.body = with.body.clone();
            })?,
        ),
        (
            "another author",
            swapped(early, &foreign, &|entry, with| {
                entry.header.bind = with.header.bind;
            })?,
        ),
        ("cut off", cut),
        ("one left out", without),
        ("another log in its place", others.to_vec()),
        ("reversed", reversed),
        ("one told twice", twice),
    ])
}

/// Plays the story while device 1 is away, then has device 2 tell it, with lies, to a device 1 that can
/// reach nobody else; and lets the owner come back at the end.
async fn told_by_a_liar(story: Story) -> Result<()> {
    let mut scene = Scene::of(&[Role::Writer, Role::Writer]).await?;
    // The liar's own log, so that there is another one to mistake for the owner's.
    scene.goes_on(&[0, 1, 2], "before").await?;
    scene.stop(1).await?;
    let seen = play(story, scene.at(0)?).await?;
    scene.level(&[0, 2]).await?;
    let liar = scene.seize(2).await?;
    let truth = scene.at(0)?.all();
    scene.stop(0).await?;
    let knows = Evil::seize(&scene.data(1), scene.drive)?.shelf.logs();
    scene.start(1).await?;
    let before = scene.at(1)?.all();

    let logs = liar.shelf.logs();
    let plane = |entries: &Vec<Bytes>| Some(Entry::decode(entries.first()?).ok()?.header.plane);
    let owners = logs
        .iter()
        .filter(|(_, entries)| plane(entries) == Some(Plane::Content));
    let (log, entries) = owners
        .max_by_key(|(_, entries)| entries.len())
        .context("no content")?;
    let others: Vec<Bytes> = logs
        .iter()
        .find(|(other, entries)| *other != log && plane(entries) == Some(Plane::Content))
        .map(|(_, entries)| entries.clone())
        .context("no second log")?;
    ensure!(entries.len() > 8, "the story is not all there");
    let known = knows.get(log).map_or(0, Vec::len);
    for (lie, told) in lies(entries, known, &others)? {
        let shelf = Arc::new(liar.shelf.copy());
        shelf.lie(*log, told);
        listen(&scene, &liar, shelf, log, lie, &seen, before).await?;
    }
    // The truth, from the owner.
    scene.start(0).await?;
    until("device 1 shows the truth", || {
        Ok(scene.at(1)?.all() == truth)
    })
    .await?;
    scene.goes_on(&[0, 1], "after the liar").await
}

async fn listen(
    scene: &Scene,
    liar: &Evil,
    shelf: Arc<Shelf>,
    log: &LogId,
    lie: &str,
    seen: &HashSet<All>,
    before: All,
) -> Result<()> {
    let air = liar.on_air_with(shelf, &scene.addresses(&[1])?).await?;
    let held = scene.at(1)?;
    let looks_right = || {
        let all = held.all();
        ensure!(
            seen.contains(&all) || all == before,
            "{lie}: device 1 shows what nobody ever did"
        );
        Ok(())
    };
    until(&format!("{lie}: it was told"), || {
        looks_right()?;
        Ok(air.shelf.asked(log) >= 1)
    })
    .await?;
    // How often it asks again is its own affair; what it shows meanwhile is not.
    for _ in 0..40 {
        looks_right()?;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    air.off().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_e7_whoever_passes_names_and_places_on_cannot_alter_them() -> Result<()> {
    told_by_a_liar(Story::Names).await
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_e8_times_modes_and_attributes_are_what_an_author_wrote_or_nothing() -> Result<()> {
    told_by_a_liar(Story::Attributes).await
}

/// Everything a device holds: how many entries, who may do what, and what is where.
async fn held(scene: &mut Scene, at: usize) -> Result<(usize, [u8; 32], Vec<String>)> {
    let all = scene.at(at)?.drive.listing(None).context("no listing")?;
    let all = all.into_iter().map(|line| line.path).collect();
    let found = scene.look_into(at).await?;
    let entries = found.shelf.logs().values().map(Vec::len).sum();
    Ok((entries, found.control.state().ctrl_hash(), all))
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_l10_everything_that_was_ever_heard_told_again_twice_changes_nothing() -> Result<()>
{
    let mut scene = Scene::of(&[Role::Writer, Role::Writer, Role::Admin]).await?;
    scene.goes_on(&[0, 1, 2, 3], "one").await?;
    // Something to be undone by a replay: a member that goes, a role that changes, a file that is gone.
    let node = scene.at(0)?.make("deleted").await?;
    let owner = scene.at(0)?;
    owner
        .drive
        .edit(vec![Edit::Delete { node }])
        .await?
        .remove(0)?;
    let admins: Vec<String> = owner
        .members()
        .into_iter()
        .filter(|(_, role)| *role == Role::Admin)
        .map(|(id, _)| id)
        .collect();
    let admin = admins.first().context("no admin")?;
    owner.drive.change_role(admin, Role::Reader).await?;
    scene.goes_on(&[0, 1, 2], "two").await?;
    let mut parrot = scene.seize(2).await?;
    let before = (held(&mut scene, 0).await?, held(&mut scene, 1).await?);
    let heard = parrot.shelf.entries();
    let air = parrot.on_air(&scene.addresses(&[0, 1])?).await?;
    until("there are sessions", || Ok(air.is_met(0) && air.is_met(1))).await?;
    for round in 0..2 {
        let mut entries = heard.clone();
        if round == 1 {
            entries.reverse();
        }
        for entry in entries {
            air.push(&[entry]);
        }
    }
    // Once this shows, all that was said before it was heard.
    air.push(&parrot.write(&[folder("said last")?])?);
    until("the last word is heard", || {
        Ok(scene.at(0)?.shows("said last") && scene.at(1)?.shows("said last"))
    })
    .await?;
    air.off().await;
    let after = (held(&mut scene, 0).await?, held(&mut scene, 1).await?);
    for (was, is) in [(before.0, after.0), (before.1, after.1)] {
        ensure!(is.0 == was.0 + 1, "entries were taken in twice");
        ensure!(is.1 == was.1, "a replay changed who may do what");
        let mut shown = is.2;
        shown.retain(|path| path != "said last");
        ensure!(shown == was.2, "a replay changed something");
    }
    scene.goes_on(&[0, 1], "three").await
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_l12_an_old_state_takes_nothing_back() -> Result<()> {
    let mut scene = Scene::of(&[Role::Writer, Role::Writer]).await?;
    let old = scene.look_into(2).await?;
    play(Story::Names, scene.at(0)?).await?;
    let owner = scene.at(0)?;
    // Removals are what somebody would most like to take back.
    let gone = old.member.to_string();
    scene.level(&[0, 1, 2]).await?;
    owner
        .drive
        .remove(&gone, peerdrive_engine::drive::roll::RemovalReason::Retired)
        .await?;
    scene.level(&[0, 1]).await?;
    scene.stop(2).await?;
    let members = scene.at(0)?.members();
    let accomplice = scene.look_into(1).await?;
    let now = scene.at(0)?.all();
    scene.stop(0).await?;
    scene.start(0).await?;
    // Told by a member, and by the one who is none any more.
    let shelf = Arc::new(old.shelf.copy());
    scene.stop(1).await?;
    let air = accomplice
        .on_air_with(shelf, &scene.addresses(&[0])?)
        .await?;
    until("each has what the other has", || Ok(air.is_level(0))).await?;
    air.off().await;
    // Whoever calls after the removed one, and may, is spoken with.
    let gone = old.on_air(&scene.addresses(&[0])?).await?;
    let air = accomplice.on_air(&scene.addresses(&[0])?).await?;
    until("there is a session", || Ok(air.is_level(0))).await?;
    ensure!(!gone.is_met(0), "the removed one has a session");
    air.off().await;
    gone.off().await;
    ensure!(scene.at(0)?.all() == now && scene.at(0)?.members() == members);
    scene.start(1).await?;
    scene.goes_on(&[0, 1], "newer").await
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_l13_what_is_withheld_is_known_to_be_missing_and_fetched_from_another() -> Result<()>
{
    let mut scene = Scene::of(&[Role::Writer, Role::Writer]).await?;
    scene.stop(1).await?;
    play(Story::Names, scene.at(0)?).await?;
    scene.level(&[0, 2]).await?;
    scene.at(2)?.make("built on the story").await?;
    scene.level(&[0, 2]).await?;
    let mut liar = scene.seize(2).await?;
    liar.learn()?;
    let built = liar.contents();
    let tip = built
        .iter()
        .find(|e| e.header.bind == liar.bind && !e.header.deps.is_empty());
    let on = tip.context("nothing is built on the story")?.header.deps[0];
    let hidden = built.iter().find(|e| e.id() == on).context("not here")?;
    let log = LogId(hidden.log_id().0);
    scene.stop(0).await?;
    scene.start(1).await?;
    liar.shelf.hide(log, true);
    let air = liar.on_air(&scene.addresses(&[1])?).await?;
    until("something is known to be missing", || {
        Ok(scene.at(1)?.drive.status().pending_down > 0)
    })
    .await?;
    ensure!(!scene.at(1)?.shows("built on the story"));
    // Another one has it.
    scene.start(0).await?;
    until("it comes from another", || {
        Ok(scene.at(1)?.shows("built on the story"))
    })
    .await?;
    scene.level(&[0, 1]).await?;
    air.off().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_l14_two_views_of_one_drive_become_one_when_their_holders_meet() -> Result<()> {
    let mut scene = Scene::of(&[Role::Writer, Role::Writer, Role::Writer]).await?;
    scene.goes_on(&[0, 1, 2, 3], "before").await?;
    scene.stop(1).await?;
    scene.stop(2).await?;
    scene.goes_on(&[0, 3], "while they were away").await?;
    let liar = scene.seize(3).await?;
    let truth = scene.at(0)?.all();
    scene.stop(0).await?;
    // Half of the logs to one, the other half to the other, and they cannot speak with each other.
    let mut logs: BTreeMap<usize, BTreeSet<LogId>> = BTreeMap::new();
    for (at, log) in liar
        .shelf
        .contents_of_others(&[0; 32])
        .into_iter()
        .enumerate()
    {
        logs.entry(at % 2).or_default().insert(log);
    }
    for (half, at) in [(0, 1), (1, 2)] {
        scene.start(at).await?;
        let shelf = Arc::new(liar.shelf.copy());
        for log in logs.get(&half).context("too few logs")? {
            shelf.hide(*log, true);
        }
        let shown = shelf.summary().len();
        let air = liar.on_air_with(shelf, &scene.addresses(&[at])?).await?;
        ensure!(shown > 0, "all is hidden");
        until("it is told", || Ok(air.has_told(0))).await?;
        air.off().await;
        scene.stop(at).await?;
    }
    scene.start(1).await?;
    scene.start(2).await?;
    scene.level(&[1, 2]).await?;
    scene.start(0).await?;
    scene.level(&[0, 1, 2]).await?;
    ensure!(scene.at(1)?.all() == truth);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_n2_a_device_that_was_set_back_repeats_no_nonce_and_no_number() -> Result<()> {
    let mut scene = Scene::of(&[Role::Writer]).await?;
    scene.stop(1).await?;
    let (kept, now) = (scene.data(7), scene.data(1));
    copy(&now, &kept)?;
    scene.start(1).await?;
    scene.at(1)?.file("first", b"the same bytes").await?;
    scene.at(1)?.make("second").await?;
    scene.level(&[0, 1]).await?;
    let first = scene.seize(1).await?;
    // The owner never hears of it: nobody can tell the restored one.
    scene.stop(0).await?;
    std::fs::remove_dir_all(&now)?;
    copy(&kept, &now)?;
    scene.start(1).await?;
    scene.at(1)?.file("first", b"the same bytes").await?;
    scene.at(1)?.make("second").await?;
    let second = scene.look_into(1).await?;
    let (mut nonces, mut places) = (HashMap::new(), HashMap::new());
    for entry in first
        .shelf
        .entries()
        .into_iter()
        .chain(second.shelf.entries())
    {
        let (id, header) = (entry.id(), &entry.header);
        ensure!(
            *nonces.entry(header.nonce).or_insert(id) == id,
            "a nonce is used twice"
        );
        let place = (entry.log_id(), header.seq);
        ensure!(
            *places.entry(place).or_insert(id) == id,
            "a number is used twice"
        );
    }
    let logs = |evil: &Evil| -> BTreeSet<_> {
        let own = evil.contents();
        let own = own.iter().filter(|e| e.header.bind == evil.bind);
        own.map(Entry::log_id).collect()
    };
    ensure!(
        logs(&first) != logs(&second),
        "it goes on in the log that it had"
    );
    scene.start(0).await?;
    scene.level(&[0, 1]).await
}

fn copy(from: &std::path::Path, to: &std::path::Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            std::fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}
