//! Content logs of which a device signed two entries with one number: which branch counts, told anew
//! whenever something comes in that may speak for one (security.md §2.6), and what is said about it. The
//! rule itself is [`peerdrive_crypto::fork`]'s.

use std::collections::{BTreeSet, HashMap, HashSet};

use peerdrive_crdt_tree::id::Actor;
use peerdrive_crdt_tree::tree::DriveTree;
use peerdrive_crypto::entry::Entry;
use peerdrive_crypto::fork::branch_id;
use peerdrive_crypto::ids::{BindId, EntryId, LogId};
use peerdrive_crypto::membership::Bind;

use super::admission::author_of;
use super::branches::place_of;
use super::replica::Replica;
use crate::working_copy::Problem;

impl Replica {
    pub(super) fn note_fork(&mut self, first: &Entry) {
        self.forks
            .note(place_of(first), first.header.bind, first.id());
        self.weighed.clear();
    }

    /// Weighs what was not weighed yet, and says of each branch whether it counts.
    pub(super) fn decide(&mut self) {
        if self.forks.is_empty() {
            return;
        }
        let known = self.control.control.len();
        if self.weighed_with != known {
            // Somebody may stand who did not, or the other way round.
            self.weighed_with = known;
            self.forks.forget();
            self.weighed.clear();
        }
        self.weigh();
        for (place, firsts) in self.forks.places() {
            let winner = self.forks.winner(place);
            for first in firsts {
                if let Some(branch) = self.contents.get_mut(&branch_id(&place.0, first)) {
                    branch.loses = winner != Some(*first);
                }
            }
        }
    }

    fn weigh(&mut self) {
        let mut waiting: HashMap<EntryId, Vec<LogId>> = HashMap::new();
        let mut ready: Vec<LogId> = self.contents.keys().copied().collect();
        ready.sort_unstable();
        while let Some(name) = ready.pop() {
            let limit = self.limit(&name);
            loop {
                let at = self.weighed.get(&name).copied().unwrap_or(0);
                if at >= limit {
                    break;
                }
                let Some(entry) = self.entry_at(&name, at) else {
                    break;
                };
                let control = &self.control;
                match self
                    .forks
                    .weigh(&entry.header, |bind| control.member_of(bind))
                {
                    Ok(()) => {
                        self.weighed.insert(name, at + 1);
                        ready.extend(waiting.remove(&entry.id()).unwrap_or_default());
                    }
                    Err(below) => {
                        waiting.entry(below).or_default().push(name);
                        break;
                    }
                }
            }
        }
    }

    /// Documents in which own entries can be read, each with those that it has: one, unless they build on
    /// branches that exclude each other. Only what they build on is in it.
    pub(super) fn grounds(&mut self, mut orphans: Vec<Entry>) -> Vec<(DriveTree, Vec<Entry>)> {
        let mut grounds = Vec::new();
        while !orphans.is_empty() {
            // Nobody writes under it.
            let mut tree = DriveTree::new(Actor([0xff; 16]));
            let mut there: HashMap<EntryId, bool> = HashMap::new();
            let (mut with, mut without) = (Vec::new(), Vec::new());
            for orphan in orphans {
                match self.ground(&orphan, &mut tree, &mut there) {
                    true => with.push(orphan),
                    false => without.push(orphan),
                }
            }
            if with.is_empty() {
                tracing::error!(entries = without.len(), "own entries cannot be read again");
                break;
            }
            grounds.push((tree, with));
            orphans = without;
        }
        grounds
    }

    /// Applies an entry after all that it builds on. Whether that could be done.
    fn ground(
        &self,
        entry: &Entry,
        tree: &mut DriveTree,
        there: &mut HashMap<EntryId, bool>,
    ) -> bool {
        let mut open = vec![entry.clone()];
        let mut begun: HashSet<EntryId> = HashSet::new();
        while let Some(entry) = open.last().cloned() {
            let id = entry.id();
            if there.contains_key(&id) {
                open.pop();
                continue;
            }
            let links = entry.header.deps.iter().copied();
            let links: Vec<EntryId> = links.chain(entry.header.predecessor()).collect();
            if begun.insert(id) {
                let below = links.iter().filter(|link| !there.contains_key(link));
                let below = below.filter_map(|link| self.place(link));
                let below: Vec<Entry> = below
                    .filter_map(|(log, seq)| self.entry_at(&log, seq))
                    .collect();
                open.extend(below);
                continue;
            }
            let sound = links.iter().all(|link| there.get(link) == Some(&true));
            let applied = sound && self.read_into(tree, &entry);
            there.insert(id, applied);
            open.pop();
        }
        there.get(&entry.id()) == Some(&true)
    }

    fn read_into(&self, tree: &mut DriveTree, entry: &Entry) -> bool {
        let Ok(body) = self.body_of(entry) else {
            return false;
        };
        let [change] = body.changes.as_slice() else {
            return false;
        };
        tree.apply(change, &author_of(entry)).is_ok()
    }

    /// Live devices that signed two entries with one number, of either plane.
    fn forkers(&self) -> BTreeSet<BindId> {
        let state = self.control.control.state();
        let flagged = state.binds.iter().filter(|(_, bind)| bind.flagged);
        let mut devices: BTreeSet<BindId> = flagged.map(|(id, _)| *id).collect();
        devices.extend(self.forks.authors());
        devices.retain(|id| state.bind(id).is_some_and(|bind| bind.live));
        devices
    }

    /// What people should know about this drive beside its files.
    pub(crate) fn notices(&self) -> Vec<Problem> {
        let state = self.control.control.state();
        let mut notices = Vec::new();
        for device in self.forkers() {
            let Some(bind) = state.bind(&device) else {
                continue;
            };
            let who = self.name_of_device(&device, bind);
            let hint = match self.is_own(&device) {
                true => {
                    "its data directory was copied or put back, and both were used: its own work was kept, and it \
                     goes on by itself; use only one copy"
                }
                false => {
                    "every device goes by the same one of the two; if nobody copied or restored that device's \
                     data directory, do not trust it: an admin can remove it"
                }
            };
            notices.push(Problem {
                path: String::new(),
                reason: format!("{who} signed two different entries under one number"),
                hint: hint.to_owned(),
            });
        }
        notices.extend(self.notice_of_checkpoint());
        notices
    }

    /// What a device is called in a sentence.
    pub(super) fn name_of_device(&self, device: &BindId, bind: &Bind) -> String {
        let state = self.control.control.state();
        let name = super::roll::device_name(state, bind);
        let of = state.members.get(&bind.member);
        match (name, of.and_then(|member| member.label.clone())) {
            _ if self.is_own(device) => "this device".to_owned(),
            (Some(name), Some(of)) => format!("the device {name} of {of}"),
            (Some(name), None) => format!("the device {name}"),
            (None, Some(of)) => format!("a device of {of}"),
            (None, None) => "a device".to_owned(),
        }
    }
}
