//! Sharing, inviting and joining, as scripts see it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use serde_json::Value;

use crate::device::{Device, TestResult, processes_with, text};

fn share(it: &Device, name: &str) -> TestResult<Value> {
    let folder = it.path(name);
    fs::create_dir_all(folder.join("a folder"))?;
    fs::write(folder.join("a folder/é.txt"), "hello")?;
    fs::write(folder.join("b.bin"), vec![7; 300_000])?;
    it.json(&["share", text(&folder)?])
}

fn lines(it: &Device, words: &[&str]) -> TestResult<Vec<Value>> {
    let answer = it.run(words)?;
    assert_eq!(answer.code, Some(0), "{answer:?}");
    Ok(answer
        .out
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?)
}

#[test]
fn the_view_hash_is_that_of_the_lines_and_every_part_of_them_counts() -> TestResult {
    let it = Device::new()?;
    let folder = it.path("Photos");
    fs::create_dir_all(folder.join("a"))?;
    // `a/x` comes before `a-b`, though `-` is less than `/`: a folder is followed by what is in it.
    for (name, text) in [("a/x", "1"), ("a-b", "22"), ("b", "")] {
        fs::write(folder.join(name), text)?;
    }
    symlink("a/x", folder.join("c"))?;
    it.json(&["share", text(&folder)?])?;

    let look = || -> TestResult<(Vec<Value>, String)> {
        it.json(&["wait", "Photos", "--timeout", "60"])?;
        let mut tree = lines(&it, &["tree", "Photos"])?;
        let last = tree.pop().ok_or("no lines")?;
        let said = last["view_hash"].as_str().ok_or("no view hash")?.to_owned();
        let mut hasher = blake3::Hasher::new_derive_key("peerdrive v1 view hash");
        for line in &tree {
            let path = line["path"].as_str().ok_or("no path")?;
            let kind = match line["kind"].as_str() {
                Some("file") => 0,
                Some("folder") => 1,
                _ => 2_u8,
            };
            let number = |key: &str| line[key].as_u64().ok_or(format!("no {key}"));
            hasher.update(&u32::try_from(path.len())?.to_le_bytes());
            hasher.update(path.as_bytes());
            hasher.update(&[kind]);
            hasher.update(&number("size")?.to_le_bytes());
            hasher.update(&u32::try_from(number("mode")?)?.to_le_bytes());
            let hash = line["hash"].as_str().unwrap_or_default();
            let hash = data_encoding::HEXLOWER.decode(hash.as_bytes())?;
            hasher.update(if hash.is_empty() { &[0; 32] } else { &hash });
        }
        assert_eq!(said, hasher.finalize().to_hex().as_str());
        Ok((tree, said))
    };
    let (tree, before) = look()?;
    let paths: Vec<_> = tree
        .iter()
        .filter_map(|line| line["path"].as_str())
        .collect();
    assert_eq!(paths, ["a", "a/x", "a-b", "b", "c"]);
    assert_eq!(tree[4]["kind"], "symlink");

    fs::set_permissions(folder.join("b"), fs::Permissions::from_mode(0o755))?;
    let (executable, after) = look()?;
    assert_ne!(tree[3]["mode"], executable[3]["mode"]);
    assert_ne!(before, after);
    Ok(())
}

#[test]
fn a_shared_folder_is_listed_read_and_counted() -> TestResult {
    let it = Device::new()?;
    let drive = share(&it, "Photos")?;
    let keys: Vec<_> = drive.as_object().ok_or("no object")?.keys().collect();
    assert_eq!(keys, ["drive", "name", "path"]);

    let tree = lines(&it, &["tree", "Photos"])?;
    let paths: Vec<_> = tree
        .iter()
        .filter_map(|line| line["path"].as_str())
        .collect();
    assert_eq!(paths, ["a folder", "a folder/é.txt", "b.bin"]);
    assert_eq!(tree[1]["kind"], "file");
    assert_eq!(tree[1]["size"], 5);
    assert_eq!(tree[0]["hash"], Value::Null);
    assert_eq!(tree[1]["hash"].as_str().map(str::len), Some(64));
    let hash = tree[3]["view_hash"].as_str().ok_or("no view hash")?;

    let status = it.json(&["status", "Photos"])?;
    let one = &status["drives"][0];
    for key in [
        "id",
        "name",
        "role",
        "files",
        "bytes",
        "view_hash",
        "pending_up",
        "pending_down",
        "problems",
        "peers",
    ] {
        assert!(one.get(key).is_some(), "{key}: {one}");
    }
    assert_eq!(one["id"], drive["drive"]);
    assert_eq!(
        (one["files"].as_u64(), one["bytes"].as_u64()),
        (Some(2), Some(300_005))
    );
    assert_eq!(
        (one["role"].as_str(), one["view_hash"].as_str()),
        (Some("owner"), Some(hash))
    );
    let about = it.json(&["status", "Photos", "a folder"])?;
    assert_eq!(about["drives"][0]["path"]["files_here"], 1);

    let part = lines(&it, &["tree", "Photos", "a folder"])?;
    assert_eq!(part.len(), 3);
    let names: Vec<_> = lines(&it, &["ls", "Photos"])?
        .iter()
        .map(|entry| entry["name"].clone())
        .collect();
    assert_eq!(names, ["a folder", "b.bin"]);
    assert_eq!(it.run(&["cat", "Photos", "a folder/é.txt"])?.out, "hello");
    let bytes = it.command(&["cat", "Photos", "b.bin"]).output()?.stdout;
    assert!(bytes == vec![7; 300_000]);

    assert_eq!(
        it.json(&["wait", "Photos", "--timeout", "30"])?["view_hash"],
        hash
    );
    assert_eq!(
        it.json(&["conflicts", "Photos"])?["conflicts"],
        Value::Array(Vec::new())
    );
    assert_eq!(
        it.json(&["peers", "Photos"])?["peers"],
        Value::Array(Vec::new())
    );
    Ok(())
}

#[test]
fn an_invite_lets_another_device_join_and_both_show_the_same() -> TestResult {
    let (ana, ben) = (Device::new()?, Device::new()?);
    let drive = share(&ana, "Photos")?;
    let invite = ana.json(&[
        "invite",
        "Photos",
        "--role",
        "writer",
        "--expires",
        "1h",
        "--uses",
        "1",
    ])?;
    assert_eq!(
        (invite["role"].as_str(), invite["uses"].as_u64()),
        (Some("writer"), Some(1))
    );
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)?
        .as_millis() as u64;
    let left = invite["expires"]
        .as_u64()
        .ok_or("no end")?
        .checked_sub(now)
        .ok_or("ended")?;
    assert!((3_500_000..=3_601_000).contains(&left), "{left}");
    let ticket = invite["ticket"].as_str().ok_or("no ticket")?;

    // Where nothing is said: a new folder of the drive's name, here.
    let here = ben.path("here");
    fs::create_dir_all(here.join("Photos"))?;
    let answer: crate::device::Answer = ben
        .command(&["join", ticket, "--wait"])
        .current_dir(&here)
        .output()?
        .into();
    assert_eq!(answer.code, Some(0), "{answer:?}");
    let joined: Value = serde_json::from_str(&answer.out)?;
    let folder = here.canonicalize()?.join("Photos 2");
    assert_eq!(
        (&joined["drive"], &joined["name"]),
        (&drive["drive"], &drive["name"])
    );
    assert_eq!(joined["path"], text(&folder)?);
    assert_eq!(fs::read(folder.join("b.bin"))?, vec![7; 300_000]);

    ana.json(&["wait", "Photos", "--timeout", "60"])?;
    let hash = |it: &Device| -> TestResult<Value> {
        Ok(it.json(&["wait", "Photos", "--timeout", "60"])?["view_hash"].clone())
    };
    assert_eq!(hash(&ana)?, hash(&ben)?);
    assert_eq!(
        ben.json(&["peers", "Photos"])?["peers"][0]["connected"],
        true
    );

    let again = ben.refusal(&["join", ticket, text(&ben.path("again"))?], 4)?;
    assert_eq!(again["code"], "already_joined");
    let carol = Device::new()?;
    let used = carol.refusal(&["join", ticket, text(&carol.path("d"))?], 4)?;
    assert_eq!(used["code"], "invite_refused", "{used}");

    // The ticket is nowhere but where it was asked for.
    for it in [&ana, &ben, &carol] {
        let log = fs::read_to_string(it.data_dir().join("daemon.log"))?;
        assert!(!log.contains(ticket) && !log.contains("Photos"), "{log}");
        for (_, line) in processes_with(&it.data_dir()) {
            assert!(!String::from_utf8_lossy(&line).contains(ticket));
        }
    }

    ana.json(&["stop"])?;
    let dave = Device::new()?;
    let away = dave.refusal(&["join", ticket, text(&dave.path("d"))?], 5)?;
    assert_eq!(away["code"], "no_peer", "{away}");
    Ok(())
}

#[test]
fn a_reader_cannot_invite() -> TestResult {
    let (ana, ben) = (Device::new()?, Device::new()?);
    share(&ana, "Photos")?;
    let ticket = ana.json(&["invite", "Photos"])?;
    assert_eq!(ticket["role"], "reader");
    ben.json(&[
        "join",
        ticket["ticket"].as_str().ok_or("no ticket")?,
        text(&ben.path("mine"))?,
    ])?;
    let error = ben.refusal(&["invite", "Photos"], 4)?;
    assert_eq!(error["code"], "not_allowed");
    Ok(())
}

#[test]
fn a_ticket_can_come_by_standard_input() -> TestResult {
    let it = Device::new()?;
    let ticket = it.path("ticket");
    fs::write(&ticket, "not a ticket\n")?;
    let target = it.path("target");
    let mut command = it.command(&["join", "-", text(&target)?]);
    let answer: crate::device::Answer = command.stdin(fs::File::open(&ticket)?).output()?.into();
    assert_eq!(answer.refusal(2)?["code"], "bad_ticket");
    Ok(())
}

#[test]
fn people_get_words_and_pipes_get_data() -> TestResult {
    let it = Device::new()?;
    share(&it, "Our Photos")?;
    let plain = |words: &[&str]| -> TestResult<crate::device::Answer> {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_peerdrive"));
        command.arg("--data-dir").arg(it.data_dir()).args(words);
        Ok(command.output()?.into())
    };
    let invited = plain(&["invite", "Our Photos"])?;
    assert_eq!(invited.code, Some(0));
    assert_eq!(
        invited.out.lines().count(),
        1,
        "the ticket alone: {}",
        invited.out
    );
    assert!(
        invited.err.contains("peerdrive join TICKET DIR"),
        "{}",
        invited.err
    );
    let status = plain(&["status"])?.out;
    assert!(
        status.contains("Our Photos") && status.contains("up to date"),
        "{status}"
    );
    assert_eq!(
        plain(&["tree", "Our Photos"])?.out,
        "a folder/\na folder/é.txt\nb.bin\n"
    );
    Ok(())
}
