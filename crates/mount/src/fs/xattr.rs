//! Extended attributes: `user.*`, at most 4 KiB each.

use std::collections::BTreeMap;

use peerdrive_crdt_tree::edit::Edit;
use peerdrive_crdt_tree::id::NodeId;

use super::FileSystem;
use crate::errno::FsError;
use crate::inode::Bound;
use crate::volume::Volume;

/// The longest value a drive holds.
const MAX_VALUE: usize = 4096;
/// The longest name, as Linux has it (`XATTR_NAME_MAX`).
const MAX_NAME: usize = 255;

/// What setting an attribute does about one that is there, or is not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum XattrMode {
    /// Sets it either way.
    Any,
    /// `XATTR_CREATE`: fails if it is there.
    Create,
    /// `XATTR_REPLACE`: fails if it is not.
    Replace,
}

impl<V: Volume> FileSystem<V> {
    /// The value of an attribute.
    pub fn xattr(&self, ino: u64, name: &[u8]) -> Result<Vec<u8>, FsError> {
        let name = known(name)?;
        self.xattrs(ino)?.remove(name).ok_or(FsError::NoAttribute)
    }

    /// The names of all attributes.
    pub fn xattr_names(&self, ino: u64) -> Result<Vec<String>, FsError> {
        Ok(self.xattrs(ino)?.into_keys().collect())
    }

    fn xattrs(&self, ino: u64) -> Result<BTreeMap<String, Vec<u8>>, FsError> {
        match self.state.lock().bound(ino)? {
            Bound::Node(id) => Ok(self.volume.xattrs(id)),
            Bound::New(_) | Bound::Gone(_) => Ok(BTreeMap::new()),
        }
    }

    /// Sets an attribute.
    pub async fn set_xattr(
        &self,
        ino: u64,
        name: &[u8],
        value: &[u8],
        mode: XattrMode,
    ) -> Result<(), FsError> {
        self.writable()?;
        let key = known(name)?.to_owned();
        if key.len() > MAX_NAME || value.len() > MAX_VALUE {
            return Err(FsError::OutOfRange);
        }
        let node = self.entered_node(ino).await?;
        let there = self.volume.xattrs(node).contains_key(&key);
        match mode {
            XattrMode::Create if there => return Err(FsError::Exists),
            XattrMode::Replace if !there => return Err(FsError::NoAttribute),
            XattrMode::Any | XattrMode::Create | XattrMode::Replace => {}
        }
        self.write_xattr(node, key, Some(value.to_vec())).await
    }

    /// Removes an attribute.
    pub async fn remove_xattr(&self, ino: u64, name: &[u8]) -> Result<(), FsError> {
        self.writable()?;
        let key = known(name)?.to_owned();
        let node = self.entered_node(ino).await?;
        if !self.volume.xattrs(node).contains_key(&key) {
            return Err(FsError::NoAttribute);
        }
        self.write_xattr(node, key, None).await
    }

    async fn write_xattr(
        &self,
        node: NodeId,
        key: String,
        value: Option<Vec<u8>>,
    ) -> Result<(), FsError> {
        let _edits = self.edits.read().await;
        self.edit_one(Edit::SetXattr { node, key, value }).await?;
        Ok(())
    }

    /// The node of an inode. A file that is on its way into the drive enters it now.
    async fn entered_node(&self, ino: u64) -> Result<NodeId, FsError> {
        let file = {
            let state = self.state.lock();
            match state.bound(ino)? {
                Bound::Node(id) => return Ok(id),
                Bound::New(_) => state.files.get(&ino).cloned(),
                Bound::Gone(_) => None,
            }
        };
        if let Some(file) = file {
            self.commit(ino, &file).await?;
        }
        self.node(ino)
    }
}

fn known(name: &[u8]) -> Result<&str, FsError> {
    let name = std::str::from_utf8(name).map_err(|_| FsError::NotSupported)?;
    match name.strip_prefix("user.") {
        Some("") => Err(FsError::Invalid),
        Some(_) => Ok(name),
        None => Err(FsError::NotSupported),
    }
}
