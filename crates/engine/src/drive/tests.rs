//! Several replicas of one drive in one process, each with its own record, that hear of each other's
//! entries in any order. What they show is compared with each other and with a naive reading of the same
//! entries.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::id::{Actor, NodeId};
use peerdrive_crdt_tree::lint::Author;
use peerdrive_crdt_tree::name::Name;
use peerdrive_crdt_tree::node::Kind;
use peerdrive_crdt_tree::tree::{ApplyError, DriveTree};
use peerdrive_crypto::author::{Draft, Founding, brought_in, genesis};
use peerdrive_crypto::body::{ContentBody, Grant, Reason, Role};
use peerdrive_crypto::entry::{Entry, Plane, kind};
use peerdrive_crypto::identity::{DeviceCert, DriveKeys};
use peerdrive_crypto::ids::{BindId, DriveId, EntryId, MemberId};
use peerdrive_crypto::secret::{EndpointSecret, LocalKey};
use peerdrive_log::{Batch, DriveLog, Record};

use super::control::ControlPlane;
use super::error::DriveError;
use super::govern::Act;
use super::replica::{Own, Replica};
use crate::incarnation::HighWater;
use crate::listing::view_hash;
use crate::local::Seal;

mod checkpoints;
mod forged;
mod forks;

type Or<T> = Result<T, Box<dyn Error>>;

/// A small generator, so that a history can be played again from its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((x ^ (x >> 31)) % sides as u64) as usize
    }
}

struct Node {
    replica: Replica,
    member: MemberId,
    _folder: tempfile::TempDir,
    keys: Arc<DriveKeys>,
    bind: BindId,
    /// Files that this device made, by name.
    made: BTreeSet<String>,
}

struct World {
    drive: DriveId,
    nodes: Vec<Node>,
    names: usize,
}

fn open(
    drive: DriveId,
    keys: &Arc<DriveKeys>,
    bind: BindId,
    folder: &std::path::Path,
    records: Vec<Record>,
) -> Or<Replica> {
    let log = Arc::new(DriveLog::open(&folder.join("log.redb"))?);
    if !records.is_empty() {
        log.append(&Batch {
            records,
            ..Batch::default()
        })?;
    }
    let own = Own {
        keys: keys.clone(),
        bind,
        control_inc: [1; 16],
        content_inc: [2; 16],
        high: Arc::new(HighWater::open(folder)?),
    };
    let control = ControlPlane::new(drive, keys.clone(), bind);
    let seal = Arc::new(Seal::new(drive, LocalKey::from_bytes([7; 32])));
    Ok(Replica::load(drive, own, log, seal, control)?)
}

fn record(entry: &Entry) -> Record {
    Record {
        log: entry.log_id().0,
        seq: entry.header.seq,
        id: entry.id().0,
        bytes: entry.to_bytes(),
    }
}

impl World {
    /// An owner alone.
    fn found() -> Or<Self> {
        let keys = Arc::new(DriveKeys::generate(&mut crate::env::rng()));
        let endpoint = EndpointSecret::from_bytes([0; 32]);
        let founded = genesis(
            &Founding {
                drive_name: "Drive",
                member_label: "m0",
                device_label: "d0",
                keys: &keys,
                endpoint: &endpoint,
                now: 0,
            },
            &mut crate::env::rng(),
        )?;
        let folder = tempfile::tempdir()?;
        let records = vec![record(&founded.genesis)];
        let replica = open(founded.drive, &keys, founded.bind, folder.path(), records)?;
        Ok(Self {
            drive: founded.drive,
            names: 0,
            nodes: vec![Node {
                replica,
                member: founded.member,
                _folder: folder,
                keys,
                bind: founded.bind,
                made: BTreeSet::new(),
            }],
        })
    }

    /// `by` lets a new member in.
    fn admit(&mut self, by: usize, role: Role) -> Or<usize> {
        let at = self.nodes.len();
        let keys = Arc::new(DriveKeys::generate(&mut crate::env::rng()));
        let endpoint = EndpointSecret::from_bytes([at as u8; 32]);
        let cert = DeviceCert::issue(&self.drive, &keys, &endpoint, 0);
        let member = MemberId([at as u8; 16]);
        let grant = Grant {
            member,
            role,
            devices: vec![cert],
            invite: None,
        };
        let host = &mut self.nodes[by].replica;
        let entry = host.author(Draft::new().grant(grant, &format!("m{at}")))?;
        host.commit()?;
        let bind = brought_in(&entry)[0];
        let control = self.nodes[by].replica.control.control.entries();
        let records = control.map(|(_, entry)| record(entry)).collect();
        let folder = tempfile::tempdir()?;
        let replica = open(self.drive, &keys, bind, folder.path(), records)?;
        self.nodes.push(Node {
            replica,
            member,
            _folder: folder,
            keys,
            bind,
            made: BTreeSet::new(),
        });
        Ok(at)
    }

    fn entries(&self, at: usize) -> Or<Vec<Bytes>> {
        let mut all = Vec::new();
        let log = &self.nodes[at].replica.log;
        log.replay(0, |_, record| all.push(Bytes::from(record.bytes)))?;
        Ok(all)
    }

    /// `to` hears of what `from` has, in some order, or of a part of it.
    fn tell(&mut self, from: usize, to: usize, dice: &mut Dice, all: bool) -> Or<()> {
        let mut entries = self.entries(from)?;
        if !all {
            for at in (1..entries.len()).rev() {
                entries.swap(at, dice.roll(at + 1));
            }
            entries.truncate(dice.roll(entries.len() + 1));
        }
        let node = &mut self.nodes[to].replica;
        for chunk in entries.chunks(1 + dice.roll(6)) {
            node.receive(chunk.to_vec());
            node.commit()?;
        }
        Ok(())
    }

    /// Everyone hears of everything, keys are seen to, until nothing is new.
    fn settle(&mut self, dice: &mut Dice) -> Or<()> {
        for _ in 0..30 {
            let before = self.sizes()?;
            for from in 0..self.nodes.len() {
                for to in 0..self.nodes.len() {
                    if from != to {
                        self.tell(from, to, dice, true)?;
                    }
                }
            }
            if self.sizes()? == before {
                let mut tended = false;
                for node in &mut self.nodes {
                    if !tended {
                        tended = node.replica.tend()?;
                        node.replica.commit()?;
                    }
                }
                if !tended {
                    return Ok(());
                }
            }
        }
        Err("it never comes to rest".into())
    }

    fn sizes(&self) -> Or<Vec<u64>> {
        let logs = self.nodes.iter().map(|node| node.replica.log.arrivals());
        Ok(logs.collect())
    }

    fn restart(&mut self, at: usize, dice: &mut Dice) -> Or<()> {
        let node = &mut self.nodes[at];
        if dice.roll(2) == 0 {
            node.replica.snapshot_if_due(true)?;
        }
        let emptied = node.replica.control.emptied();
        let own = Own {
            keys: node.keys.clone(),
            bind: node.bind,
            control_inc: node.replica.own.control_inc,
            content_inc: node.replica.own.content_inc,
            high: node.replica.own.high.clone(),
        };
        let log = node.replica.log.clone();
        let seal = Arc::new(Seal::new(self.drive, LocalKey::from_bytes([7; 32])));
        node.replica = Replica::load(self.drive, own, log, seal, emptied)?;
        node.replica.remake();
        node.replica.commit()?;
        Ok(())
    }

    /// One edit of somebody, if the rules let them.
    fn edit(&mut self, at: usize, dice: &mut Dice) -> Or<()> {
        self.names += 1;
        let name = format!("{at}-{}", self.names);
        let node = &mut self.nodes[at];
        let (edit, makes) = {
            let tree = node.replica.tree();
            let tree = tree.read();
            let all: Vec<NodeId> = tree.walk().collect();
            let some = |dice: &mut Dice| {
                if all.is_empty() {
                    NodeId::ROOT
                } else {
                    all[dice.roll(all.len())]
                }
            };
            let folder = |dice: &mut Dice| {
                let wanted = some(dice);
                match tree.get(wanted) {
                    Some(node) if node.kind == Kind::Folder => wanted,
                    _ => NodeId::ROOT,
                }
            };
            match dice.roll(8) {
                0..4 => (create(folder(dice), &name, Kind::File)?, Some(name)),
                4 => (create(folder(dice), &name, Kind::Folder)?, None),
                5 | 6 if !all.is_empty() => {
                    let node = some(dice);
                    let parent = folder(dice);
                    // Files keep their names: they are looked for by them.
                    let name = tree.get(node).map(|node| node.name).unwrap_or(name);
                    let name = Name::new(&name)?;
                    (Edit::Move { node, parent, name }, None)
                }
                _ => {
                    let mode = Some(0o600 + dice.roll(64) as u32);
                    let node = some(dice);
                    let mtime_ns = None;
                    (
                        Edit::SetAttributes {
                            node,
                            mode,
                            mtime_ns,
                        },
                        None,
                    )
                }
            }
        };
        match node.replica.edit(&[edit]) {
            Ok(results) => {
                if results.iter().all(Result::is_ok) {
                    node.made.extend(makes);
                }
                node.replica.commit()?;
                Ok(())
            }
            Err(DriveError::ReadOnly | DriveError::NoKeys) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn govern(&mut self, at: usize, act: Act) -> Or<bool> {
        let done = self.nodes[at].replica.govern(act);
        self.nodes[at].replica.commit()?;
        match done {
            Ok(()) => Ok(true),
            Err(DriveError::Refused(_) | DriveError::NotAllowed | DriveError::NotAbove) => {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn shows(&self, at: usize) -> [u8; 32] {
        view_hash(&self.nodes[at].replica.tree().read())
    }

    fn names_at(&self, at: usize) -> BTreeSet<String> {
        let tree = self.nodes[at].replica.tree();
        let tree = tree.read();
        tree.walk()
            .filter_map(|id| tree.get(id).map(|node| node.name))
            .collect()
    }

    /// The members who are in by everyone's reading.
    fn role(&self, at: usize) -> Option<Role> {
        self.nodes[at].replica.control.role()
    }

    /// What the entries of a replica come to, read naively: judged one by one as long as more count.
    fn naive(&self, at: usize) -> Or<DriveTree> {
        let control = &self.nodes[at].replica.control;
        let mut content: BTreeMap<EntryId, Entry> = BTreeMap::new();
        for bytes in self.entries(at)? {
            let entry = Entry::decode(&bytes)?;
            // Checkpoints change nothing.
            let is_edit = entry.header.kind == kind::EDIT;
            if entry.header.plane == Plane::Content && is_edit {
                content.insert(entry.id(), entry);
            }
        }
        let mut tree = DriveTree::new(Actor([0xee; 16]));
        let mut counts: BTreeSet<EntryId> = BTreeSet::new();
        let losers = forks::losers(control, &content);
        loop {
            let before = counts.len();
            for (id, entry) in &content {
                let links = entry.header.deps.iter().copied();
                let mut links = links.chain(entry.header.predecessor());
                if counts.contains(id)
                    || losers.contains(id)
                    || !links.all(|link| counts.contains(&link))
                    || !forks::stands_alone(control, &content, entry)
                {
                    continue;
                }
                let Some(keys) = control.epoch(&entry.header.epoch) else {
                    continue;
                };
                let body = ContentBody::decode(&entry.open_body(&keys).map_err(|_| "sealed")?)?;
                let author = Author {
                    actor: Actor(entry.log_id().actor()),
                    seq: entry.header.seq + 1,
                };
                match tree.apply(&body.changes[0], &author) {
                    Ok(_) => counts.insert(*id),
                    // Made on ground that there never was, in spite of what its entry says.
                    Err(ApplyError::MissingDependency(_)) => continue,
                    Err(error) => return Err(error.into()),
                };
            }
            if counts.len() == before {
                return Ok(tree);
            }
        }
    }

    /// The same members, the same tree, and that of the naive reading.
    fn agree(&self) -> Or<()> {
        let hashes: Vec<_> = (0..self.nodes.len())
            .map(|at| self.nodes[at].replica.control.control.ctrl_hash())
            .collect();
        if hashes.iter().any(|hash| *hash != hashes[0]) {
            return Err("different members".into());
        }
        let live: Vec<usize> = (0..self.nodes.len())
            .filter(|at| self.role(*at).is_some())
            .collect();
        for at in &live {
            if self.shows(*at) != self.shows(live[0]) {
                return Err(format!(
                    "{at} and {} show different trees: {:?} against {:?}",
                    live[0],
                    self.names_at(*at),
                    self.names_at(live[0])
                )
                .into());
            }
            if view_hash(&self.naive(*at)?) != self.shows(*at) {
                return Err(format!("{at} shows another tree than the naive reading").into());
            }
            // Another device may begin from what this one saves.
            let saved = self.nodes[*at].replica.tree().write().save();
            let changes = self.nodes[*at].replica.tree().read().changes();
            let changes = changes.values().map(Vec::len).sum::<usize>();
            let loaded = DriveTree::load_foreign(&saved, changes as u64, Actor([9; 16]))?;
            if view_hash(&loaded) != self.shows(*at) {
                return Err(format!("what {at} saves shows another tree").into());
            }
        }
        Ok(())
    }

    /// What those made who never lost the right to is there.
    fn nothing_is_lost(&self, faithful: &BTreeSet<usize>) -> Or<()> {
        let shown = self.names_at(0);
        for at in faithful {
            for name in &self.nodes[*at].made {
                if !shown.contains(name) {
                    return Err(format!("{name} is lost").into());
                }
            }
        }
        Ok(())
    }
}

fn create(parent: NodeId, name: &str, kind: Kind) -> Or<Edit> {
    Ok(Edit::Create {
        parent: Place::In(parent),
        name: Name::new(name)?,
        kind,
        content: None,
        mode: None,
    })
}

fn history(seed: u64) -> Or<()> {
    let mut dice = Dice(seed);
    let mut world = World::found()?;
    for role in [Role::Admin, Role::Writer, Role::Writer, Role::Writer] {
        world.admit(0, role)?;
    }
    world.settle(&mut dice)?;
    let mut faithful: BTreeSet<usize> = (0..world.nodes.len()).collect();
    for _ in 0..60 {
        let at = dice.roll(world.nodes.len());
        let other = dice.roll(world.nodes.len());
        match dice.roll(20) {
            0..12 => world.edit(at, &mut dice)?,
            12..17 if at != other => world.tell(at, other, &mut dice, false)?,
            17 => world.restart(at, &mut dice)?,
            18 if at < 2 && other > 1 => {
                let member = world.nodes[other].member;
                if world.govern(at, Act::RemoveMember(member, Reason::Retired))? {
                    faithful.remove(&other);
                }
            }
            19 if at < 2 && other > 1 => {
                let member = world.nodes[other].member;
                let role = [Role::Reader, Role::Writer, Role::Admin][dice.roll(3)];
                if world.govern(at, Act::Role(member, role))? && role == Role::Reader {
                    faithful.remove(&other);
                }
            }
            _ => {}
        }
    }
    world.settle(&mut dice)?;
    world.agree()?;
    // Two changes of role at once may leave somebody with neither.
    faithful.retain(|at| world.role(*at) >= Some(Role::Writer));
    world.nothing_is_lost(&faithful)?;
    for at in 0..world.nodes.len() {
        world.restart(at, &mut dice)?;
    }
    world.agree()
}

#[test]
fn random_histories_with_removals_converge_in_every_order_and_lose_nothing_honest() -> Or<()> {
    let rounds = if std::env::var_os("PEERDRIVE_LONG").is_some() {
        500
    } else {
        12
    };
    let begin = match std::env::var("PEERDRIVE_SEED") {
        Ok(seed) => seed.parse()?,
        Err(_) => 1,
    };
    for seed in begin..begin + rounds {
        history(seed).map_err(|error| format!("seed {seed}: {error}"))?;
    }
    Ok(())
}

#[test]
fn what_was_built_on_a_removed_writers_late_work_is_made_again_and_that_work_waits() -> Or<()> {
    let mut dice = Dice(1);
    let mut world = World::found()?;
    let cleo = world.admit(0, Role::Writer)?;
    let ben = world.admit(0, Role::Writer)?;
    world.settle(&mut dice)?;
    // Ben writes a folder that only Cleo hears of; she puts a file in it. Meanwhile the owner removes him.
    let made = world.nodes[ben]
        .replica
        .edit(&[create(NodeId::ROOT, "bens", Kind::Folder)?])?;
    world.nodes[ben].replica.commit()?;
    let folder = made[0].clone()?;
    world.tell(ben, cleo, &mut dice, true)?;
    world.nodes[cleo]
        .replica
        .edit(&[create(folder, "cleos", Kind::File)?])?;
    world.nodes[cleo].replica.commit()?;
    let bens = world.nodes[ben].member;
    assert!(world.govern(0, Act::RemoveMember(bens, Reason::Compromised))?);
    world.settle(&mut dice)?;
    world.agree()?;
    assert!(world.names_at(0).contains("cleos"));
    // The folder is there because Cleo's work is in it, and only so.
    let path = world.nodes[0].replica.tree().read().lookup("bens/cleos");
    assert!(path.is_some());
    let pending: HashMap<BindId, u64> = world.nodes[0]
        .replica
        .pending()
        .iter()
        .map(|pending| (pending.device, pending.entries))
        .collect();
    assert_eq!(pending.get(&world.nodes[ben].bind), Some(&1));
    Ok(())
}

#[test]
fn late_work_of_a_removed_writer_counts_once_an_admin_accepts_it() -> Or<()> {
    let mut dice = Dice(2);
    let mut world = World::found()?;
    let ben = world.admit(0, Role::Writer)?;
    let cleo = world.admit(0, Role::Writer)?;
    world.settle(&mut dice)?;
    world.nodes[ben]
        .replica
        .edit(&[create(NodeId::ROOT, "late", Kind::File)?])?;
    world.nodes[ben].replica.commit()?;
    let bens = world.nodes[ben].member;
    assert!(world.govern(0, Act::RemoveMember(bens, Reason::Retired))?);
    world.settle(&mut dice)?;
    assert!(!world.names_at(0).contains("late") && !world.names_at(cleo).contains("late"));
    let bind = world.nodes[ben].bind;
    // Only an admin accepts.
    assert!(!world.govern(cleo, Act::Accept(bind))?);
    assert!(world.govern(0, Act::Accept(bind))?);
    world.settle(&mut dice)?;
    world.agree()?;
    assert!(world.names_at(0).contains("late") && world.names_at(cleo).contains("late"));
    assert!(world.nodes[0].replica.pending().is_empty());
    Ok(())
}

#[test]
fn two_admins_who_act_against_each_other_leave_the_same_drive_everywhere() -> Or<()> {
    for seed in 0..6 {
        let mut dice = Dice(seed);
        let mut world = World::found()?;
        let ben = world.admit(0, Role::Admin)?;
        let cleo = world.admit(0, Role::Admin)?;
        world.settle(&mut dice)?;
        let (bens, cleos) = (world.nodes[ben].member, world.nodes[cleo].member);
        // Equals cannot remove each other; each removes what the other brings in meanwhile.
        assert!(!world.govern(ben, Act::RemoveMember(cleos, Reason::Retired))?);
        let dora = world.admit(ben, Role::Writer)?;
        let emil = world.admit(cleo, Role::Writer)?;
        world.tell(ben, cleo, &mut dice, true)?;
        world.tell(cleo, ben, &mut dice, true)?;
        let (doras, emils) = (world.nodes[dora].member, world.nodes[emil].member);
        world.edit(dora, &mut dice)?;
        world.edit(emil, &mut dice)?;
        assert!(world.govern(ben, Act::RemoveMember(emils, Reason::Retired))?);
        assert!(world.govern(cleo, Act::RemoveMember(doras, Reason::Retired))?);
        // And the owner demotes one of them at the same time.
        assert!(world.govern(0, Act::Role(bens, Role::Reader))?);
        world.settle(&mut dice)?;
        world.agree()?;
        assert_eq!(world.role(ben), Some(Role::Reader));
        // What ben did was done without knowing that he was demoted: it has no effect.
        assert!(world.role(emil).is_some() && world.role(dora).is_none());
    }
    Ok(())
}

#[test]
fn what_is_written_under_keys_that_met_is_open_to_everyone_who_is_in() -> Or<()> {
    for seed in 0..6 {
        let mut dice = Dice(seed);
        let mut world = World::found()?;
        let ben = world.admit(0, Role::Admin)?;
        let cleo = world.admit(0, Role::Admin)?;
        let dan = world.admit(0, Role::Writer)?;
        world.settle(&mut dice)?;
        // One removes Dan and goes on under keys that he has not; the other makes him an admin.
        let dans = world.nodes[dan].member;
        assert!(world.govern(ben, Act::RemoveMember(dans, Reason::Retired))?);
        assert!(world.govern(cleo, Act::Role(dans, Role::Admin))?);
        for (at, name) in [(ben, "bens"), (cleo, "cleos")] {
            let replica = &mut world.nodes[at].replica;
            replica.edit(&[create(NodeId::ROOT, name, Kind::File)?])?;
            replica.commit()?;
        }
        world.settle(&mut dice)?;
        world.agree()?;
        assert_eq!(world.role(dan), Some(Role::Admin));
        for at in [0, ben, cleo, dan] {
            let names = world.names_at(at);
            assert!(
                names.contains("bens") && names.contains("cleos"),
                "{at}: {names:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn one_use_is_one_use_however_many_race_for_it() -> Or<()> {
    use peerdrive_crypto::invite::{Joiner, JoinerIdentity, Refused, Step, Ticket, read_hello};

    use super::invite::{AdmitError, Applying, Terms};

    let mut world = World::found()?;
    let drive = world.drive;
    let not_after = crate::env::now_ms() / 1000 + 3600;
    let terms = Terms {
        role: Role::Writer,
        not_after,
        uses: 1,
        approve: false,
        name: "Drive".into(),
        addresses: vec![vec![1]],
    };
    let founder = EndpointSecret::from_bytes([0; 32]);
    let gatekeeper = DeviceCert::issue(&world.drive, &world.nodes[0].keys, &founder, 0).endpoint;
    let host = &mut world.nodes[0].replica;
    let (_, text) = host.invite(terms)?;
    host.commit()?;
    let mut applicants = Vec::new();
    for racer in 0..100u8 {
        let endpoint = EndpointSecret::from_bytes([racer.wrapping_add(100); 32]);
        let keys = DriveKeys::generate(&mut crate::env::rng());
        let me = JoinerIdentity {
            keys: &keys,
            endpoint: &endpoint,
            label: "racer",
            device_label: "racer",
            now: 0,
        };
        let ticket = Ticket::parse(text.text())?;
        let exporter = [racer; 32];
        let (mut joiner, hello) =
            Joiner::start(ticket, exporter, gatekeeper, &mut crate::env::rng())?;
        let hello = read_hello(&hello)?;
        let invite = hello.invite();
        let (challenged, challenge) = host.challenge(hello, &exporter)?;
        let Step::Send(request) = joiner.receive(&challenge, &me)? else {
            return Err("no request".into());
        };
        // Everyone is found admissible before anyone is admitted.
        let remote = DeviceCert::issue(&drive, &keys, &endpoint, 0).endpoint;
        applicants.push(host.consider(Applying {
            challenged,
            invite,
            request,
            remote,
        })?);
    }
    let mut admitted = 0;
    for applicant in &applicants {
        match host.admit(applicant, &[]) {
            Ok(_) => admitted += 1,
            Err(AdmitError::Join(error)) => assert_eq!(error, Refused::UsedUp.into()),
            Err(error) => return Err(error.into()),
        }
    }
    assert_eq!(admitted, 1);
    Ok(())
}
