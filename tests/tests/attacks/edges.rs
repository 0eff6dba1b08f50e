//! What the machine itself could give away or take over: dumps of a process that holds keys, and a shared
//! folder that would hold the device's own state.

use std::fs;

use anyhow::{Context, Result, ensure};
use peerdrive_tests::Lab;

#[test]
fn attack_p6_a_folder_that_is_in_holds_or_is_the_data_directory_is_refused() -> Result<()> {
    Lab::run(|lab| {
        let ana = lab.device("ana")?;
        // What others write into a drive would become keys and records of this device.
        let data = ana.data_dir().to_owned();
        let inside = data.join("drives").join("shared");
        let around = data.parent().context("no parent")?.to_owned();
        let link = lab.path("looks harmless");
        fs::create_dir_all(&inside)?;
        std::os::unix::fs::symlink(&data, &link)?;
        for folder in [&data, &inside, &around, &link] {
            let words = ["share", folder.to_str().context("a name")?];
            let error = ana.call(&words)?.refusal(4)?;
            ensure!(
                error.code == "folder_in_use",
                "{}: {}",
                folder.display(),
                error.message
            );
            ensure!(!folder.join(".peerdrive").exists(), "it was marked");
        }
        Ok(())
    })
}

#[test]
fn attack_s3_no_daemon_can_leave_a_dump_of_its_memory() -> Result<()> {
    Lab::run(|lab| {
        let ana = lab.device("ana")?;
        let limits = fs::read_to_string(format!("/proc/{}/limits", ana.pid()?))?;
        let line = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        let words: Vec<&str> = line.context("no such limit")?.split_whitespace().collect();
        // Name, soft limit, hard limit, unit.
        ensure!(words[4..6] == ["0", "0"], "{words:?}");
        Ok(())
    })
}
