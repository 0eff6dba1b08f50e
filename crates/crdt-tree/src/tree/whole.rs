//! Questions about everything that shows at once: what the entries of a large drive hold is read in one pass over the
//! document, which costs a tenth of asking for it entry by entry.

use std::collections::BTreeMap;

use automerge::ReadDoc;

use super::questions::content_of;
use super::{DriveTree, each_value};
use crate::id::{NodeId, OpId};
use crate::node::Content;
use crate::schema::{self, Register};
use crate::view::{ROOT, SlotId};

/// Entries below which asking for what each holds is sooner done than going through all buckets.
const FEW: u64 = 512;

impl DriveTree {
    /// Every entry but the root, each folder before what is in it, names in order.
    pub fn walk(&self) -> impl Iterator<Item = NodeId> {
        self.slots().map(|at| self.view.entry(at).id)
    }

    fn slots(&self) -> impl Iterator<Item = SlotId> {
        let mut open = vec![self.view.children_after(ROOT, None)];
        std::iter::from_fn(move || {
            loop {
                let Some(at) = open.last_mut()?.next() else {
                    open.pop();
                    continue;
                };
                if self.view.has_children(at) {
                    open.push(self.view.children_after(at, None));
                }
                return Some(at);
            }
        })
    }

    /// Visits what each entry that shows holds, if it holds anything. In an order that means nothing, and is
    /// the same wherever the same shows.
    pub fn each_content(&self, mut visit: impl FnMut(NodeId, &Content)) {
        let counts = self.view.counts();
        match counts.files + counts.symlinks < FEW {
            true => self.each_by_node(&mut visit),
            false => self.each_by_bucket(&mut visit),
        }
    }

    fn each_by_node(&self, visit: &mut impl FnMut(NodeId, &Content)) {
        let source = self.source();
        for node in self.holders() {
            let contents = source.contents(self.view.entry(node).id);
            self.visit_contents(node, contents, visit);
        }
    }

    fn each_by_bucket(&self, visit: &mut impl FnMut(NodeId, &Content)) {
        for bucket in &self.buckets {
            for item in self.document.map_range(bucket, ..) {
                let Some((id, Register::Content)) = schema::parse_key(&item.key) else {
                    continue;
                };
                let Some(node) = self.view.any(id) else {
                    continue;
                };
                let mut contents = Vec::new();
                each_value(&self.document, bucket, &item, None, |op, value| {
                    contents.extend(schema::decode_content(value).map(|content| (op, content)));
                });
                self.visit_contents(node, contents, visit);
            }
        }
    }

    /// The nodes that hold what shows, in the order in which the document has them.
    fn holders(&self) -> impl Iterator<Item = SlotId> {
        let mut holders = BTreeMap::new();
        for at in self.slots() {
            let entry = self.view.entry(at);
            if entry.has_content {
                let node = entry.copy_of().map_or(at, |(node, _)| node);
                let id = self.view.entry(node).id;
                let key = schema::key(id, Register::Content);
                holders.insert((schema::bucket_of(id), key), node);
            }
        }
        holders.into_values()
    }

    fn visit_contents(
        &self,
        node: SlotId,
        contents: Vec<(OpId, Option<Content>)>,
        visit: &mut impl FnMut(NodeId, &Content),
    ) {
        for (copy, _) in self.view.copies_of(node) {
            self.visit_content(copy, contents.clone(), visit);
        }
        self.visit_content(node, contents, visit);
    }

    fn visit_content(
        &self,
        at: SlotId,
        contents: Vec<(OpId, Option<Content>)>,
        visit: &mut impl FnMut(NodeId, &Content),
    ) {
        let entry = self.view.entry(at);
        if entry.attached
            && entry.has_content
            && let Some(content) = content_of(&self.view, at, contents)
        {
            visit(entry.id, &content);
        }
    }

    /// One value for all that shows: equal on two devices exactly when they show the same. Costs by the
    /// size of the drive.
    ///
    /// BLAKE3 in key derivation mode over, for each entry but the root in the order of [`DriveTree::walk`]: id, id of
    /// its folder, kind (u8), length of the name (u64 LE), name, mode (u32 LE), modification time in ns (i64 LE);
    /// then, for each that holds something in the order of [`DriveTree::each_content`]: id, length (u64 LE), content.
    pub fn view_hash(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("peerdrive 2026 everything a drive shows");
        for at in self.slots() {
            let entry = self.view.entry(at);
            let name = self.view.shown_name(at);
            hasher
                .update(&entry.id.0)
                .update(&self.view.parent_id(at).0)
                .update(&[entry.kind.code()])
                .update(&(name.len() as u64).to_le_bytes())
                .update(name.as_bytes())
                .update(&u32::from(entry.mode).to_le_bytes())
                .update(&entry.mtime_ns.to_le_bytes());
        }
        self.each_content(|id, content| {
            let content = schema::encode_content(Some(content));
            hasher
                .update(&id.0)
                .update(&(content.len() as u64).to_le_bytes())
                .update(&content);
        });
        *hasher.finalize().as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::{Edit, Place};
    use crate::id::Actor;
    use crate::lint::Author;
    use crate::name::Name;
    use crate::node::{ContentHash, FileContent, Kind};

    fn held(print: u8) -> Content {
        Content::File(FileContent {
            hash: ContentHash([print; 32]),
            len: u64::from(print),
            mtime_ns: 1,
            manifest: None,
        })
    }

    #[test]
    fn both_ways_of_reading_what_is_held_visit_the_same_in_the_same_order()
    -> Result<(), Box<dyn std::error::Error>> {
        let actors = [Actor([1; 16]), Actor([2; 16])];
        let mut one = DriveTree::new(actors[0]);
        let mut other = DriveTree::new(actors[1]);
        let mut files = Vec::new();
        for number in 0..40u8 {
            files.push(Edit::Create {
                parent: Place::In(NodeId::ROOT),
                name: Name::new(format!("file {number}"))?,
                kind: Kind::File,
                content: Some(held(number)),
                mode: None,
            });
        }
        let made = one.edit(&files);
        let author = |who: usize, seq| Author {
            actor: actors[who],
            seq,
        };
        other.apply(&made.changes[0], &author(0, 1))?;
        // Two versions of each at once, and some of the files deleted.
        let write = |tree: &mut DriveTree, print: u8| {
            let nodes = made.results.iter().flatten().take(9);
            let edits = nodes.map(|node| Edit::SetContent {
                node: *node,
                content: held(print),
            });
            tree.edit(&edits.collect::<Vec<_>>()).changes
        };
        let (ones, others) = (write(&mut one, 100), write(&mut other, 200));
        one.apply(&others[0], &author(1, 1))?;
        other.apply(&ones[0], &author(0, 2))?;
        let gone = made.results.iter().flatten().skip(30);
        let gone: Vec<Edit> = gone.map(|node| Edit::Delete { node: *node }).collect();
        let _ = one.edit(&gone);
        let gathered = |by_node: bool| {
            let mut all = Vec::new();
            let mut visit = |id: NodeId, content: &Content| all.push((id, content.clone()));
            match by_node {
                true => one.each_by_node(&mut visit),
                false => one.each_by_bucket(&mut visit),
            }
            all
        };
        assert_eq!(gathered(true).len(), 30 + 9);
        assert_eq!(gathered(true), gathered(false));
        for (id, content) in gathered(true) {
            assert_eq!(one.get(id).and_then(|node| node.content), Some(content));
        }
        Ok(())
    }
}
