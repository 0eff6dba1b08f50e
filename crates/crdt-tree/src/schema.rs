//! Where things are in the Automerge document and how values are packed; the only file that knows
//! Automerge property names. Knows nothing of rules.
//!
//! Every value is a byte string, packed by hand and decoded strictly: one meaning has one encoding,
//! so that equal states are equal bytes and the linter can refuse everything else.

mod values;

use std::sync::OnceLock;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, AutomergeError, ObjId, ObjType, ROOT, ReadDoc};

use crate::id::{Actor, NodeId};

pub(crate) use values::{
    Attributes, Birth, Moved, Origin, decode_content, decode_deletion, decode_name, encode_content,
    encode_deletion, is_target,
};

/// The schema that this program writes, at `ROOT.v`.
pub(crate) const SCHEMA_VERSION: u64 = 1;

/// `ROOT` property of the schema version.
pub(crate) const VERSION_KEY: &str = "v";

/// Number of bucket maps. A power of two, at most 65,536, and part of the format: every replica has
/// the same first change.
///
/// Automerge walks the map that a remote change touches, and copies its table of maps with each: few
/// maps make the walk long, many the copy. Measured with 256, 1,024 and 4,096 (docs/benchmarks/tree.md):
/// a remote change at a million nodes takes 0.82, 0.30 and 0.28 ms, at 100,000 nodes 125, 82 and 72 µs, a
/// load at a million 8.5, 7.2 and 8.5 s. 1,024 has nearly all of what there is to gain, and an empty drive,
/// which has all the maps too, stays small.
pub(crate) const BUCKETS: usize = 1024;

/// Most former ancestors that a move records (rule R2).
pub(crate) const MAX_FORMER: usize = 8;

/// Longest extended attribute value.
pub(crate) const MAX_XATTR_BYTES: usize = 4096;

/// Longest extended attribute name, as in POSIX.
pub(crate) const MAX_XATTR_NAME: usize = 255;

/// Longest symlink target.
pub(crate) const MAX_TARGET_BYTES: usize = 4095;

/// Longest value of any register.
pub(crate) const MAX_VALUE_BYTES: usize = 4400;

/// The registers of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Register<'a> {
    /// `k`: how the node began.
    Birth,
    /// `p`: parent, written by moves.
    Place,
    /// `n`: name, written by renames.
    Name,
    /// `c`: content.
    Content,
    /// `a`: attributes.
    Attributes,
    /// `d`: deletion mark.
    Deletion,
    /// `x<name>`: one extended attribute.
    Xattr(&'a str),
    /// A register of a later minor version: kept, never interpreted.
    Unknown,
}

impl Register<'static> {
    /// The registers that a deletion must have seen all of (rule R3).
    pub(crate) const SUBSTANCE: [Self; 4] = [
        Register::Birth,
        Register::Place,
        Register::Name,
        Register::Content,
    ];
}

impl Register<'_> {
    fn letter(self) -> char {
        match self {
            Register::Birth => 'k',
            Register::Place => 'p',
            Register::Name => 'n',
            Register::Content => 'c',
            Register::Attributes => 'a',
            Register::Deletion => 'd',
            Register::Xattr(_) => 'x',
            Register::Unknown => 'z',
        }
    }
}

/// The key of a register in the bucket of its node.
pub(crate) fn key(id: NodeId, register: Register<'_>) -> String {
    let mut key = String::with_capacity(NodeId::TEXT_LEN + 1);
    let mut text = [0; NodeId::TEXT_LEN];
    data_encoding::BASE64URL_NOPAD.encode_mut(&id.0, &mut text);
    key.extend(text.iter().map(|b| char::from(*b)));
    key.push(register.letter());
    if let Register::Xattr(name) = register {
        key.push_str(name);
    }
    key
}

/// Reads a key back. `None` for what no version of this schema writes.
pub(crate) fn parse_key(key: &str) -> Option<(NodeId, Register<'_>)> {
    let id = NodeId::parse(key.get(..NodeId::TEXT_LEN)?)?;
    let rest = key.get(NodeId::TEXT_LEN..)?;
    let register = match rest {
        "k" => Register::Birth,
        "p" => Register::Place,
        "n" => Register::Name,
        "c" => Register::Content,
        "a" => Register::Attributes,
        "d" => Register::Deletion,
        _ => match rest.strip_prefix('x') {
            Some(name) if is_xattr_name(name) => Register::Xattr(name),
            None if rest.len() == 1 && rest.bytes().all(|b| b.is_ascii_lowercase()) => {
                Register::Unknown
            }
            _ => return None,
        },
    };
    Some((id, register))
}

/// Whether `name` is a `user.*` attribute name that the document holds.
pub(crate) fn is_xattr_name(name: &str) -> bool {
    name.len() > "user.".len()
        && name.starts_with("user.")
        && name.len() <= MAX_XATTR_NAME
        && !name.contains('\0')
}

/// The index of the bucket in which a node lives: the first bits of its id.
pub(crate) fn bucket_of(id: NodeId) -> usize {
    let first = usize::from(u16::from_be_bytes([id.0[0], id.0[1]]));
    first >> (16 - BUCKETS.trailing_zeros())
}

fn bucket_name(index: usize) -> String {
    format!("{index:x}")
}

/// The document that holds nothing but the first change, the same bytes on every device.
#[expect(
    clippy::expect_used,
    reason = "constant writes into an empty document, run by every test"
)]
pub(crate) fn genesis() -> Automerge {
    static GENESIS: OnceLock<Automerge> = OnceLock::new();
    GENESIS
        .get_or_init(|| write_genesis().expect("an empty document takes a map"))
        .clone()
}

fn write_genesis() -> Result<Automerge, AutomergeError> {
    let mut document = Automerge::new().with_actor(ActorId::from(Actor::GENESIS.0));
    let mut transaction = document.transaction();
    transaction.put(ROOT, VERSION_KEY, SCHEMA_VERSION)?;
    for index in 0..BUCKETS {
        transaction.put_object(ROOT, bucket_name(index), ObjType::Map)?;
    }
    transaction.commit_with(CommitOptions::default().with_time(0));
    Ok(document)
}

/// The counter of the op that made bucket `index`.
pub(crate) fn bucket_counter(index: usize) -> u64 {
    // Counter 1 is the schema version.
    index as u64 + 2
}

/// The bucket that an op of the genesis actor with this counter made.
pub(crate) fn bucket_at(counter: u64) -> Option<usize> {
    let index = usize::try_from(counter.checked_sub(2)?).ok()?;
    (index < BUCKETS).then_some(index)
}

/// Handles of all buckets, in order. Made from the fixed first change, so nothing is looked up.
pub(crate) fn bucket_handles() -> Vec<ObjId> {
    (0..BUCKETS)
        .map(|index| ObjId::Id(bucket_counter(index), ActorId::from(Actor::GENESIS.0), 0))
        .collect()
}

/// Whether the document begins with this program's first change.
pub(crate) fn has_buckets(document: &Automerge) -> bool {
    bucket_handles().iter().enumerate().all(|(index, handle)| {
        matches!(document.get(ROOT, bucket_name(index)), Ok(Some((_, id))) if id == *handle)
    })
}

/// The schema version of a document, if it has one.
pub(crate) fn version(document: &Automerge) -> Option<u64> {
    let (value, _) = document.get(ROOT, VERSION_KEY).ok()??;
    value.as_u64().or_else(|| {
        value
            .as_i64()
            .and_then(|version| u64::try_from(version).ok())
    })
}
