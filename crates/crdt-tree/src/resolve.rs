//! The rules of the view (tree.md, R1 to R6) as pure functions; knows nothing of documents, of how the
//! view is kept, or of who asks.
//!
//! Everything here depends on the set of current register values alone. That is why two devices with
//! the same changes see the same tree, whatever order the changes came in.

use crate::id::{NodeId, OpId};
use crate::name::{MAX_NAME_BYTES, Name};
use crate::node::{Content, Kind};
use crate::register::Registers;
use crate::schema::Attributes;

/// How a node began: kind, and the op by which it claims its name (R5): the least, so that a second
/// device's concurrent creation never takes away what the first one holds.
pub(crate) fn birth(registers: &Registers) -> Option<(Kind, OpId)> {
    let (op, birth) = registers.birth.first()?;
    Some((birth.kind, *op))
}

/// **R1 Place.** The winner of `p`; before any move, the parent of the creation.
pub(crate) fn place(registers: &Registers) -> Option<(OpId, NodeId, &[NodeId])> {
    if let Some((op, moved)) = registers.place.last() {
        return Some((*op, moved.parent, &moved.former));
    }
    let (op, birth) = registers.birth.last()?;
    Some((*op, birth.parent, &[]))
}

/// Parents that concurrent moves asked for and did not get, without the one that won.
pub(crate) fn lost_places(registers: &Registers) -> Vec<NodeId> {
    let Some((_, won, _)) = place(registers) else {
        return Vec::new();
    };
    let mut lost: Vec<NodeId> = registers
        .place
        .iter()
        .map(|(_, moved)| moved.parent)
        .collect();
    lost.retain(|parent| *parent != won);
    lost.sort_unstable();
    lost.dedup();
    lost
}

/// The winner of `n`; before any rename, the name of the creation.
pub(crate) fn name(registers: &Registers) -> Option<&Name> {
    match registers.name.last() {
        Some((_, name)) => Some(name),
        None => registers.birth.last().map(|(_, birth)| &birth.name),
    }
}

/// Names that concurrent renames asked for and did not get, without the one that won.
pub(crate) fn lost_names(registers: &Registers) -> Vec<Name> {
    let won = name(registers);
    let mut lost: Vec<Name> = registers
        .name
        .iter()
        .map(|(_, name)| name.clone())
        .collect();
    lost.retain(|name| Some(name) != won);
    lost.sort_unstable();
    lost.dedup();
    lost
}

/// Every write that a deletion must have seen to hold: those of `k`, `p`, `n` and `c`.
pub(crate) fn substance(registers: &Registers) -> Vec<OpId> {
    let births = registers.birth.iter().map(|(op, _)| *op);
    let places = registers.place.iter().map(|(op, _)| *op);
    let names = registers.name.iter().map(|(op, _)| *op);
    let contents = registers.content.iter().map(|(op, _)| *op);
    let unread = registers.unread.iter().copied();
    births
        .chain(places)
        .chain(names)
        .chain(contents)
        .chain(unread)
        .collect()
}

/// **R3 Deletion.** Deleted iff marked, and the marks together saw every current write.
pub(crate) fn deleted(registers: &Registers) -> bool {
    let saw = |op: &OpId| registers.deletion.iter().any(|(_, seen)| seen.contains(op));
    !registers.deletion.is_empty() && substance(registers).iter().all(saw)
}

/// One version of a node's content that nobody has replaced yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Version {
    /// The write that stands for it: of several writes of the same bytes, the greatest.
    pub(crate) op: OpId,
    /// What it holds; `None` is a file without content.
    pub(crate) content: Option<Content>,
}

/// **R6 Concurrent content.** The versions that stand, the winner first, then by falling op id; equal
/// contents are one version. Empty if nothing was ever written. Content of another kind does not count.
pub(crate) fn versions(kind: Kind, contents: &[(OpId, Option<Content>)]) -> Vec<Version> {
    let same = |a: &Option<Content>, b: &Option<Content>| match (a, b) {
        (Some(a), Some(b)) => a.same_as(b),
        (None, None) => true,
        _ => false,
    };
    let mut versions: Vec<Version> = Vec::new();
    for (op, content) in contents.iter().rev() {
        let fits = kind != Kind::Folder && content.as_ref().is_none_or(|c| c.kind() == kind);
        if fits
            && !versions
                .iter()
                .any(|version| same(&version.content, content))
        {
            versions.push(Version {
                op: *op,
                content: content.clone(),
            });
        }
    }
    versions
}

/// Permission bits and modification time to show, given the version that won.
pub(crate) fn look(kind: Kind, registers: &Registers, won: Option<&Version>) -> (u16, i64) {
    let attributes = registers
        .attributes
        .last()
        .map(|(_, attributes)| attributes);
    let mode = attributes.map_or(kind.default_mode() as u16, |a| a.mode);
    let own = match won.and_then(|version| version.content.as_ref()) {
        Some(Content::File(file)) => file.mtime_ns,
        _ => 0,
    };
    let touched = attributes.and_then(|Attributes { touched, .. }| *touched);
    let mtime_ns = match touched {
        Some((mtime_ns, on)) if on == won.map(|version| version.op) => mtime_ns,
        _ => own,
    };
    (mode, mtime_ns)
}

/// What R2 needs to know of the folders: a graph in which every folder points at one parent.
pub(crate) trait FolderGraph {
    /// Names a folder.
    type Folder: Copy + Ord + std::hash::Hash;
    /// The folder that `folder` points at now; `None` for the root.
    fn parent(&self, folder: Self::Folder) -> Option<Self::Folder>;
    /// The op of its winning `p`.
    fn moved_by(&self, folder: Self::Folder) -> OpId;
    /// Points it at its next candidate: former ancestors, nearest first, then the root for ever.
    fn demote(&mut self, folder: Self::Folder);
}

/// **R2 Cycles.** While there is a cycle, in each the folder with the greatest move takes its next
/// candidate. `suspects` must hold a folder of every cycle there is, demoted folders must have been put
/// back to their first candidate. Returns the folders that were demoted.
///
/// Cycles of such a graph are disjoint, so a round depends on no order; candidate lists end at the
/// root, so rounds end (Kleppmann et al. 2021 for "the later move loses").
pub(crate) fn break_cycles<G: FolderGraph>(
    graph: &mut G,
    suspects: Vec<G::Folder>,
) -> std::collections::BTreeSet<G::Folder> {
    let mut demoted = std::collections::BTreeSet::new();
    let mut suspects = suspects;
    loop {
        let losers: Vec<G::Folder> = cycles(graph, &suspects)
            .into_iter()
            .filter_map(|cycle| {
                cycle
                    .into_iter()
                    .max_by_key(|folder| graph.moved_by(*folder))
            })
            .collect();
        if losers.is_empty() {
            return demoted;
        }
        for loser in &losers {
            graph.demote(*loser);
        }
        demoted.extend(losers.iter().copied());
        // Only a folder that was just pointed elsewhere can be in a cycle now.
        suspects = losers;
    }
}

/// The cycles that can be reached by walking up from `starts`, each once.
fn cycles<G: FolderGraph>(graph: &G, starts: &[G::Folder]) -> Vec<Vec<G::Folder>> {
    let mut walked_by = std::collections::HashMap::new();
    let mut found = Vec::new();
    for (walk, start) in starts.iter().enumerate() {
        let mut trail = Vec::new();
        let mut at = Some(*start);
        while let Some(folder) = at {
            match walked_by.entry(folder) {
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert(walk);
                    trail.push(folder);
                    at = graph.parent(folder);
                }
                std::collections::hash_map::Entry::Occupied(entry) => {
                    if *entry.get() == walk
                        && let Some(from) = trail.iter().position(|seen| *seen == folder)
                    {
                        found.push(trail.split_off(from));
                    }
                    break;
                }
            }
        }
    }
    found
}

/// Shortest tag that tells nodes of one name apart (R5).
pub(crate) const MIN_TAG: usize = 4;

/// The name under which `id` shows when it cannot have `base` plainly: the `attempt`-th to try, from 0.
///
/// **R5** `stem (tag).ext` for a node, **R6** `stem (conflict device tag).ext` for a conflict copy,
/// where the tag is the first characters of its id, one more with each attempt, and after all of them
/// a number as well, so that no names anyone may choose can use up the attempts.
pub(crate) fn tagged_name(base: &str, id: NodeId, device: Option<&str>, attempt: usize) -> String {
    let text = id.to_string();
    let length = (MIN_TAG + attempt).min(text.len());
    let mut tag = text.get(..length).unwrap_or(&text).to_owned();
    let beyond = (MIN_TAG + attempt).saturating_sub(text.len());
    if beyond > 0 {
        tag.push_str(&format!("-{beyond}"));
    }
    let tag = match device {
        Some(device) => format!(" (conflict {device} {tag})"),
        None => format!(" ({tag})"),
    };
    let (stem, extension) = split_extension(base);
    // A long extension is no extension: the tag and something of the stem must fit.
    let room = MAX_NAME_BYTES.saturating_sub(tag.len() + extension.len());
    let (stem, extension, room) = if room == 0 {
        (base, "", MAX_NAME_BYTES.saturating_sub(tag.len()))
    } else {
        (stem, extension, room)
    };
    format!("{}{tag}{extension}", cut(stem, room))
}

/// Whether `name` is what `id` may show as instead of `base`, with as long a tag as ever.
pub(crate) fn is_tagged(name: &str, base: &str, id: NodeId, device: Option<&str>) -> bool {
    let attempts = 0..=id.to_string().len().saturating_sub(MIN_TAG);
    name.contains(" (")
        && attempts
            .into_iter()
            .any(|attempt| tagged_name(base, id, device, attempt) == name)
}

/// The short name of the device that wrote a version, as conflict copies show it.
pub(crate) fn device_tag(version: OpId) -> String {
    data_encoding::HEXLOWER.encode(&version.actor.0[..2])
}

/// `("notes", ".md")`; a name without a dot, or with only a leading one, has no extension.
fn split_extension(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && dot + 1 < name.len() => name.split_at(dot),
        _ => (name, ""),
    }
}

/// The longest start of `text` of at most `room` bytes that ends between characters.
fn cut(text: &str, room: usize) -> &str {
    let mut end = room.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Who keeps a name that several nodes of one folder have: a folder before a file, then the least
/// birth, then the least id (R5). The least claim wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Claim {
    not_folder: bool,
    birth: OpId,
    id: NodeId,
}

impl Claim {
    pub(crate) fn new(kind: Kind, birth: OpId, id: NodeId) -> Self {
        Claim {
            not_folder: kind != Kind::Folder,
            birth,
            id,
        }
    }
}

#[cfg(test)]
mod tests;
