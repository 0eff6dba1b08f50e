//! A network of exchanges in one thread, driven from a seed: the production state machine, with
//! keepers in memory, and links that deliver, break and mend at random.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use super::{EntrySource, Exchange, InEvent, MAX_FRAME, Message, OutEvent};
use crate::{
    testing::Keeper,
    types::{LogId, PeerId},
};

mod parting;

/// More than the bytes that may wait in a session, whatever happens.
const OUTBOX_CAP: usize = 4 << 20;

fn peer(n: usize) -> PeerId {
    PeerId([n as u8; 32])
}

fn log(n: usize) -> LogId {
    LogId([n as u8; 32])
}

struct Node {
    keeper: Arc<Keeper>,
    exchange: Exchange,
    /// Handed over and not taken yet, in order; what is evidence of a fork has no number.
    deliveries: VecDeque<(Option<u64>, Vec<Bytes>)>,
    forks: Vec<(PeerId, LogId, u64)>,
}

/// What goes wrong in a run.
#[derive(Clone, Copy)]
struct Weather {
    nodes: usize,
    steps: usize,
    /// One step in so many breaks a link; 0 for never.
    breaks: u32,
    /// Whether keepers refuse logs until another vouches for them.
    vouching: bool,
}

struct World {
    rng: ChaCha8Rng,
    now: Instant,
    nodes: Vec<Node>,
    /// Frames under way from the first to the second; an open link has both directions.
    wires: BTreeMap<(usize, usize), VecDeque<Vec<u8>>>,
    frames: usize,
}

impl World {
    fn new(seed: u64, weather: Weather) -> Self {
        let nodes = (0..weather.nodes).map(|_| {
            let voucher = weather.vouching.then(|| log(0));
            let keeper = Arc::new(Keeper::with_voucher(voucher));
            let source = Arc::clone(&keeper) as Arc<dyn EntrySource>;
            let exchange = Exchange::new(source);
            Node {
                keeper,
                exchange,
                deliveries: VecDeque::new(),
                forks: Vec::new(),
            }
        });
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            now: Instant::now(),
            nodes: nodes.collect(),
            wires: BTreeMap::new(),
            frames: 0,
        }
    }

    fn pick(&mut self, n: usize) -> usize {
        (self.rng.next_u64() % n as u64) as usize
    }

    fn one_in(&mut self, n: u32) -> bool {
        n > 0 && self.rng.next_u32().is_multiple_of(n)
    }

    fn feed(&mut self, node: usize, event: InEvent) {
        self.nodes[node].exchange.handle(event, self.now);
        self.carry_out(node);
    }

    fn flush(&mut self, node: usize) {
        self.nodes[node].exchange.flush();
        self.carry_out(node);
    }

    fn carry_out(&mut self, node: usize) {
        while let Some(out) = self.nodes[node].exchange.poll() {
            match out {
                OutEvent::Send(to, frame) => {
                    assert!(frame.len() <= MAX_FRAME);
                    let wire = self.wires.get_mut(&(node, to.0[0] as usize));
                    let wire = wire.expect("a frame for a peer without a link");
                    wire.push_back(frame);
                    assert!(wire.iter().map(Vec::len).sum::<usize>() <= OUTBOX_CAP + MAX_FRAME);
                }
                OutEvent::Deliver { id, entries, .. } => {
                    self.nodes[node].deliveries.push_back((Some(id), entries));
                }
                OutEvent::Fork {
                    from,
                    log,
                    at,
                    entries,
                    ..
                } => {
                    self.nodes[node].forks.push((from, log, at));
                    self.nodes[node].deliveries.push_back((None, entries));
                }
                OutEvent::LevelChanged(_) | OutEvent::Addresses(..) => {}
                OutEvent::Misbehaved(peer, why) => panic!("{peer:?} is honest, but: {why}"),
            }
        }
    }

    fn connect(&mut self, a: usize, b: usize) {
        if a == b || self.wires.contains_key(&(a, b)) {
            return;
        }
        self.wires.insert((a, b), VecDeque::new());
        self.wires.insert((b, a), VecDeque::new());
        self.feed(a, InEvent::Opened(peer(b)));
        self.feed(b, InEvent::Opened(peer(a)));
    }

    /// Breaks a link; what is under way is lost.
    fn break_link(&mut self, a: usize, b: usize) {
        if self.wires.remove(&(a, b)).is_some() {
            self.wires.remove(&(b, a));
            self.feed(a, InEvent::Closed(peer(b)));
            self.feed(b, InEvent::Closed(peer(a)));
        }
    }

    /// Delivers the oldest frame of a wire.
    fn deliver(&mut self, (from, to): (usize, usize)) {
        let may_read = self.nodes[to].exchange.may_read(&peer(from));
        let Some(wire) = self.wires.get_mut(&(from, to)).filter(|_| may_read) else {
            return;
        };
        let Some(frame) = wire.pop_front() else {
            return;
        };
        self.frames += 1;
        self.feed(from, InEvent::Written(peer(to), frame.len()));
        let message = Message::decode(&frame).expect("our own message");
        self.feed(to, InEvent::Received(peer(from), message));
    }

    fn take(&mut self, node: usize) {
        let Some((id, entries)) = self.nodes[node].deliveries.pop_front() else {
            return;
        };
        let taken = self.nodes[node].keeper.take(&entries);
        if let Some(id) = id {
            self.feed(node, InEvent::Taken(id));
        }
        if taken > 0 && self.nodes[node].keeper.parts() {
            // Other logs may have another length now.
            self.feed(node, InEvent::Recheck);
        }
    }

    fn write(&mut self, node: usize) {
        let len = if self.one_in(50) {
            300_000
        } else {
            self.pick(200)
        };
        let payload = vec![self.pick(256) as u8; len];
        let new = self.nodes[node].keeper.write(log(node), &payload);
        self.feed(node, InEvent::Announced(vec![new]));
    }

    fn step(&mut self, weather: Weather) {
        let node = self.pick(weather.nodes);
        match self.pick(20) {
            0..=7 => {
                let busy: Vec<_> = self.wires.keys().copied().collect();
                if !busy.is_empty() {
                    let wire = busy[self.pick(busy.len())];
                    self.deliver(wire);
                }
            }
            8..=11 => self.take(node),
            12..=13 => self.write(node),
            14..=16 => self.flush(node),
            17 => {
                let other = self.pick(weather.nodes);
                self.connect(node, other);
            }
            18 if self.one_in(weather.breaks) => {
                let other = self.pick(weather.nodes);
                self.break_link(node, other);
            }
            _ => {
                self.now += Duration::from_millis(self.rng.next_u64() % 30);
                if self.nodes[node]
                    .exchange
                    .deadline()
                    .is_some_and(|at| at <= self.now)
                {
                    self.feed(node, InEvent::Tick);
                }
            }
        }
    }

    /// Delivers and takes everything until nothing moves and no time is waited for. Returns whether
    /// that came to pass within a number of frames.
    fn settle(&mut self, frames: usize) -> bool {
        let limit = self.frames + frames;
        while self.frames < limit {
            let before = self.frames;
            let wires: Vec<_> = self.wires.keys().copied().collect();
            for wire in wires {
                self.deliver(wire);
            }
            let mut moved = self.frames != before;
            for node in 0..self.nodes.len() {
                moved |= !self.nodes[node].deliveries.is_empty();
                self.take(node);
                self.flush(node);
            }
            if moved || self.wires.values().any(|wire| !wire.is_empty()) {
                continue;
            }
            let Some(next) = self
                .nodes
                .iter()
                .filter_map(|n| n.exchange.deadline())
                .min()
            else {
                return true;
            };
            self.now = self.now.max(next);
            for node in 0..self.nodes.len() {
                self.feed(node, InEvent::Tick);
            }
            // A tick that sends nothing and waits no longer is the end, too.
            self.frames += 1;
        }
        false
    }

    /// Whoever is said to be level holds at least what the other side knew when it said so.
    fn check_level(&self) {
        for (a, node) in self.nodes.iter().enumerate() {
            for (b, other) in self.nodes.iter().enumerate() {
                if node
                    .exchange
                    .standing(&peer(b))
                    .is_none_or(|standing| !standing.level)
                {
                    continue;
                }
                for (log, entries) in node.exchange.known() {
                    let held = other.keeper.len(&log);
                    assert!(
                        held >= entries,
                        "{a} takes {b} for level in {log:?}: {held} < {entries}"
                    );
                }
            }
        }
    }
}

fn run(seed: u64, weather: Weather) {
    println!("seed {seed}");
    let mut world = World::new(seed, weather);
    for step in 0..weather.steps {
        world.step(weather);
        if step % 16 == 0 {
            world.check_level();
        }
    }
    // Connected somehow; then everybody to everybody.
    for chain in [true, false] {
        if chain {
            for a in 0..weather.nodes {
                for b in 0..a {
                    world.break_link(a, b);
                }
            }
        }
        for a in 0..weather.nodes {
            for b in 0..a {
                if !chain || b + 1 == a {
                    world.connect(a, b);
                }
            }
        }
        if weather.vouching && world.nodes[0].keeper.len(&log(0)) == 0 {
            world.write(0);
        }
        assert!(world.settle(200_000), "seed {seed} does not settle");
        let all = world.nodes[0].keeper.all();
        for (n, node) in world.nodes.iter().enumerate() {
            assert!(
                node.keeper.all() == all,
                "seed {seed}: node {n} holds something else"
            );
            assert!(
                node.forks.is_empty(),
                "seed {seed}: a fork where there is none"
            );
            for other in (0..weather.nodes).filter(|m| world.wires.contains_key(&(n, *m))) {
                let standing = node.exchange.standing(&peer(other));
                let level = standing.is_some_and(|s| s.level && s.behind == 0 && s.ahead == 0);
                assert!(
                    level,
                    "seed {seed}: {n} does not know that {other} is level"
                );
            }
        }
        world.check_level();
    }
}

#[test]
fn all_logs_converge_in_fair_weather() {
    for seed in 0..60 {
        run(
            seed,
            Weather {
                nodes: 4,
                steps: 3000,
                breaks: 0,
                vouching: false,
            },
        );
    }
}

#[test]
fn all_logs_converge_in_storms() {
    for seed in 1000..1100 {
        let nodes = 2 + (seed % 5) as usize;
        run(
            seed,
            Weather {
                nodes,
                steps: 3000,
                breaks: 3,
                vouching: false,
            },
        );
    }
}

#[test]
fn logs_that_need_others_first_converge_too() {
    for seed in 2000..2060 {
        run(
            seed,
            Weather {
                nodes: 4,
                steps: 2000,
                breaks: 6,
                vouching: true,
            },
        );
    }
}

#[test]
fn many_sessions_converge() {
    for seed in 3000..3004 {
        run(
            seed,
            Weather {
                nodes: 16,
                steps: 12_000,
                breaks: 4,
                vouching: false,
            },
        );
    }
}

/// Nodes 0 and 1 hold different branches of one log; the others hold either or a part. Everything
/// else converges, each side names the place, and no end of talk follows.
#[test]
fn a_fork_is_found_at_its_place_and_stops_nothing_else() {
    for seed in 4000..4080 {
        println!("seed {seed}");
        let weather = Weather {
            nodes: 4,
            steps: 0,
            breaks: 0,
            vouching: false,
        };
        let mut world = World::new(seed, weather);
        let forked = log(99);
        let (common, ours, theirs) = (world.pick(300), 1 + world.pick(40), 1 + world.pick(40));
        let (one, two) = (
            Arc::clone(&world.nodes[0].keeper),
            Arc::clone(&world.nodes[1].keeper),
        );
        for i in 0..common {
            let (_, same) = one.write(forked, &[i as u8]);
            two.take(&same);
        }
        for i in 0..ours.max(theirs) {
            if i < ours {
                one.write(forked, &[i as u8, 1]);
            }
            if i < theirs {
                two.write(forked, &[i as u8, 2]);
            }
        }
        for node in 0..4 {
            world.feed(node, InEvent::Recheck);
            world.write(node);
        }
        for (a, b) in [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2), (1, 3)] {
            world.connect(a, b);
            for _ in 0..world.pick(30) {
                world.step(Weather {
                    nodes: 4,
                    steps: 0,
                    breaks: 0,
                    vouching: false,
                });
            }
        }
        assert!(
            settle_with_stalls(&mut world),
            "seed {seed} does not settle"
        );
        let place = (log(99), common as u64);
        let named = |n: usize, by: usize| {
            world.nodes[n]
                .forks
                .iter()
                .filter(|(p, l, at)| *p == peer(by) && (*l, *at) == place)
                .count()
        };
        assert_eq!(
            (named(0, 1), named(1, 0)),
            (1, 1),
            "seed {seed}: {:?}",
            world.nodes[0].forks
        );
        let others = |n: usize| {
            let mut all = world.nodes[n].keeper.all();
            all.remove(&forked);
            all
        };
        let sets: BTreeSet<_> = (0..4).map(others).collect();
        assert_eq!(sets.len(), 1, "seed {seed}: the other logs differ");
        assert!(
            !world.nodes[0]
                .exchange
                .standing(&peer(1))
                .is_some_and(|s| s.level)
        );
    }
}

/// Runs until nothing is left but pauses that have grown long.
fn settle_with_stalls(world: &mut World) -> bool {
    let end = world.now + Duration::from_secs(300);
    let before = world.frames;
    while world.now < end {
        if world.settle(2000) {
            return true;
        }
    }
    world.frames - before < 60_000
}

#[test]
fn an_announcement_to_a_level_peer_takes_one_frame() {
    let mut world = World::new(
        1,
        Weather {
            nodes: 2,
            steps: 0,
            breaks: 0,
            vouching: false,
        },
    );
    world.connect(0, 1);
    assert!(world.settle(1000));
    world.write(0);
    let wire = &world.wires[&(0, 1)];
    assert_eq!(wire.len(), 1);
    assert!(matches!(Message::decode(&wire[0]), Ok(Message::Push(_))));
    world.deliver((0, 1));
    assert_eq!(world.nodes[1].deliveries.len(), 1);
    assert!(
        !world.nodes[0]
            .exchange
            .standing(&peer(1))
            .is_some_and(|s| s.level)
    );
    world.take(1);
    world.flush(1);
    world.deliver((1, 0));
    assert!(
        world.nodes[0]
            .exchange
            .standing(&peer(1))
            .is_some_and(|s| s.level)
    );
}

#[test]
fn announcements_in_a_row_travel_together() {
    let mut world = World::new(
        1,
        Weather {
            nodes: 2,
            steps: 0,
            breaks: 0,
            vouching: false,
        },
    );
    world.connect(0, 1);
    assert!(world.settle(1000));
    let keeper = Arc::clone(&world.nodes[0].keeper);
    let mut new: Vec<_> = (0..500).map(|_| keeper.write(log(0), &[1; 100])).collect();
    new.push(keeper.write(log(1), b"another log"));
    new.push(keeper.write(log(0), b"and back"));
    world.feed(0, InEvent::Announced(new));
    assert_eq!(world.wires[&(0, 1)].len(), 3);
    assert!(world.settle(1000));
    assert_eq!(world.nodes[1].keeper.all(), keeper.all());
}
