//! A real source tree of thousands of files, with its git repository inside.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{Lab, Requirement, git, missing, repository, within_ms};

use crate::SOON;
use crate::three::Three;

/// Files of the source tree; the repository inside adds about as many objects.
const FILES: usize = 5_000;

#[test]
fn a_source_tree_with_its_repository_is_the_same_on_three_devices_and_git_agrees() -> Result<()> {
    let test = "a_source_tree_with_its_repository_is_the_same_on_three_devices_and_git_agrees";
    if missing(test, &[Requirement::Fuse, Requirement::Git]) {
        return Ok(());
    }
    Lab::run(|lab| {
        let folder = lab.folder("sources")?;
        let files = repository(&folder, FILES)?;
        let three = Three::on(lab, folder)?;
        let took = three.converge(lab)?;
        let all = three.same_everywhere()?.files();
        println!(
            "{files} sources, {all} files in all, the same everywhere after {} ms",
            took.as_millis()
        );
        for place in &three.places {
            sound(place)?;
        }

        // A commit on each device in turn is everyone's next commit.
        for author in 0..3 {
            let message = format!("Said by device {author}");
            let place = &three.places[author];
            fs::write(place.join("said.txt"), &message)?;
            git(place, &["add", "said.txt"])?;
            git(place, &["commit", "--quiet", "--message", &message])?;
            // The last that git writes; before that is seen, there is nothing to wait for.
            within_ms(SOON, "the commit is seen everywhere", || {
                three.places.iter().all(|place| {
                    fs::read_to_string(place.join(".git/logs/HEAD"))
                        .is_ok_and(|log| log.contains(&message))
                })
            })?;
            three.converge(lab)?;
            three.same_everywhere()?;
            for place in &three.places {
                let seen = git(place, &["log", "-1", "--format=%s"])?;
                ensure!(
                    seen.trim() == message,
                    "the last commit in {} is {seen}",
                    place.display()
                );
                sound(place)?;
            }
        }
        Ok(())
    })
}

/// Git finds nothing wrong with the repository, and nothing changed since the last commit.
fn sound(place: &Path) -> Result<()> {
    git(place, &["fsck", "--full", "--strict"])
        .with_context(|| format!("in {}", place.display()))?;
    let changed = git(place, &["--no-optional-locks", "status", "--porcelain"])?;
    // The folder that PeerDrive keeps for itself is not part of the drive.
    let changed: Vec<&str> = changed
        .lines()
        .filter(|line| !line.ends_with(" .peerdrive/"))
        .collect();
    ensure!(
        changed.is_empty(),
        "git sees changes in {}: {changed:?}",
        place.display()
    );
    Ok(())
}
