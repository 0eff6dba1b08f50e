//! All current values of one node's registers, read from the document; knows nothing of what they
//! mean together (that is `resolve`).

use automerge::{ChangeHash, ObjId, ReadDoc, Value};

use crate::id::{Actor, NodeId, OpId};
use crate::name::Name;
use crate::node::Content;
use crate::schema::{self, Attributes, Birth, Moved, Register};

/// Every concurrent value of each register, in op order: the last one is Automerge's winner.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Registers {
    pub(crate) birth: Vec<(OpId, Birth)>,
    pub(crate) place: Vec<(OpId, Moved)>,
    pub(crate) name: Vec<(OpId, Name)>,
    pub(crate) content: Vec<(OpId, Option<Content>)>,
    pub(crate) attributes: Vec<(OpId, Attributes)>,
    pub(crate) deletion: Vec<(OpId, Vec<OpId>)>,
    /// Writes to birth, place, name and content in a packing that this version cannot read. They
    /// take no part in the view, but a deletion has to have seen them (rule R3).
    pub(crate) unread: Vec<OpId>,
}

impl Registers {
    /// Files one value under its register.
    pub(crate) fn add(&mut self, register: Register<'_>, op: OpId, value: &[u8]) {
        fn keep<T>(values: &mut Vec<(OpId, T)>, op: OpId, value: Option<T>) -> bool {
            let read = value.is_some();
            values.extend(value.map(|value| (op, value)));
            read
        }
        let read = match register {
            Register::Birth => keep(&mut self.birth, op, Birth::decode(value)),
            Register::Place => keep(&mut self.place, op, Moved::decode(value)),
            Register::Name => keep(&mut self.name, op, schema::decode_name(value)),
            Register::Content => keep(&mut self.content, op, schema::decode_content(value)),
            Register::Attributes => {
                keep(&mut self.attributes, op, Attributes::decode(value));
                true
            }
            Register::Deletion => {
                keep(&mut self.deletion, op, schema::decode_deletion(value));
                true
            }
            Register::Xattr(_) | Register::Unknown => true,
        };
        if !read {
            self.unread.push(op);
        }
    }
}

/// Where registers can be read: a document or a transaction in it.
pub(crate) struct Source<'a, R> {
    document: &'a R,
    buckets: &'a [ObjId],
    /// `None` for now; else what was so when these changes were the last.
    at: Option<&'a [ChangeHash]>,
}

impl<'a, R: ReadDoc> Source<'a, R> {
    pub(crate) fn new(document: &'a R, buckets: &'a [ObjId]) -> Self {
        Source {
            document,
            buckets,
            at: None,
        }
    }

    /// As it was when these changes were the last.
    pub(crate) fn at(document: &'a R, buckets: &'a [ObjId], heads: &'a [ChangeHash]) -> Self {
        Source {
            document,
            buckets,
            at: Some(heads),
        }
    }

    /// The registers of a node; `None` if there is no such node, whatever else is written under its id.
    pub(crate) fn registers(&self, id: NodeId) -> Option<Registers> {
        let mut registers = Registers::default();
        self.read(id, Register::Birth, &mut registers);
        if registers.birth.is_empty() {
            return None;
        }
        for register in [
            Register::Place,
            Register::Name,
            Register::Content,
            Register::Attributes,
            Register::Deletion,
        ] {
            self.read(id, register, &mut registers);
        }
        Some(registers)
    }

    /// The registers of a node, of which only birth and place are read.
    pub(crate) fn place(&self, id: NodeId) -> Registers {
        let mut registers = Registers::default();
        self.read(id, Register::Birth, &mut registers);
        self.read(id, Register::Place, &mut registers);
        registers
    }

    /// Every current content value of a node.
    pub(crate) fn contents(&self, id: NodeId) -> Vec<(OpId, Option<Content>)> {
        let mut registers = Registers::default();
        self.read(id, Register::Content, &mut registers);
        registers.content
    }

    /// The extended attributes of a node, by name.
    pub(crate) fn xattrs(&self, id: NodeId) -> Vec<(String, Vec<u8>)> {
        let mut found = Vec::new();
        let first = schema::key(id, Register::Xattr(""));
        let mut end = first.clone();
        end.pop();
        end.push('y');
        if let Some(bucket) = self.buckets.get(schema::bucket_of(id)) {
            count_read();
            let items = match self.at {
                Some(heads) => self.document.map_range_at(bucket, first..end, heads),
                None => self.document.map_range(bucket, first..end),
            };
            for item in items {
                if let Some((_, Register::Xattr(name))) = schema::parse_key(&item.key)
                    && let Some(value) = bytes_of(&item.value)
                {
                    found.push((name.to_owned(), value.to_vec()));
                }
            }
        }
        found
    }

    /// Ops that write the current values of a key, in order, as seen at `heads` or now.
    pub(crate) fn writers(
        &self,
        bucket: usize,
        key: &str,
        heads: Option<&[ChangeHash]>,
    ) -> Vec<OpId> {
        let values = self.current(bucket, key, heads);
        values.iter().filter_map(|(_, op)| op_id(op)).collect()
    }

    /// The current values of a key with their ops, in order, as seen at `heads` or now.
    pub(crate) fn values(
        &self,
        bucket: usize,
        key: &str,
        heads: Option<&[ChangeHash]>,
    ) -> Vec<(OpId, Vec<u8>)> {
        let values = self.current(bucket, key, heads);
        let read = values.iter().filter_map(|(value, op)| {
            let bytes = value.as_bytes().unwrap_or_default();
            Some((op_id(op)?, bytes.to_vec()))
        });
        read.collect()
    }

    fn current(
        &self,
        bucket: usize,
        key: &str,
        heads: Option<&[ChangeHash]>,
    ) -> Vec<(Value<'_>, ObjId)> {
        let Some(bucket) = self.buckets.get(bucket) else {
            return Vec::new();
        };
        count_read();
        let values = match heads.or(self.at) {
            Some(heads) => self.document.get_all_at(bucket, key, heads),
            None => self.document.get_all(bucket, key),
        };
        values.unwrap_or_default()
    }

    fn read(&self, id: NodeId, register: Register<'_>, into: &mut Registers) {
        let Some(bucket) = self.buckets.get(schema::bucket_of(id)) else {
            return;
        };
        count_read();
        let key = schema::key(id, register);
        let values = match self.at {
            Some(heads) => self.document.get_all_at(bucket, key, heads),
            None => self.document.get_all(bucket, key),
        };
        let values = values.unwrap_or_default();
        for (value, op) in &values {
            let Some(op) = op_id(op) else { continue };
            match value {
                Value::Scalar(scalar) => {
                    into.add(register, op, scalar.as_bytes().unwrap_or_default());
                }
                Value::Object(_) => into.add(register, op, &[]),
            }
        }
    }
}

/// The bytes of a value met in a scan of a bucket.
pub(crate) fn bytes_of<'a>(value: &'a automerge::ValueRef<'_>) -> Option<&'a [u8]> {
    match value {
        automerge::ValueRef::Scalar(automerge::ScalarValueRef::Bytes(bytes)) => Some(bytes),
        _ => None,
    }
}

/// Automerge's name of an op in our words.
pub(crate) fn op_id(op: &ObjId) -> Option<OpId> {
    match op {
        ObjId::Root => None,
        ObjId::Id(counter, actor, _) => Some(OpId {
            counter: u32::try_from(*counter).ok()?,
            actor: Actor(actor.to_bytes().try_into().ok()?),
        }),
    }
}

#[cfg(feature = "test-utils")]
thread_local! {
    static READS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Registers read from documents by this thread so far: what work costs, whatever the machine is doing.
#[cfg(feature = "test-utils")]
pub(crate) fn reads() -> u64 {
    READS.get()
}

fn count_read() {
    #[cfg(feature = "test-utils")]
    READS.set(READS.get() + 1);
}
