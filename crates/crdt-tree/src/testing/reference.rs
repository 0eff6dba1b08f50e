//! The view, computed from scratch in the most obvious way, with no thought for speed and no line in
//! common with `resolve` and `view`: rules R1 to R6 as tree.md says them. What the incremental view
//! shows must equal this after every step.

use std::collections::{BTreeMap, BTreeSet};

use unicode_normalization::UnicodeNormalization;

use super::Picture;
use crate::conflict::{Beside, Conflict};
use crate::id::{NodeId, OpId};
use crate::node::{Content, Kind, Node};
use crate::register::Registers;
use crate::tree::DriveTree;

/// A node as the reference thinks of it.
struct Thing {
    registers: Registers,
    kind: Kind,
    /// Parents to try, in order.
    candidates: Vec<NodeId>,
    tried: usize,
    moved_by: OpId,
    name: String,
    dead: bool,
    shows: bool,
}

impl Thing {
    fn parent(&self) -> NodeId {
        self.candidates
            .get(self.tried)
            .copied()
            .unwrap_or(NodeId::ROOT)
    }
}

type Things = BTreeMap<NodeId, Thing>;

/// What `tree` should show, if these are all nodes that anyone ever wrote to.
pub fn reference(tree: &DriveTree, ids: &BTreeSet<NodeId>) -> Picture {
    let mut things: Things = tree.scan(ids).into_iter().filter_map(thing).collect();
    missing_parents_are_the_root(&mut things);
    break_cycles(&mut things);
    show(&mut things);
    let names = name_everything(&things);
    paint(&things, &names)
}

fn thing((id, registers): (NodeId, Registers)) -> Option<(NodeId, Thing)> {
    let (op, birth) = registers.birth.last()?.clone();
    let mut moved_by = op;
    let mut candidates = vec![birth.parent];
    if let Some((op, moved)) = registers.place.last() {
        moved_by = *op;
        candidates = vec![moved.parent];
        candidates.extend(&moved.former);
    }
    let name = match registers.name.last() {
        Some((_, name)) => name.to_string(),
        None => birth.name.to_string(),
    };
    let mut written: Vec<OpId> = Vec::new();
    written.extend(registers.birth.iter().map(|(op, _)| op));
    written.extend(registers.place.iter().map(|(op, _)| op));
    written.extend(registers.name.iter().map(|(op, _)| op));
    written.extend(registers.content.iter().map(|(op, _)| op));
    written.extend(&registers.unread);
    let seen: BTreeSet<OpId> = registers
        .deletion
        .iter()
        .flat_map(|(_, seen)| seen.clone())
        .collect();
    let dead = !registers.deletion.is_empty() && written.iter().all(|op| seen.contains(op));
    let kind = birth.kind;
    let tried = 0;
    let shows = false;
    Some((
        id,
        Thing {
            registers,
            kind,
            candidates,
            tried,
            moved_by,
            name,
            dead,
            shows,
        },
    ))
}

/// R1.
fn missing_parents_are_the_root(things: &mut Things) {
    let folders: BTreeSet<NodeId> = things
        .iter()
        .filter(|(_, thing)| thing.kind == Kind::Folder)
        .map(|(id, _)| *id)
        .collect();
    for thing in things.values_mut() {
        for candidate in &mut thing.candidates {
            if !folders.contains(candidate) {
                *candidate = NodeId::ROOT;
            }
        }
    }
}

/// R2, round by round.
fn break_cycles(things: &mut Things) {
    loop {
        let mut cycles: BTreeSet<BTreeSet<NodeId>> = BTreeSet::new();
        for start in things.keys() {
            let mut cycle = BTreeSet::new();
            let mut at = *start;
            while at != NodeId::ROOT && cycle.insert(at) {
                at = things.get(&at).map_or(NodeId::ROOT, Thing::parent);
            }
            // Only who comes back to where it started is in the cycle, and not just below one.
            if at == *start {
                cycles.insert(cycle);
            }
        }
        if cycles.is_empty() {
            return;
        }
        for cycle in cycles {
            let loser = cycle
                .iter()
                .max_by_key(|id| things.get(id).map(|thing| thing.moved_by));
            if let Some(thing) = loser.and_then(|loser| things.get_mut(loser)) {
                thing.tried += 1;
            }
        }
    }
}

/// R3 and R4.
fn show(things: &mut Things) {
    for thing in things.values_mut() {
        thing.shows = !thing.dead;
    }
    loop {
        let kept: BTreeSet<NodeId> = things
            .values()
            .filter(|thing| thing.shows)
            .map(Thing::parent)
            .collect();
        let mut more = false;
        for (id, thing) in things.iter_mut() {
            if !thing.shows && kept.contains(id) {
                thing.shows = true;
                more = true;
            }
        }
        if !more {
            return;
        }
    }
}

/// R6: the versions of a node, the one that shows first.
fn versions(thing: &Thing) -> Vec<(OpId, Option<Content>)> {
    let mut versions: Vec<(OpId, Option<Content>)> = Vec::new();
    let mut seen = BTreeSet::new();
    for (op, content) in thing.registers.content.iter().rev() {
        let told_apart_by = match content {
            None => Some((vec![], 0)),
            Some(Content::File(file)) => Some((file.hash.0.to_vec(), file.len)),
            Some(Content::Symlink(target)) => Some((target.clone().into_bytes(), 0)),
        };
        let wrong_kind = match content {
            None => thing.kind == Kind::Folder,
            Some(Content::File(_)) => thing.kind != Kind::File,
            Some(Content::Symlink(_)) => thing.kind != Kind::Symlink,
        };
        if !wrong_kind && seen.insert(told_apart_by) {
            versions.push((*op, content.clone()));
        }
    }
    versions
}

/// The copies that show beside a node: id, write and content.
fn copies(things: &Things, id: NodeId, thing: &Thing) -> Vec<(NodeId, OpId, Option<Content>)> {
    let beside = versions(thing).into_iter().skip(1);
    let copies = beside.map(|(op, content)| (NodeId::copied(id, thing.kind, op), op, content));
    copies
        .filter(|(copy, ..)| !things.contains_key(copy))
        .collect()
}

/// R5: the name of every entry that shows.
fn name_everything(things: &Things) -> BTreeMap<NodeId, String> {
    let mut names = BTreeMap::new();
    let folders = std::iter::once(NodeId::ROOT).chain(things.keys().copied());
    for folder in folders {
        let here: Vec<(&NodeId, &Thing)> = things
            .iter()
            .filter(|(_, thing)| thing.shows && thing.parent() == folder)
            .collect();
        let mut by_name: BTreeMap<String, Vec<(bool, OpId, NodeId)>> = BTreeMap::new();
        for (id, thing) in &here {
            let born = thing.registers.birth.iter().map(|(op, _)| *op).min();
            let Some(born) = born else { continue };
            let claim = (thing.kind != Kind::Folder, born, **id);
            by_name
                .entry(thing.name.nfc().collect())
                .or_default()
                .push(claim);
        }
        let mut taken: BTreeSet<String> = by_name.keys().cloned().collect();
        let mut rest: BTreeMap<NodeId, (String, String)> = BTreeMap::new();
        for claims in by_name.values_mut() {
            claims.sort();
            for (place, (_, _, id)) in claims.iter().enumerate() {
                let Some(thing) = things.get(id) else {
                    continue;
                };
                if place == 0 {
                    names.insert(*id, thing.name.clone());
                } else {
                    rest.insert(*id, (thing.name.clone(), String::new()));
                }
            }
        }
        for (id, thing) in here {
            for (copy, op, _) in copies(things, *id, thing) {
                let device = format!("conflict {:02x}{:02x} ", op.actor.0[0], op.actor.0[1]);
                rest.insert(copy, (thing.name.clone(), device));
            }
        }
        for (id, (base, before)) in rest {
            let mut attempts = (4..).map(|length| tagged(&base, &before, id, length));
            let free = attempts.find(|name| taken.insert(name.nfc().collect()));
            names.insert(id, free.unwrap_or_default());
        }
    }
    names
}

fn tagged(base: &str, before: &str, id: NodeId, length: usize) -> String {
    let id = id.to_string();
    let mut tag = format!(" ({before}{}", &id[..length.min(id.len())]);
    if length > id.len() {
        tag += &format!("-{}", length - id.len());
    }
    tag += ")";
    let mut parts: Vec<char> = base.chars().collect();
    let mut extension: Vec<char> = Vec::new();
    if let Some(dot) = parts.iter().rposition(|c| *c == '.')
        && dot > 0
        && dot + 1 < parts.len()
    {
        extension = parts.split_off(dot);
    }
    let size = |chars: &[char]| chars.iter().map(|c| c.len_utf8()).sum::<usize>();
    if size(&extension) + tag.len() >= 255 {
        parts.append(&mut extension);
    }
    while size(&parts) + tag.len() + size(&extension) > 255 {
        parts.pop();
    }
    let stem: String = parts.into_iter().collect();
    let extension: String = extension.into_iter().collect();
    format!("{stem}{tag}{extension}")
}

fn path(things: &Things, names: &BTreeMap<NodeId, String>, id: NodeId) -> String {
    let mut parts = Vec::new();
    let mut at = id;
    while at != NodeId::ROOT {
        parts.push(names.get(&at).cloned().unwrap_or_default());
        at = things.get(&at).map_or(NodeId::ROOT, Thing::parent);
    }
    parts.reverse();
    parts.join("/")
}

fn paint(things: &Things, names: &BTreeMap<NodeId, String>) -> Picture {
    let mut picture = Picture::default();
    for (id, thing) in things {
        if !thing.shows {
            let kept = (thing.parent(), thing.name.clone(), thing.kind);
            picture.trash.insert(*id, kept);
            continue;
        }
        let versions = versions(thing);
        let won = versions.first();
        let attributes = thing
            .registers
            .attributes
            .last()
            .map(|(_, attributes)| *attributes);
        let default = match thing.kind {
            Kind::File => 0o644,
            Kind::Folder => 0o755,
            Kind::Symlink => 0o777,
        };
        let mode = attributes.map_or(default, |attributes| u32::from(attributes.mode));
        let touched = attributes
            .and_then(|attributes| attributes.touched)
            .filter(|(_, version)| *version == won.map(|(op, _)| *op));
        let content = won.and_then(|(_, content)| content.clone());
        let node = Node {
            id: *id,
            parent: thing.parent(),
            name: names.get(id).cloned().unwrap_or_default(),
            kind: thing.kind,
            mtime_ns: touched.map_or(time_of(&content), |(time, _)| time),
            content,
            mode,
            copy_of: None,
        };
        let here = path(things, names, *id);
        let folder = path(things, names, thing.parent());
        let mut shown_copies = Vec::new();
        for (copy, op, content) in copies(things, *id, thing) {
            let name = names.get(&copy).cloned().unwrap_or_default();
            let at = if folder.is_empty() {
                name.clone()
            } else {
                format!("{folder}/{name}")
            };
            shown_copies.push(Beside {
                id: copy,
                path: at.clone(),
                author: op.actor,
            });
            let mtime_ns = time_of(&content);
            let copy_of = Some(*id);
            let node = Node {
                id: copy,
                name,
                mtime_ns,
                content,
                copy_of,
                ..node.clone()
            };
            count(&mut picture, &node);
            picture.entries.insert(at, node);
        }
        tell(&mut picture, things, names, *id, shown_copies);
        count(&mut picture, &node);
        picture.entries.insert(here, node);
    }
    picture
}

fn count(picture: &mut Picture, node: &Node) {
    match node.kind {
        Kind::File => picture.counts.files += 1,
        Kind::Folder => picture.counts.folders += 1,
        Kind::Symlink => picture.counts.symlinks += 1,
    }
    if let Some(Content::File(file)) = &node.content {
        picture.counts.bytes += file.len;
    }
}

fn time_of(content: &Option<Content>) -> i64 {
    match content {
        Some(Content::File(file)) => file.mtime_ns,
        _ => 0,
    }
}

/// Everything that is to be told about one node.
fn tell(
    picture: &mut Picture,
    things: &Things,
    names: &BTreeMap<NodeId, String>,
    node: NodeId,
    copies: Vec<Beside>,
) {
    let Some(thing) = things.get(&node) else {
        return;
    };
    let path = |id| path(things, names, id);
    let shows = |id: &NodeId| *id == NodeId::ROOT || things.get(id).is_some_and(|t| t.shows);
    let here = path(node);
    let place = match thing.registers.place.last() {
        Some((_, moved)) => Some(moved.parent),
        None => thing.registers.birth.last().map(|(_, birth)| birth.parent),
    };
    let Some(wanted) = place else { return };
    if thing.tried > 0 {
        let wanted_path = if shows(&wanted) {
            path(wanted)
        } else {
            String::new()
        };
        picture.conflicts.insert(Conflict::Cycle {
            node,
            path: here.clone(),
            wanted,
            wanted_path,
        });
    }
    if names.get(&node) != Some(&thing.name) {
        let same = |(_, other): &(&NodeId, &Thing)| {
            other.shows && other.parent() == thing.parent() && other.name.nfc().eq(thing.name.nfc())
        };
        let plain = |(id, other): &(&NodeId, &Thing)| names.get(id) == Some(&other.name);
        if let Some((holder, _)) = things.iter().filter(same).find(plain) {
            let (path, name, holder) = (here.clone(), thing.name.clone(), *holder);
            picture.conflicts.insert(Conflict::SameName {
                node,
                path,
                name,
                holder,
            });
        }
    }
    if thing.dead {
        picture.conflicts.insert(Conflict::DeletedAround {
            node,
            path: here.clone(),
        });
    }
    let others: BTreeSet<NodeId> = thing
        .registers
        .place
        .iter()
        .map(|(_, m)| m.parent)
        .collect();
    let others: BTreeSet<NodeId> = others
        .into_iter()
        .filter(|other| *other != wanted)
        .collect();
    if !others.is_empty() {
        let also = others
            .iter()
            .filter(|id| shows(id))
            .map(|id| path(*id))
            .collect();
        picture.conflicts.insert(Conflict::MovedApart {
            node,
            path: here.clone(),
            also,
        });
    }
    let others: BTreeSet<String> = thing
        .registers
        .name
        .iter()
        .map(|(_, n)| n.to_string())
        .collect();
    let also: Vec<String> = others
        .into_iter()
        .filter(|other| *other != thing.name)
        .collect();
    if !also.is_empty() {
        picture.conflicts.insert(Conflict::RenamedApart {
            node,
            path: here.clone(),
            also,
        });
    }
    if !thing.dead && !thing.registers.deletion.is_empty() {
        picture.conflicts.insert(Conflict::DeletedAndEdited {
            node,
            path: here.clone(),
            kind: thing.kind,
        });
    }
    if !copies.is_empty() {
        picture.conflicts.insert(Conflict::Content {
            node,
            path: here,
            copies,
        });
    }
}
