//! Forked logs whose keepers let them part: the branches reach everyone, and the talk ends.

use super::*;

/// Two nodes hold different branches of one log; they, and two others that hold nothing, meet in some order.
#[test]
fn all_branches_of_a_forked_log_reach_everyone() {
    for seed in 5000..5080u64 {
        println!("seed {seed}");
        let weather = Weather {
            nodes: 4,
            steps: 0,
            breaks: 5,
            vouching: false,
        };
        let mut world = World::new(seed, weather);
        for node in 0..4 {
            let keeper = Arc::new(Keeper::parting());
            let source = Arc::clone(&keeper) as Arc<dyn EntrySource>;
            world.nodes[node].exchange = Exchange::new(source);
            world.nodes[node].keeper = keeper;
        }
        let forked = log(99);
        let common = if seed % 4 == 0 { 0 } else { world.pick(300) };
        let lengths = [1 + world.pick(40), 1 + world.pick(40)];
        // Some branches are longer than what is sent as evidence.
        let size = if seed % 3 == 0 { 20_000 } else { 10 };
        for (branch, len) in lengths.into_iter().enumerate() {
            let keeper = Arc::clone(&world.nodes[branch].keeper);
            for i in 0..common {
                keeper.write(forked, &[i as u8]);
            }
            for i in 0..len {
                keeper.write(forked, &vec![i as u8 + 100 * branch as u8; size]);
            }
            world.feed(branch, InEvent::Recheck);
        }
        for (a, b) in [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2), (1, 3)] {
            if world.pick(3) > 0 {
                world.connect(a, b);
            }
            for _ in 0..world.pick(300) {
                world.step(weather);
            }
        }
        for a in 0..4 {
            for b in 0..a {
                world.connect(a, b);
            }
        }
        assert!(
            settle_with_stalls(&mut world),
            "seed {seed} does not settle"
        );
        let all = world.nodes[0].keeper.all();
        let held = |len: usize| all.values().any(|entries| entries.len() == len);
        assert!(held(lengths[0]) && held(lengths[1]), "seed {seed}");
        assert_eq!(common > 0, all.contains_key(&forked), "seed {seed}");
        for (n, node) in world.nodes.iter().enumerate() {
            assert!(
                node.keeper.all() == all,
                "seed {seed}: node {n} holds something else"
            );
            for other in (0..4).filter(|other| *other != n) {
                let standing = node.exchange.standing(&peer(other));
                assert!(
                    standing.is_some_and(|standing| standing.level),
                    "seed {seed}: {n} does not know that {other} is level: {standing:?}"
                );
            }
        }
    }
}
