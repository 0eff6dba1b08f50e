//! One look at the disk by itself, while somebody works on it.

use std::fs;
use std::path::Path;

use peerdrive_crdt_tree::id::NodeId;

use super::super::beneath::Root;
use super::super::ignored::Ignored;
use super::super::in_step::{Held, InStep, Record};
use super::super::scan::{Observed, Scan};
use super::support::{Or, TestResult};

/// Makes ten folders. Which of them the system lists last: looked at in that order, it is not the first.
fn last_of_ten(dir: &Path) -> Or<String> {
    for n in 0..10 {
        fs::create_dir(dir.join(n.to_string()))?;
    }
    let last = fs::read_dir(dir)?.last().ok_or("nothing there")??;
    Ok(last.file_name().into_string().map_err(|_| "no text")?)
}

/// Looks at everything; `act` happens when the root has been listed, and the first folder in it is about to be.
fn look_while(
    dir: &Path,
    in_step: &InStep,
    act: impl FnOnce() -> std::io::Result<()>,
) -> Or<Observed> {
    let root = Root::open(dir)?;
    let (mut act, mut acted) = (Some(act), Ok(()));
    let mut ignored = Ignored::new(&[]);
    let mut watch = |path: &str| {
        if let Some(act) = act.take_if(|_| !path.is_empty()) {
            acted = act();
        }
    };
    let mut scan = Scan::new(&root, in_step, &mut ignored, &mut watch);
    scan.look("", true);
    let seen = scan.finish();
    acted?;
    assert!(act.is_none(), "nothing happened");
    Ok(seen)
}

#[test]
fn a_folder_that_goes_back_while_it_is_looked_for_is_no_new_one_where_it_was_seen() -> TestResult {
    let dir = tempfile::tempdir()?;
    let away = last_of_ten(dir.path())?;
    let stat = Root::open(dir.path())?.stat(&away)?.ok_or("not there")?;
    let mut in_step = InStep::default();
    in_step.put(
        NodeId([1; 16]),
        Record {
            parent: NodeId::ROOT,
            name: "home".into(),
            held: Held::Folder,
            stat,
            mode: 0o755,
            mtime_ns: 0,
            racy: false,
            left_behind: false,
        },
    );
    let (from, to) = (dir.path().join(&away), dir.path().join("home"));
    let seen = look_while(dir.path(), &in_step, || fs::rename(from, to))?;
    assert!(!seen.at.contains_key(&away), "{seen:?}");
    assert!(!seen.folders.contains_key(&away), "{seen:?}");
    Ok(())
}

#[test]
fn a_folder_that_is_gone_before_it_was_listed_is_not_taken_in() -> TestResult {
    let dir = tempfile::tempdir()?;
    let gone = last_of_ten(dir.path())?;
    let path = dir.path().join(&gone);
    let seen = look_while(dir.path(), &InStep::default(), || fs::remove_dir(path))?;
    assert_eq!(seen.at.len(), 9, "{seen:?}");
    assert!(!seen.at.contains_key(&gone), "{seen:?}");
    assert!(!seen.folders.contains_key(&gone), "{seen:?}");
    Ok(())
}
