//! The life of a daemon: it starts by itself, there is one, it ends in order, and it survives `kill -9`.

use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::device::{Answer, Device, TestResult, processes_with, until};

fn signal(pid: i32, signal: Signal) -> TestResult {
    kill_process(Pid::from_raw(pid).ok_or("no pid")?, signal)?;
    Ok(())
}

#[test]
fn a_command_starts_the_daemon_the_next_one_uses_it_and_stop_ends_it() -> TestResult {
    let it = Device::new()?;
    assert_eq!(it.json(&["status"])?, serde_json::json!({ "drives": [] }));
    let pid = it.pid()?;
    it.json(&["status"])?;
    assert_eq!(it.pid()?, pid);

    let file = std::fs::metadata(it.data_dir().join("daemon.json"))?;
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    assert_eq!(
        std::fs::metadata(it.data_dir())?.permissions().mode() & 0o777,
        0o700
    );
    assert_eq!(
        std::fs::metadata(it.data_dir().join("daemon.log"))?
            .permissions()
            .mode()
            & 0o777,
        0o600
    );

    assert_eq!(it.json(&["stop"])?["stopped"], true);
    assert!(!it.data_dir().join("daemon.json").exists());
    until("the process is gone", || {
        processes_with(&it.data_dir()).is_empty()
    })?;
    assert_eq!(it.json(&["stop"])?["stopped"], false);
    Ok(())
}

#[test]
fn commands_given_at_once_end_up_with_one_daemon() -> TestResult {
    let it = Device::new()?;
    let children: Result<Vec<Child>, _> = (0..6)
        .map(|_| {
            it.command(&["status"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
        })
        .collect();
    for child in children? {
        let answer: Answer = child.wait_with_output()?.into();
        assert_eq!(answer.code, Some(0), "{answer:?}");
    }
    let pid = it.pid()?;
    // Those that were too late end by themselves.
    until(
        "one daemon is left",
        || matches!(processes_with(&it.data_dir()).as_slice(), [(one, _)] if *one == pid),
    )?;
    Ok(())
}

#[test]
fn after_kill_9_the_next_command_starts_a_new_daemon() -> TestResult {
    let it = Device::new()?;
    it.json(&["status"])?;
    let first = it.pid()?;
    signal(first, Signal::KILL)?;
    until("it is dead", || processes_with(&it.data_dir()).is_empty())?;
    assert_eq!(it.pid()?, first, "what it left is still there");
    it.json(&["status"])?;
    assert_ne!(it.pid()?, first);
    Ok(())
}

#[test]
fn a_second_daemon_is_refused_and_the_first_is_none_the_worse() -> TestResult {
    let it = Device::new()?;
    let mut first = it.daemon()?;
    let error = it.refusal(&["daemon"], 5)?;
    assert_eq!(error["code"], "daemon_running");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("another") && message.contains(&first.id().to_string()),
        "{message}"
    );
    it.json(&["status"])?;
    assert_eq!(it.json(&["stop"])?["stopped"], true);
    assert_eq!(first.wait()?.code(), Some(0));
    Ok(())
}

#[test]
fn signals_end_the_daemon_in_order() -> TestResult {
    for kind in [Signal::TERM, Signal::INT, Signal::HUP] {
        let it = Device::new()?;
        let mut daemon = it.daemon()?;
        signal(daemon.id().try_into()?, kind)?;
        assert_eq!(daemon.wait()?.code(), Some(0), "{kind:?}");
        assert!(!it.data_dir().join("daemon.json").exists());
    }
    Ok(())
}

#[test]
fn a_started_daemon_outlives_the_terminal_of_the_command() -> TestResult {
    let it = Device::new()?;
    it.json(&["status"])?;
    let pid = it.pid()?;
    // Field 6 of stat is the session; the second word may hold blanks, so count from its end.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    assert_eq!(
        fields.get(3),
        Some(&pid.to_string().as_str()),
        "it leads a session of its own: {stat}"
    );
    let open: Vec<_> = (0..3)
        .map(|fd| std::fs::read_link(format!("/proc/{pid}/fd/{fd}")))
        .collect::<Result<_, _>>()?;
    assert!(
        open[0].ends_with("null") && open[1].ends_with("null") && open[2].ends_with("daemon.log"),
        "{open:?}"
    );
    Ok(())
}

#[test]
fn other_settings_than_the_running_daemons_are_not_passed_over() -> TestResult {
    let it = Device::new()?;
    it.json(&["status"])?;
    let answer: Answer = std::process::Command::new(env!("CARGO_BIN_EXE_peerdrive"))
        .args(["--json", "--bind", "127.0.0.1:1", "--data-dir"])
        .arg(it.data_dir())
        .arg("status")
        .output()?
        .into();
    let error = answer.refusal(4)?;
    assert_eq!(error["code"], "settings_differ");
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|m| m.contains("--bind"))
    );
    // Not to say anything is to go along with it.
    let plain = std::process::Command::new(env!("CARGO_BIN_EXE_peerdrive"))
        .arg("--data-dir")
        .arg(it.data_dir())
        .arg("status")
        .output()?;
    assert!(plain.status.success());
    Ok(())
}

#[test]
fn a_daemon_that_cannot_start_says_why_through_the_command_that_started_it() -> TestResult {
    let it = Device::new()?;
    let answer: Answer = std::process::Command::new(env!("CARGO_BIN_EXE_peerdrive"))
        .args([
            "--json",
            "--no-discovery",
            "--relay",
            "not a url",
            "--data-dir",
        ])
        .arg(it.data_dir())
        .arg("status")
        .output()?
        .into();
    let error = answer.refusal(2)?;
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|m| m.contains("not a url")),
        "{error}"
    );
    until("nothing is left of it", || {
        processes_with(&it.data_dir()).is_empty()
    })
}
