//! Folders: listing them, and what makes and removes names.

use std::sync::Arc;

use peerdrive_crdt_tree::edit::{Edit, Place};
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::name::Name;
use peerdrive_crdt_tree::node::{Content, Kind};

use super::{Attributes, FileSystem, Found, OpenMode, new_mode, new_name};
use crate::errno::FsError;
use crate::handle::{DOT, DOT_DOT, Handle, Listed, Listing, Target};
use crate::inode::{Bound, Gone, ROOT_INO};
use crate::volume::{Attr, Volume, VolumeError};

/// One name of a listing.
#[derive(Clone, Copy, Debug)]
pub struct FolderEntry<'a> {
    /// Its inode number.
    pub ino: u64,
    /// What to continue after.
    pub cookie: u64,
    /// What it is.
    pub kind: Kind,
    /// The name.
    pub name: &'a str,
    /// What `stat` shows; only if asked for, and not for `.` and `..`. The caller that takes the entry
    /// then refers to the inode once more.
    pub attributes: Option<Attributes>,
}

impl<V: Volume> FileSystem<V> {
    /// Opens a folder.
    pub fn open_folder(&self, ino: u64) -> Result<u64, FsError> {
        let attributes = self.attributes(ino)?;
        if attributes.kind != Kind::Folder {
            return Err(FsError::NotAFolder);
        }
        let mut state = self.state.lock();
        state.inodes.opened(ino);
        Ok(state.handle(Handle::Folder { ino, listing: None }))
    }

    /// Closes a folder.
    pub fn release_folder(&self, handle: u64) {
        let mut state = self.state.lock();
        if let Some(Handle::Folder { ino, .. }) = state.handles.get(&handle) {
            let ino = *ino;
            state.handles.remove(&handle);
            state.inodes.closed(ino);
        }
    }

    /// Lists names after `cookie` (0: from the start) until `take` says that it has no room for one.
    pub fn list(
        &self,
        handle: u64,
        cookie: u64,
        with_attributes: bool,
        mut take: impl FnMut(FolderEntry<'_>) -> bool,
    ) -> Result<(), FsError> {
        let (ino, listing) = self.listing(handle, cookie == 0)?;
        for (dot, name) in [(DOT, "."), (DOT_DOT, "..")] {
            let entry = FolderEntry {
                ino: if dot == DOT { ino } else { self.parent_of(ino) },
                cookie: dot,
                kind: Kind::Folder,
                name,
                attributes: None,
            };
            if cookie < dot && !take(entry) {
                return Ok(());
            }
        }
        for listed in listing.after(cookie) {
            let Some((kind, found)) = self.listed(listed, with_attributes) else {
                continue;
            };
            let entry = FolderEntry {
                ino: found.map_or_else(|| self.number_of(listed), |found| found.ino),
                cookie: listed.cookie,
                kind,
                name: &listed.name,
                attributes: found,
            };
            if !take(entry) {
                if let Some(found) = found {
                    self.forget(found.ino, 1);
                }
                return Ok(());
            }
        }
        Ok(())
    }

    fn listing(&self, handle: u64, afresh: bool) -> Result<(u64, Arc<Listing>), FsError> {
        let (ino, bound) = {
            let state = self.state.lock();
            match state.handles.get(&handle) {
                Some(Handle::Folder {
                    ino,
                    listing: Some(listing),
                }) if !afresh => return Ok((*ino, listing.clone())),
                Some(Handle::Folder { ino, .. }) => (*ino, state.bound(*ino)?),
                Some(Handle::File { .. }) | None => return Err(FsError::BadHandle),
            }
        };
        let names = match bound {
            Bound::Node(id) => self.names(id),
            // A folder that was removed while open lists nothing.
            Bound::New(_) | Bound::Gone(_) => Vec::new(),
        };
        let fresh = Arc::new(Listing::new(names.into_iter(), &self.cookies));
        let mut state = self.state.lock();
        if let Some(Handle::Folder { listing, .. }) = state.handles.get_mut(&handle) {
            *listing = Some(fresh.clone());
        }
        Ok((ino, fresh))
    }

    fn names(&self, folder: NodeId) -> Vec<(Box<str>, Target)> {
        let children = self.volume.children(folder);
        let mut names: Vec<(Box<str>, Target)> = children
            .into_iter()
            .map(|entry| (entry.name.into_boxed_str(), Target::Node(entry.id)))
            .collect();
        let state = self.state.lock();
        for ino in state.inodes.all_new(folder) {
            if let Ok(Bound::New(new)) = state.bound(ino) {
                names.push((new.name.as_str().into(), Target::New(ino)));
            }
        }
        names
    }

    /// What a listed name stands for now; `None` if it is gone or moved since the listing was made.
    fn listed(&self, listed: &Listed, describe: bool) -> Option<(Kind, Option<Attributes>)> {
        match listed.what {
            Target::Node(id) => {
                let attr = self.volume.get(id)?;
                let here = *attr.name == *listed.name;
                let attributes = describe.then(|| self.found(&attr).attributes);
                here.then_some((attr.kind, attributes))
            }
            Target::New(ino) => {
                let attributes = self.attributes(ino).ok()?;
                if describe {
                    self.state.lock().inodes.look_up_again(ino);
                }
                Some((Kind::File, describe.then_some(attributes)))
            }
        }
    }

    fn number_of(&self, listed: &Listed) -> u64 {
        match listed.what {
            Target::Node(id) => self.state.lock().inodes.peek(id),
            Target::New(ino) => ino,
        }
    }

    fn parent_of(&self, ino: u64) -> u64 {
        let parent = self.node(ino).ok().and_then(|id| self.volume.get(id));
        parent.map_or(ROOT_INO, |attr| self.state.lock().inodes.peek(attr.parent))
    }

    /// `fsync(2)` of a folder: every name in it is durable. Those of the drive are already; files that
    /// have not entered it do so now.
    pub async fn sync_folder(&self, ino: u64) -> Result<(), FsError> {
        let folder = self.folder(ino)?;
        let new: Vec<_> = {
            let state = self.state.lock();
            let all = state.inodes.all_new(folder).into_iter();
            all.filter_map(|ino| state.files.get(&ino).map(|file| (ino, file.clone())))
                .collect()
        };
        for (ino, file) in new {
            self.commit(ino, &file).await?;
        }
        Ok(())
    }

    /// Makes a folder.
    pub async fn make_folder(&self, parent: u64, name: &[u8], mode: u32) -> Result<Found, FsError> {
        self.make(parent, name, Kind::Folder, None, Some(new_mode(mode)?))
            .await
    }

    /// Makes an empty file without opening it.
    pub async fn make_file(&self, parent: u64, name: &[u8], mode: u32) -> Result<Found, FsError> {
        let how = OpenMode {
            write: true,
            truncate: false,
            exclusive: true,
        };
        let (found, opened) = self.create(parent, name, mode, how).await?;
        let made = self.release(opened.handle).await;
        if made.is_err() {
            self.forget(found.attributes.ino, 1);
        }
        made.map(|()| found)
    }

    /// Makes a symlink.
    pub async fn make_symlink(
        &self,
        parent: u64,
        name: &[u8],
        target: &[u8],
    ) -> Result<Found, FsError> {
        let target = std::str::from_utf8(target).map_err(|_| FsError::NotUtf8)?;
        match target.len() {
            0 => return Err(FsError::NotFound),
            1..=4095 => {}
            _ => return Err(FsError::NameTooLong),
        }
        let content = Content::Symlink(target.to_owned());
        self.make(parent, name, Kind::Symlink, Some(content), None)
            .await
    }

    /// What a symlink points at.
    pub fn read_link(&self, ino: u64) -> Result<String, FsError> {
        let content = match self.state.lock().bound(ino)? {
            Bound::Node(id) => self.volume.get(id).ok_or(FsError::NotFound)?.content,
            Bound::New(_) => None,
            Bound::Gone(gone) => gone.content,
        };
        match content {
            Some(Content::Symlink(target)) => Ok(target),
            Some(Content::File(_)) | None => Err(FsError::Invalid),
        }
    }

    async fn make(
        &self,
        parent: u64,
        name: &[u8],
        kind: Kind,
        content: Option<Content>,
        mode: Option<u32>,
    ) -> Result<Found, FsError> {
        self.writable()?;
        let name = new_name(name)?;
        let folder = self.folder(parent)?;
        self.free_name(folder, &name)?;
        let _edits = self.edits.read().await;
        let create = Edit::Create {
            parent: Place::In(folder),
            name,
            kind,
            content,
            mode,
        };
        let id = self.edit_one(create).await?;
        self.touch(folder);
        if kind == Kind::Folder {
            self.state.lock().subfolders.forget(folder);
        }
        let attr = self.volume.get(id).ok_or(FsError::NotFound)?;
        self.state.lock().own.created.insert(id);
        Ok(self.found(&attr))
    }

    pub(super) fn free_name(&self, folder: NodeId, name: &Name) -> Result<(), FsError> {
        let new = self.state.lock().inodes.find_new(folder, name).is_some();
        if new || self.volume.lookup(folder, name.as_str()).is_some() {
            return Err(FsError::Exists);
        }
        Ok(())
    }

    /// Removes the name of a file or symlink; those who have it open keep it.
    pub async fn unlink(&self, parent: u64, name: &[u8]) -> Result<(), FsError> {
        self.writable()?;
        let name = new_name(name)?;
        let folder = self.folder(parent)?;
        if self.drop_new(folder, &name) {
            self.touch(folder);
            return Ok(());
        }
        let attr = self
            .volume
            .lookup(folder, name.as_str())
            .ok_or(FsError::NotFound)?;
        if attr.kind == Kind::Folder {
            return Err(FsError::Volume(VolumeError::IsAFolder));
        }
        self.delete(&attr, &name).await
    }

    /// Removes an empty folder.
    pub async fn remove_folder(&self, parent: u64, name: &[u8]) -> Result<(), FsError> {
        self.writable()?;
        let name = new_name(name)?;
        let folder = self.folder(parent)?;
        if self.state.lock().inodes.find_new(folder, &name).is_some() {
            return Err(FsError::NotAFolder);
        }
        let attr = self
            .volume
            .lookup(folder, name.as_str())
            .ok_or(FsError::NotFound)?;
        if attr.kind != Kind::Folder {
            return Err(FsError::NotAFolder);
        }
        self.must_be_empty(attr.id)?;
        self.delete(&attr, &name).await
    }

    pub(super) fn must_be_empty(&self, folder: NodeId) -> Result<(), FsError> {
        let new = !self.state.lock().inodes.all_new(folder).is_empty();
        if new || !self.volume.is_empty(folder) {
            return Err(FsError::NotEmpty);
        }
        Ok(())
    }

    async fn delete(&self, attr: &Attr, given: &Name) -> Result<(), FsError> {
        let _edits = self.edits.read().await;
        self.edit_one(Edit::Delete { node: attr.id }).await?;
        self.state
            .lock()
            .owe_other_spelling(attr.parent, &attr.name, given);
        self.deleted(attr);
        self.touch(attr.parent);
        Ok(())
    }

    /// Notes that a node was deleted here.
    pub(super) fn deleted(&self, attr: &Attr) {
        let mut state = self.state.lock();
        state.inodes.let_go(attr.id, Gone::of(attr, None));
        state.own.deleted.insert(attr.id);
        state.touched.remove(&attr.id);
        if attr.kind == Kind::Folder {
            state.subfolders.forget(attr.parent);
        }
    }

    /// Takes the name from a file that is not in the drive yet: it never will be.
    pub(super) fn drop_new(&self, folder: NodeId, name: &Name) -> bool {
        let mut state = self.state.lock();
        let Some(ino) = state.inodes.find_new(folder, name) else {
            return false;
        };
        let mode = match state.bound(ino) {
            Ok(Bound::New(new)) => new.mode,
            Ok(Bound::Node(_) | Bound::Gone(_)) | Err(_) => 0o600,
        };
        let gone = Gone {
            origin: None,
            kind: Kind::File,
            mode,
            mtime_ns: 0,
            content: None,
        };
        state.inodes.bind(ino, Bound::Gone(gone));
        true
    }
}
