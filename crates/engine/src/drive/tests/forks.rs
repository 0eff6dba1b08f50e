//! Devices that sign two entries with one number, on either plane, against five honest replicas.

use peerdrive_crypto::author::{Signer, control_entry};
use peerdrive_crypto::entry::LogPosition;
use peerdrive_crypto::membership::{ContentRef, Control};

use super::*;

/// Two control entries of one device with one number, and a third that follows the second.
fn forked_control(world: &World, by: usize) -> Or<[Entry; 3]> {
    let node = &world.nodes[by];
    let known = &node.replica.control;
    let at = node.replica.own_position(Plane::Control);
    let write = |control: &Control, at: &LogPosition| -> Or<Entry> {
        let signer = Signer::Device(&node.keys);
        let rng = &mut crate::env::rng();
        Ok(control_entry(control, at, signer, &known.keyring, Draft::new(), rng)?.entry)
    };
    let (first, second) = (write(&known.control, &at)?, write(&known.control, &at)?);
    let mut with = known.control.clone();
    with.insert(second.clone())?;
    let third = write(&with, &LogPosition::after(&second.header))?;
    Ok([first, second, third])
}

fn take(world: &mut World, at: usize, entries: &[Entry]) -> Or<()> {
    let bytes = entries.iter().map(|entry| entry.to_bytes().into());
    world.nodes[at].replica.receive(bytes.collect());
    world.nodes[at].replica.commit()?;
    Ok(())
}

#[test]
fn a_control_log_forked_by_a_reader_keeps_no_drive_from_opening_and_no_removal_from_arriving()
-> Or<()> {
    let mut dice = Dice(1);
    let mut world = World::found()?;
    let reader = world.admit(0, Role::Reader)?;
    let other = world.admit(0, Role::Writer)?;
    world.settle(&mut dice)?;
    let forked = forked_control(&world, reader)?;
    take(&mut world, 0, &forked)?;
    world.restart(0, &mut dice)?;
    // The owner removes the reader, on top of all that.
    let readers = world.nodes[reader].member;
    assert!(world.govern(0, Act::RemoveMember(readers, Reason::Compromised))?);
    world.restart(0, &mut dice)?;
    // Whoever has the record of the owner alone has all that the removal builds on.
    world.tell(0, other, &mut dice, true)?;
    assert_eq!(world.role(reader), Some(Role::Reader));
    let state = |at: usize| world.nodes[at].replica.control.control.ctrl_hash();
    assert_eq!(state(other), state(0));
    world.restart(other, &mut dice)?;
    world.tell(other, reader, &mut dice, true)?;
    assert_eq!(world.role(reader), None);
    Ok(())
}

type Content = BTreeMap<EntryId, Entry>;

/// Rules K1 to K6 of one entry, read naively.
pub(super) fn stands_alone(control: &ControlPlane, content: &Content, entry: &Entry) -> bool {
    let before = entry.header.predecessor().and_then(|id| content.get(&id));
    let judged = ContentRef {
        header: &entry.header,
        prev_ctrl: before.map_or(&[], |before| &before.header.ctrl),
        floor: None,
    };
    let id = entry.id();
    let mut on_chain = |cut: &EntryId| {
        let mut at = content.get(cut);
        while let Some(entry) = at {
            if entry.id() == id {
                return true;
            }
            at = entry
                .header
                .predecessor()
                .and_then(|before| content.get(&before));
        }
        false
    };
    control.control.admits(&judged, &mut on_chain).is_ok()
}

/// An entry and all that it builds on; `None` if some of it is not here.
fn past(content: &Content, id: EntryId) -> Option<BTreeSet<EntryId>> {
    let (mut past, mut open) = (BTreeSet::new(), vec![id]);
    while let Some(id) = open.pop() {
        if past.insert(id) {
            let header = &content.get(&id)?.header;
            open.extend(header.deps.iter().copied().chain(header.predecessor()));
        }
    }
    Some(past)
}

/// The entries that lose against others of the same number, by the rule of the design read naively.
pub(super) fn losers(control: &ControlPlane, content: &Content) -> BTreeSet<EntryId> {
    let mut places: BTreeMap<_, BTreeSet<EntryId>> = BTreeMap::new();
    for (id, entry) in content {
        let place = (entry.log_id(), entry.header.prev);
        places.entry(place).or_default().insert(*id);
    }
    let standing: Vec<(&Entry, BTreeSet<EntryId>)> = content
        .iter()
        .filter_map(|(id, entry)| Some((entry, past(content, *id)?)))
        .filter(|(_, past)| {
            past.iter()
                .all(|id| stands_alone(control, content, &content[id]))
        })
        .collect();
    let whose = |entry: &Entry| control.member_of(&entry.header.bind);
    let mut losers = BTreeSet::new();
    for firsts in places.into_values().filter(|firsts| firsts.len() > 1) {
        let vouched = |first: &&EntryId| {
            standing.iter().any(|(entry, past)| {
                let mut others = firsts.iter().filter(|other| other != first);
                past.contains(*first)
                    && !others.any(|other| past.contains(other))
                    && whose(entry) != whose(&content[*first])
            })
        };
        let stands = |first: &&EntryId| standing.iter().any(|(entry, _)| entry.id() == **first);
        let won = firsts.iter().find(vouched);
        let won = won.or_else(|| firsts.iter().find(stands));
        let won = won.or_else(|| firsts.first()).copied();
        losers.extend(firsts.into_iter().filter(|first| Some(*first) != won));
    }
    losers
}

impl World {
    /// A second device with the identity of one: what it signs, the first one may sign differently.
    fn twin(&self, of: usize) -> Or<Node> {
        let of = &self.nodes[of];
        let mut records = Vec::new();
        of.replica.log.replay(0, |_, record| records.push(record))?;
        let folder = tempfile::tempdir()?;
        let log = Arc::new(DriveLog::open(&folder.path().join("log.redb"))?);
        log.append(&Batch {
            records,
            ..Batch::default()
        })?;
        let own = Own {
            keys: of.keys.clone(),
            bind: of.bind,
            control_inc: of.replica.own.control_inc,
            content_inc: of.replica.own.content_inc,
            high: Arc::new(HighWater::open(folder.path())?),
        };
        let seal = Arc::new(Seal::new(self.drive, LocalKey::from_bytes([7; 32])));
        let control = of.replica.control.emptied();
        Ok(Node {
            replica: Replica::load(self.drive, own, log, seal, control)?,
            member: of.member,
            _folder: folder,
            keys: of.keys.clone(),
            bind: of.bind,
            made: BTreeSet::new(),
        })
    }

    fn make(&mut self, at: usize, name: &str) -> Or<Entry> {
        let edit = create(NodeId::ROOT, name, Kind::File)?;
        make(&mut self.nodes[at], edit)
    }
}

fn make(node: &mut Node, edit: Edit) -> Or<Entry> {
    node.replica.edit(&[edit])?.remove(0)?;
    let committed = node.replica.commit()?;
    Ok(Entry::decode(&committed.own[0].bytes)?)
}

#[test]
fn a_forked_content_log_shows_the_same_everywhere_in_both_orders() -> Or<()> {
    let mut dice = Dice(1);
    let mut world = World::found()?;
    let evil = world.admit(0, Role::Writer)?;
    let cleo = world.admit(0, Role::Writer)?;
    world.settle(&mut dice)?;
    let mut twin = world.twin(evil)?;
    let one = world.make(evil, "one")?;
    let two = make(&mut twin, create(NodeId::ROOT, "two", Kind::File)?)?;
    assert_eq!(
        (one.log_id(), one.header.seq),
        (two.log_id(), two.header.seq)
    );
    take(&mut world, 0, &[one.clone(), two.clone()])?;
    take(&mut world, cleo, &[two.clone(), one.clone()])?;
    assert_eq!(world.shows(0), world.shows(cleo));
    // Nobody vouches: the smaller id.
    let won = if one.id() < two.id() { "one" } else { "two" };
    assert!(world.names_at(0).contains(won) && world.names_at(0).len() == 1);
    for at in [0, cleo] {
        world.restart(at, &mut dice)?;
        assert!(world.names_at(at).contains(won));
    }
    Ok(())
}

/// Somebody who heard of one branch builds on it, and it wins against a smaller id. Nothing of those who
/// built on the other is lost, nor of the author, if both branches are by one who was only copied.
#[test]
fn the_branch_that_others_built_on_wins_and_honest_work_on_the_other_is_made_again() -> Or<()> {
    let mut smaller = [false; 2];
    for seed in 0.. {
        if smaller == [true, true] {
            return Ok(());
        }
        assert!(seed < 40, "one of two random numbers is always the smaller");
        let mut dice = Dice(seed);
        let mut world = World::found()?;
        let copied = world.admit(0, Role::Writer)?;
        let ben = world.admit(0, Role::Writer)?;
        let cleo = world.admit(0, Role::Writer)?;
        world.settle(&mut dice)?;
        let twin = world.twin(copied)?;
        world.nodes.push(twin);
        let twin = world.nodes.len() - 1;
        let one = world.make(copied, "one")?;
        let two = world.make(twin, "two")?;
        smaller[usize::from(one.id() < two.id())] = true;
        // Ben builds on one, before anyone hears of two.
        take(&mut world, ben, &[one])?;
        world.make(ben, "bens")?;
        world.tell(ben, 0, &mut dice, true)?;
        world.make(0, "owners")?;
        take(&mut world, cleo, &[two])?;
        assert!(world.names_at(cleo).contains("two"));
        world.settle(&mut dice)?;
        world.agree()?;
        let shown = world.names_at(cleo);
        for name in ["one", "two", "bens", "owners"] {
            assert!(shown.contains(name), "{name} is not there");
        }
        // The work that lost was written again, in a log that nobody else writes in.
        let logs = |at: usize| {
            world.nodes[at]
                .replica
                .own_position(Plane::Content)
                .log_id()
        };
        assert_ne!(logs(copied), logs(twin));
        for at in 0..world.nodes.len() {
            world.restart(at, &mut dice)?;
        }
        world.agree()?;
        world.make(twin, "later")?;
        world.make(copied, "later too")?;
        world.settle(&mut dice)?;
        world.agree()?;
        assert!(world.names_at(0).contains("later") && world.names_at(0).contains("later too"));
    }
    Ok(())
}

/// As the histories without copies, but some device's record is copied again and again, and both go on.
fn history_with_copies(seed: u64) -> Or<()> {
    let mut dice = Dice(seed);
    let mut world = World::found()?;
    for role in [Role::Admin, Role::Writer, Role::Writer] {
        world.admit(0, role)?;
    }
    world.settle(&mut dice)?;
    let people = world.nodes.len();
    let mut removed = BTreeSet::new();
    for _ in 0..60 {
        let at = dice.roll(world.nodes.len());
        let other = dice.roll(world.nodes.len());
        match dice.roll(20) {
            0..11 => world.edit(at, &mut dice)?,
            11..16 if at != other => world.tell(at, other, &mut dice, false)?,
            16 => world.restart(at, &mut dice)?,
            17 | 18 if world.nodes.len() < people + 2 => {
                let twin = world.twin(at)?;
                world.nodes.push(twin);
            }
            19 if at < 2 && other > 1 && other < people => {
                let member = world.nodes[other].member;
                if world.govern(at, Act::RemoveMember(member, Reason::Retired))? {
                    removed.insert(member);
                }
            }
            _ => {}
        }
    }
    world.settle(&mut dice)?;
    world.agree()?;
    let faithful = |at: &usize| !removed.contains(&world.nodes[*at].member);
    let faithful = (0..world.nodes.len()).filter(faithful).collect();
    world.nothing_is_lost(&faithful)?;
    for at in 0..world.nodes.len() {
        world.restart(at, &mut dice)?;
    }
    world.agree()
}

#[test]
fn random_histories_with_copied_devices_converge_in_every_order_and_lose_nothing_honest() -> Or<()>
{
    let rounds = if std::env::var_os("PEERDRIVE_LONG").is_some() {
        500
    } else {
        16
    };
    let begin = match std::env::var("PEERDRIVE_SEED") {
        Ok(seed) => seed.parse()?,
        Err(_) => 1,
    };
    for seed in begin..begin + rounds {
        history_with_copies(seed).map_err(|error| format!("seed {seed}: {error}"))?;
    }
    Ok(())
}

#[test]
fn whoever_signed_twice_is_named_until_they_are_removed() -> Or<()> {
    let mut dice = Dice(3);
    let mut world = World::found()?;
    let evil = world.admit(0, Role::Writer)?;
    world.settle(&mut dice)?;
    assert!(world.nodes[0].replica.notices().is_empty());
    let mut twin = world.twin(evil)?;
    let one = world.make(evil, "one")?;
    let two = make(&mut twin, create(NodeId::ROOT, "two", Kind::File)?)?;
    take(&mut world, 0, &[one, two])?;
    world.restart(0, &mut dice)?;
    let notices = world.nodes[0].replica.notices();
    assert_eq!(notices.len(), 1);
    assert!(
        notices[0].reason.contains(&format!("m{evil}")),
        "{notices:?}"
    );
    let member = world.nodes[evil].member;
    assert!(world.govern(0, Act::RemoveMember(member, Reason::Compromised))?);
    assert!(world.nodes[0].replica.notices().is_empty());
    Ok(())
}
