//! Three devices that, apart, do to one drive what cannot all hold: on meeting they show the same, nothing
//! is gone, and each case is told in words that say where everything is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{Device, Door, Lab, Network, Requirement, Role, Tree, missing, within};
use serde_json::Value;

use crate::SOON;

/// Contents with a NUL are no text, and nobody merges them.
const BEFORE: [(&str, &[u8]); 11] = [
    ("A/of a.bin", b"of a\0"),
    ("B/of b.bin", b"of b\0"),
    ("album/edited.bin", b"before\0"),
    ("album/untouched.bin", b"untouched\0"),
    ("one.bin", b"one\0"),
    ("two.bin", b"two\0"),
    ("kept.bin", b"kept\0"),
    ("here/stays.bin", b"here\0"),
    ("there/stays.bin", b"there\0"),
    ("apart.bin", b"apart\0"),
    ("shelf/old.bin", b"old on the shelf\0"),
];

/// Deleted by somebody who saw it, and touched by nobody.
const DELETED: [&[u8]; 2] = [b"untouched\0", b"old on the shelf\0"];

/// What the three wrote while they were apart.
const WRITTEN: [&[u8]; 6] = [
    b"edited by ben\0",
    b"new by ana\0",
    b"new by ben\0",
    b"new by cleo\0",
    b"only cleo\0",
    b"new on the shelf\0",
];

/// A into B; the album under a name of hers; a new file; one file under a new name, one to another folder.
fn ana_alone(root: &Path) -> Result<()> {
    fs::rename(root.join("A"), root.join("B/A"))?;
    fs::rename(root.join("album"), root.join("album of ana"))?;
    fs::rename(root.join("one.bin"), root.join("same.bin"))?;
    fs::rename(root.join("apart.bin"), root.join("here/apart.bin"))?;
    new_file(root, WRITTEN[1])
}

/// B into A; the album under a name of his, and an edit in it; the same new file; another file under
/// the same new name; what she moved, to a third folder; and something new on the shelf.
fn ben_alone(root: &Path) -> Result<()> {
    fs::rename(root.join("B"), root.join("A/B"))?;
    fs::rename(root.join("album"), root.join("album of ben"))?;
    fs::write(root.join("album of ben/edited.bin"), WRITTEN[0])?;
    fs::rename(root.join("two.bin"), root.join("same.bin"))?;
    fs::rename(root.join("apart.bin"), root.join("there/apart.bin"))?;
    fs::write(root.join("shelf/new.bin"), WRITTEN[5])?;
    new_file(root, WRITTEN[2])
}

/// The album and the shelf deleted; the same new file, and one of her own beside it.
fn cleo_alone(root: &Path) -> Result<()> {
    fs::remove_dir_all(root.join("album"))?;
    fs::remove_dir_all(root.join("shelf"))?;
    new_file(root, WRITTEN[3])?;
    fs::write(root.join("new/of cleo.bin"), WRITTEN[4])?;
    Ok(())
}

fn new_file(root: &Path, bytes: &[u8]) -> Result<()> {
    fs::create_dir(root.join("new"))?;
    fs::write(root.join("new/file.bin"), bytes)?;
    Ok(())
}

const SCRIPTS: [fn(&Path) -> Result<()>; 3] = [ana_alone, ben_alone, cleo_alone];

/// Three devices, each with the drive as a folder.
struct Friends {
    devices: Vec<Device>,
    folders: Vec<PathBuf>,
    drive: String,
}

impl Friends {
    fn with(lab: &Lab, devices: Vec<Device>) -> Result<Self> {
        let folders: Vec<PathBuf> = devices
            .iter()
            .map(|device| lab.path(&format!("folder of {}", device.name())))
            .collect();
        for (path, bytes) in BEFORE {
            let path = folders[0].join(path);
            fs::create_dir_all(path.parent().context("in a folder")?)?;
            fs::write(path, bytes)?;
        }
        let drive = devices[0].share(&folders[0])?.drive;
        let ticket = devices[0].invite(&drive, Role::Writer)?;
        for (device, folder) in devices.iter().zip(&folders).skip(1) {
            device.join(&ticket, Door::Folder(folder))?;
        }
        let friends = Self {
            devices,
            folders,
            drive,
        };
        friends.meet(lab)?;
        Ok(friends)
    }

    fn meet(&self, lab: &Lab) -> Result<Tree> {
        let devices: Vec<&Device> = self.devices.iter().collect();
        lab.converge(&devices, &self.drive)?;
        let first = Tree::read(&self.folders[0])?;
        for folder in &self.folders[1..] {
            first.same_as(&Tree::read(folder)?)?;
        }
        Ok(first)
    }

    /// What a device lists as conflicts: kind, path, copies and words of each.
    fn conflicts(&self, device: &Device) -> Result<Vec<Told>> {
        let answer: Value = device.call(&["conflicts", &self.drive])?.ok()?.json()?;
        let text = |of: &Value, key: &str| -> Result<String> {
            let text = of.get(key).and_then(Value::as_str);
            Ok(text
                .with_context(|| format!("no `{key}` in {of}"))?
                .to_owned())
        };
        let all = answer.get("conflicts").and_then(Value::as_array);
        all.context("no conflicts in the answer")?
            .iter()
            .map(|told| {
                let copies = told.get("copies").and_then(Value::as_array);
                Ok(Told {
                    kind: text(told, "kind")?,
                    path: text(told, "path")?,
                    reason: text(told, "reason")?,
                    copies: copies
                        .into_iter()
                        .flatten()
                        .filter_map(|copy| Some(copy.as_str()?.to_owned()))
                        .collect(),
                })
            })
            .collect()
    }

    /// Every byte that somebody wrote is in some file, and all devices tell the same; gives what they tell.
    fn nothing_is_gone(&self, tree: &Tree) -> Result<Vec<Told>> {
        let edited = BEFORE[2].1;
        let mut kept: Vec<&[u8]> = BEFORE.map(|(_, bytes)| bytes).to_vec();
        kept.retain(|bytes| !DELETED.contains(bytes) && *bytes != edited);
        for bytes in kept.into_iter().chain(WRITTEN) {
            let words = String::from_utf8_lossy(bytes);
            ensure!(tree.holds(bytes), "gone: {words:?}; left: {tree:?}");
        }
        for device in &self.devices {
            let back = |words: &[&str]| device.call(words)?.ok()?.lines();
            let trash = back(&["trash", &self.drive])?;
            for name in ["untouched.bin", "old.bin"] {
                let deleted = |line: &Value| line.to_string().contains(name);
                ensure!(
                    trash.iter().any(deleted),
                    "{name} is not in the trash: {trash:?}"
                );
            }
            let album = tree.iter().find(|(path, _)| path.ends_with("edited.bin"));
            let (album, _) = album.context("nothing is named edited.bin")?;
            let versions = back(&["history", &self.drive, album])?;
            let size = edited.len() as u64;
            let earlier = |line: &Value| line["size"] == size && line["current"] == false;
            ensure!(versions.iter().any(earlier), "no history: {versions:?}");
        }
        let told = self.conflicts(&self.devices[0])?;
        for device in &self.devices[1..] {
            ensure!(
                self.conflicts(device)? == told,
                "{} tells something else than ana: {told:#?}",
                device.name()
            );
        }
        Ok(told)
    }

    /// Each case is told, once, with where everything is and what to do.
    fn all_is_told(&self, tree: &Tree) -> Result<()> {
        let told = self.nothing_is_gone(tree)?;
        let one = |kind: &str| -> Result<&Told> {
            let mut found = told.iter().filter(|told| told.kind == kind);
            let first = found.next();
            let first = first.with_context(|| format!("no `{kind}` is told: {told:#?}"))?;
            ensure!(found.next().is_none(), "`{kind}` is told twice: {told:#?}");
            Ok(first)
        };

        // A into B and B into A: one is in the other, with all that was in both.
        let cycle = one("cycle")?;
        let inner = match cycle.path.as_str() {
            "A" => "A/B",
            "B" => "B/A",
            other => anyhow::bail!("neither A nor B is at the top, but {other}"),
        };
        ensure!(tree.get(inner).is_some(), "{tree:?}");
        cycle.says(&[inner, "was moved into", "taken back", "Move it again"])?;

        // One folder, two names, and a deletion: it has one of the names, and in it what was edited.
        let renamed = one("renamed_apart")?;
        let other = match renamed.path.as_str() {
            "album of ana" => "album of ben",
            "album of ben" => "album of ana",
            other => anyhow::bail!("the album is named {other}"),
        };
        renamed.says(&[other, "different names", "Rename it"])?;
        ensure!(tree.get(other).is_none() && tree.get("album").is_none());
        let edited = format!("{}/edited.bin", renamed.path);
        ensure!(tree.get(&edited).is_some());
        let untouched = format!("{}/untouched.bin", renamed.path);
        ensure!(tree.get(&untouched).is_none());
        let outlived: Vec<&Told> = told
            .iter()
            .filter(|told| told.kind == "deleted_and_edited")
            .collect();
        let paths: BTreeSet<&str> = outlived.iter().map(|told| told.path.as_str()).collect();
        ensure!(
            paths == BTreeSet::from([renamed.path.as_str(), edited.as_str()]),
            "{paths:?}"
        );
        outlived[0].says(&["deleted by one person", "in the trash", "Restore"])?;
        outlived[1].says(&["deleted by one person", "Delete it again"])?;

        // One new path, three contents: a file and two copies beside it.
        let content = one("content")?;
        ensure!(content.path == "new/file.bin" && content.copies.len() == 2);
        for copy in &content.copies {
            ensure!(copy.starts_with("new/file (conflict ") && copy.ends_with(").bin"));
            ensure!(tree.get(copy).is_some(), "{copy} is not there");
            content.says(&[copy.as_str(), "written by several people"])?;
        }

        // Two files under one name: one has it, the other shows with a tag.
        let same = one("same_name")?;
        ensure!(same.path.starts_with("same (") && same.path.ends_with(").bin"));
        ensure!(tree.get("same.bin").is_some() && tree.get(&same.path).is_some());
        same.says(&["same.bin", "tag", "Rename or move one"])?;

        // One file moved to two folders: it is in one of them, and the other is named.
        let apart = one("moved_apart")?;
        let other = match apart.path.as_str() {
            "here/apart.bin" => "there",
            "there/apart.bin" => "here",
            other => anyhow::bail!("it was moved to {other}"),
        };
        apart.says(&[other, "different folders at the same time", "Move it"])?;
        ensure!(tree.get(&apart.path).is_some());
        ensure!(tree.get(&format!("{other}/apart.bin")).is_none());

        // A folder deleted while something new came into it: it stays for that, and for nothing else.
        let around = one("deleted_around")?;
        ensure!(around.path == "shelf", "{told:#?}");
        around.says(&[
            "deleted by one person",
            "worked on something in it",
            "in the trash",
        ])?;
        ensure!(tree.get("shelf/new.bin").is_some() && tree.get("shelf/old.bin").is_none());

        ensure!(told.len() == 8, "{told:#?}");
        Ok(())
    }
}

/// One conflict as the command line tells it.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    kind: String,
    path: String,
    copies: Vec<String>,
    reason: String,
}

impl Told {
    fn says(&self, words: &[&str]) -> Result<()> {
        for word in words.iter().copied().chain([self.path.as_str()]) {
            ensure!(
                self.reason.contains(word),
                "{word:?} is not in the words for {:?}: {}",
                self.kind,
                self.reason
            );
        }
        Ok(())
    }
}

#[test]
fn what_three_devices_did_while_stopped_is_settled_and_nothing_is_gone() -> Result<()> {
    Lab::run(|lab| {
        let devices = ["ana", "ben", "cleo"].map(|name| lab.device(name));
        let devices = devices.into_iter().collect::<Result<Vec<_>>>()?;
        let friends = Friends::with(lab, devices)?;
        for device in &friends.devices {
            device.stop()?;
        }
        for (script, folder) in SCRIPTS.iter().zip(&friends.folders) {
            script(folder)?;
        }
        for device in &friends.devices {
            device.start()?;
        }
        within(SOON, "each has heard of what the others did", || {
            let (listed, _) = friends.devices[0].tree(&friends.drive)?;
            let copies = listed.iter().filter(|e| e.path.contains("(conflict "));
            Ok((copies.count() == 2).then_some(()))
        })?;
        let tree = friends.meet(lab)?;
        // Who hears of the others before it has looked at its own folder settles some of it by itself, so
        // what is told is not always all of it.
        friends.nothing_is_gone(&tree).map(|_| ())
    })
}

#[test]
fn what_three_devices_did_on_a_cut_network_is_settled_and_told() -> Result<()> {
    let test = "what_three_devices_did_on_a_cut_network_is_settled_and_told";
    if missing(test, &[Requirement::Namespaces]) {
        return Ok(());
    }
    Lab::run(|lab| {
        let mut network = Network::new()?;
        let mut devices = Vec::new();
        for name in ["ana", "ben", "cleo"] {
            devices.push(lab.device_on(name, network.host()?)?);
        }
        let friends = Friends::with(lab, devices)?;
        for device in &friends.devices {
            device.host().context("each has a network")?.cut()?;
        }
        for (script, folder) in SCRIPTS.iter().zip(&friends.folders) {
            script(folder)?;
        }
        // Each takes in what was done in its own folder, and nothing else.
        for (device, folder) in friends.devices.iter().zip(&friends.folders) {
            let tree = Tree::read(folder)?;
            let own: BTreeSet<&str> = tree.iter().map(|(path, _)| path).collect();
            within(SOON, "a device alone shows what its folder holds", || {
                let (listed, _) = device.tree(&friends.drive)?;
                let listed: BTreeSet<&str> = listed.iter().map(|e| e.path.as_str()).collect();
                Ok((listed == own).then_some(()))
            })?;
        }
        for device in &friends.devices {
            device.host().context("each has a network")?.heal()?;
        }
        within(SOON * 2, "each has heard of what the others did", || {
            let (listed, _) = friends.devices[0].tree(&friends.drive)?;
            let copies = listed.iter().filter(|e| e.path.contains("(conflict "));
            Ok((copies.count() == 2).then_some(()))
        })?;
        let tree = friends.meet(lab)?;
        friends.all_is_told(&tree)
    })
}
