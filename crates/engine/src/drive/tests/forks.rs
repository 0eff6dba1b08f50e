//! Devices that sign two entries with one number, on either plane, against five honest replicas.

use peerdrive_crypto::author::{Signer, control_entry};
use peerdrive_crypto::entry::LogPosition;
use peerdrive_crypto::membership::Control;

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
fn a_control_log_forked_by_a_reader_keeps_no_drive_from_opening_and_no_removal_from_arriving() -> Or<()> {
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

impl World {
    /// A second device with the identity of one: what it signs, the first one may sign differently.
    fn twin(&self, of: usize) -> Or<Node> {
        let of = &self.nodes[of];
        let mut records = Vec::new();
        of.replica.log.replay(0, |_, record| records.push(record))?;
        let folder = tempfile::tempdir()?;
        Ok(Node {
            replica: open(self.drive, &of.keys, of.bind, folder.path(), records)?,
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
    assert_eq!((one.log_id(), one.header.seq), (two.log_id(), two.header.seq));
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
