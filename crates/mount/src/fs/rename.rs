//! Renames: plain, over something, without replacing, and exchanging two names.

use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::id::NodeId;
use peerdrive_crdt_tree::name::Name;
use peerdrive_crdt_tree::node::Kind;

use super::{FileSystem, new_name};
use crate::errno::FsError;
use crate::inode::{Bound, Gone, NewFile, Version};
use crate::volume::{Attr, Volume, VolumeError};

/// What a rename does about a name that is taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RenameMode {
    /// Replaces it, as `rename(2)`.
    Replace,
    /// Fails: `RENAME_NOREPLACE`.
    NoReplace,
    /// Swaps the two: `RENAME_EXCHANGE`.
    Exchange,
}

/// A place in the tree.
struct Spot {
    folder: NodeId,
    name: Name,
}

impl<V: Volume> FileSystem<V> {
    /// Renames, or moves, or both.
    pub async fn rename(
        &self,
        from: (u64, &[u8]),
        to: (u64, &[u8]),
        mode: RenameMode,
    ) -> Result<(), FsError> {
        self.writable()?;
        let from = self.spot(from)?;
        let to = self.spot(to)?;
        let outcome = match mode {
            RenameMode::Exchange => self.exchange(&from, &to).await,
            RenameMode::NoReplace => match self.free_name(to.folder, &to.name) {
                Ok(()) => self.rename_to(&from, &to).await,
                Err(error) => Err(error),
            },
            RenameMode::Replace => self.rename_to(&from, &to).await,
        };
        self.touch(from.folder);
        self.touch(to.folder);
        outcome
    }

    fn spot(&self, (folder, name): (u64, &[u8])) -> Result<Spot, FsError> {
        Ok(Spot {
            folder: self.folder(folder)?,
            name: new_name(name)?,
        })
    }

    async fn rename_to(&self, from: &Spot, to: &Spot) -> Result<(), FsError> {
        // A file that is on its way in changes its name on the way, or comes in where it must replace.
        let taken = self.is_taken(to);
        if !taken && self.rename_new(from, to) {
            return Ok(());
        }
        let source = self.settled(from).await?;
        self.state
            .lock()
            .owe_other_spelling(from.folder, &source.name, &from.name);
        if !taken {
            return self.move_to(&source, to).await;
        }
        if self
            .state
            .lock()
            .inodes
            .find_new(to.folder, &to.name)
            .is_some()
        {
            if source.kind == Kind::Folder {
                return Err(FsError::NotAFolder);
            }
            self.drop_new(to.folder, &to.name);
            return self.move_to(&source, to).await;
        }
        let there = self.volume.lookup(to.folder, to.name.as_str());
        let Some(target) = there else {
            return self.move_to(&source, to).await;
        };
        self.state
            .lock()
            .owe_other_spelling(to.folder, &target.name, &to.name);
        match (source.kind, target.kind) {
            _ if source.id == target.id && source.name == to.name.as_str() => Ok(()),
            // Another spelling of its own name.
            _ if source.id == target.id => self.move_to(&source, to).await,
            (Kind::Folder, Kind::Folder) => {
                self.must_be_outside(source.id, to.folder)?;
                self.must_be_empty(target.id)?;
                self.move_over(&source, &target, to).await
            }
            (Kind::Folder, Kind::File | Kind::Symlink) => Err(FsError::NotAFolder),
            (Kind::File | Kind::Symlink, Kind::Folder) => {
                Err(FsError::Volume(VolumeError::IsAFolder))
            }
            (Kind::File, Kind::File) => self.replace(&source, &target).await,
            (Kind::File | Kind::Symlink, Kind::File | Kind::Symlink) => {
                self.move_over(&source, &target, to).await
            }
        }
    }

    /// The kernel checks this too, but only for the tree as it knows it.
    fn must_be_outside(&self, source: NodeId, folder: NodeId) -> Result<(), FsError> {
        let mut above = folder;
        while above != NodeId::ROOT {
            if above == source {
                return Err(FsError::Volume(VolumeError::IntoItself));
            }
            above = self.volume.get(above).ok_or(FsError::NotFound)?.parent;
        }
        Ok(())
    }

    fn is_taken(&self, spot: &Spot) -> bool {
        self.free_name(spot.folder, &spot.name).is_err()
    }

    /// Renames a file that is not in the drive yet.
    fn rename_new(&self, from: &Spot, to: &Spot) -> bool {
        let mut state = self.state.lock();
        let Some(ino) = state.inodes.find_new(from.folder, &from.name) else {
            return false;
        };
        let Ok(Bound::New(new)) = state.bound(ino) else {
            return false;
        };
        let moved = NewFile {
            parent: to.folder,
            name: to.name.clone(),
            ..new
        };
        state.inodes.bind(ino, Bound::New(moved));
        true
    }

    /// The node at a spot; a file that is not in the drive yet enters it now.
    async fn settled(&self, spot: &Spot) -> Result<Attr, FsError> {
        let new = {
            let state = self.state.lock();
            let ino = state.inodes.find_new(spot.folder, &spot.name);
            ino.and_then(|ino| state.files.get(&ino).map(|file| (ino, file.clone())))
        };
        if let Some((ino, file)) = new {
            self.commit(ino, &file).await?;
        }
        let there = self.volume.lookup(spot.folder, spot.name.as_str());
        there.ok_or(FsError::NotFound)
    }

    async fn move_to(&self, source: &Attr, to: &Spot) -> Result<(), FsError> {
        let _edits = self.edits.read().await;
        self.edit_one(move_edit(source.id, to)).await?;
        self.left(source);
        self.moved(source.id);
        Ok(())
    }

    /// Moves over something that is not two files: the target goes to the trash.
    async fn move_over(&self, source: &Attr, target: &Attr, to: &Spot) -> Result<(), FsError> {
        let _edits = self.edits.read().await;
        let edits = vec![Edit::Delete { node: target.id }, move_edit(source.id, to)];
        self.edit_all(edits).await?;
        self.deleted(target);
        self.left(source);
        self.moved(source.id);
        Ok(())
    }

    /// Renames a file over a file (rule R7): the node that had the name takes the content, and the
    /// inode of the source, with its open handles, stands for it from now on.
    async fn replace(&self, source: &Attr, target: &Attr) -> Result<(), FsError> {
        let _edits = self.edits.read().await;
        let mut edits = vec![Edit::Replace {
            source: source.id,
            target: target.id,
        }];
        let written_ns = source.file().map(|content| content.mtime_ns);
        let mtime_ns = Some(source.mtime_ns).filter(|mtime| Some(*mtime) != written_ns);
        let mode = Some(source.mode).filter(|mode| *mode != target.mode);
        if mode.is_some() || mtime_ns.is_some() {
            edits.push(Edit::SetAttributes {
                node: target.id,
                mode,
                mtime_ns,
            });
        }
        let mut old = self.volume.xattrs(target.id);
        for (key, value) in self.volume.xattrs(source.id) {
            if old.remove(&key).as_ref() != Some(&value) {
                edits.push(Edit::SetXattr {
                    node: target.id,
                    key,
                    value: Some(value),
                });
            }
        }
        edits.extend(old.into_keys().map(|key| Edit::SetXattr {
            node: target.id,
            key,
            value: None,
        }));
        self.edit_all(edits).await?;
        let mut state = self.state.lock();
        state.inodes.let_go(target.id, Gone::of(target, None));
        if let Some(ino) = state.inodes.of_node(source.id) {
            state.inodes.bind(ino, Bound::Node(target.id));
        }
        state.own.deleted.insert(source.id);
        drop(state);
        self.moved(target.id);
        Ok(())
    }

    async fn exchange(&self, from: &Spot, to: &Spot) -> Result<(), FsError> {
        let a = self.settled(from).await?;
        let b = self.settled(to).await?;
        if a.id == b.id {
            return Ok(());
        }
        // Checked before the first of the three moves: none of them may be all that happens.
        self.must_be_outside(a.id, to.folder)?;
        self.must_be_outside(b.id, from.folder)?;
        let _edits = self.edits.read().await;
        let aside = Spot {
            folder: from.folder,
            name: self.free_aside(from.folder)?,
        };
        let edits = vec![
            move_edit(a.id, &aside),
            move_edit(b.id, from),
            move_edit(a.id, to),
        ];
        self.edit_all(edits).await?;
        self.left(&a);
        self.left(&b);
        self.moved(a.id);
        self.moved(b.id);
        Ok(())
    }

    /// A name that nothing in the folder has.
    fn free_aside(&self, folder: NodeId) -> Result<Name, FsError> {
        let names = (0..u32::MAX).map(|number| format!(".exchange-{number}"));
        for name in names {
            let name = Name::new(name).map_err(VolumeError::from)?;
            if self.free_name(folder, &name).is_ok() {
                return Ok(name);
            }
        }
        Err(FsError::Exists)
    }

    /// Notes that a node left the folder it was in.
    fn left(&self, attr: &Attr) {
        let mut state = self.state.lock();
        state.own.moved.insert(attr.id);
        if attr.kind == Kind::Folder {
            state.subfolders.forget(attr.parent);
        }
    }

    /// Notes where a node shows now: the kernel has moved its own entry.
    fn moved(&self, id: NodeId) {
        let Some(attr) = self.volume.get(id) else {
            return;
        };
        let mut state = self.state.lock();
        if attr.kind == Kind::Folder {
            state.subfolders.forget(attr.parent);
        }
        let Some(ino) = state.inodes.of_node(id) else {
            return;
        };
        state.tell(ino, &attr);
        if let Some(inode) = state.inodes.get_mut(ino)
            && inode.cached.is_some()
        {
            inode.cached = Some(Version::of(attr.content.as_ref()));
        }
    }
}

fn move_edit(node: NodeId, to: &Spot) -> Edit {
    Edit::Move {
        node,
        parent: to.folder,
        name: to.name.clone(),
    }
}
