//! Which name each entry of a folder shows under (rules R5 and R6), kept per folder; knows nothing of
//! where the names come from.
//!
//! The outcome is a function of the entries alone. Per name, the least claim shows it plainly. All
//! others, and every conflict copy, are taken in order of id and take the first tag that gives a name
//! which nobody holds plainly and nobody before them has. An entry that comes or goes can move only
//! entries that are tagged, so only those are looked at.

use std::borrow::Cow;
use std::collections::BTreeSet;

use automerge::ReadDoc;
use unicode_normalization::UnicodeNormalization;

use super::children::Spot;
use super::journal::Journal;
use super::slot::Clashes;
use super::{SlotId, View};
use crate::id::{Actor, NodeId, OpId};
use crate::register::Source;
use crate::resolve::{self, Claim};

/// The form in which names are compared.
pub(crate) fn nfc(name: &str) -> Cow<'_, str> {
    if name.is_ascii() {
        return Cow::Borrowed(name);
    }
    Cow::Owned(name.nfc().collect())
}

impl View {
    /// The name that a slot shows under.
    pub(crate) fn shown_name(&self, at: SlotId) -> &str {
        let slot = self.slot(at);
        let tagged = slot.tagged.then(|| self.tagged.get(&at)).flatten();
        tagged.map_or(&slot.name, String::as_str)
    }

    fn set_tag(&mut self, at: SlotId, name: String) {
        self.slot_mut(at).tagged = true;
        self.tagged.insert(at, name);
    }

    fn drop_tag(&mut self, at: SlotId) {
        self.slot_mut(at).tagged = false;
        self.tagged.remove(&at);
    }

    /// Where in a folder the entry of this NFC name is, or would be.
    pub(super) fn seek(&self, parent: SlotId, name: &str) -> Option<Result<Spot, Spot>> {
        let order = |at: SlotId| (*nfc(self.shown_name(at))).cmp(name);
        Some(self.folder(parent)?.children.seek(order))
    }

    /// Makes `at` show in its parent.
    pub(super) fn claim<R: ReadDoc>(
        &mut self,
        source: &Source<'_, R>,
        at: SlotId,
        journal: &mut Journal,
    ) {
        let parent = self.slot(at).parent;
        if self.slot(at).copy_of().is_some() {
            self.add_tagged(parent, at);
            self.assign_tags(parent, BTreeSet::from([self.slot(at).id]), journal);
            return;
        }
        let own: Box<str> = nfc(&self.slot(at).name).into();
        let mut unnamed = BTreeSet::new();
        match self.holder(parent, &own) {
            None => self.set_holder(parent, &own, at),
            Some(holder) if self.is_tagged(parent, holder) => {
                // A tag that happened to read like this name gives way.
                self.set_holder(parent, &own, at);
                unnamed.insert(self.slot(holder).id);
            }
            Some(holder) => {
                let mine = self.claim_of(source, at);
                let theirs = self.claim_of(source, holder);
                let clashes = self.clashes(parent);
                let claims = clashes.contested.entry(own.clone()).or_default();
                claims.insert(theirs, holder);
                claims.insert(mine, at);
                let loser = if claims.values().next() == Some(&at) {
                    holder
                } else {
                    at
                };
                if loser == holder {
                    journal.note(self, holder);
                    self.set_holder(parent, &own, at);
                }
                self.add_tagged(parent, loser);
                unnamed.insert(self.slot(loser).id);
            }
        }
        self.assign_tags(parent, unnamed, journal);
    }

    /// Makes `at` show no more.
    pub(super) fn unclaim(&mut self, at: SlotId, journal: &mut Journal) {
        let (parent, id) = (self.slot(at).parent, self.slot(at).id);
        let own: Box<str> = nfc(&self.slot(at).name).into();
        let is_copy = self.slot(at).copy_of().is_some();
        self.free_name(parent, at);
        self.drop_tag(at);
        let Some(folder) = self.folder_mut(parent) else {
            return;
        };
        let Some(clashes) = folder.clashes.as_deref_mut() else {
            return;
        };
        clashes.tagged.remove(&id);
        clashes.long.remove(&id);
        if !is_copy && let Some(claims) = clashes.contested.get_mut(&own) {
            claims.retain(|_, holder| *holder != at);
            let heir = claims.values().next().copied();
            if claims.len() < 2 {
                clashes.contested.remove(&own);
            }
            if let Some(heir) = heir {
                self.untag(parent, heir, &own, journal);
            }
        }
        self.assign_tags(parent, BTreeSet::new(), journal);
    }

    /// Gives the plain name to the node that now has the least claim, if it shows under a tag.
    fn untag(&mut self, parent: SlotId, heir: SlotId, own: &str, journal: &mut Journal) {
        if !self.is_tagged(parent, heir) {
            return;
        }
        journal.note(self, heir);
        let id = self.slot(heir).id;
        self.free_name(parent, heir);
        self.drop_tag(heir);
        let clashes = self.clashes(parent);
        clashes.tagged.remove(&id);
        clashes.long.remove(&id);
        self.set_holder(parent, own, heir);
        self.mark_trouble(heir);
    }

    /// Finds names for the tagged entries `unnamed`, and for those whose tag is longer than it has to be
    /// now; see the module's words.
    fn assign_tags(&mut self, parent: SlotId, unnamed: BTreeSet<NodeId>, journal: &mut Journal) {
        let Some(clashes) = self
            .folder(parent)
            .and_then(|folder| folder.clashes.as_deref())
        else {
            return;
        };
        let mut work = unnamed;
        // Long tags are as good as unheard of: it takes names chosen to look like tags.
        work.extend(clashes.long.iter().copied());
        while let Some(id) = work.pop_first() {
            let Some((at, had)) = self.tag_of(parent, id) else {
                continue;
            };
            let (attempt, name) = self.first_free(parent, at);
            if attempt == had && self.tagged.get(&at) == Some(&name) {
                continue;
            }
            journal.note(self, at);
            let key: Box<str> = nfc(&name).into();
            if self.slot(at).tagged {
                self.free_name(parent, at);
                // Somebody behind may have wanted the name that is free now.
                let clashes = self.clashes(parent);
                work.extend(clashes.long.iter().filter(|other| **other > id));
            }
            self.set_tag(at, name);
            if let Some(robbed) = self.holder(parent, &key) {
                work.insert(self.slot(robbed).id);
            }
            self.set_holder(parent, &key, at);
            let clashes = self.clashes(parent);
            clashes.tagged.insert(id, (at, attempt));
            if attempt > 0 {
                clashes.long.insert(id);
            } else {
                clashes.long.remove(&id);
            }
            self.mark_trouble(at);
        }
        self.tidy(parent);
    }

    /// The first attempt whose name nobody holds plainly and no tagged entry before `at` has.
    fn first_free(&self, parent: SlotId, at: SlotId) -> (usize, String) {
        let slot = self.slot(at);
        let copy = slot.copy_of();
        let device = copy.map(|(_, version)| resolve::device_tag(version));
        let base = match copy {
            Some((node, _)) => &self.slot(node).name,
            None => &slot.name,
        };
        let mut attempt = 0;
        loop {
            let name = resolve::tagged_name(base, slot.id, device.as_deref(), attempt);
            let free = match self.holder(parent, &nfc(&name)) {
                None => true,
                Some(holder) if holder == at => true,
                Some(holder) => self.is_tagged(parent, holder) && self.slot(holder).id > slot.id,
            };
            if free {
                return (attempt, name);
            }
            attempt += 1;
        }
    }

    fn claim_of<R: ReadDoc>(&self, source: &Source<'_, R>, at: SlotId) -> Claim {
        let slot = self.slot(at);
        let registers = source.place(slot.id);
        let first = OpId {
            counter: 0,
            actor: Actor::GENESIS,
        };
        let birth = resolve::birth(&registers).map_or(first, |(_, op)| op);
        Claim::new(slot.kind, birth, slot.id)
    }

    pub(super) fn holder(&self, parent: SlotId, name: &str) -> Option<SlotId> {
        let spot = self.seek(parent, name)?.ok()?;
        self.folder(parent)?.children.get(spot)
    }

    /// Lists `at` under the NFC name that it shows under, in the place of whoever is there.
    fn set_holder(&mut self, parent: SlotId, name: &str, at: SlotId) {
        let spot = self.seek(parent, name);
        if let (Some(spot), Some(folder)) = (spot, self.folder_mut(parent)) {
            match spot {
                Ok(spot) => folder.children.replace(spot, at),
                Err(spot) => folder.children.insert(spot, at),
            }
        }
    }

    /// Takes `at` off the list, where it is listed under the name that it still shows under.
    fn free_name(&mut self, parent: SlotId, at: SlotId) {
        let Some(Ok(spot)) = self.seek(parent, &nfc(self.shown_name(at))) else {
            return;
        };
        if let Some(folder) = self.folder_mut(parent)
            && folder.children.get(spot) == Some(at)
        {
            folder.children.remove(spot);
        }
    }

    fn clashes(&mut self, parent: SlotId) -> &mut Clashes {
        let folder = self.slot_mut(parent).folder.get_or_insert_default();
        folder.clashes.get_or_insert_default()
    }

    fn add_tagged(&mut self, parent: SlotId, at: SlotId) {
        let id = self.slot(at).id;
        self.clashes(parent).tagged.insert(id, (at, 0));
    }

    fn tag_of(&self, parent: SlotId, id: NodeId) -> Option<(SlotId, usize)> {
        self.folder(parent)?
            .clashes
            .as_deref()?
            .tagged
            .get(&id)
            .copied()
    }

    fn is_tagged(&self, parent: SlotId, at: SlotId) -> bool {
        self.tag_of(parent, self.slot(at).id)
            .is_some_and(|(tagged, _)| tagged == at)
    }

    /// Nodes of one folder that share a name with `at`, itself included; empty where there is no clash.
    pub(crate) fn namesakes(&self, at: SlotId) -> Vec<SlotId> {
        let slot = self.slot(at);
        let clashes = self
            .folder(slot.parent)
            .and_then(|folder| folder.clashes.as_deref());
        let claims = clashes.and_then(|clashes| clashes.contested.get(&*nfc(&slot.name)));
        claims
            .map(|claims| claims.values().copied().collect())
            .unwrap_or_default()
    }

    fn tidy(&mut self, parent: SlotId) {
        if let Some(folder) = self.folder_mut(parent)
            && let Some(clashes) = folder.clashes.as_deref()
            && clashes.contested.is_empty()
            && clashes.tagged.is_empty()
        {
            folder.clashes = None;
        }
    }
}
