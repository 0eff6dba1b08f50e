//! `stat` and what sets it: modes, times, lengths, owners.

use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::node::{Content, Kind};

use super::{Attributes, FileSystem, new_mode};
use crate::errno::FsError;
use crate::handle::OpenFile;
use crate::inode::{Bound, Gone, NewFile};
use crate::volume::{Attr, Reader, Volume};

/// Attributes to set; `None` leaves one as it is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SetAttributes {
    /// Permission bits.
    pub mode: Option<u32>,
    /// User.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Length.
    pub size: Option<u64>,
    /// Modification time, nanoseconds since 1970.
    pub mtime_ns: Option<i64>,
    /// The open file through which it is set.
    pub handle: Option<u64>,
}

impl<V: Volume> FileSystem<V> {
    /// What `stat` shows.
    pub fn attributes(&self, ino: u64) -> Result<Attributes, FsError> {
        let state = self.state.lock();
        let bound = state.bound(ino)?;
        let file = state.files.get(&ino).cloned();
        drop(state);
        match bound {
            Bound::Node(id) => {
                let Some(attr) = self.volume.get(id) else {
                    // Deleted elsewhere this very moment. Who has it open still has it.
                    let file = file.ok_or(FsError::NotFound)?;
                    let gone = self.state.lock().last_seen(ino, id);
                    return Ok(describe_gone(ino, &gone, Some(&file)));
                };
                self.state.lock().tell_attributes(ino, &attr);
                Ok(self.describe(ino, &attr, file.as_deref()))
            }
            Bound::New(new) => Ok(describe_new(ino, &new, file.as_deref())),
            Bound::Gone(gone) => Ok(describe_gone(ino, &gone, file.as_deref())),
        }
    }

    pub(super) fn describe(
        &self,
        ino: u64,
        attr: &Attr,
        file: Option<&OpenFile<V::Reader>>,
    ) -> Attributes {
        let folder = attr.kind == Kind::Folder;
        let (size, mtime_ns) = match file {
            Some(file) => file.stat(),
            None if folder => (4096, self.folder_mtime(attr)),
            // The drive does not keep when a symlink was made.
            None if attr.mtime_ns == 0 => (attr.len(), self.mounted_ns),
            None => (attr.len(), attr.mtime_ns),
        };
        let written_ns = attr.file().map_or(mtime_ns, |content| content.mtime_ns);
        let nlink = match attr.kind {
            Kind::Folder => self.subfolders(attr.id).saturating_add(2),
            Kind::File | Kind::Symlink => 1,
        };
        Attributes {
            ino,
            kind: attr.kind,
            size,
            mode: shown_mode(attr.kind, attr.mode),
            mtime_ns,
            ctime_ns: mtime_ns.max(written_ns),
            nlink,
        }
    }

    /// The drive does not keep when a folder's names changed: for this mount, it is remembered here.
    fn folder_mtime(&self, attr: &Attr) -> i64 {
        let touched = self.state.lock().touched.get(&attr.id).copied();
        match (attr.mtime_ns, touched) {
            (0, None) => self.mounted_ns,
            (mtime_ns, touched) => touched.map_or(mtime_ns, |touched| touched.max(mtime_ns)),
        }
    }

    /// Sets attributes.
    pub async fn set_attributes(&self, ino: u64, set: SetAttributes) -> Result<(), FsError> {
        self.writable()?;
        let (uid, gid) = self.options.owner;
        if set.uid.is_some_and(|to| to != uid) || set.gid.is_some_and(|to| to != gid) {
            return Err(FsError::NotPermitted("owners other than who mounted it"));
        }
        let mode = set.mode.map(new_mode).transpose()?;
        if let Some(size) = set.size {
            self.set_size(ino, set.handle, size).await?;
        }
        if let Some(mtime_ns) = set.mtime_ns {
            self.set_mtime(ino, mtime_ns).await?;
        }
        if let Some(mode) = mode {
            self.set_mode(ino, mode).await?;
        }
        Ok(())
    }

    async fn set_size(&self, ino: u64, handle: Option<u64>, size: u64) -> Result<(), FsError> {
        if let Some(handle) = handle {
            let open = self.file_to_write(handle)?;
            return open.file.set_len(&self.volume, size).await.map(drop);
        }
        // truncate(2): a whole edit of its own, unless somebody is in the middle of one.
        let opened = self.open_file(ino)?;
        if opened.file.set_len(&self.volume, size).await? {
            self.commit(ino, &opened.file).await?;
        }
        Ok(())
    }

    async fn set_mtime(&self, ino: u64, mtime_ns: i64) -> Result<(), FsError> {
        if ino == super::ROOT {
            // The top folder has no attributes in the drive, but programs that copy trees set them.
            self.state.lock().touched.insert(NodeId::ROOT, mtime_ns);
            return Ok(());
        }
        let file = self.state.lock().files.get(&ino).cloned();
        if let Some(file) = &file
            && file.set_mtime_if_dirty(mtime_ns).await
        {
            return Ok(());
        }
        let set = |node| Edit::SetAttributes {
            node,
            mode: None,
            mtime_ns: Some(mtime_ns),
        };
        if self.set_on_node(ino, set).await?
            && let Some(file) = &file
        {
            file.show_mtime(mtime_ns);
        }
        // Set by hand, it is what a folder shows until its names change again.
        if let Ok(id) = self.node(ino) {
            self.state.lock().touched.remove(&id);
        }
        Ok(())
    }

    async fn set_mode(&self, ino: u64, mode: u32) -> Result<(), FsError> {
        if self.set_mode_outside(ino, mode)? {
            return Ok(());
        }
        if ino == super::ROOT && self.attributes(ino)?.mode == mode {
            return Ok(());
        }
        let set = |node| Edit::SetAttributes {
            node,
            mode: Some(mode),
            mtime_ns: None,
        };
        self.set_on_node(ino, set).await?;
        Ok(())
    }

    /// Sets the mode of an inode that has no node in the drive, if it is one.
    fn set_mode_outside(&self, ino: u64, mode: u32) -> Result<bool, FsError> {
        let mut state = self.state.lock();
        let bound = match state.bound(ino)? {
            Bound::New(new) => Bound::New(NewFile { mode, ..new }),
            Bound::Gone(gone) => Bound::Gone(Gone { mode, ..gone }),
            Bound::Node(_) => return Ok(false),
        };
        state.inodes.bind(ino, bound);
        Ok(true)
    }

    /// Does an attribute edit; false if the inode has no node that it could be done on.
    async fn set_on_node(
        &self,
        ino: u64,
        edit: impl FnOnce(NodeId) -> Edit,
    ) -> Result<bool, FsError> {
        let _edits = self.edits.read().await;
        let Ok(id) = self.node(ino) else {
            return Ok(false);
        };
        self.edit_one(edit(id)).await?;
        self.tell_again(ino, id);
        Ok(true)
    }

    /// Notes that the kernel will hear the node's attributes as they are now.
    pub(super) fn tell_again(&self, ino: u64, id: NodeId) {
        if let Some(attr) = self.volume.get(id) {
            self.state.lock().tell_attributes(ino, &attr);
        }
    }
}

fn describe_new<R: Reader>(ino: u64, new: &NewFile, file: Option<&OpenFile<R>>) -> Attributes {
    let (size, mtime_ns) = file.map_or((0, 0), OpenFile::stat);
    Attributes {
        ino,
        kind: Kind::File,
        size,
        mode: new.mode,
        mtime_ns,
        ctime_ns: mtime_ns,
        nlink: 1,
    }
}

fn describe_gone<R: Reader>(ino: u64, gone: &Gone, file: Option<&OpenFile<R>>) -> Attributes {
    let len = match &gone.content {
        Some(Content::File(content)) => content.len,
        Some(Content::Symlink(target)) => target.len() as u64,
        None => 0,
    };
    let (size, mtime_ns) = file.map_or((len, gone.mtime_ns), OpenFile::stat);
    Attributes {
        ino,
        kind: gone.kind,
        size,
        mode: shown_mode(gone.kind, gone.mode),
        mtime_ns,
        ctime_ns: mtime_ns,
        nlink: 0,
    }
}

/// Symlinks have no permissions of their own: Linux shows all of them.
fn shown_mode(kind: Kind, mode: u32) -> u32 {
    match kind {
        Kind::Symlink => 0o777,
        Kind::File | Kind::Folder => mode,
    }
}
