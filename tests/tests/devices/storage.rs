//! Storage peers: a process that holds a drive's sealed bytes under a lease, for when nobody else is on line.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{Device, Door, Lab, Random, Role, Tree, files_below, within, within_ms};
use serde_json::Value;

use crate::{SOON, together};

/// A `peerdrive replica` that runs. Killed when dropped.
struct Replica {
    child: Child,
    code: String,
    told: Arc<Mutex<Vec<Value>>>,
    place: Device,
}

impl Replica {
    fn start(lab: &Lab, options: &[&str]) -> Result<Self> {
        let place = lab.device_at_rest("store");
        let mut words = vec!["replica"];
        words.extend(options);
        let log = File::options()
            .create(true)
            .append(true)
            .open(place.log())?;
        let mut child = place
            .command(&words)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()?;
        let out = child.stdout.take().context("no output")?;
        let mut lines = BufReader::new(out).lines();
        let first: Value = serde_json::from_str(&lines.next().context("it ended at once")??)?;
        let code = first["code"].as_str().context("no code")?.to_owned();
        let told: Arc<Mutex<Vec<Value>>> = Arc::default();
        let tell = told.clone();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Ok(value) = serde_json::from_str(&line) {
                    tell.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .push(value);
                }
            }
        });
        Ok(Self {
            child,
            code,
            told,
            place,
        })
    }

    /// What it said last of the only drive that it has.
    fn last(&self) -> Option<Value> {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.last().cloned()
    }

    /// `kill -9`.
    fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Where everything is that it keeps.
    fn folder(&self) -> PathBuf {
        self.place.data_dir().join("replica")
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lease(device: &Device, drive: &str, code: &str, quota: &str) -> Result<String> {
    let words = ["lease", drive, "-", "--quota", quota];
    let reply: Value = device.call_with(&words, code)?.ok()?.json()?;
    Ok(reply["lease"].as_str().context("no id")?.to_owned())
}

/// Waits until the only lease of a drive is in this state, as a device sees it.
fn until(device: &Device, drive: &str, state: &str) -> Result<()> {
    let mut last = Vec::new();
    let waited = within(SOON, "the storage peer is as it should be", || {
        last = device.call(&["leases", drive])?.ok()?.lines()?;
        Ok((last.len() == 1 && last[0]["state"] == state).then_some(()))
    });
    waited.with_context(|| format!("{state} was waited for, and it is {last:?}"))?;
    Ok(())
}

#[test]
fn attack_k2_a_storage_peer_serves_members_while_all_others_are_off_line_and_cannot_read()
-> Result<()> {
    let (mut random, _) = Random::from_environment();
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        let canaries = [
            "folder-canary-7f3a",
            "name-canary-91bc.txt",
            "text-canary-55de",
        ];
        fs::create_dir(hers.join(canaries[0]))?;
        fs::write(hers.join(canaries[0]).join(canaries[1]), canaries[2])?;
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        let store = Replica::start(lab, &["--most", "1G"])?;
        lease(&ana, &drive, &store.code, "500M")?;
        until(&ana, &drive, "stored")?;
        // Ben hears of it before he goes.
        lab.converge(&[&ana, &ben], &drive)?;
        until(&ben, &drive, "stored")?;
        ben.stop()?;

        // Ana works, and goes too.
        let large = random.bytes(3 << 20);
        fs::write(hers.join("large.bin"), &large)?;
        fs::write(hers.join("late-canary-2c4d"), "later-text-canary-88aa")?;
        fs::rename(hers.join(canaries[0]), hers.join("moved-canary-6b1e"))?;
        ana.wait(&drive)?;
        until(&ana, &drive, "stored")?;
        ana.stop()?;

        // Nobody but the storage peer is there, and it was killed in between.
        let folder = store.folder();
        store.kill()?;
        let store = Replica::start(lab, &["--most", "1G"])?;
        ben.start()?;
        within_ms(SOON * 2, "Ben has what Ana wrote", || {
            fs::read(his.join("large.bin")).is_ok_and(|bytes| bytes == large)
                && his.join("late-canary-2c4d").exists()
                && his.join("moved-canary-6b1e").join(canaries[1]).exists()
        })?;
        Tree::read(&hers)?.same_as(&Tree::read(&his)?)?;
        // And back, past each other.
        fs::write(his.join("from-ben.txt"), "answer")?;
        ben.wait(&drive)?;
        until(&ben, &drive, "stored")?;
        ben.stop()?;
        ana.start()?;
        within_ms(SOON * 2, "Ana has what Ben wrote", || {
            fs::read(hers.join("from-ben.txt")).is_ok_and(|text| text == b"answer")
        })?;
        store.kill()?;

        let secrets = [
            "folder-canary",
            "name-canary",
            "text-canary",
            "late-canary",
            "later-text-canary",
            "moved-canary",
            "large.bin",
            "from-ben",
            "hers",
        ];
        let mut read = 0;
        for file in files_below(&folder)? {
            let bytes = fs::read(&file)?;
            read += bytes.len();
            for secret in secrets {
                let found = bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
                ensure!(!found, "{secret} is in {}", file.display());
            }
            let found = large
                .chunks(512 << 10)
                .any(|part| bytes.windows(64).any(|w| w == &part[..64]));
            ensure!(!found, "a piece of a file is in {}", file.display());
        }
        ensure!(read > 3 << 20, "only {read} bytes were looked at");
        Ok(())
    })
}

#[test]
fn a_lease_has_a_quota_and_an_end_and_the_drive_goes_on_without_it() -> Result<()> {
    let (mut random, _) = Random::from_environment();
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        fs::write(hers.join("a.txt"), "a")?;
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        let store = Replica::start(lab, &["--grace", "0s"])?;
        let id = lease(&ana, &drive, &store.code, "1M")?;
        until(&ana, &drive, "stored")?;
        let bytes = random.bytes(5 << 20);
        fs::write(hers.join("large.bin"), &bytes)?;
        until(&ana, &drive, "full")?;
        // Nobody waits for a storage peer that is full.
        lab.converge(&[&ana, &ben], &drive)?;
        ana.wait(&drive)?;
        Tree::read(&hers)?.same_as(&Tree::read(&his)?)?;
        let kept = store.last().context("it says nothing")?;
        ensure!(kept["bytes"].as_u64() <= Some(1 << 20), "{kept}");
        // A reader and a writer can list leases, and not end them.
        let refusal = ben.call(&["lease", "end", &drive, &id])?.refusal(4)?;
        let hint = refusal.hint.clone().unwrap_or_default();
        ensure!(hint.contains("admin"), "{refusal:?}");
        ana.call(&["lease", "end", &drive, &id])?.ok()?;
        within_ms(SOON, "the drive is gone from the storage peer", || {
            store.last().is_some_and(|last| last["state"] == "gone")
        })?;
        ensure!(ana.call(&["leases", &drive])?.ok()?.lines()?.is_empty());
        let left: usize = files_below(&store.folder().join("stored")).map_or(0, |all| all.len());
        ensure!(left == 0, "{left} files of the record are left");
        Ok(())
    })
}

#[test]
fn attack_k1_only_who_has_the_code_puts_drives_there_and_only_members_get_them() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben, eve) = (lab.device("ana")?, lab.device("ben")?, lab.device("eve")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        fs::write(hers.join("a.txt"), "a")?;
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        let store = Replica::start(lab, &["--new-code"])?;
        let old = store.code.clone();
        store.kill()?;
        let store = Replica::start(lab, &["--new-code"])?;
        ensure!(store.code != old);
        let others = lab.folder("others")?;
        fs::write(others.join("e.txt"), "e")?;
        let eves = eve.share(&others)?.drive;
        // The code before, one that is damaged, and none.
        let words = ["lease", &eves, "-"];
        let refusal = eve.call_with(&words, &old)?.refusal(4)?;
        ensure!(refusal.message.contains("code"), "{refusal:?}");
        ensure!(eve.call(&["leases", &eves])?.ok()?.lines()?.is_empty());
        eve.call_with(&words, &store.code[..store.code.len() - 3])?
            .refusal(2)?;
        eve.call_with(&words, "peerdrive:join#abc")?.refusal(2)?;
        // A writer gives no lease.
        ben.call_with(&["lease", &drive, "-"], &store.code)?
            .refusal(4)?;

        lease(&ana, &drive, &store.code, "100M")?;
        until(&ben, &drive, "stored")?;
        // Ben is removed while he is away; what is written then is nothing that he gets, from whomever.
        ben.stop()?;
        ana.call(&["revoke", &drive, "ben"])?.ok()?;
        fs::write(hers.join("after.txt"), "not for Ben")?;
        ana.wait(&drive)?;
        until(&ana, &drive, "stored")?;
        ana.stop()?;
        ben.start()?;
        within_ms(SOON, "Ben hears that he is out", || {
            let status = ben
                .call(&["status", &drive])
                .and_then(|said| said.ok()?.json::<Value>());
            status.is_ok_and(|status| status["drives"][0]["role"].is_null())
        })?;
        std::thread::sleep(Duration::from_secs(2));
        ensure!(!his.join("after.txt").exists());
        // He may well have the code: it lets nobody into a drive.
        ben.call_with(&["lease", &drive, "-"], &store.code)?
            .refusal(4)?;
        Ok(())
    })
}

#[test]
fn who_joins_while_the_storage_peer_is_there_gets_blobs_from_it_too() -> Result<()> {
    let (mut random, _) = Random::from_environment();
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        let large = random.bytes(2 << 20);
        fs::write(hers.join("large.bin"), &large)?;
        let drive = ana.share(&hers)?.drive;
        ana.wait(&drive)?;
        let store = Replica::start(lab, &[])?;
        lease(&ana, &drive, &store.code, "100M")?;
        until(&ana, &drive, "stored")?;
        let ticket = ana.invite(&drive, Role::Writer)?;
        ben.join(&ticket, Door::Folder(&his))?;
        lab.converge(&[&ana, &ben], &drive)?;
        ensure!(fs::read(his.join("large.bin"))? == large);
        // Two others have it: Ana, and the storage peer.
        let words = ["status", &drive, "large.bin"];
        within(SOON, "it is known to be safe on two others", || {
            let status: Value = ben.call(&words)?.ok()?.json()?;
            Ok((status.to_string().contains("\"peers\":2")).then_some(()))
        })?;
        Ok(())
    })
}
