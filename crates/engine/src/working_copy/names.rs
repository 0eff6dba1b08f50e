//! Names as this disk can hold them, and back: a reversible escape and a tag for twins. Knows the
//! disk's rules; a drive never learns of them.
//!
//! The drive's names are legal POSIX components (rule R8), so on most Linux disks they stand as they
//! are. What a disk cannot hold is written `%XX`, one per byte, and a `%` that could be read as such
//! an escape becomes `%25`; so the way back is exact. On a disk that takes `A` and `a` for one name,
//! the node with the greater id shows with a tag, as in rule R5.

use std::borrow::Cow;
use std::io;

use peerdrive_crdt_tree::id::NodeId;
use unicode_normalization::UnicodeNormalization;

use super::beneath::Root;
use super::marker::FOLDER as MARKER_FOLDER;
use super::port::View;

/// What a file system was found to do with names and permission bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct DiskRules {
    /// `A` and `a` are one name.
    pub(super) folds_case: bool,
    /// Refuses `: * ? " < > | \`, control characters, and dots or spaces at the end.
    pub(super) restricted: bool,
    /// Permission bits stay as they are set.
    pub(super) keeps_modes: bool,
}

impl DiskRules {
    /// An ordinary POSIX disk.
    pub(super) const POSIX: DiskRules = DiskRules {
        folds_case: false,
        restricted: false,
        keeps_modes: true,
    };

    /// Tries the disk out in `folder`, which is ours.
    pub(super) fn probe(root: &Root, folder: &str) -> io::Result<DiskRules> {
        let name = |name: &str| format!("{folder}/{name}");
        let made = |rel: &str| match root.create_file(rel) {
            Ok(_) => true,
            Err(error) => error.kind() == io::ErrorKind::AlreadyExists,
        };
        let mut rules = DiskRules::POSIX;
        root.create_file(&name("probe-Case"))?;
        rules.folds_case = root.stat(&name("probe-case"))?.is_some();
        rules.restricted = !made(&name("probe:?")) || root.stat(&name("probe:?"))?.is_none();
        for mode in [0o700, 0o640] {
            root.chmod(&name("probe-Case"), mode)?;
            rules.keeps_modes &= root
                .stat(&name("probe-Case"))?
                .is_some_and(|stat| stat.mode == mode);
        }
        for probe in ["probe-Case", "probe:?"] {
            if let Err(error) = root.unlink(&name(probe)) {
                tracing::debug!(%error, "a probe file was not there to remove");
            }
        }
        Ok(rules)
    }

    /// The name of `shown` on this disk, not looking at its siblings.
    pub(super) fn escape<'a>(&self, shown: &'a str) -> Cow<'a, str> {
        let ours = self.is_ours(shown);
        let looks_ours = ours || self.decodes_to_ours(shown);
        let device = self.restricted && is_device(shown);
        let cannot = |at: usize, ch: char| {
            (at == 0 && (ours || device))
                || (ch == '%'
                    && (self.restricted || looks_ours)
                    && hex_at(shown.as_bytes(), at).is_some())
                || (self.restricted
                    && (matches!(
                        ch,
                        ':' | '*' | '?' | '"' | '<' | '>' | '|' | '\\' | '\0'..='\x1f' | '\x7f'
                    ) || (matches!(ch, '.' | ' ') && at + 1 == shown.len())))
        };
        if !shown.char_indices().any(|(at, ch)| cannot(at, ch)) {
            return Cow::Borrowed(shown);
        }
        let mut name = String::with_capacity(shown.len() + 8);
        for (at, ch) in shown.char_indices() {
            if ch.is_ascii() && cannot(at, ch) {
                name.push_str(&format!("%{:02X}", u32::from(ch)));
            } else {
                name.push(ch);
            }
        }
        Cow::Owned(name)
    }

    /// The drive's name for a name that somebody gave on this disk.
    pub(super) fn unescape<'a>(&self, name: &'a str) -> Cow<'a, str> {
        // Only what `escape` would write in just this way is an escape; anything else is a name.
        match decode(name) {
            Some(plain) if self.escape(&plain) == name => Cow::Owned(plain),
            _ => Cow::Borrowed(name),
        }
    }

    /// The name of a node on this disk: escaped, and tagged if an elder twin has that name.
    pub(super) fn project(
        &self,
        view: &dyn View,
        id: NodeId,
        parent: NodeId,
        shown: &str,
    ) -> String {
        let name = self.escape(shown);
        if !self.folds_case {
            return name.into_owned();
        }
        let folded = fold(&name);
        let twin = view.children(parent).into_iter().any(|other| {
            other < id
                && view
                    .get(other)
                    .is_some_and(|node| fold(&self.escape(&node.name)) == folded)
        });
        if twin {
            tagged(&name, &format!("{:.6}", id.to_string()))
        } else {
            name.into_owned()
        }
    }

    fn is_ours(&self, name: &str) -> bool {
        name == MARKER_FOLDER
            || name.starts_with(PARKED)
            || (self.folds_case && (fold(name) == MARKER_FOLDER || fold(name).starts_with(PARKED)))
    }

    /// Whether a name, read as an escape once or several times over, is one of ours: such a name
    /// needs escaping too, or two names of the drive would be one on disk.
    fn decodes_to_ours(&self, name: &str) -> bool {
        let mut at = decode(name);
        while let Some(plain) = at {
            if self.is_ours(&plain) {
                return true;
            }
            at = decode(&plain);
        }
        false
    }
}

/// Reads every `%XX`; `None` if there is none, or if the result is no text.
fn decode(name: &str) -> Option<String> {
    let bytes = name.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match hex_at(bytes, at).filter(|_| *byte == b'%') {
            Some(value) => {
                plain.push(value);
                at += 3;
            }
            None => {
                plain.push(*byte);
                at += 1;
            }
        }
    }
    if plain.len() == bytes.len() {
        None
    } else {
        String::from_utf8(plain).ok()
    }
}

/// Start of the names that the working copy gives an entry while it makes room; never part of a drive.
pub(super) const PARKED: &str = ".peerdrive-parked-";

/// The name under which the entry of a node waits for its place.
pub(super) fn parked(id: NodeId) -> String {
    format!("{PARKED}{}", data_encoding::HEXLOWER.encode(&id.0))
}

/// The node whose entry waits under this name.
pub(super) fn parked_node(name: &str) -> Option<NodeId> {
    let bytes = data_encoding::HEXLOWER
        .decode(name.strip_prefix(PARKED)?.as_bytes())
        .ok()?;
    Some(NodeId(bytes.try_into().ok()?))
}

/// `stem (tag).ext`, at most 255 bytes.
pub(super) fn tagged(name: &str, tag: &str) -> String {
    let (stem, ext) = match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= 32 => name.split_at(dot),
        _ => (name, ""),
    };
    let room = 255usize.saturating_sub(ext.len() + tag.len() + 3);
    let mut end = stem.len().min(room);
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{} ({tag}){ext}", &stem[..end])
}

/// The form in which a case-folding disk compares names, near enough: twins that a disk tells apart
/// and this does not only get a tag too many.
fn fold(name: &str) -> String {
    name.nfc().collect::<String>().to_lowercase()
}

fn hex_at(bytes: &[u8], at: usize) -> Option<u8> {
    let digits = bytes.get(at + 1..at + 3)?;
    let value = |digit: u8| {
        char::from(digit)
            .to_digit(16)
            .filter(|_| !digit.is_ascii_lowercase())
    };
    u8::try_from(value(digits[0])? * 16 + value(digits[1])?).ok()
}

/// Names that Windows gives to devices, with any extension (security P2).
fn is_device(name: &str) -> bool {
    let stem = name
        .split('.')
        .next()
        .unwrap_or(name)
        .trim_end()
        .to_uppercase();
    matches!(
        stem.as_str(),
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$"
    ) || ["COM", "LPT"].iter().any(|port| {
        stem.strip_prefix(port).is_some_and(|n| {
            matches!(
                n,
                "0" | "1" | "2" | "3" | "4" | "5" | "6" | "7" | "8" | "9" | "¹" | "²" | "³"
            )
        })
    })
}
