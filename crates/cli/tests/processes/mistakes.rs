//! Mistakes: each has its exit code, a code for programs, and words that help.

use std::process::{Command, Stdio};

use crate::device::{Answer, Device, TestResult, text};

fn bare(words: &[&str]) -> TestResult<Answer> {
    Ok(Command::new(env!("CARGO_BIN_EXE_peerdrive"))
        .args(words)
        .stdin(Stdio::null())
        .output()?
        .into())
}

#[test]
fn wrong_words_are_wrong_usage_and_start_no_daemon() -> TestResult {
    let it = Device::new()?;
    for words in [
        vec!["no-such-command"],
        vec!["invite", "Photos", "--role", "king"],
        vec!["invite", "Photos", "--role", "owner"],
        vec!["invite", "Photos", "--uses", "0"],
        vec!["invite", "Photos", "--expires", "soon"],
        vec!["join"],
        vec!["join", "t", "a", "--mount", "b"],
        vec!["wait", "Photos", "--timeout", "-1"],
        vec!["tree"],
        vec!["status", "--bind", "nowhere"],
    ] {
        let error = it.refusal(&words, 2)?;
        assert_eq!(error["code"], "bad_request", "{words:?}");
    }
    assert!(!it.data_dir().exists());
    Ok(())
}

#[test]
fn without_json_errors_are_text_on_standard_error() -> TestResult {
    let answer = bare(&["no-such-command"])?;
    assert_eq!((answer.code, answer.out.as_str()), (Some(2), ""));
    assert!(answer.err.starts_with("error: "), "{}", answer.err);
    let it = Device::new()?;
    let data = it.data_dir();
    let answer = bare(&[
        "--data-dir",
        text(&data)?,
        "--no-discovery",
        "tree",
        "Photos",
    ])?;
    assert_eq!((answer.code, answer.out.as_str()), (Some(3), ""));
    assert_eq!(
        answer.err,
        "peerdrive: there is no drive `Photos` on this device\n  `peerdrive status` lists the drives\n"
    );
    Ok(())
}

#[test]
fn help_and_version_are_no_failures() -> TestResult {
    for words in [["--help"], ["--version"]] {
        let answer = bare(&words)?;
        assert_eq!((answer.code, answer.err.as_str()), (Some(0), ""));
        assert!(answer.out.contains("peerdrive"));
    }
    assert_eq!(bare(&["invite", "--help"])?.code, Some(0));
    Ok(())
}

#[test]
fn what_is_not_there_is_3_and_what_must_not_be_is_4() -> TestResult {
    let it = Device::new()?;
    let folder = it.path("home/Photos");
    std::fs::create_dir_all(folder.join("2024"))?;
    let file = it.path("file");
    std::fs::write(&file, "x")?;
    let drive = it.json(&["share", text(&folder)?])?;
    assert_eq!(drive["name"], "Photos");
    let id = drive["drive"].as_str().ok_or("no id")?.to_owned();
    assert_eq!(drive["path"], text(&folder.canonicalize()?)?);

    let (absent, parent, child) = (it.path("absent"), it.path("home"), folder.join("2024"));
    let full = it.path("full");
    std::fs::create_dir(&full)?;
    std::fs::write(full.join("precious"), "x")?;
    let data = it.data_dir();
    for (words, exit, code, about) in [
        (
            vec!["share", text(&absent)?],
            3,
            "folder_not_found",
            "absent",
        ),
        (vec!["share", text(&file)?], 2, "bad_request", "file"),
        (vec!["share", text(&folder)?], 4, "already_shared", "Photos"),
        (
            vec!["share", text(&parent)?],
            4,
            "already_shared",
            "contains",
        ),
        (vec!["share", text(&child)?], 4, "already_shared", "inside"),
        (vec!["share", text(&data)?], 4, "folder_in_use", "data"),
        (
            vec!["share", text(&full)?, "--name", ""],
            2,
            "bad_request",
            "name",
        ),
        (vec!["status", "Fotos"], 3, "drive_not_found", "Fotos"),
        (
            vec!["status", &id, "no/such"],
            3,
            "path_not_found",
            "no/such",
        ),
        (vec!["tree", &id, "no/such"], 3, "path_not_found", "no/such"),
        (vec!["ls", &id, "no/such"], 3, "path_not_found", "no/such"),
        (vec!["cat", &id, "no/such"], 3, "path_not_found", "no/such"),
        (vec!["cat", &id, ""], 2, "bad_request", "folder"),
        (vec!["invite", "Fotos"], 3, "drive_not_found", "Fotos"),
        (
            vec!["mount", &id, text(&absent)?],
            3,
            "folder_not_found",
            "absent",
        ),
        (vec!["mount", &id, text(&file)?], 2, "bad_request", "file"),
        (
            vec!["mount", &id, text(&full)?],
            4,
            "mount_point_in_use",
            "full",
        ),
        (vec!["unmount", text(&full)?], 3, "not_mounted", "full"),
        (
            vec!["join", "not a ticket", text(&absent)?],
            2,
            "bad_ticket",
            "ticket",
        ),
        (
            vec!["join", "peerdrive:join#", text(&absent)?],
            2,
            "bad_ticket",
            "ticket",
        ),
        (
            vec!["join", "x", "--mount", text(&absent)?],
            3,
            "folder_not_found",
            "absent",
        ),
    ] {
        let error = it.refusal(&words, exit)?;
        assert_eq!(error["code"], code, "{words:?}: {error}");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains(about), "{words:?}: {message}");
    }
    assert!(!absent.exists(), "a refused command leaves nothing");
    assert_eq!(
        it.json(&["status"])?["drives"].as_array().map(Vec::len),
        Some(1)
    );
    Ok(())
}

#[test]
fn a_data_directory_that_cannot_be_one_is_said_so() -> TestResult {
    let it = Device::new()?;
    let file = it.path("file");
    std::fs::write(&file, "x")?;
    let answer = bare(&[
        "--json",
        "--no-discovery",
        "--data-dir",
        text(&file)?,
        "status",
    ])?;
    let error = answer.refusal(1)?;
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|m| m.contains("data directory")),
        "{error}"
    );
    Ok(())
}

#[test]
fn a_reader_that_has_enough_is_no_failure() -> TestResult {
    let mut child = Command::new(env!("CARGO_BIN_EXE_peerdrive"))
        .args(["completions", "bash"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    drop(child.stdout.take());
    let answer: Answer = child.wait_with_output()?.into();
    assert_eq!((answer.code, answer.err.as_str()), (Some(0), ""));
    Ok(())
}

#[test]
fn a_name_that_two_drives_have_names_neither() -> TestResult {
    let it = Device::new()?;
    let mut ids = Vec::new();
    for folder in ["one", "two"] {
        let folder = it.path(folder);
        std::fs::create_dir(&folder)?;
        let shared = it.json(&["share", text(&folder)?, "--name", "Same"])?;
        assert_eq!(shared["name"], "Same");
        ids.push(shared["drive"].as_str().ok_or("no id")?.to_owned());
    }
    let refused = it.refusal(&["status", "Same"], 2)?;
    assert_eq!(refused["code"], "ambiguous_drive", "{refused}");
    for id in &ids {
        assert_eq!(it.json(&["status", id])?["drives"][0]["id"], id.as_str());
    }
    Ok(())
}

#[test]
fn waiting_for_somebody_who_does_not_catch_up_ends_when_it_was_to() -> TestResult {
    let (ana, ben) = (Device::new()?, Device::new()?);
    let folder = ana.path("Photos");
    std::fs::create_dir(&folder)?;
    ana.json(&["share", text(&folder)?])?;
    let invite = ana.json(&["invite", "Photos", "--role", "writer"])?;
    let ticket = invite["ticket"].as_str().ok_or("no ticket")?;
    ben.json(&["join", ticket, text(&ben.path("mine"))?, "--wait"])?;
    // He hears and does not answer.
    let daemon = ben.daemon_json()?["pid"].as_u64().ok_or("no pid")?;
    let signal = |what: &str| {
        Command::new("kill")
            .args([what, &daemon.to_string()])
            .status()
    };
    assert!(signal("-STOP")?.success());
    std::fs::write(folder.join("a.txt"), "new")?;
    let late = ana.refusal(&["wait", "Photos", "--timeout", "2"], 5);
    assert!(signal("-CONT")?.success());
    assert_eq!(late?["code"], "timed_out");
    ana.json(&["wait", "Photos", "--timeout", "60"])?;
    Ok(())
}
