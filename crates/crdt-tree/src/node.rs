//! What a node is, as readers of the view see it; knows nothing of registers or rules.

use crate::id::NodeId;

/// What a node is. Fixed at creation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Bytes, named by a manifest.
    File,
    /// Holds other nodes.
    Folder,
    /// A path as text, never followed by PeerDrive itself.
    Symlink,
}

impl Kind {
    /// The byte that stands for it in ids and in the document.
    pub(crate) fn code(self) -> u8 {
        match self {
            Kind::File => 1,
            Kind::Folder => 2,
            Kind::Symlink => 3,
        }
    }

    /// Reads [`Kind::code`] back.
    pub(crate) fn from_code(code: u8) -> Option<Kind> {
        match code {
            1 => Some(Kind::File),
            2 => Some(Kind::Folder),
            3 => Some(Kind::Symlink),
            _ => None,
        }
    }

    /// Permission bits of a node of this kind on which none were set.
    pub fn default_mode(self) -> u32 {
        match self {
            Kind::File => 0o644,
            Kind::Folder => 0o755,
            Kind::Symlink => 0o777,
        }
    }
}

/// Keyed BLAKE3 of a file's whole plaintext, under the drive's content secret: equal within a drive
/// exactly when the bytes are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash(pub [u8; 32]);

impl std::fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", data_encoding::HEXLOWER.encode(&self.0[..6]))
    }
}

/// Where a content version's bytes are: the sealed manifest and the epoch it was sealed in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ManifestRef {
    /// BLAKE3 of the sealed manifest, the id of its blob.
    pub blob: [u8; 32],
    /// First 8 bytes of the id of the epoch whose keys open it.
    pub epoch: [u8; 8],
}

/// One version of what a file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileContent {
    /// Identity of the plaintext: two versions with one hash and length are one value (rule R6).
    pub hash: ContentHash,
    /// Plaintext length in bytes.
    pub len: u64,
    /// Modification time of the bytes, nanoseconds since 1970, as the author's file system said. Advisory.
    pub mtime_ns: i64,
    /// Where the bytes are; `None` for the empty file, which has none.
    pub manifest: Option<ManifestRef>,
}

/// The `c` register: what a node holds. Folders hold nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Content {
    /// A file's bytes.
    File(FileContent),
    /// A symlink's target, 1 to 4095 bytes of UTF-8 without NUL.
    Symlink(String),
}

impl Content {
    /// The kind of node that can hold it.
    pub fn kind(&self) -> Kind {
        match self {
            Content::File(_) => Kind::File,
            Content::Symlink(_) => Kind::Symlink,
        }
    }

    /// Whether two versions hold the same, whatever their times and manifests (rule R6).
    pub fn same_as(&self, other: &Content) -> bool {
        match (self, other) {
            (Content::File(a), Content::File(b)) => a.hash == b.hash && a.len == b.len,
            (Content::Symlink(a), Content::Symlink(b)) => a == b,
            _ => false,
        }
    }
}

/// One entry of the view: a live node, or a conflict copy, which behaves like a node in every way.
///
/// `#[non_exhaustive]` fields may be added; readers take what they need.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// Its identity. For a conflict copy: the id the copy gets when somebody edits it.
    pub id: NodeId,
    /// The folder it shows in.
    pub parent: NodeId,
    /// The name it shows under, unique in its folder, tag included (rules R5 and R6).
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// What it holds; `None` for folders and for files that were created without content.
    pub content: Option<Content>,
    /// POSIX permission bits, at most 0o777. Files default to 0o644, folders to 0o755.
    pub mode: u32,
    /// Modification time to show: that of the content unless set apart from it (`touch`).
    pub mtime_ns: i64,
    /// For a conflict copy: the node of which it is another version.
    pub copy_of: Option<NodeId>,
}
