//! What a removed device makes of everything: every byte that the others' disks hold, which is every byte
//! that the network carried and more, and every key that it ever had.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use peerdrive_crypto::content::{ManifestOf, blob_id, open_chunk, open_manifest, seal_chunk};
use peerdrive_crypto::entry::Plane;
use peerdrive_crypto::ids::EntryId;
use peerdrive_log::DriveLog;
use peerdrive_net::{BlobId, BlobStore};
use peerdrive_tests::{Device, Door, Lab, Random, Role, files_below, within_ms};

use crate::evil::Evil;
use crate::four::{SOON, become_role, own_id};

/// The ids of the entries that a stopped device holds.
fn held(device: &Device, drive: &str) -> Result<Vec<EntryId>> {
    let path = device
        .data_dir()
        .join("drives")
        .join(drive)
        .join("log.redb");
    let mut ids = Vec::new();
    DriveLog::open(&path)?.replay(0, |_, record| ids.push(EntryId(record.id)))?;
    Ok(ids)
}

#[test]
fn attack_l17_a_removed_device_with_every_byte_and_all_old_keys_opens_nothing_written_after()
-> Result<()> {
    Lab::run(|lab| {
        let (ana, ben, cleo) = (lab.device("ana")?, lab.device("ben")?, lab.device("cleo")?);
        let (hers, his, cleos) = (lab.folder("hers")?, lab.path("his"), lab.path("cleos"));
        fs::write(hers.join("before.txt"), "before the removal")?;
        let shared = Random::new(1).bytes(2 << 20);
        fs::write(hers.join("before.bin"), &shared)?;
        let drive = ana.share(&hers)?.drive;
        for (device, folder) in [(&ben, &his), (&cleo, &cleos)] {
            let ticket = ana.invite(&drive, Role::Writer)?;
            device.join(&ticket, Door::Folder(folder))?;
        }
        fs::write(his.join("by ben.txt"), "by him, while he was in")?;
        within_ms(SOON, "cleo has what ben wrote", || {
            cleos.join("by ben.txt").exists()
        })?;
        lab.converge(&[&ana, &ben, &cleo], &drive)?;
        let bens = own_id(&ben, &drive)?;
        ana.call(&["revoke", &drive, &bens])?.ok()?;
        become_role(&ben, &drive, None)?;
        become_role(&cleo, &drive, Some("writer"))?;
        ben.stop()?;
        let old = Evil::seize(ben.data_dir(), drive.parse()?)?;
        let known = held(&ben, &drive)?;

        // Written after, on both sides: a new name, a new content, and the very bytes that he has.
        let small = b"what is said once he is gone, and nobody else is to read".to_vec();
        let large = Random::new(2).bytes(3 << 20);
        fs::write(hers.join("after.txt"), &small)?;
        fs::write(hers.join("after.bin"), &large)?;
        fs::write(hers.join("again.bin"), [&shared[..], b"."].concat())?;
        fs::write(cleos.join("by cleo.txt"), &small)?;
        within_ms(SOON, "ana has what cleo wrote", || {
            hers.join("by cleo.txt").exists()
        })?;
        lab.converge(&[&ana, &cleo], &drive)?;
        ana.stop()?;
        cleo.stop()?;

        // All that ana's and cleo's disks have, next to all that he has.
        let mut all = Evil::seize(ben.data_dir(), drive.parse()?)?;
        for device in [&ana, &cleo] {
            let path = device
                .data_dir()
                .join("drives")
                .join(&drive)
                .join("log.redb");
            DriveLog::open(&path)?.replay(0, |_, record| {
                all.shelf.put(&record.bytes);
            })?;
        }
        all.learn()?;
        let epochs: Vec<_> = all.keyring.epochs().cloned().collect();
        ensure!(
            epochs.len() == old.keyring.epochs().count(),
            "he found a key"
        );
        ensure!(!epochs.is_empty(), "he had none, so this shows nothing");
        let current = all.control.state().current_epoch().context("no epoch")?;
        ensure!(epochs.iter().all(|keys| keys.id() != current));
        let (mut before, mut after) = (0, 0);
        for entry in all.shelf.entries() {
            let new = !known.contains(&entry.id());
            if entry.header.plane == Plane::Control {
                // What is in the clear there is who may do what; names are not.
                let body = peerdrive_crypto::body::ControlBody::decode(&entry.body)?;
                let sealed = new && !body.sealed.is_empty();
                let opens = epochs
                    .iter()
                    .any(|keys| body.open_private(&entry, keys).is_ok());
                ensure!(!(sealed && opens), "a private part opens");
            } else if all.open(&entry).is_some() {
                before += 1;
                ensure!(!new, "an entry of afterwards opens");
            } else {
                after += 1;
            }
        }
        ensure!(
            before >= 2 && after >= 2,
            "{before} open, {after} do not: too few"
        );

        // Blobs: with the right guess of whole contents, and the drive's own hash of them, which he can
        // compute for ever.
        let lifetime = all.lifetime()?;
        let of = |bytes: &[u8]| ManifestOf {
            content: lifetime.content_hash(bytes),
            len: bytes.len() as u64,
        };
        let guesses = [of(&small), of(&large), of(&[&shared[..], b"."].concat())];
        let had = blobs(&ben)?;
        let (hers_now, cleos_now) = (blobs(&ana)?, blobs(&cleo)?);
        let (mut opened, mut tried) = (0, 0);
        for (name, bytes) in hers_now.iter().chain(&cleos_now) {
            if had.contains_key(name) {
                let of = of(&shared);
                let opens = epochs
                    .iter()
                    .any(|keys| open_manifest(keys, &of, bytes).is_ok());
                opened += usize::from(opens);
                continue;
            }
            tried += 1;
            for keys in &epochs {
                for of in &guesses {
                    ensure!(open_manifest(keys, of, bytes).is_err(), "a manifest opens");
                }
                for guess in [&small, &large] {
                    let sealed = seal_chunk(keys, guess);
                    ensure!(open_chunk(keys, &sealed.key, guess.len() as u64, bytes).is_err());
                }
            }
        }
        ensure!(
            opened >= 1,
            "no manifest of before opens, so this shows nothing"
        );
        ensure!(tried >= 4, "{tried} new blobs are too few");
        // No blob confirms a guess: the same bytes have another name now.
        for keys in &epochs {
            for guess in [&small, &large] {
                let id = BlobId(blob_id(&seal_chunk(keys, guess).bytes).0);
                let known = hers_now.contains_key(&id) || cleos_now.contains_key(&id);
                ensure!(!known, "a guess is confirmed");
            }
        }
        // Nor does anything that was said lie there in the clear.
        for device in [&ana, &cleo] {
            for path in files_below(device.data_dir())? {
                let bytes = fs::read(&path)?;
                for word in [&small[..], b"by cleo.txt", b"after.bin"] {
                    let found = bytes.windows(word.len()).any(|window| window == word);
                    ensure!(!found, "in the clear in {}", path.display());
                }
            }
        }
        Ok(())
    })
}

/// Every blob in a stopped device's store, by its id.
fn blobs(device: &Device) -> Result<BTreeMap<BlobId, Bytes>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let store = BlobStore::open(&device.data_dir().join("blobs")).await?;
        let mut found = BTreeMap::new();
        for id in store.ids().await? {
            found.insert(id, store.get(&id).await?.context("gone")?);
        }
        store.close().await;
        Ok(found)
    })
}
