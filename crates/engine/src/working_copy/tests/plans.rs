//! The pure parts alone: steps that are safe in their order whatever the two trees are, names that
//! come back as they went, links that stay inside.

use std::collections::{BTreeMap, BTreeSet};

use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::{Content, ContentHash, FileContent, Kind, Node};

use super::super::beneath::{EntryKind, Stat};
use super::super::checkout::leads_outside;
use super::super::in_step::{Held, InStep, Record};
use super::super::names::{self, DiskRules};
use super::super::plan::out::{self, Step};
use super::super::port::View;
use super::storms::Dice;
use super::support::TestResult;

#[derive(Default, Clone)]
struct Tree(BTreeMap<NodeId, Node>);

impl View for Tree {
    fn get(&self, id: NodeId) -> Option<Node> {
        self.0.get(&id).cloned()
    }
    fn child(&self, parent: NodeId, name: &str) -> Option<NodeId> {
        self.0
            .values()
            .find(|node| node.parent == parent && node.name == name)
            .map(|node| node.id)
    }
    fn children(&self, parent: NodeId) -> Vec<NodeId> {
        self.0
            .values()
            .filter(|node| node.parent == parent)
            .map(|node| node.id)
            .collect()
    }
    fn is_trashed(&self, id: NodeId) -> bool {
        self.get(id).is_none()
    }
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// A random tree of some of twelve nodes; a node is of one kind in every tree.
fn tree(dice: &mut Dice) -> Tree {
    let mut tree = Tree::default();
    let mut folders = vec![NodeId::ROOT];
    let mut ids: Vec<u8> = (1..=12).collect();
    while !ids.is_empty() {
        let id = ids.remove(dice.roll(ids.len() as u64) as usize);
        let node = NodeId([id; 16]);
        let (parent, name) = (
            folders[dice.roll(folders.len() as u64) as usize],
            NAMES[dice.roll(4) as usize],
        );
        if dice.roll(4) == 0 || tree.child(parent, name).is_some() {
            continue;
        }
        let kind = if id.is_multiple_of(2) {
            Kind::Folder
        } else {
            Kind::File
        };
        let content = (kind == Kind::File).then(|| {
            let hash = ContentHash([dice.roll(2) as u8; 32]);
            Content::File(FileContent {
                hash,
                len: 1,
                mtime_ns: 0,
                manifest: None,
            })
        });
        if kind == Kind::Folder {
            folders.push(node);
        }
        let node = Node {
            id: node,
            parent,
            name: name.into(),
            kind,
            content,
            mode: 0o755,
            mtime_ns: 0,
            copy_of: None,
        };
        tree.0.insert(node.id, node);
    }
    tree
}

fn in_step(tree: &Tree) -> InStep {
    let mut all = InStep::default();
    for node in tree.0.values() {
        let kind = if node.kind == Kind::Folder {
            EntryKind::Folder
        } else {
            EntryKind::File
        };
        let ino = u64::from(node.id.0[0]);
        let stat = Stat {
            kind,
            dev: 0,
            ino,
            size: 1,
            mtime_ns: 0,
            ctime_ns: 0,
            btime_ns: 1,
            mode: 0o755,
        };
        let (parent, name, held) = (node.parent, node.name.clone(), Held::of(node));
        let record = Record {
            parent,
            name,
            held,
            stat,
            mode: 0o755,
            mtime_ns: 0,
            racy: false,
            left_behind: false,
        };
        all.put(node.id, record);
    }
    all
}

/// A disk that knows only who is where, and refuses what a real one would.
#[derive(Default, Debug, PartialEq)]
struct Disk(BTreeMap<NodeId, (NodeId, String, Held)>);

impl Disk {
    fn of(tree: &Tree) -> Disk {
        Disk(
            tree.0
                .values()
                .map(|node| (node.id, (node.parent, node.name.clone(), Held::of(node))))
                .collect(),
        )
    }

    fn free(&self, parent: NodeId, name: &str) -> Result<(), String> {
        if parent != NodeId::ROOT && !matches!(self.0.get(&parent), Some((_, _, Held::Folder))) {
            return Err(format!("{parent:?} is no folder"));
        }
        match self
            .0
            .iter()
            .find(|(_, (at, called, _))| *at == parent && called == name)
        {
            Some((id, _)) => Err(format!("{name} is taken by {id:?}")),
            None => Ok(()),
        }
    }

    fn inside(&self, mut id: NodeId, folder: NodeId) -> bool {
        while let Some((parent, _, _)) = self.0.get(&id) {
            if id == folder {
                return true;
            }
            id = *parent;
        }
        false
    }

    fn take(&mut self, step: &Step, view: &Tree) -> Result<(), String> {
        match step {
            Step::MakeFolder { id, parent, name } => {
                self.free(*parent, name)?;
                self.0.insert(*id, (*parent, name.clone(), Held::Folder));
            }
            Step::Write { id, parent, name } => {
                let held = Held::of(view.0.get(id).ok_or("no node")?);
                match self.0.get(id) {
                    Some((at, called, _)) if at == parent && called == name => {}
                    Some(_) => return Err("written elsewhere than it is".into()),
                    None => self.free(*parent, name)?,
                }
                self.0.insert(*id, (*parent, name.clone(), held));
            }
            Step::Place { id, parent, name } => {
                self.free(*parent, name)?;
                if self.inside(*parent, *id) {
                    return Err("a folder into itself".into());
                }
                let entry = self.0.get_mut(id).ok_or("nothing to rename")?;
                (entry.0, entry.1) = (*parent, name.clone());
            }
            Step::Park { id } => {
                let entry = self.0.get_mut(id).ok_or("nothing to park")?;
                entry.1 = names::parked(*id);
            }
            Step::Remove { id } => {
                if self.0.values().any(|(parent, _, _)| parent == id) {
                    return Err("not empty".into());
                }
                self.0.remove(id).ok_or("nothing to remove")?;
            }
            Step::Link { .. } | Step::Dress { .. } => {}
        }
        Ok(())
    }
}

#[test]
fn the_steps_from_any_tree_to_any_other_are_safe_in_their_order() -> TestResult {
    for seed in 0..4000 {
        let mut dice = Dice(seed);
        let (before, after) = (tree(&mut dice), tree(&mut dice));
        let (records, mut disk) = (in_step(&before), Disk::of(&before));
        let dirty: BTreeSet<NodeId> = before.0.keys().chain(after.0.keys()).copied().collect();
        let plan = out::plan(&after, &records, dirty, &DiskRules::POSIX, &|_, _| Ok(()));
        for step in &plan.steps {
            disk.take(step, &after)
                .map_err(|error| format!("seed {seed}: {step:?}: {error}\n{:#?}", plan.steps))?;
        }
        if disk != Disk::of(&after) {
            return Err(format!("seed {seed}: {disk:#?}\n{:#?}", plan.steps).into());
        }
    }
    Ok(())
}

#[test]
fn one_dirty_node_brings_along_only_whom_it_needs() -> TestResult {
    for seed in 0..4000 {
        let mut dice = Dice(seed);
        let (before, after) = (tree(&mut dice), tree(&mut dice));
        let (records, mut disk) = (in_step(&before), Disk::of(&before));
        let Some(one) = after
            .0
            .keys()
            .nth(dice.roll(after.0.len().max(1) as u64) as usize)
            .copied()
        else {
            continue;
        };
        let plan = out::plan(&after, &records, [one], &DiskRules::POSIX, &|_, _| Ok(()));
        for step in &plan.steps {
            // A folder around it may still be elsewhere, and then it cannot be reached from there: the
            // step fails on the real disk too, and is planned again.
            if disk.take(step, &after).is_err() {
                break;
            }
        }
        let whole = out::plan(
            &after,
            &records,
            after.0.keys().copied(),
            &DiskRules::POSIX,
            &|_, _| Ok(()),
        );
        assert!(plan.steps.len() <= whole.steps.len() + before.0.len());
    }
    Ok(())
}

#[test]
fn attack_p2_names_come_back_as_they_went_and_never_meet() {
    let rules = [
        DiskRules::POSIX,
        DiskRules {
            restricted: true,
            ..DiskRules::POSIX
        },
    ];
    let mut names: Vec<String> = [
        "plain",
        "CON",
        "con.txt",
        "a:b",
        "a%3Ab",
        "%",
        "%25",
        "%3A",
        "100%",
        "trailing.",
        "trailing ",
        "nul",
        "LPT¹",
        ".peerdrive",
        "%2Epeerdrive",
        "%252Epeerdrive",
        "ünïcödé",
        "a\u{1}b",
        "\\",
        "?",
        ".peerdrive-parked-00",
        "%43ON",
    ]
    .map(String::from)
    .to_vec();
    let mut dice = Dice(1);
    let letters: Vec<char> = "ab%253AE.: CON".chars().collect();
    for _ in 0..2000 {
        let len = 1 + dice.roll(6);
        names.push(
            (0..len)
                .map(|_| letters[dice.roll(letters.len() as u64) as usize])
                .collect(),
        );
    }
    names.sort();
    names.dedup();
    for rules in rules {
        let mut met = BTreeMap::new();
        for name in &names {
            let there = rules.escape(name).into_owned();
            assert_eq!(rules.unescape(&there), name.as_str(), "{there}");
            assert_ne!(there, ".peerdrive");
            if rules.restricted {
                assert!(
                    !there.contains([':', '?', '\\', '\u{1}']) && !there.ends_with(['.', ' ']),
                    "{there}"
                );
            }
            if let Some(other) = met.insert(there.clone(), name) {
                assert_eq!(other, name, "both are {there}");
            }
        }
    }
}

#[test]
fn twins_by_case_are_told_apart_by_a_tag() {
    let rules = DiskRules {
        folds_case: true,
        ..DiskRules::POSIX
    };
    let mut tree = Tree::default();
    for (id, name) in [(1, "Read.me"), (2, "read.ME"), (3, "other")] {
        let id = NodeId([id; 16]);
        let (name, kind) = (name.to_owned(), Kind::File);
        let node = Node {
            id,
            parent: NodeId::ROOT,
            name,
            kind,
            content: None,
            mode: 0o644,
            mtime_ns: 0,
            copy_of: None,
        };
        tree.0.insert(id, node);
    }
    let shown = |id: u8, name: &str| rules.project(&tree, NodeId([id; 16]), NodeId::ROOT, name);
    assert_eq!(shown(1, "Read.me"), "Read.me");
    assert_eq!(shown(2, "read.ME"), "read (AgICAg).ME");
    assert_eq!(shown(3, "other"), "other");
}

#[test]
fn attack_p5_links_that_could_lead_outside_are_told_from_those_that_cannot() {
    for (path, target, outside) in [
        ("l", "file", false),
        ("l", "./dir/file", false),
        ("d/l", "../file", false),
        ("d/e/l", "../../file", false),
        ("l", "..", true),
        ("d/l", "../..", true),
        ("l", "/etc/passwd", true),
        ("d/l", "other/../../x", true),
        ("l", "a/..", true),
        ("l", "", true),
        ("d/l", "..", false),
    ] {
        assert_eq!(leads_outside(path, target), outside, "{path} -> {target}");
    }
}
