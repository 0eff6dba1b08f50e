//! Questions about everything that shows at once: what the entries hold is read in one pass over the document,
//! which costs a tenth of asking for it entry by entry.

use automerge::ReadDoc;

use super::questions::content_of;
use super::{DriveTree, each_value};
use crate::id::{NodeId, OpId};
use crate::node::Content;
use crate::schema::{self, Register};
use crate::view::{ROOT, SlotId};

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
                for (copy, _) in self.view.copies_of(node) {
                    self.visit_content(copy, contents.clone(), &mut visit);
                }
                self.visit_content(node, contents, &mut visit);
            }
        }
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
