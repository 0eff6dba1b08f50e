//! A drive's signed history goes out as text, and anyone finds whatever is changed in it.

use std::fs;

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{Lab, Random};
use serde_json::Value;

use crate::together;

#[test]
fn an_exported_history_is_checked_without_a_daemon_and_any_tampering_is_found() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let (hers, his) = (lab.folder("hers")?, lab.path("his"));
        fs::write(hers.join("canary-name.txt"), "canary-content")?;
        let drive = together(lab, &ana, &ben, &hers, &his)?;
        for number in 0..5 {
            fs::write(his.join(format!("{number}.txt")), "of ben")?;
            fs::write(hers.join(format!("{number} too.txt")), "of ana")?;
            lab.converge(&[&ana, &ben], &drive)?;
        }
        let file = lab.path("history.jsonl");
        let out = file.to_str().context("UTF-8")?;
        ana.call(&["audit", "export", &drive, "--out", out])?.ok()?;
        ana.call(&["audit", "export", &drive, "--out", out])?
            .refusal(4)?;
        let exported = fs::read_to_string(&file)?;
        ensure!(!exported.contains("canary"), "it names something");

        // Somebody who was never in the drive, with no daemon and no data.
        let judge = lab.device_at_rest("judge");
        let check = |text: &str| -> Result<peerdrive_tests::Answer> {
            let copy = lab.path("copy.jsonl");
            fs::write(&copy, text)?;
            let copy = copy.to_str().context("UTF-8")?.to_owned();
            judge.call(&["audit", "verify", &copy, "--drive", &drive])
        };
        let found: Value = check(&exported)?.ok()?.json()?;
        ensure!(found["drive"] == drive.as_str(), "{found}");
        ensure!(found["refused"] == 0 && found["void"] == 0, "{found}");
        ensure!(
            found["devices"].as_array().is_some_and(|d| d.len() == 2),
            "{found}"
        );
        ensure!(found["content"].as_u64() >= Some(11), "{found}");
        ensure!(!judge.data_dir().exists(), "a check made a data directory");

        // Every line left out, said twice, or exchanged with the next.
        let lines: Vec<&str> = exported.lines().collect();
        let whole = |lines: &[&str]| lines.join("\n") + "\n";
        for at in 0..lines.len() {
            let mut without = lines.clone();
            without.remove(at);
            check(&whole(&without))?.refusal(1)?;
            let mut twice = lines.clone();
            twice.insert(at, lines[at]);
            check(&whole(&twice))?.refusal(1)?;
            if at > 0 {
                let mut swapped = lines.clone();
                swapped.swap(at - 1, at);
                check(&whole(&swapped))?.refusal(1)?;
            }
        }
        // Characters changed anywhere, from a seed that is printed.
        let seed = 11;
        println!("seed {seed}");
        let mut random = Random::new(seed);
        for _ in 0..60 {
            let mut bytes = exported.clone().into_bytes();
            let at =
                usize::from_le_bytes(random.bytes(8).try_into().unwrap_or_default()) % bytes.len();
            bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
            let text = String::from_utf8_lossy(&bytes).into_owned();
            let answer = check(&text)?;
            ensure!(
                answer.code == Some(1),
                "a change of byte {at} goes unnoticed"
            );
        }
        // Of another drive.
        let other = ana.share(&lab.folder("other")?)?.drive;
        judge
            .call(&["audit", "verify", out, "--drive", &other])?
            .refusal(1)?;
        Ok(())
    })
}
