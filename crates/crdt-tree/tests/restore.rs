//! Taking something out of the trash while others delete it: what comes back, what stays away, and that
//! everyone agrees.

mod support;

use std::collections::BTreeSet;

use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::lint::Author;
use peerdrive_crdt_tree::testing::{Rng, picture};
use support::{Device, TestResult, devices, hear, meet};

/// One device hears what another one wrote itself.
fn tell(all: &mut [Device], from: usize, to: usize) -> TestResult {
    let (low, high) = all.split_at_mut(from.max(to));
    let (low, high) = (&mut low[from.min(to)], &mut high[0]);
    let (from, to) = if from < to { (low, high) } else { (high, low) };
    hear(to, &[from])?;
    Ok(())
}

fn trash(device: &Device) -> Vec<String> {
    let trash = device.tree.trash().into_iter();
    trash.map(|trashed| trashed.name).collect()
}

#[test]
fn what_lies_as_deep_as_anything_may_comes_back() -> TestResult {
    let mut device = Device::new(1);
    let (mut path, mut deepest) = (String::from("f"), String::new());
    while device.folder(&path).is_ok() {
        deepest = path.clone();
        path.push_str("/f");
    }
    assert_eq!(path.split('/').count(), 257);
    let node = device.rm(&deepest)?;
    device.one(Edit::Restore { node })?;
    assert_eq!(device.at(&deepest), node);
    Ok(())
}

#[test]
fn a_second_deletion_that_the_restorer_had_not_heard_of_holds_until_it_is_restored_too()
-> TestResult {
    // Whoever is first in the order of devices: the outcome may not hang on it.
    for [one, other, restorer] in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
        let mut d = devices(3, |d| {
            d.file("f", 1)?;
            Ok(())
        })?;
        let node = d[0].at("f");
        d[one].rm("f")?;
        tell(&mut d, one, restorer)?;
        d[restorer].one(Edit::Restore { node })?;
        assert_eq!(d[restorer].paths(), ["f"]);
        d[other].rm("f")?;
        meet(&mut d)?;
        assert!(d[0].paths().is_empty(), "two deleted it, one was answered");
        assert_eq!(trash(&d[0]), ["f"]);
        assert!(d[0].conflicts().is_empty());
        d[one].one(Edit::Restore { node })?;
        meet(&mut d)?;
        assert_eq!(d[other].paths(), ["f"]);
        assert_eq!(d[other].content("f"), Some(1));
        assert!(trash(&d[0]).is_empty());
    }
    Ok(())
}

#[test]
fn what_was_restored_and_written_outlives_a_second_deletion() -> TestResult {
    let mut d = devices(3, |d| {
        d.file("f", 1)?;
        Ok(())
    })?;
    let node = d[0].at("f");
    d[0].rm("f")?;
    tell(&mut d, 0, 1)?;
    d[1].one(Edit::Restore { node })?;
    d[1].write("f", 2)?;
    d[2].rm("f")?;
    meet(&mut d)?;
    assert_eq!(d[0].content("f"), Some(2));
    assert_eq!(d[0].conflicts().len(), 1, "deleted here, edited there");
    Ok(())
}

#[test]
fn a_deletion_made_after_the_restore_was_heard_is_not_taken_back_by_a_second_restore() -> TestResult
{
    let mut d = devices(3, |d| {
        d.file("f", 1)?;
        Ok(())
    })?;
    let node = d[0].at("f");
    d[0].rm("f")?;
    meet(&mut d)?;
    d[0].one(Edit::Restore { node })?;
    d[1].one(Edit::Restore { node })?;
    tell(&mut d, 0, 2)?;
    d[2].rm("f")?;
    meet(&mut d)?;
    assert_eq!(trash(&d[1]), ["f"], "the restores answered the first one");
    Ok(())
}

#[test]
fn a_file_deleted_apart_stays_away_when_its_folder_is_restored() -> TestResult {
    let mut d = devices(3, |d| {
        d.folder("a")?;
        d.file("a/f", 1)?;
        d.file("a/g", 2)?;
        Ok(())
    })?;
    let node = d[0].at("a");
    d[0].rm("a")?;
    tell(&mut d, 0, 1)?;
    d[1].one(Edit::Restore { node })?;
    d[2].rm("a/f")?;
    meet(&mut d)?;
    assert_eq!(d[0].paths(), ["a", "a/g"]);
    assert_eq!(trash(&d[0]), ["f"]);
    Ok(())
}

#[test]
fn a_folder_deleted_by_two_who_saw_different_things_in_it_comes_back_whole() -> TestResult {
    let mut d = devices(3, |d| {
        d.folder("a")?;
        d.file("a/x", 1)?;
        d.file("a/z", 2)?;
        d.file("elsewhere", 3)?;
        Ok(())
    })?;
    let node = d[0].at("a");
    // The first is ahead when it begins to delete, the second when it ends.
    for of in 10..20 {
        d[0].write("elsewhere", of)?;
    }
    for of in 1..=4 {
        d[1].file(&format!("a/y{of}"), of)?;
    }
    d[0].rm("a")?;
    d[1].rm("a")?;
    meet(&mut d)?;
    assert_eq!(d[2].paths(), ["elsewhere"]);
    d[2].one(Edit::Restore { node })?;
    let all = [
        "a",
        "a/x",
        "a/y1",
        "a/y2",
        "a/y3",
        "a/y4",
        "a/z",
        "elsewhere",
    ];
    assert_eq!(d[2].paths(), all);
    meet(&mut d)?;
    assert_eq!(d[0].paths(), all);
    Ok(())
}

/// A device as the rule has it: which deletions it knows of, and which of them it knows to be taken back.
#[derive(Clone, Default)]
struct Model {
    deleted: BTreeSet<u32>,
    restored: BTreeSet<u32>,
}

impl Model {
    fn shows(&self) -> bool {
        self.deleted.is_subset(&self.restored)
    }
}

/// Who wrote a change, and which of theirs it is.
type Sent = (usize, usize);

struct Party {
    devices: Vec<Device>,
    models: Vec<Model>,
    /// What each has heard and written, in that order.
    known: Vec<Vec<Sent>>,
}

impl Party {
    fn act(&mut self, who: usize, edit: Edit) -> TestResult {
        let before = self.devices[who].sent.len();
        self.devices[who].one(edit)?;
        let new = (before..self.devices[who].sent.len()).map(|at| (who, at));
        self.known[who].extend(new);
        Ok(())
    }

    fn hear(&mut self, who: usize, from: usize) -> TestResult {
        for (author, at) in self.known[from].clone() {
            if self.known[who].contains(&(author, at)) {
                continue;
            }
            let change = self.devices[author].sent[at].clone();
            let signed = Author {
                actor: self.devices[author].actor,
                seq: at as u64 + 1,
            };
            self.devices[who].tree.apply(&change, &signed)?;
            self.known[who].push((author, at));
        }
        let heard = self.models[from].clone();
        self.models[who].deleted.extend(heard.deleted);
        self.models[who].restored.extend(heard.restored);
        Ok(())
    }
}

#[test]
fn a_file_shows_exactly_when_every_deletion_was_restored_by_someone_who_knew_of_it() -> TestResult {
    const DEVICES: u8 = 4;
    let (mut ended_shown, mut ended_deleted) = (0, 0);
    for seed in 1..=80 {
        let mut rng = Rng::new(seed);
        let devices = devices(DEVICES, |d| {
            d.file("f", 1)?;
            Ok(())
        })?;
        let node = devices[0].at("f");
        let start: Vec<Sent> = (0..devices[0].sent.len()).map(|at| (0, at)).collect();
        let mut party = Party {
            models: vec![Model::default(); devices.len()],
            known: vec![start; devices.len()],
            devices,
        };
        for step in 0..24 {
            let (who, from) = (rng.below(DEVICES.into()), rng.below(DEVICES.into()));
            if rng.below(3) == 0 {
                party.hear(who, from)?;
            } else if party.models[who].shows() {
                party.act(who, Edit::Delete { node })?;
                party.models[who].deleted.insert(step);
            } else {
                party.act(who, Edit::Restore { node })?;
                let model = &mut party.models[who];
                model.restored.extend(model.deleted.clone());
            }
            let shown = party.devices[who].tree.lookup("f") == Some(node);
            assert_eq!(shown, party.models[who].shows(), "seed {seed}, step {step}");
            assert_eq!(shown, !party.devices[who].tree.is_trashed(node));
        }
        for _ in 0..2 {
            for who in 0..usize::from(DEVICES) {
                for from in 0..usize::from(DEVICES) {
                    party.hear(who, from)?;
                }
            }
        }
        let first = picture(&party.devices[0].tree)?;
        for (device, model) in party.devices.iter().zip(&party.models) {
            assert_eq!(picture(&device.tree)?, first, "seed {seed}");
            assert_eq!(
                device.tree.lookup("f").is_some(),
                model.shows(),
                "seed {seed}"
            );
        }
        match party.models[0].shows() {
            true => ended_shown += 1,
            false => ended_deleted += 1,
        }
    }
    assert!(
        ended_shown > 10 && ended_deleted > 10,
        "{ended_shown}, {ended_deleted}"
    );
    Ok(())
}
