//! What lies on a device's disk says nothing to whoever finds it without the device's key.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Result, ensure};
use peerdrive_tests::{Lab, Random, Requirement, files_below, missing};

use crate::three::Three;

/// Words that stand in names and contents and nowhere else.
const WORDS: [&str; 6] = [
    "canary-of-a-folder-name",
    "canary-of-a-file-name",
    "canary-of-a-small-content",
    "canary-of-a-large-content",
    "canary-of-a-link",
    "canary-of-a-drive-name",
];

#[test]
fn attack_s1_no_name_content_or_ticket_lies_in_the_clear_on_any_device() -> Result<()> {
    let test = "attack_s1_no_name_content_or_ticket_lies_in_the_clear_on_any_device";
    if missing(test, &[Requirement::Fuse]) {
        return Ok(());
    }
    Lab::run(|lab| {
        let folder = lab.folder("canary-of-a-drive-name")?;
        fs::create_dir(folder.join("canary-of-a-folder-name"))?;
        let small = folder.join("canary-of-a-folder-name/canary-of-a-file-name.txt");
        fs::write(small, "canary-of-a-small-content")?;
        let mut large = Random::new(5).bytes(3 << 20);
        large.extend_from_slice(b"canary-of-a-large-content");
        fs::write(folder.join("large.bin"), &large)?;
        std::os::unix::fs::symlink("canary-of-a-link", folder.join("link"))?;
        let three = Three::on(lab, folder)?;
        let ticket = three.devices[0].invite(&three.drive, peerdrive_tests::Role::Writer)?;
        three.converge(lab)?;
        // Everything was read and written through every door, so every cache has had its chance.
        three.same_everywhere()?;
        fs::write(
            three.places[2].join("canary-of-a-file-name.md"),
            "canary-of-a-small-content, mounted",
        )?;
        three.converge(lab)?;
        three.same_everywhere()?;

        let mut secrets: BTreeSet<&str> = WORDS.into();
        secrets.insert(&ticket);
        secrets.extend(
            ticket
                .split(['#', ':', '/', '?', '&', '='])
                .filter(|part| part.len() >= 16),
        );
        for running in [true, false] {
            for device in &three.devices {
                if !running {
                    device.stop()?;
                }
                for path in files_below(device.data_dir())?
                    .into_iter()
                    .chain([device.log()])
                {
                    // The command line's own way to the daemon may change meanwhile.
                    let Ok(bytes) = fs::read(&path) else { continue };
                    for secret in &secrets {
                        // The public half of a ticket (where the device is) may be known to peers.
                        ensure!(
                            !contains(&bytes, secret),
                            "{secret} can be read in {}",
                            path.display()
                        );
                    }
                }
            }
        }
        Ok(())
    })
}

/// Whether bytes hold a text, as UTF-8 or as UTF-16.
pub(crate) fn contains(bytes: &[u8], text: &str) -> bool {
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    finds(bytes, text.as_bytes()) || finds(bytes, &wide)
}

pub(crate) fn finds(bytes: &[u8], wanted: &[u8]) -> bool {
    let Some((first, rest)) = wanted.split_first() else {
        return true;
    };
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| byte == first) {
        from += at + 1;
        if bytes[from..].starts_with(rest) {
            return true;
        }
    }
    false
}
