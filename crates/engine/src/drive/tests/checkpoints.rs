//! Joining by a checkpoint: what it shows, what becomes of it when every entry was judged, and what a
//! checkpoint can be made to say by somebody whose word counts.

use peerdrive_crypto::checkpoint::{CheckpointBody, Reached, open_snapshot, seal_snapshot};
use peerdrive_crypto::entry::{Links, content_entry};
use peerdrive_crypto::secret::SnapshotKey;
use peerdrive_net::BlobId;

use super::forged::{claim_more_ops, exchange};
use super::*;
use crate::checkpoints::{Made, make};
use crate::drive::admission::author_of;
use crate::drive::checkpoint::{Known, Prepared};
use crate::drive::ground::{Loaded, SnapshotError};

/// An owner, an admin and a writer who have written a little, and agree.
const OWNER: usize = 0;
const ADMIN: usize = 1;
const BEN: usize = 2;

fn at_work(dice: &mut Dice) -> Or<World> {
    let mut world = World::found()?;
    world.admit(OWNER, Role::Admin)?;
    world.admit(OWNER, Role::Writer)?;
    world.settle(dice)?;
    for round in 0..30 {
        world.edit(round % 3, dice)?;
        world.tell(round % 3, (round + 1) % 3, dice, false)?;
    }
    world.settle(dice)?;
    // One more of each, of which nobody knows that the others are.
    for (at, name) in [(OWNER, "owners"), (ADMIN, "admins"), (BEN, "bens")] {
        write(&mut world, at, name)?;
    }
    world.settle(dice)?;
    Ok(world)
}

fn write(world: &mut World, at: usize, name: &str) -> Or<()> {
    let replica = &mut world.nodes[at].replica;
    for result in replica.edit(&[create(NodeId::ROOT, name, Kind::File)?])? {
        result?;
    }
    replica.commit()?;
    Ok(())
}

/// What somebody would sign, made into a checkpoint and signed whatever it says.
fn sign(world: &mut World, at: usize, prepared: Prepared) -> Or<(Known, Made)> {
    let deps = prepared.deps.clone();
    let made = make(&world.drive, prepared).ok_or("no checkpoint")?;
    publish(world, at, made, deps)
}

fn publish(world: &mut World, at: usize, made: Made, deps: Vec<EntryId>) -> Or<(Known, Made)> {
    let replica = &mut world.nodes[at].replica;
    let position = replica.checkpoint_position();
    replica.publish_checkpoint(&made.body, deps)?;
    replica.commit()?;
    let entry = replica.entry_at(&position.log_id(), position.seq);
    let known = Known {
        entry: entry.ok_or("no entry")?,
        body: made.body.clone(),
    };
    Ok((known, made))
}

fn prepare(world: &mut World, at: usize) -> Or<Prepared> {
    let prepared = world.nodes[at].replica.prepare_now();
    Ok(prepared.ok_or("no need of a checkpoint")?)
}

/// Lets somebody in who hears of nothing but members and a checkpoint, and stands on that.
fn join_by(world: &mut World, known: &Known, made: &Made) -> Or<usize> {
    let dora = world.admit(OWNER, Role::Writer)?;
    hear(world, dora, known)?;
    let loaded = open(&world.drive, &known.body, &made.parts)?;
    keep(world, dora, known, made)?;
    let replica = &mut world.nodes[dora].replica;
    let offered = replica.candidate(&[]).ok_or("it is not offered")?;
    assert_eq!(offered.entry.id(), known.entry.id());
    assert!(replica.stand_on(known.clone(), loaded));
    let committed = replica.commit()?;
    assert!(committed.reloaded);
    Ok(dora)
}

fn open(drive: &DriveId, body: &CheckpointBody, parts: &[Bytes]) -> Result<Loaded, SnapshotError> {
    Loaded::read(drive, body, &open_snapshot(drive, body, parts)?)
}

fn keep(world: &mut World, at: usize, known: &Known, made: &Made) -> Or<()> {
    let document = open_snapshot(&world.drive, &made.body, &made.parts)?;
    let replica = &mut world.nodes[at].replica;
    replica.keep_ground(&known.entry, &document);
    replica.commit()?;
    Ok(())
}

fn hear(world: &mut World, at: usize, known: &Known) -> Or<()> {
    let replica = &mut world.nodes[at].replica;
    replica.receive(vec![known.entry.to_bytes().into()]);
    replica.commit()?;
    Ok(())
}

/// As the actor does after each turn.
fn judge(world: &mut World, at: usize) -> Or<()> {
    let replica = &mut world.nodes[at].replica;
    replica.settle_ground();
    replica.commit()?;
    Ok(())
}

/// The document of all entries but the last of somebody's log, under the actor of that log, and how many
/// that log has.
fn all_but_the_last_of(world: &World, at: usize) -> Or<(DriveTree, Reached)> {
    let log = world.nodes[at].replica.own_position(Plane::Content);
    let mut tree = DriveTree::new(Actor(log.log_id().actor()));
    let mut left = Vec::new();
    for bytes in world.entries(OWNER)? {
        let entry = Entry::decode(&bytes)?;
        let last = entry.log_id() == log.log_id() && entry.header.seq + 1 == log.seq;
        if entry.header.plane == Plane::Content && entry.header.kind == kind::EDIT && !last {
            left.push(entry);
        }
    }
    let control = &world.nodes[OWNER].replica.control;
    while !left.is_empty() {
        let before = left.len();
        left.retain(|entry| {
            let plain = control
                .epoch(&entry.header.epoch)
                .and_then(|keys| entry.open_body(&keys).ok());
            let body = plain.and_then(|plain| ContentBody::decode(&plain).ok());
            body.is_none_or(|body| tree.apply(&body.changes[0], &author_of(entry)).is_err())
        });
        if left.len() == before {
            return Err("some entries do not apply".into());
        }
    }
    let reached = Reached {
        bind: log.bind,
        inc: log.inc,
        seq: log.seq - 1,
        entry: EntryId(log.prev),
    };
    Ok((tree, reached))
}

/// What an honest checkpoint says, but of this document.
fn of_document(mut honest: Prepared, tree: &mut DriveTree) -> Prepared {
    honest.heads = tree.heads();
    honest.changes = tree.changes();
    honest.document = tree.save();
    honest
}

/// An honest checkpoint, but with this document behind it.
fn with_document(drive: &DriveId, honest: Prepared, tree: &mut DriveTree) -> Or<Made> {
    let mut made = make(drive, honest).ok_or("no checkpoint")?;
    let (key, document) = (SnapshotKey::from(&made.body.snapshot.key), tree.save());
    made.body.snapshot.len = document.len() as u64;
    made.body.heads = tree.heads();
    let parts = seal_snapshot(drive, &made.body.heads, &key, document);
    made.parts = parts.into_iter().map(Bytes::from).collect();
    Ok(made)
}

/// A checkpoint that nobody's own program would sign.
fn sign_anything(world: &World, at: usize, made: &Made, deps: Vec<EntryId>) -> Or<Known> {
    let node = &world.nodes[at];
    let control = &node.replica.control;
    let ctrl = control.heads();
    let entry = content_entry(
        &node.replica.checkpoint_position(),
        kind::CHECKPOINT,
        Links { deps, ctrl },
        &*control.current_epoch().ok_or("no keys")?,
        &made.body.to_bytes()?,
        &node.keys,
        &mut crate::env::rng(),
    )?;
    let body = made.body.clone();
    Ok(Known { entry, body })
}

/// Somebody joined by a checkpoint of the admin that is not true. She works on it; then every entry is
/// judged. The drive is what its entries are, her work is there, and the admin is named with the proof.
fn is_found_out(world: &mut World, dice: &mut Dice, known: &Known, made: &Made) -> Or<()> {
    let truth = world.shows(OWNER);
    let dora = join_by(world, known, made)?;
    assert_ne!(world.shows(dora), truth, "nothing was forged");
    write(world, dora, "doras")?;
    assert!(world.names_at(dora).contains("doras"));
    world.tell(OWNER, dora, dice, true)?;
    judge(world, dora)?;
    let replica = &world.nodes[dora].replica;
    assert_eq!(replica.verified(), None);
    let notice = replica.notices().pop().ok_or("nobody is told")?;
    assert!(notice.reason.contains("signed a checkpoint"), "{notice:?}");
    assert!(notice.reason.contains(&known.entry.id().to_string()));
    // The proof is in the record, signed.
    assert_eq!(
        replica.log.get(&known.entry.id().0)?.map(|r| r.bytes),
        Some(known.entry.to_bytes())
    );
    let mut expected = world.names_at(OWNER);
    expected.insert("doras".to_owned());
    assert_eq!(world.names_at(dora), expected);
    world.settle(dice)?;
    world.agree()?;
    assert!(world.names_at(OWNER).contains("doras"));
    // Also after a restart, as long as whoever signed it is there.
    world.restart(dora, dice)?;
    assert_eq!(world.nodes[dora].replica.notices().len(), 1);
    assert_eq!(world.names_at(dora), expected);
    Ok(())
}

#[test]
fn whoever_joins_by_a_checkpoint_sees_writes_and_restarts_before_every_entry_is_judged() -> Or<()> {
    for seed in 0..8 {
        let mut dice = Dice(seed);
        let mut world = at_work(&mut dice)?;
        let truth = world.shows(OWNER);
        let prepared = prepare(&mut world, OWNER)?;
        let (known, made) = sign(&mut world, OWNER, prepared)?;
        let dora = join_by(&mut world, &known, &made)?;
        assert_eq!(world.shows(dora), truth);
        assert_eq!(world.nodes[dora].replica.verified(), Some(0));
        write(&mut world, dora, "doras")?;
        // What others write meanwhile may come before or after what is old.
        write(&mut world, BEN, "later")?;
        world.tell(BEN, OWNER, &mut dice, true)?;
        let shown = world.shows(dora);
        world.restart(dora, &mut dice)?;
        assert_eq!(
            world.shows(dora),
            shown,
            "seed {seed}: it shows something else after a restart"
        );
        write(&mut world, dora, "more of doras")?;
        for _ in 0..6 {
            world.tell(OWNER, dora, &mut dice, false)?;
            judge(&mut world, dora)?;
            let names = world.names_at(dora);
            assert!(names.contains("doras") && names.contains("more of doras"));
            if dice.roll(3) == 0 {
                world.restart(dora, &mut dice)?;
            }
        }
        world.tell(OWNER, dora, &mut dice, true)?;
        world.tell(OWNER, dora, &mut dice, true)?;
        judge(&mut world, dora)?;
        assert_eq!(world.nodes[dora].replica.verified(), None, "seed {seed}");
        assert!(world.nodes[dora].replica.notices().is_empty());
        world.settle(&mut dice)?;
        world.agree()?;
        assert!(world.names_at(OWNER).contains("more of doras"));
        world.restart(dora, &mut dice)?;
        assert_eq!(world.nodes[dora].replica.verified(), None);
        world.agree()?;
    }
    Ok(())
}

#[test]
fn a_checkpoint_is_of_what_changed_since_the_last_and_nothing_builds_on_it() -> Or<()> {
    let mut dice = Dice(3);
    let mut world = at_work(&mut dice)?;
    let prepared = prepare(&mut world, OWNER)?;
    let (known, _) = sign(&mut world, OWNER, prepared)?;
    assert!(world.nodes[OWNER].replica.prepare_now().is_none());
    world.settle(&mut dice)?;
    // Nor is there need of another one for who has this one.
    assert!(world.nodes[ADMIN].replica.prepare_now().is_none());
    write(&mut world, BEN, "later")?;
    let replica = &world.nodes[BEN].replica;
    let log = replica.own_position(Plane::Content);
    let last = replica
        .entry_at(&log.log_id(), log.seq - 1)
        .ok_or("no entry")?;
    assert!(!last.header.deps.contains(&known.entry.id()));
    world.settle(&mut dice)?;
    assert!(world.nodes[ADMIN].replica.prepare_now().is_some());
    // A writer makes none.
    assert!(world.nodes[BEN].replica.prepare_now().is_none());
    world.agree()
}

#[test]
fn attack_l24_a_checkpoint_of_a_writer_or_a_removed_admin_is_not_taken() -> Or<()> {
    let mut dice = Dice(4);
    let mut world = at_work(&mut dice)?;
    let prepared = prepare(&mut world, ADMIN)?;
    let (known, made) = sign(&mut world, ADMIN, prepared)?;
    world.tell(ADMIN, OWNER, &mut dice, true)?;
    // As it stands it would be taken.
    let dora = world.admit(OWNER, Role::Writer)?;
    hear(&mut world, dora, &known)?;
    assert!(world.nodes[dora].replica.candidate(&[]).is_some());
    // The same from somebody who may only write, with a patched program.
    let deps = known.entry.header.deps.clone();
    let forged = sign_anything(&world, BEN, &made, deps)?;
    let emil = world.admit(OWNER, Role::Writer)?;
    hear(&mut world, emil, &forged)?;
    assert!(world.nodes[emil].replica.candidate(&[]).is_none());
    let loaded = open(&world.drive, &known.body, &made.parts)?;
    keep(&mut world, emil, &forged, &made)?;
    assert!(!world.nodes[emil].replica.stand_on(forged, loaded));
    // And of the admin, once the owner has removed them: also where it is on its way already.
    let admins = world.nodes[ADMIN].member;
    assert!(world.govern(OWNER, Act::RemoveMember(admins, Reason::Compromised))?);
    let fred = world.admit(OWNER, Role::Writer)?;
    hear(&mut world, fred, &known)?;
    assert!(world.nodes[fred].replica.candidate(&[]).is_none());
    world.tell(OWNER, dora, &mut dice, true)?;
    let loaded = open(&world.drive, &known.body, &made.parts)?;
    keep(&mut world, dora, &known, &made)?;
    assert!(!world.nodes[dora].replica.stand_on(known, loaded));
    Ok(())
}

#[test]
fn attack_l24_snapshot_omits_a_change_and_is_found_out() -> Or<()> {
    let mut dice = Dice(5);
    let mut world = at_work(&mut dice)?;
    // Left out as it is, it does not even hold as many changes as its checkpoint says.
    let (mut tree, _) = all_but_the_last_of(&world, BEN)?;
    let honest = prepare(&mut world, ADMIN)?;
    let made = with_document(&world.drive, honest, &mut tree)?;
    let refused = open(&world.drive, &made.body, &made.parts);
    assert!(
        matches!(refused, Err(SnapshotError::Document(_))),
        "{refused:?}"
    );
    // So something of no account stands in its place.
    let (mut tree, _) = all_but_the_last_of(&world, BEN)?;
    let node = tree.walk().next().ok_or("an empty drive")?;
    let idle = Edit::SetAttributes {
        node,
        mode: Some(0o611),
        mtime_ns: None,
    };
    assert_eq!(tree.edit(&[idle]).changes.len(), 1);
    let honest = prepare(&mut world, ADMIN)?;
    let (known, made) = sign(&mut world, ADMIN, of_document(honest, &mut tree))?;
    is_found_out(&mut world, &mut dice, &known, &made)
}

#[test]
fn attack_l24_snapshot_adds_a_change_and_is_found_out() -> Or<()> {
    let mut dice = Dice(6);
    let mut world = at_work(&mut dice)?;
    let (mut tree, _) = all_but_the_last_of(&world, BEN)?;
    let edits = [
        create(NodeId::ROOT, "bens", Kind::File)?,
        create(NodeId::ROOT, "what ben never wrote", Kind::File)?,
    ];
    assert_eq!(tree.edit(&edits).changes.len(), 1);
    let honest = prepare(&mut world, ADMIN)?;
    let (known, made) = sign(&mut world, ADMIN, of_document(honest, &mut tree))?;
    is_found_out(&mut world, &mut dice, &known, &made)
}

#[test]
fn attack_l24_snapshot_tells_its_ops_in_another_order_and_is_refused() -> Or<()> {
    let mut dice = Dice(12);
    let mut world = at_work(&mut dice)?;
    // Two give one file a name each at once: the order of the two says which it shows.
    let node = file_called(&world, "owners")?;
    let (one, other) = ("the name of one", "the other names");
    for (at, name) in [(OWNER, one), (BEN, other)] {
        let name = Name::new(name)?;
        let parent = NodeId::ROOT;
        let replica = &mut world.nodes[at].replica;
        for result in replica.edit(&[Edit::Move { node, parent, name }])? {
            result?;
        }
        replica.commit()?;
    }
    world.settle(&mut dice)?;
    let mut honest = prepare(&mut world, ADMIN)?;
    let document = exchange(&honest.document, one, other)?;
    assert_ne!(document, honest.document);
    assert!(exchange(&document, one, other)? == honest.document);
    honest.document = document;
    let (known, made) = sign(&mut world, ADMIN, honest)?;
    // Automerge takes it as the document of the same changes, or ends where its own assertions are compiled in.
    match open(&world.drive, &known.body, &made.parts) {
        Err(SnapshotError::Document(error)) => {
            assert!(error.to_string().contains("order of ops"), "{error}");
        }
        other => return Err(format!("{other:?}").into()),
    }
    Ok(())
}

#[test]
fn attack_l24_snapshot_tells_of_ops_that_nobody_wrote_and_is_refused() -> Or<()> {
    let mut dice = Dice(14);
    let mut world = at_work(&mut dice)?;
    // Whoever wrote next would count on from there, and be refused by everyone who knows better; and would refuse
    // what the others write.
    for more in [1, 1000, (1 << 32) - 1_000_000] {
        let many: Vec<Edit> = (0..100)
            .map(|n| create(NodeId::ROOT, &format!("{n} of {more}"), Kind::File))
            .collect::<Or<_>>()?;
        let replica = &mut world.nodes[OWNER].replica;
        for result in replica.edit(&many)? {
            result?;
        }
        replica.commit()?;
        world.settle(&mut dice)?;
        let mut honest = prepare(&mut world, ADMIN)?;
        let document = claim_more_ops(&honest.document, more)?;
        assert!(claim_more_ops(&document, -more)? == honest.document);
        honest.document = document;
        let (known, made) = sign(&mut world, ADMIN, honest)?;
        match open(&world.drive, &known.body, &made.parts) {
            Err(SnapshotError::Document(error)) => {
                assert!(
                    error.to_string().contains("an op that is not there"),
                    "{error}"
                );
            }
            other => return Err(format!("{more}: {other:?}").into()),
        }
    }
    Ok(())
}

#[test]
fn a_false_snapshot_that_a_killed_device_had_not_looked_at_is_struck_at_its_next_start() -> Or<()> {
    let mut dice = Dice(13);
    let mut world = at_work(&mut dice)?;
    let prepared = prepare(&mut world, ADMIN)?;
    let (known, _) = sign(&mut world, ADMIN, prepared)?;
    let dora = world.admit(OWNER, Role::Writer)?;
    hear(&mut world, dora, &known)?;
    let replica = &mut world.nodes[dora].replica;
    replica.keep_ground(&known.entry, b"no document");
    replica.commit()?;
    for kept in [true, false] {
        world.restart(dora, &mut dice)?;
        let replica = &mut world.nodes[dora].replica;
        assert_eq!(replica.verified(), None);
        assert_eq!(replica.ground_kept, kept);
        replica.forget_false_ground();
        replica.commit()?;
    }
    Ok(())
}

fn file_called(world: &World, name: &str) -> Or<NodeId> {
    let tree = world.nodes[OWNER].replica.tree();
    let found = tree.read().lookup(name);
    Ok(found.ok_or("no such file")?)
}

#[test]
fn of_the_checkpoints_in_one_log_the_last_counts_also_if_it_covers_less() -> Or<()> {
    let mut dice = Dice(11);
    let mut world = at_work(&mut dice)?;
    let less = prepare(&mut world, OWNER)?;
    write(&mut world, OWNER, "later")?;
    let more = prepare(&mut world, OWNER)?;
    let (first, _) = sign(&mut world, OWNER, more)?;
    let (last, _) = sign(&mut world, OWNER, less)?;
    assert!(last.body.changes < first.body.changes);
    let dora = world.admit(OWNER, Role::Writer)?;
    hear(&mut world, dora, &first)?;
    hear(&mut world, dora, &last)?;
    for _ in 0..2 {
        let replica = &world.nodes[dora].replica;
        let offered = replica.candidate(&[]).ok_or("none is offered")?;
        assert_eq!(offered.entry.id(), last.entry.id());
        world.restart(dora, &mut dice)?;
    }
    Ok(())
}

#[test]
fn attack_l24_who_claims_more_than_there_is_keeps_no_other_from_being_used() -> Or<()> {
    let mut dice = Dice(10);
    let mut world = at_work(&mut dice)?;
    let prepared = prepare(&mut world, OWNER)?;
    let (honest, made) = sign(&mut world, OWNER, prepared)?;
    let mut prepared = prepare(&mut world, ADMIN)?;
    // A million more entries of its own than there are.
    let own = world.nodes[ADMIN].replica.own_position(Plane::Content).bind;
    for reached in prepared.frontier.iter_mut().filter(|r| r.bind == own) {
        reached.seq += 1_000_000;
    }
    let deps = prepared.deps.clone();
    let mut inflated = made.clone();
    inflated.body.changes = prepared.frontier.iter().map(|r| r.seq + 1).sum();
    inflated.body.frontier = prepared.frontier;
    let liar = sign_anything(&world, ADMIN, &inflated, deps)?;
    // In either order, and after a restart.
    for order in [[&honest, &liar], [&liar, &honest]] {
        let dora = world.admit(OWNER, Role::Writer)?;
        for known in order {
            hear(&mut world, dora, known)?;
        }
        world.restart(dora, &mut dice)?;
        let replica = &mut world.nodes[dora].replica;
        let offered = |tried: &[EntryId]| replica.candidate(tried).map(|known| known.entry.id());
        let (lies, truth) = (liar.entry.id(), honest.entry.id());
        assert_eq!(offered(&[]), Some(lies), "it claims to cover more");
        assert!(open(&world.drive, &liar.body, &inflated.parts).is_err());
        assert_eq!(offered(&[lies]), Some(truth));
        assert_eq!(offered(&[lies, truth]), None);
        let loaded = open(&world.drive, &honest.body, &made.parts)?;
        assert!(
            !replica.stand_on(honest.clone(), loaded),
            "it would be lost with the next start"
        );
        let loaded = open(&world.drive, &honest.body, &made.parts)?;
        keep(&mut world, dora, &honest, &made)?;
        let replica = &mut world.nodes[dora].replica;
        assert!(replica.stand_on(honest.clone(), loaded));
    }
    // Nor does it make an admin's own device forget what it can hand out itself.
    hear(&mut world, OWNER, &liar)?;
    let kept = world.nodes[OWNER].replica.snapshot_blobs();
    let own = made.body.snapshot.blobs.iter();
    assert!(own.map(|id| BlobId(id.0)).all(|id| kept.contains(&id)));
    Ok(())
}

#[test]
fn attack_l24_snapshot_adds_an_entry_that_nobody_ever_signed_and_is_given_up() -> Or<()> {
    let mut dice = Dice(7);
    let mut world = at_work(&mut dice)?;
    let truth = world.names_at(OWNER);
    let honest = prepare(&mut world, ADMIN)?;
    let (mut tree, reached) = all_but_the_last_of(&world, BEN)?;
    let _ = tree.edit(&[create(NodeId::ROOT, "bens", Kind::File)?]);
    let _ = tree.edit(&[create(NodeId::ROOT, "what ben never wrote", Kind::File)?]);
    let invented = Reached {
        seq: reached.seq + 1,
        entry: EntryId([7; 32]),
        ..reached
    };
    let deps = honest.deps.iter().map(|dep| match *dep == reached.entry {
        true => invented.entry,
        false => *dep,
    });
    let deps: Vec<EntryId> = deps.collect();
    let mut made = with_document(&world.drive, honest, &mut tree)?;
    for one in &mut made.body.frontier {
        if one.entry == reached.entry {
            *one = invented;
        }
    }
    made.body.changes += 1;
    let known = sign_anything(&world, ADMIN, &made, deps)?;
    let dora = join_by(&mut world, &known, &made)?;
    assert!(world.names_at(dora).contains("what ben never wrote"));
    write(&mut world, dora, "doras")?;
    world.tell(OWNER, dora, &mut dice, true)?;
    judge(&mut world, dora)?;
    // All that there is was judged, and the rest may be on its way.
    assert!(world.nodes[dora].replica.verified().is_some());
    world.nodes[dora].replica.give_ground_up();
    world.nodes[dora].replica.commit()?;
    let mut expected = truth;
    expected.insert("doras".to_owned());
    assert_eq!(world.names_at(dora), expected);
    let notice = world.nodes[dora]
        .replica
        .notices()
        .pop()
        .ok_or("nobody is told")?;
    assert!(
        notice.reason.contains("that no device here has"),
        "{notice:?}"
    );
    world.settle(&mut dice)?;
    assert!(world.names_at(OWNER).contains("doras"));
    Ok(())
}

#[test]
fn attack_l24_snapshot_reattributes_a_change_and_is_found_out() -> Or<()> {
    let mut dice = Dice(8);
    // What the owner wrote is in Ben's name, and the other way round.
    let mut world = at_work(&mut dice)?;
    let (mut tree, _) = all_but_the_last_of(&world, BEN)?;
    let _ = tree.edit(&[create(NodeId::ROOT, "admins' and bens", Kind::File)?]);
    let honest = prepare(&mut world, ADMIN)?;
    let (known, made) = sign(&mut world, ADMIN, of_document(honest, &mut tree))?;
    is_found_out(&mut world, &mut dice, &known, &made)?;
    // The document is true, and the checkpoint says of two changes that each is in the other's entry.
    let mut world = at_work(&mut dice)?;
    let mut honest = prepare(&mut world, ADMIN)?;
    let deps = honest.deps.clone();
    let (first, second) = {
        let mut actors = honest.changes.values_mut();
        let first = actors.next().ok_or("nobody wrote")?;
        let second = actors.next().ok_or("one alone wrote")?;
        (first, second)
    };
    std::mem::swap(&mut first[0], &mut second[0]);
    let made = make(&world.drive, honest).ok_or("no checkpoint")?;
    let (known, made) = publish(&mut world, ADMIN, made, deps)?;
    let dora = join_by(&mut world, &known, &made)?;
    world.tell(OWNER, dora, &mut dice, true)?;
    judge(&mut world, dora)?;
    let notice = world.nodes[dora]
        .replica
        .notices()
        .pop()
        .ok_or("nobody is told")?;
    assert!(notice.reason.contains("does not bear out"), "{notice:?}");
    world.settle(&mut dice)?;
    world.agree()
}

#[test]
fn attack_l24_what_somebody_was_removed_for_goes_when_all_is_judged() -> Or<()> {
    let mut dice = Dice(9);
    let mut world = at_work(&mut dice)?;
    // The owner removes Ben without having heard of his last entry, which is in the admin's checkpoint.
    write(&mut world, BEN, "late")?;
    world.tell(BEN, ADMIN, &mut dice, true)?;
    let bens = world.nodes[BEN].member;
    let prepared = prepare(&mut world, ADMIN)?;
    let (known, made) = sign(&mut world, ADMIN, prepared)?;
    let dora = join_by(&mut world, &known, &made)?;
    write(&mut world, dora, "doras")?;
    assert!(world.names_at(dora).contains("late"));
    assert!(world.govern(OWNER, Act::RemoveMember(bens, Reason::Compromised))?);
    world.tell(OWNER, dora, &mut dice, true)?;
    world.tell(ADMIN, dora, &mut dice, true)?;
    judge(&mut world, dora)?;
    let replica = &world.nodes[dora].replica;
    assert_eq!(replica.verified(), None);
    // The admin could not know.
    assert!(replica.notices().is_empty());
    let names = world.names_at(dora);
    assert!(!names.contains("late") && names.contains("doras"));
    world.settle(&mut dice)?;
    world.agree()
}
