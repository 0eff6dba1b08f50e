//! Programs save as they really do; on the other device that is an edit of the same file, and nothing
//! else was ever to be seen.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{Device, Lab, Onlooker, Tree, run, within_ms};

use crate::{SOON, together};

/// How a program saves `text` as `doc.md` in a folder where that file is.
type Save = fn(&Path, &str) -> Result<()>;

const DOC: &str = "doc.md";

fn pause(milliseconds: u64) {
    thread::sleep(Duration::from_millis(milliseconds));
}

fn durably(path: &Path, text: &str) -> Result<()> {
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    Ok(file.sync_all()?)
}

/// VS Code, nano, many more: truncated and written in place.
fn in_place(root: &Path, text: &str) -> Result<()> {
    Ok(fs::write(root.join(DOC), text)?)
}

/// VS Code with atomic saves.
fn code_atomic(root: &Path, text: &str) -> Result<()> {
    let beside = root.join("doc.md.vsctmp");
    durably(&beside, text)?;
    pause(60);
    Ok(fs::rename(beside, root.join(DOC))?)
}

/// GTK and Qt programs.
fn gnome(root: &Path, text: &str) -> Result<()> {
    let beside = root.join(".goutputstream-X7K2Q1");
    durably(&beside, text)?;
    Ok(fs::rename(beside, root.join(DOC))?)
}

/// vim, `backupcopy=no`: a probe, the old one renamed to a backup, a new one written, the backup removed.
fn vim_renames(root: &Path, text: &str) -> Result<()> {
    fs::write(root.join("4913"), "")?;
    fs::remove_file(root.join("4913"))?;
    fs::write(root.join(".doc.md.swp"), "swap")?;
    fs::rename(root.join(DOC), root.join("doc.md~"))?;
    pause(20);
    durably(&root.join(DOC), text)?;
    pause(20);
    fs::remove_file(root.join("doc.md~"))?;
    Ok(fs::remove_file(root.join(".doc.md.swp"))?)
}

/// vim, `backupcopy=yes`: copied to a backup, written in place, the backup removed.
fn vim_copies(root: &Path, text: &str) -> Result<()> {
    fs::copy(root.join(DOC), root.join("doc.md~"))?;
    pause(20);
    durably(&root.join(DOC), text)?;
    Ok(fs::remove_file(root.join("doc.md~"))?)
}

/// LibreOffice: a lock beside it, a numbered temporary file, the old one out of the way, the new one in.
fn libreoffice(root: &Path, text: &str) -> Result<()> {
    let lock = root.join(".~lock.doc.md#");
    fs::write(&lock, ",ana,machine,23.11.2026 12:00,file:///home/ana;")?;
    let beside = root.join("lu2093571xk4f.tmp");
    durably(&beside, text)?;
    pause(150);
    fs::rename(&beside, root.join(DOC))?;
    pause(30);
    Ok(fs::remove_file(lock)?)
}

/// Word: two temporary files, the names go round.
fn word(root: &Path, text: &str) -> Result<()> {
    let (new, old) = (root.join("~WRD0001.tmp"), root.join("~WRL0002.tmp"));
    fs::write(root.join("~$doc.md"), "owner")?;
    durably(&new, text)?;
    fs::rename(root.join(DOC), &old)?;
    pause(40);
    fs::rename(&new, root.join(DOC))?;
    pause(40);
    fs::remove_file(&old)?;
    Ok(fs::remove_file(root.join("~$doc.md"))?)
}

/// Emacs without backups: its lock is a symlink to nowhere, its autosave lies beside.
fn emacs(root: &Path, text: &str) -> Result<()> {
    symlink("ana@machine.1234:1", root.join(".#doc.md"))?;
    fs::write(root.join("#doc.md#"), "half of it")?;
    pause(120);
    fs::write(root.join(DOC), text)?;
    fs::remove_file(root.join("#doc.md#"))?;
    Ok(fs::remove_file(root.join(".#doc.md"))?)
}

/// Simple programs: deleted, then written anew.
fn deleted_and_written(root: &Path, text: &str) -> Result<()> {
    fs::remove_file(root.join(DOC))?;
    pause(80);
    Ok(fs::write(root.join(DOC), text)?)
}

/// Written bit by bit for longer than a file has to rest.
fn slowly(root: &Path, text: &str) -> Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .truncate(true)
        .open(root.join(DOC))?;
    for piece in text.as_bytes().chunks(text.len() / 6 + 1) {
        file.write_all(piece)?;
        pause(60);
    }
    Ok(())
}

fn sed(root: &Path, text: &str) -> Result<()> {
    let script = format!("s/.*/{}/", text.trim());
    let mut sed = Command::new("sed");
    sed.args(["-i", &script]).arg(root.join(DOC));
    run(&mut sed, SOON)?.ok()?;
    Ok(())
}

/// The real vim, where there is one.
fn vim(root: &Path, text: &str, backupcopy: &str) -> Result<()> {
    let mut vim = Command::new("vim");
    vim.args(["-Nu", "NONE", "-es", "-c"])
        .arg(format!("set backupcopy={backupcopy}"))
        .args(["-c", &format!("call setline(1, '{}')", text.trim())])
        .args(["-c", "wq", DOC])
        .current_dir(root)
        .env("TERM", "dumb");
    match vim.status() {
        Ok(_) => Ok(()),
        // Its two ways are also above.
        Err(_) => in_place(root, text),
    }
}

fn real_vim_renames(root: &Path, text: &str) -> Result<()> {
    vim(root, text, "no")
}

fn real_vim_copies(root: &Path, text: &str) -> Result<()> {
    vim(root, text, "yes")
}

const WAYS: [(&str, Save); 13] = [
    ("in place", in_place),
    ("VS Code, atomic", code_atomic),
    ("GNOME", gnome),
    ("vim, renaming", vim_renames),
    ("vim, copying", vim_copies),
    ("LibreOffice", libreoffice),
    ("Word", word),
    ("Emacs", emacs),
    ("deleted and written", deleted_and_written),
    ("slowly", slowly),
    ("sed -i", sed),
    ("the real vim, renaming", real_vim_renames),
    ("the real vim, copying", real_vim_copies),
];

fn id_of(device: &Device, drive: &str, path: &str) -> Result<String> {
    let (listed, _) = device.tree(drive)?;
    let found = listed.into_iter().find(|line| line.path == path);
    Ok(found
        .with_context(|| format!("the drive has no {path}"))?
        .id)
}

#[test]
fn every_way_of_saving_is_an_edit_of_the_same_file_and_nothing_else_is_ever_seen() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        fs::write(hers.join(DOC), "saved by nobody yet\n")?;
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        let id = id_of(&ana, &drive, DOC)?;
        let onlookers = [Onlooker::of(&[&hers])?, Onlooker::of(&[&his])?];
        // Twice, so that each of them saves what the other one's device has written out before.
        for (round, (at, there)) in [(&hers, &his), (&his, &hers)].into_iter().enumerate() {
            let onlooker = &onlookers[1 - round];
            for (name, save) in WAYS {
                onlooker.names()?;
                let text = format!("saved by {name} in round {round}\n");
                save(at, &text).with_context(|| format!("{name}, saving"))?;
                within_ms(SOON, &format!("{name} arrives"), || {
                    fs::read_to_string(there.join(DOC)).is_ok_and(|found| found == text)
                })?;
                // Anything that was on its way as well would be here by then.
                pause(350);
                let seen = onlooker.names()?;
                ensure!(
                    seen.iter().all(|seen| seen == DOC),
                    "{name} showed on the other device: {seen:?}"
                );
            }
            // Names that people use too are held back for two seconds; then they would show.
            pause(2_500);
            lab.converge(&[&ana, &ben], &drive)?;
            let seen = onlooker.names()?;
            ensure!(seen.iter().all(|seen| seen == DOC), "late: {seen:?}");
        }
        for device in [&ana, &ben] {
            ensure!(id_of(device, &drive, DOC)? == id, "it became another file");
            let (listed, _) = device.tree(&drive)?;
            ensure!(listed.len() == 1, "{listed:?}");
        }
        for place in [&hers, &his] {
            let names: BTreeSet<String> = Tree::read(place)?
                .iter()
                .map(|(path, _)| path.to_owned())
                .collect();
            ensure!(names == BTreeSet::from([DOC.to_owned()]), "{names:?}");
        }
        Ok(())
    })
}

#[test]
fn a_backup_that_stays_is_a_file_of_its_own() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        fs::write(hers.join(DOC), "first\n")?;
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        let id = id_of(&ana, &drive, DOC)?;
        // Emacs with its own defaults, and vim with `backup`.
        fs::rename(hers.join(DOC), hers.join("doc.md~"))?;
        pause(10);
        fs::write(hers.join(DOC), "second\n")?;
        within_ms(SOON, "both are there", || {
            fs::read(his.join(DOC)).is_ok_and(|found| found == b"second\n")
                && fs::read(his.join("doc.md~")).is_ok_and(|found| found == b"first\n")
        })?;
        lab.converge(&[&ana, &ben], &drive)?;
        ensure!(
            id_of(&ben, &drive, DOC)? == id,
            "the backup took the file's identity"
        );
        Tree::read(&hers)?.same_as(&Tree::read(&his)?)
    })
}
