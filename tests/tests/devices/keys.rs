//! Keys and other secrets of a device: sealed under a passphrase, backed up, and found nowhere else.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{Answer, Device, Door, Lab, Role, Tree, files_below, run_with, within_ms};
use serde_json::Value;

use crate::SOON;
use crate::secrecy::{contains, finds};

const PASSPHRASE: &str = "canary of a passphrase";

#[test]
fn attack_s1_a_sealed_key_needs_its_passphrase_at_every_start() -> Result<()> {
    Lab::run(|lab| {
        let ana = lab.device_at_rest("ana");
        let folder = lab.folder("shared")?;
        fs::write(folder.join("a.txt"), "a")?;
        let drive = ana.share(&folder)?.drive;
        let key = ana.data_dir().join("device.key");
        let plain = fs::read(&key)?;
        ensure!(plain.len() == 32, "not a plain key");
        ana.call_with(&["passphrase"], "short")?.refusal(2)?;
        let sealed: Value = ana.call_with(&["passphrase"], PASSPHRASE)?.ok()?.json()?;
        ensure!(sealed["sealed"] == true, "{sealed}");
        ensure!(
            fs::metadata(&key)?.permissions().mode() & 0o777 == 0o600,
            "others can read it"
        );
        ana.status(&drive)?;
        ana.call(&["stop"])?.ok()?;
        within_ms(SOON, "the daemon ends", || ana.daemon_pid().is_none())?;
        for path in files_below(ana.data_dir())? {
            let bytes = fs::read(&path)?;
            ensure!(!finds(&bytes, &plain), "the key lies in {}", path.display());
        }

        let refused = ana.call(&["status", &drive])?.refusal(4)?;
        ensure!(refused.code == "locked", "{refused:?}");
        let (right, wrong) = (lab.path("right"), lab.path("wrong"));
        fs::write(&right, format!("{PASSPHRASE}\n"))?;
        fs::write(&wrong, "something else")?;
        let with = |file: &Path| -> Result<Answer> {
            let file = file.to_str().context("UTF-8")?;
            ana.call(&["--passphrase-file", file, "status", &drive])
        };
        let refused = with(&wrong)?.refusal(4)?;
        ensure!(refused.code == "locked", "{refused:?}");
        with(&right)?.ok()?;
        // Once it runs, nobody asks again.
        ana.status(&drive)?;
        ana.call(&["stop"])?.ok()?;

        // From a descriptor that the command inherits, as service managers give it.
        let asked = ana.command(&["status", &drive]);
        let mut shell = Command::new("sh");
        shell
            .args(["-c", r#"exec 3<"$1"; shift; exec "$@""#, "sh"])
            .arg(&right)
            .arg(asked.get_program())
            .args(asked.get_args())
            .env("PEERDRIVE_PASSPHRASE_FD", "3");
        run_with(&mut shell, "", Duration::from_secs(60))?.ok()?;
        let clear: Value = ana.call(&["passphrase", "--remove"])?.ok()?.json()?;
        ensure!(clear["sealed"] == false, "{clear}");
        ana.call(&["stop"])?.ok()?;
        ana.status(&drive)?;
        ensure!(fs::read(&key)? == plain, "the key is another");
        Ok(())
    })
}

#[test]
fn a_backup_makes_a_new_machine_the_same_device_again() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        fs::write(hers.join("a.txt"), "before the backup")?;
        let drive = ana.share(&hers)?.drive;
        let ticket = ana.invite(&drive, Role::Writer)?;
        ben.join(&ticket, Door::Folder(&his))?;
        let file = lab.path("ana.backup");
        let out = file.to_str().context("UTF-8")?;
        let words = ["backup", "--out", out];
        let backed: Value = ana.call_with(&words, PASSPHRASE)?.ok()?.json()?;
        ensure!(backed["drives"] == 1, "{backed}");
        ana.call_with(&words, PASSPHRASE)?.refusal(4)?;
        ensure!(
            fs::metadata(&file)?.permissions().mode() & 0o777 == 0o600,
            "others can read it"
        );
        fs::write(hers.join("b.txt"), "after the backup")?;
        lab.converge(&[&ana, &ben], &drive)?;
        ana.stop()?;
        fs::remove_dir_all(ana.data_dir())?;
        fs::remove_dir_all(&hers)?;

        let again = lab.device_at_rest("ana again");
        let place = lab.path("restored");
        let place_text = place.to_str().context("UTF-8")?;
        let words = ["recover", "--backup", out, place_text];
        let refused = again.call_with(&words, "not this one")?.refusal(4)?;
        ensure!(refused.code == "locked", "{refused:?}");
        let back: Value = again.call_with(&words, PASSPHRASE)?.ok()?.json()?;
        ensure!(back["drive"] == drive.as_str(), "{back}");
        lab.converge(&[&again, &ben], &drive)?;
        Tree::read(&his)?.same_as(&Tree::read(&place.join("hers"))?)?;
        let status: Value = again.call(&["status", &drive])?.ok()?.json()?;
        ensure!(status["drives"][0]["role"] == "owner", "{status}");
        fs::write(place.join("hers/c.txt"), "from the new machine")?;
        within_ms(SOON, "ben sees it", || his.join("c.txt").exists())?;
        again.invite(&drive, Role::Writer)?;
        // A device is not made into another.
        ben.call(&["stop"])?.ok()?;
        let refused = ben.call_with(&["recover", "--backup", out], PASSPHRASE)?;
        let refused = refused.refusal(4)?;
        ensure!(refused.code == "folder_in_use", "{refused:?}");
        Ok(())
    })
}

/// A command whose daemon, if it starts one, logs everything.
fn traced(device: &Device, words: &[&str], input: &str) -> Result<Answer> {
    let mut command = device.command(words);
    // The libraries below write what they are made of at this level, which takes its time.
    command.env("PEERDRIVE_LOG", "trace");
    run_with(&mut command, input, Duration::from_secs(300))
}

#[test]
fn attack_s2_no_secret_is_in_a_log_at_the_finest_level_a_command_line_an_error_or_a_stray_file()
-> Result<()> {
    Lab::run(|lab| {
        let mut secrets: BTreeSet<String> = BTreeSet::new();
        let mut errors: Vec<String> = Vec::new();
        let names = [
            "canary-of-a-drive-name",
            "canary-of-a-file-name",
            "canary-of-a-content",
        ];
        let (ana, ben, phone, again) = (
            lab.device_at_rest("ana"),
            lab.device_at_rest("ben"),
            lab.device_at_rest("phone"),
            lab.device_at_rest("again"),
        );
        let folder = lab.folder(names[0])?;
        fs::write(folder.join(names[1]), names[2])?;
        let text =
            |path: &Path| -> Result<String> { Ok(path.to_str().context("UTF-8")?.to_owned()) };

        let words = ["share", &text(&folder)?, "--show-phrase"];
        let shared: Value = traced(&ana, &words, "")?.ok()?.json()?;
        let drive = shared["drive"].as_str().context("no drive")?.to_owned();
        let phrase = shared["phrase"].as_str().context("no phrase")?.to_owned();
        let three: Vec<&str> = phrase.split(' ').take(3).collect();
        secrets.insert(three.join(" "));
        let ticket = ana.invite(&drive, Role::Writer)?;
        let offered: Value = ana.call(&["devices", "add", &drive])?.ok()?.json()?;
        let code = offered["code"].as_str().context("no code")?.to_owned();
        for secret in [&ticket, &code] {
            let (_, body) = secret.split_once('#').context("no secret")?;
            // The drive's id and name come before the secret, and addresses after it.
            secrets.insert(body[body.len() / 4..body.len() / 2].to_owned());
            secrets.insert(body.to_owned());
        }
        secrets.insert(PASSPHRASE.to_owned());

        let (his, mobile) = (lab.path("his"), lab.path("mobile"));
        traced(&ben, &["join", "-", &text(&his)?], &ticket)?.ok()?;
        let words = ["devices", "accept", "-", &text(&mobile)?];
        traced(&phone, &words, &code)?.ok()?;
        lab.converge(&[&ana, &ben, &phone], &drive)?;
        ana.call_with(&["passphrase"], PASSPHRASE)?.ok()?;
        let backup = lab.path("ana.backup");
        let words = ["backup", "--out", &text(&backup)?];
        ana.call_with(&words, PASSPHRASE)?.ok()?;
        let history = lab.path("history");
        let words = ["audit", "export", &drive, "--out", &text(&history)?];
        ana.call(&words)?.ok()?;

        // Whatever is refused says why without repeating what it was given.
        errors.push(traced(&again, &["join", "-", "x"], &format!("{ticket}x"))?.stderr);
        errors.push(traced(&again, &["join", "-", "x"], &code)?.stderr);
        let words = ["devices", "accept", "-", "x"];
        errors.push(traced(&again, &words, &ticket)?.stderr);
        errors.push(traced(&again, &words, &code)?.stderr);
        let address: Value = ben.call(&["devices", "address"])?.ok()?.json()?;
        let from = address["address"].as_str().context("no address")?;
        let words = ["recover", "--from", from, "x"];
        errors.push(traced(&again, &words, &format!("{phrase} more"))?.stderr);
        ensure!(
            errors.iter().all(|error| error.contains("\"code\"")),
            "something was not refused: {errors:?}"
        );
        let place = lab.path("recovered");
        let words = ["recover", "--from", from, &text(&place)?];
        traced(&again, &words, &phrase)?.ok()?;
        lab.converge(&[&ben, &again], &drive)?;

        secrets.extend(names.map(str::to_owned));
        let all = [&ana, &ben, &phone, &again];
        for device in all {
            let pid = device.daemon_pid().context("no daemon")?;
            let line = fs::read(format!("/proc/{pid}/cmdline"))?;
            for secret in &secrets {
                ensure!(!contains(&line, secret), "`{secret}` is on a command line");
            }
        }
        for (about, error) in errors.iter().enumerate() {
            for secret in &secrets {
                ensure!(!error.contains(secret.as_str()), "error {about}: {error}");
            }
        }
        for running in [true, false] {
            let mut traces = 0;
            for device in all {
                if !running {
                    device.call(&["stop"])?.ok()?;
                }
                for path in files_below(device.data_dir())? {
                    look_through(&path, &secrets, &mut traces)?;
                }
            }
            ensure!(traces >= 4, "nobody logged at the finest level");
        }
        for path in [&backup, &history] {
            look_through(path, &secrets, &mut 0)?;
        }
        Ok(())
    })
}

fn look_through(path: &PathBuf, secrets: &BTreeSet<String>, traces: &mut usize) -> Result<()> {
    // What a running daemon takes away meanwhile is not there.
    let Ok(bytes) = fs::read(path) else {
        return Ok(());
    };
    if path.ends_with("daemon.log") && finds(&bytes, b"TRACE") {
        *traces += 1;
    }
    for secret in secrets {
        ensure!(
            !contains(&bytes, secret),
            "`{secret}` can be read in {}",
            path.display()
        );
    }
    Ok(())
}
