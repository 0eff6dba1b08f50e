//! Windows of folders and searches. Never walks a document: what is sorted and matched is the view's gist.

use std::sync::Arc;

use parking_lot::Mutex;
use peerdrive_engine::DriveHandle;
use peerdrive_engine::tree::id::NodeId;
use peerdrive_engine::tree::node::{Content, FileContent, Kind};
use peerdrive_engine::tree::tree::{DriveTree, Glance};

use super::errors;
use crate::dto::{
    Crumb, FolderReply, FolderRequest, Hit, MAX_HITS, MAX_WINDOW, NodeKind, Row, SearchReply,
    SearchRequest, Seek, SortKey,
};
use crate::error::{ApiError, Code};

/// Orders that are kept: some windows of some folders, for as long as nothing changes in their drives.
const KEPT: usize = 8;

/// Windows up to this size also tell which files are here: each costs a look into the store.
const TELL_HERE: u32 = 200;

/// Longest text that is searched for, and the longest to begin a name with.
const MAX_TEXT: usize = 256;

const NS_PER_MS: i64 = 1_000_000;

/// What an order depends on. The heads say which state of the drive it is of.
#[derive(Debug, PartialEq, Eq)]
struct Key {
    drive: String,
    folder: NodeId,
    sort: SortKey,
    descending: bool,
    folders_first: bool,
    heads: Vec<[u8; 32]>,
}

/// Orders of folders that were asked for lately.
#[derive(Debug, Default)]
pub(super) struct Orders(Mutex<Vec<(Key, Arc<[NodeId]>)>>);

impl Orders {
    fn of(&self, tree: &DriveTree, key: Key) -> Arc<[NodeId]> {
        let mut kept = self.0.lock();
        if let Some(at) = kept.iter().position(|(known, _)| *known == key) {
            let found = kept.remove(at);
            let order = found.1.clone();
            kept.push(found);
            return order;
        }
        drop(kept);
        let order: Arc<[NodeId]> = ordered(tree, &key).into();
        let mut kept = self.0.lock();
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((key, order.clone()));
        order
    }
}

fn ordered(tree: &DriveTree, key: &Key) -> Vec<NodeId> {
    let group = |glance: &Glance<'_>| key.folders_first && glance.kind != Kind::Folder;
    let mut rows: Vec<(bool, Rank, Vec<u8>, NodeId)> = tree
        .glances(key.folder)
        .map(|glance| {
            let rank = match key.sort {
                SortKey::Name => Rank::None,
                SortKey::Size => Rank::Number(i128::from(glance.len)),
                SortKey::Time => Rank::Number(i128::from(glance.mtime_ns)),
                SortKey::Kind => kind_rank(&glance),
            };
            (group(&glance), rank, reading_key(glance.name), glance.id)
        })
        .collect();
    rows.sort_unstable();
    if key.descending {
        let files = rows.partition_point(|row| !row.0);
        rows[..files].reverse();
        rows[files..].reverse();
    }
    rows.into_iter().map(|row| row.3).collect()
}

/// What rows are compared by before their names.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    None,
    Number(i128),
    Word(u8, String),
}

fn kind_rank(glance: &Glance<'_>) -> Rank {
    match glance.kind {
        Kind::Folder => Rank::Word(0, String::new()),
        Kind::File => {
            let ending = glance
                .name
                .rsplit_once('.')
                .filter(|(stem, _)| !stem.is_empty());
            Rank::Word(1, ending.map(|(_, e)| e.to_lowercase()).unwrap_or_default())
        }
        Kind::Symlink => Rank::Word(2, String::new()),
    }
}

/// Orders names as people read them when compared byte by byte: case does not count, and a run of
/// digits counts as the number it is.
fn reading_key(name: &str) -> Vec<u8> {
    let folded = name.to_lowercase();
    let bytes = folded.as_bytes();
    let mut key = Vec::with_capacity(bytes.len() + 4);
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            key.push(bytes[at]);
            at += 1;
            continue;
        }
        let run = bytes[at..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count();
        let digits = &bytes[at..at + run];
        let zeros = digits
            .iter()
            .take_while(|b| **b == b'0')
            .count()
            .min(run - 1);
        // A longer number is a larger one; names have at most 255 bytes.
        key.push(b'0');
        key.push((run - zeros) as u8);
        key.extend_from_slice(&digits[zeros..]);
        at += run;
    }
    key
}

/// Reads a node's id; none is the root.
pub(super) fn node(text: Option<&str>) -> Result<NodeId, ApiError> {
    match text {
        None | Some("") => Ok(NodeId::ROOT),
        Some(text) => NodeId::parse(text).ok_or_else(|| {
            ApiError::new(Code::BadRequest, "this is not the id of a file or folder")
        }),
    }
}

/// What was found under one lock of the view: nothing here waits.
struct Window {
    reply: FolderReply,
    contents: Vec<(usize, FileContent)>,
}

pub(super) async fn folder(
    drive: DriveHandle,
    orders: Arc<Orders>,
    request: FolderRequest,
) -> Result<FolderReply, ApiError> {
    let asked = drive.clone();
    let count = request.count;
    let window = super::off_thread(move || window(&asked, &orders, &request)).await??;
    let mut reply = window.reply;
    if count <= TELL_HERE {
        for (at, content) in window.contents {
            // What cannot be told is left out: a list is not the place to fail for one row.
            reply.rows[at].here = drive.content().is_local(&content).await.ok();
        }
    }
    Ok(reply)
}

fn window(
    drive: &DriveHandle,
    orders: &Orders,
    request: &FolderRequest,
) -> Result<Window, ApiError> {
    let folder = node(request.folder.as_deref())?;
    let problems = problems(drive);
    let tree = drive.view();
    let top = tree.glance(folder).ok_or_else(errors::no_node)?;
    if top.kind != Kind::Folder {
        return Err(ApiError::new(Code::BadRequest, "this is not a folder"));
    }
    let key = Key {
        drive: drive.id().to_string(),
        folder,
        sort: request.sort,
        descending: request.descending,
        folders_first: request.folders_first,
        heads: tree.heads(),
    };
    let order = orders.of(&tree, key);
    let found = request
        .seek
        .as_ref()
        .and_then(|seek| find(&tree, &order, seek))
        .and_then(|at| u32::try_from(at).ok());
    let below = tree.path(folder).unwrap_or_default();
    let page = order
        .iter()
        .skip(request.offset as usize)
        .take(request.count.min(MAX_WINDOW) as usize);
    let mut rows = Vec::new();
    let mut contents = Vec::new();
    for id in page {
        let Some((row, content)) = row(&tree, *id, &below, &problems) else {
            continue;
        };
        contents.extend(content.map(|content| (rows.len(), content)));
        rows.push(row);
    }
    let reply = FolderReply {
        drive: drive.id().to_string(),
        folder: folder.to_string(),
        path: crumbs(&tree, folder, drive.name()),
        total: u32::try_from(order.len()).unwrap_or(u32::MAX),
        offset: request.offset,
        rows,
        found,
        can_write: drive.can_write(),
    };
    Ok(Window { reply, contents })
}

fn crumbs(tree: &DriveTree, folder: NodeId, drive: &str) -> Vec<Crumb> {
    let mut path = Vec::new();
    let mut at = folder;
    while at != NodeId::ROOT {
        let Some(glance) = tree.glance(at) else { break };
        path.push(Crumb {
            id: at.to_string(),
            name: glance.name.to_owned(),
        });
        at = tree.parent(at).unwrap_or(NodeId::ROOT);
    }
    path.push(Crumb {
        id: NodeId::ROOT.to_string(),
        name: drive.to_owned(),
    });
    path.reverse();
    path
}

fn find(tree: &DriveTree, order: &[NodeId], seek: &Seek) -> Option<usize> {
    match seek {
        Seek::Node(text) => {
            let id = NodeId::parse(text)?;
            order.iter().position(|other| *other == id)
        }
        Seek::Prefix { text, from } => {
            let wanted = text.to_lowercase();
            if wanted.is_empty() || wanted.len() > MAX_TEXT || order.is_empty() {
                return None;
            }
            let from = *from as usize % order.len();
            let begins = |at: &usize| {
                let name = tree.glance(order[*at]).map(|glance| glance.name);
                name.is_some_and(|name| begins_folded(name, &wanted))
            };
            (from..order.len()).chain(0..from).find(begins)
        }
    }
}

/// Whether a name begins so, whatever its case.
fn begins_folded(name: &str, wanted: &str) -> bool {
    let mut name = name.chars().flat_map(char::to_lowercase);
    wanted.chars().all(|c| name.next() == Some(c))
}

/// What waits in the folder of a drive: path and reason.
fn problems(drive: &DriveHandle) -> Vec<(String, String)> {
    let found = drive.working_copy().map(|copy| copy.status().problems);
    let found = found.unwrap_or_default().into_iter();
    found.map(|p| (p.path, p.reason)).collect()
}

fn row(
    tree: &DriveTree,
    id: NodeId,
    below: &str,
    problems: &[(String, String)],
) -> Option<(Row, Option<FileContent>)> {
    let glance = tree.glance(id)?;
    let content = match glance.kind {
        Kind::Folder => None,
        Kind::File | Kind::Symlink => tree.get(id)?.content,
    };
    let (mut size, mut target, mut file, mut entries) = (glance.len, None, None, None);
    match content {
        Some(Content::File(content)) => file = Some(content),
        Some(Content::Symlink(to)) => {
            size = to.len() as u64;
            target = Some(to);
        }
        None if glance.kind == Kind::Folder => {
            size = 0;
            entries = u32::try_from(tree.glances(id).count()).ok();
        }
        None => {}
    }
    let is_here = |path: &str| match path.strip_prefix(below) {
        Some(rest) => rest.trim_start_matches('/') == glance.name,
        None => false,
    };
    let problem = problems.iter().find(|(path, _)| is_here(path));
    let row = Row {
        id: id.to_string(),
        name: glance.name.to_owned(),
        kind: match glance.kind {
            Kind::File => NodeKind::File,
            Kind::Folder => NodeKind::Folder,
            Kind::Symlink => NodeKind::Symlink,
        },
        size,
        mtime: glance.mtime_ns.div_euclid(NS_PER_MS),
        mode: glance.mode,
        entries,
        target,
        conflict: tree.is_troubled(id) || glance.copy_of.is_some(),
        copy_of: glance.copy_of.map(|of| of.to_string()),
        problem: problem.map(|(_, reason)| reason.clone()),
        here: None,
        peers: None,
    };
    Some((row, file))
}

pub(super) fn search(
    drive: &DriveHandle,
    request: &SearchRequest,
) -> Result<SearchReply, ApiError> {
    if request.text.len() > MAX_TEXT {
        return Err(ApiError::new(
            Code::BadRequest,
            "a search has at most 256 bytes",
        ));
    }
    let folder = node(request.folder.as_deref())?;
    let text = request.text.trim().to_lowercase();
    let problems = problems(drive);
    let tree = drive.view();
    if tree.glance(folder).is_none() {
        return Err(errors::no_node());
    }
    let (total, found) = found(&tree, folder, &text, request.limit.min(MAX_HITS) as usize);
    let hits = found.into_iter().filter_map(|id| {
        let parent = tree.parent(id)?;
        let below = tree.path(parent)?;
        let (row, _) = row(&tree, id, &below, &problems)?;
        Some(Hit {
            folder: parent.to_string(),
            below,
            row,
        })
    });
    Ok(SearchReply {
        drive: drive.id().to_string(),
        total,
        hits: hits.collect(),
    })
}

/// How many entries below a folder have all words of a text in their names, and those that fit best:
/// the whole name, then its beginning, then the shorter ones. The text is in lower case.
fn found(tree: &DriveTree, folder: NodeId, text: &str, wanted: usize) -> (u32, Vec<NodeId>) {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut found: Vec<(u8, usize, NodeId)> = Vec::new();
    let mut folded = String::new();
    for glance in tree.glances_below(folder) {
        if words.is_empty() {
            break;
        }
        fold(glance.name, &mut folded);
        if words.iter().all(|word| folded.contains(word)) {
            let rank = match folded.strip_prefix(text) {
                Some("") => 0,
                Some(_) => 1,
                None => 2,
            };
            found.push((rank, folded.len(), glance.id));
        }
    }
    let total = u32::try_from(found.len()).unwrap_or(u32::MAX);
    if wanted > 0 && found.len() > wanted {
        found.select_nth_unstable(wanted - 1);
    }
    found.truncate(wanted);
    found.sort_unstable();
    (total, found.into_iter().map(|(_, _, id)| id).collect())
}

/// Lower case, into a buffer that is used again: most names are ASCII, and there are many.
fn fold(name: &str, into: &mut String) {
    into.clear();
    if name.is_ascii() {
        into.push_str(name);
        into.make_ascii_lowercase();
    } else {
        into.extend(name.chars().flat_map(char::to_lowercase));
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use peerdrive_engine::tree::edit::{Edit, Place};
    use peerdrive_engine::tree::id::Actor;
    use peerdrive_engine::tree::name::{Name, NameError};

    use super::*;

    #[test]
    fn names_are_in_the_order_in_which_people_read_them() {
        let mut names = [
            "file 10", "File 9", "b", "a", "file 09", "C", "10", "9", "x",
        ];
        names.sort_by_key(|name| reading_key(name));
        assert_eq!(names[0], "9");
        assert_eq!(names[1], "10");
        assert_eq!(names[2], "a");
        assert_eq!(names[4], "C");
        assert_eq!(names[7], "file 10");
    }

    /// The budget is 50 ms, of an optimised build on an idle machine; a busy one gets ten times that.
    #[test]
    fn a_search_through_a_hundred_thousand_entries_is_answered_at_once()
    -> Result<(), Box<dyn std::error::Error>> {
        const ENTRIES: usize = 100_000;
        let mut tree = DriveTree::new(Actor([1; 16]));
        let edits = (0..ENTRIES).map(|number| {
            Ok(Edit::Create {
                parent: Place::In(NodeId::ROOT),
                name: Name::new(format!("Holiday in Crete, picture {number:06}.jpg"))?,
                kind: Kind::File,
                content: None,
                mode: None,
            })
        });
        let edits: Vec<Edit> = edits.collect::<Result<_, NameError>>()?;
        let done = tree.edit(&edits);
        assert_eq!(done.results.len(), ENTRIES);
        for (text, expected) in [
            ("crete 099", 1_299),
            ("holiday", ENTRIES as u32),
            ("099999.jpg", 1),
            ("nowhere", 0),
        ] {
            // What else runs on the machine disturbs some of them, not all.
            let mut fastest = Duration::MAX;
            for _ in 0..5 {
                let begun = Instant::now();
                let (total, hits) = found(&tree, NodeId::ROOT, text, MAX_HITS as usize);
                fastest = fastest.min(begun.elapsed());
                assert_eq!(total, expected, "{text}");
                assert_eq!(hits.len(), total.min(MAX_HITS) as usize);
            }
            println!("{text}: {fastest:?}");
            assert!(fastest < Duration::from_millis(500), "{text}: {fastest:?}");
        }
        Ok(())
    }

    #[test]
    fn a_name_begins_whatever_its_case() {
        assert!(begins_folded("Ärger.txt", "är"));
        assert!(begins_folded("README", "readme"));
        assert!(!begins_folded("READ", "readme"));
    }
}
