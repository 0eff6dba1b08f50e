//! From a staging file to a version in the drive: what `close` and `fsync` do.

use std::sync::Arc;

use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::name::{MAX_NAME_BYTES, Name};
use peerdrive_crdt_tree::node::{Content, FileContent, Kind};

use super::{FileSystem, State};
use crate::errno::FsError;
use crate::handle::{Handle, OpenFile};
use crate::inode::{Bound, NewFile, Version};
use crate::volume::{Attr, Volume, VolumeError};

impl<V: Volume> FileSystem<V> {
    /// Takes what was written into the drive, durable when it returns. Nothing written: nothing done.
    pub(super) async fn commit(
        &self,
        ino: u64,
        file: &Arc<OpenFile<V::Reader>>,
    ) -> Result<(), FsError> {
        let mut turn = file.turn().await;
        if file.is_clean() {
            return Ok(());
        }
        if let Bound::Gone(gone) = self.state.lock().bound(ino)?
            && gone.origin.is_none()
        {
            return Ok(());
        }
        let (bytes, len, mtime_ns) = file.bytes(&self.volume, &turn).await?;
        let content = self.volume.import(bytes, len, mtime_ns).await?;
        let _edits = self.edits.read().await;
        let bound = self.state.lock().bound(ino)?;
        match bound {
            Bound::Node(id) => {
                self.write_version(id, turn.base, content).await?;
                self.committed(ino, id, content);
            }
            Bound::New(new) => {
                let id = self.create_with(&new, content).await?;
                self.entered(ino, id, &new, content);
            }
            Bound::Gone(gone) => {
                // The node went on without this handle. Its writes are one more version of it.
                if let Some(id) = gone.origin {
                    self.write_version(id, turn.base, content).await?;
                }
            }
        }
        file.saved(&mut turn, content);
        Ok(())
    }

    /// Takes everything that is open and written to into the drive; the first error is returned, after
    /// all were tried.
    pub async fn commit_all(&self) -> Result<(), FsError> {
        let files: Vec<_> = {
            let state = self.state.lock();
            state
                .files
                .iter()
                .map(|(ino, file)| (*ino, file.clone()))
                .collect()
        };
        let mut outcome = Ok(());
        for (ino, file) in files {
            let result = self.commit(ino, &file).await;
            outcome = outcome.and(result);
        }
        outcome
    }

    /// Writes a version of a node that began as `base`.
    ///
    /// If the node has moved on to another version meanwhile, its writer never saw that one: it stays
    /// in the folder, beside, as a conflict copy (architecture.md, invariant 7).
    async fn write_version(
        &self,
        node: NodeId,
        base: Option<FileContent>,
        content: FileContent,
    ) -> Result<(), FsError> {
        loop {
            let seen = self.volume.get(node);
            let mut edits = Vec::with_capacity(2);
            match &seen {
                Some(attr) => edits.extend(self.keep_other(attr, base, content)),
                // Deleted by someone who had not seen these writes: they bring it back (rule R3).
                None => edits.push(Edit::Restore { node }),
            }
            edits.push(Edit::SetContent {
                node,
                content: Content::File(content),
            });
            // Where it changed between the look and the edit, look again.
            if let Some(results) = self.volume.edit_if_still(node, seen, edits).await? {
                for result in results {
                    result?;
                }
                return Ok(());
            }
        }
    }

    /// What keeps the version that a node holds, if it is neither the one that the writer began with
    /// nor the one written.
    fn keep_other(
        &self,
        attr: &Attr,
        base: Option<FileContent>,
        content: FileContent,
    ) -> Option<Edit> {
        let other = attr.file().filter(|other| other.len > 0)?;
        let seen = [base.as_ref(), Some(&content)].map(Version::of_file);
        if seen.contains(&Version::of_file(Some(&other))) {
            return None;
        }
        Some(Edit::Create {
            parent: Place::In(attr.parent),
            name: self.copy_name(attr.parent, &attr.name, &other)?,
            kind: Kind::File,
            content: Some(Content::File(other)),
            mode: Some(attr.mode),
        })
    }

    /// A free name for a version beside its file; `None` if that version is there already.
    fn copy_name(&self, parent: NodeId, name: &str, content: &FileContent) -> Option<Name> {
        let (stem, extension) = match name.rfind('.') {
            Some(dot) if dot > 0 => name.split_at(dot),
            _ => (name, ""),
        };
        for bytes in 4..=content.hash.0.len() {
            let tag: String = content.hash.0[..bytes]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let suffix = format!(" (conflict {tag}){extension}");
            let room = MAX_NAME_BYTES.checked_sub(suffix.len())?;
            let stem = &stem[..stem.floor_char_boundary(room)];
            let name = Name::new(format!("{stem}{suffix}")).ok()?;
            match self.volume.lookup(parent, name.as_str()) {
                None => return Some(name),
                Some(there) if there.file() == Some(*content) => return None,
                Some(_) => {}
            }
        }
        None
    }

    /// Brings a new file into the drive, complete.
    async fn create_with(&self, new: &NewFile, content: FileContent) -> Result<NodeId, FsError> {
        let create = Edit::Create {
            parent: Place::In(new.parent),
            name: new.name.clone(),
            kind: Kind::File,
            content: Some(Content::File(content)),
            mode: Some(new.mode),
        };
        let created = match self.edit_one(create.clone()).await {
            // Its folder was deleted by someone who did not see this file: the file keeps it alive.
            Err(FsError::Volume(VolumeError::NotFound)) => {
                let restore = Edit::Restore { node: new.parent };
                self.edit_all(vec![restore, create]).await?;
                self.volume
                    .lookup(new.parent, new.name.as_str())
                    .map(|attr| attr.id)
                    .ok_or(FsError::NotFound)
            }
            // Someone elsewhere made the same file meanwhile: these are two versions of one.
            Err(FsError::Volume(VolumeError::Exists)) => {
                let there = self.volume.lookup(new.parent, new.name.as_str());
                let there = there.ok_or(FsError::NotFound)?;
                if there.kind != Kind::File {
                    return Err(FsError::Exists);
                }
                self.write_version(there.id, None, content).await?;
                return Ok(there.id);
            }
            created => created,
        }?;
        self.clear_xattrs(created).await?;
        Ok(created)
    }

    /// A name that was used before lives again with its history, but a new file has no attributes.
    async fn clear_xattrs(&self, node: NodeId) -> Result<(), FsError> {
        let left = self.volume.xattrs(node);
        if left.is_empty() {
            return Ok(());
        }
        let clear = left.into_keys().map(|key| Edit::SetXattr {
            node,
            key,
            value: None,
        });
        self.edit_all(clear.collect()).await
    }

    fn committed(&self, ino: u64, id: NodeId, content: FileContent) {
        let attr = self.volume.get(id);
        let mut state = self.state.lock();
        if let Some(attr) = &attr {
            state.tell(ino, attr);
        }
        if let Some(inode) = state.inodes.get_mut(ino) {
            inode.cached = Some(Version::of_file(Some(&content)));
        }
    }

    /// A new file has come into the drive, with handles that write it.
    fn tell_writing(&self, state: &mut State<V::Reader>, entered: u64, id: NodeId) {
        for handle in state.handles.values_mut() {
            if let Handle::File {
                ino,
                writable: true,
                told: told @ None,
                ..
            } = handle
                && *ino == entered
            {
                *told = Some(id);
                self.volume.writing(id, true);
            }
        }
    }

    fn entered(&self, ino: u64, id: NodeId, new: &NewFile, content: FileContent) {
        if let Some(attr) = self.volume.get(id) {
            let gone = crate::inode::Gone::of(&attr, Some(id));
            let mut state = self.state.lock();
            state.inodes.let_go(id, gone);
            state.inodes.bind(ino, Bound::Node(id));
            state.own.created.insert(id);
            self.tell_writing(&mut state, ino, id);
        }
        self.committed(ino, id, content);
        self.touch(new.parent);
    }
}
