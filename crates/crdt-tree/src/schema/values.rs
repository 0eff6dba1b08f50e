//! How the values of registers are packed; knows nothing of keys, buckets or Automerge.
//!
//! Numbers are LEB128 in their shortest form, ids are their bytes, and nothing is left over: a value that
//! decodes is the only encoding of what it says, but for deletions and births, where the linter asks.

use super::{MAX_FORMER, MAX_TARGET_BYTES};
use crate::id::{Actor, NodeId, OpId};
use crate::name::Name;
use crate::node::{Content, ContentHash, FileContent, Kind, ManifestRef};

/// How a node began: the `k` register. Holds the first parent and name too, so that a node that was
/// never moved or renamed needs no `p` and no `n`: as registers of their own these cost a quarter more
/// memory and snapshot (docs/benchmarks/tree.md). The first content is not in it, though that would save
/// a third: an edit could not be told from one that had not seen it, as these have different keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Birth {
    pub(crate) kind: Kind,
    pub(crate) origin: Origin,
    pub(crate) parent: NodeId,
    pub(crate) name: Name,
}

/// What a node's id is derived from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Origin {
    /// Created at a path.
    Created { generation: u64 },
    /// A conflict copy that became a node (rule R6).
    Copied { node: NodeId, version: OpId },
}

impl Birth {
    /// The id that a node of this beginning has.
    pub(crate) fn id(&self) -> NodeId {
        match self.origin {
            Origin::Created { generation } => {
                NodeId::created(self.parent, self.kind, &self.name.nfc(), generation)
            }
            Origin::Copied { node, version } => NodeId::copied(node, self.kind, version),
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = vec![self.kind.code()];
        match self.origin {
            Origin::Created { generation } => {
                out.push(0);
                put_uint(&mut out, generation);
            }
            Origin::Copied { node, version } => {
                out.push(1);
                out.extend_from_slice(&node.0);
                put_op(&mut out, version);
            }
        }
        out.extend_from_slice(&self.parent.0);
        out.extend_from_slice(self.name.as_str().as_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Birth> {
        let mut input = Input(bytes);
        let kind = Kind::from_code(input.byte()?)?;
        let origin = match input.byte()? {
            0 => Origin::Created {
                generation: input.uint()?,
            },
            1 => Origin::Copied {
                node: input.node()?,
                version: input.op()?,
            },
            _ => return None,
        };
        let parent = input.node()?;
        let name = decode_name(input.rest())?;
        Some(Birth {
            kind,
            origin,
            parent,
            name,
        })
    }
}

/// Where a move put a node: the `p` register.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Moved {
    pub(crate) parent: NodeId,
    /// Ancestors before the move, nearest first, without the root; folders only.
    pub(crate) former: Vec<NodeId>,
}

impl Moved {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let ids = std::iter::once(&self.parent).chain(&self.former);
        ids.flat_map(|id| id.0).collect()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Moved> {
        let mut input = Input(bytes);
        let parent = input.node()?;
        let mut former = Vec::new();
        while !input.0.is_empty() {
            former.push(input.node()?);
        }
        (former.len() <= MAX_FORMER).then_some(Moved { parent, former })
    }
}

/// Reads the `n` register.
pub(crate) fn decode_name(bytes: &[u8]) -> Option<Name> {
    Name::new(std::str::from_utf8(bytes).ok()?).ok()
}

/// Packs the `c` register. `None` is a file without content, which only a re-creation writes.
pub(crate) fn encode_content(content: Option<&Content>) -> Vec<u8> {
    let mut out = Vec::with_capacity(96);
    match content {
        None => out.push(0),
        Some(Content::File(file)) => {
            out.push(1);
            out.extend_from_slice(&file.hash.0);
            put_uint(&mut out, file.len);
            put_int(&mut out, file.mtime_ns);
            if let Some(manifest) = &file.manifest {
                out.extend_from_slice(&manifest.blob);
                out.extend_from_slice(&manifest.epoch);
            }
        }
        Some(Content::Symlink(target)) => {
            out.push(2);
            out.extend_from_slice(target.as_bytes());
        }
    }
    out
}

/// Reads the `c` register.
pub(crate) fn decode_content(bytes: &[u8]) -> Option<Option<Content>> {
    let mut input = Input(bytes);
    let content = match input.byte()? {
        0 => None,
        1 => {
            let hash = ContentHash(input.array()?);
            let len = input.uint()?;
            let mtime_ns = input.int()?;
            let manifest = if input.0.is_empty() {
                None
            } else {
                Some(ManifestRef {
                    blob: input.array()?,
                    epoch: input.array()?,
                })
            };
            Some(Content::File(FileContent {
                hash,
                len,
                mtime_ns,
                manifest,
            }))
        }
        2 => {
            let target = std::str::from_utf8(input.rest()).ok()?;
            is_target(target).then(|| Some(Content::Symlink(target.to_owned())))?
        }
        _ => return None,
    };
    input.0.is_empty().then_some(content)
}

/// Whether a symlink may point there: 1 to 4095 bytes without NUL.
pub(crate) fn is_target(target: &str) -> bool {
    (1..=MAX_TARGET_BYTES).contains(&target.len()) && !target.contains('\0')
}

/// The `a` register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Attributes {
    /// Permission bits, at most 0o777.
    pub(crate) mode: u16,
    /// A time set apart from the content, with the content version it was set on: an edit of the
    /// content, also a concurrent one, brings its own time.
    pub(crate) touched: Option<(i64, Option<OpId>)>,
}

impl Attributes {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = self.mode.to_le_bytes().to_vec();
        if let Some((mtime_ns, version)) = self.touched {
            put_int(&mut out, mtime_ns);
            if let Some(version) = version {
                put_op(&mut out, version);
            }
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Attributes> {
        let mut input = Input(bytes);
        let mode = u16::from_le_bytes(input.array()?);
        let touched = if input.0.is_empty() {
            None
        } else {
            let mtime_ns = input.int()?;
            let version = if input.0.is_empty() {
                None
            } else {
                Some(input.op()?)
            };
            Some((mtime_ns, version))
        };
        (mode <= 0o777 && input.0.is_empty()).then_some(Attributes { mode, touched })
    }
}

/// Packs the `d` register: the writes that the deleting device saw, in order.
pub(crate) fn encode_deletion(seen: &[OpId]) -> Vec<u8> {
    let mut seen = seen.to_vec();
    seen.sort_unstable();
    seen.dedup();
    let mut actors: Vec<Actor> = seen.iter().map(|op| op.actor).collect();
    actors.sort_unstable();
    actors.dedup();
    let mut out = Vec::with_capacity(1 + actors.len() * 16 + seen.len() * 5);
    put_uint(&mut out, actors.len() as u64);
    for actor in &actors {
        out.extend_from_slice(&actor.0);
    }
    for op in &seen {
        let index = actors.binary_search(&op.actor).unwrap_or_default();
        put_uint(&mut out, index as u64);
        put_uint(&mut out, u64::from(op.counter));
    }
    out
}

/// Reads the `d` register.
pub(crate) fn decode_deletion(bytes: &[u8]) -> Option<Vec<OpId>> {
    let mut input = Input(bytes);
    let count = usize::try_from(input.uint()?).ok()?;
    let mut actors = Vec::new();
    for _ in 0..count {
        actors.push(Actor(input.array()?));
    }
    let mut seen = Vec::new();
    while !input.0.is_empty() {
        let index = usize::try_from(input.uint()?).ok()?;
        let counter = u32::try_from(input.uint()?).ok()?;
        seen.push(OpId {
            counter,
            actor: *actors.get(index)?,
        });
    }
    (!seen.is_empty() && encode_deletion(&seen) == bytes).then_some(seen)
}

fn put_uint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_int(out: &mut Vec<u8>, value: i64) {
    put_uint(out, ((value << 1) ^ (value >> 63)) as u64);
}

fn put_op(out: &mut Vec<u8>, op: OpId) {
    put_uint(out, u64::from(op.counter));
    out.extend_from_slice(&op.actor.0);
}

/// What is left of a value being read.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }

    fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    fn node(&mut self) -> Option<NodeId> {
        self.array().map(NodeId)
    }

    fn op(&mut self) -> Option<OpId> {
        let counter = u32::try_from(self.uint()?).ok()?;
        Some(OpId {
            counter,
            actor: Actor(self.array()?),
        })
    }

    /// A minimal LEB128 number.
    fn uint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return (byte != 0 || shift == 0).then_some(value);
            }
        }
        None
    }

    fn int(&mut self) -> Option<i64> {
        let raw = self.uint()?;
        Some((raw >> 1) as i64 ^ -((raw & 1) as i64))
    }
}
