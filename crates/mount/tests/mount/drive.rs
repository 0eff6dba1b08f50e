//! Real drives: two devices of the engine in one process, over loopback, each with a mount.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use peerdrive_engine::join::InviteOptions;
use peerdrive_engine::{DriveHandle, Engine, EngineConfig, Role};
use peerdrive_mount::{MountOptions, Mounted, mount};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::TestResult;
use crate::support::mounted::{can_mount, eventually};

/// Two devices of one drive, each mounted. The mounts go first.
struct Pair {
    mounts: Vec<Mounted>,
    drives: Vec<DriveHandle>,
    engines: Vec<Engine>,
    runtime: Runtime,
    folder: TempDir,
}

impl Pair {
    fn new() -> TestResult<Option<Self>> {
        if !can_mount() {
            return Ok(None);
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let mut pair = Self {
            mounts: Vec::new(),
            drives: Vec::new(),
            engines: Vec::new(),
            runtime,
            folder: tempfile::Builder::new()
                .prefix("peerdrive-mount-test")
                .tempdir()?,
        };
        let root = pair.folder.path().join("shared");
        std::fs::create_dir(&root)?;
        for device in ["a", "b"] {
            let config = EngineConfig {
                data_dir: pair.folder.path().join(device).join("data"),
                device_name: device.to_owned(),
                bind: Some("127.0.0.1:0".parse()?),
                discovery: false,
                relay: None,
            };
            std::fs::create_dir(pair.folder.path().join(device))?;
            pair.engines
                .push(pair.runtime.block_on(Engine::open(config))?);
        }
        let (a, b) = (&pair.engines[0], &pair.engines[1]);
        let options = InviteOptions {
            role: Role::Writer,
            expires: None,
            uses: 1,
            approve: None,
        };
        let drives = pair.runtime.block_on(async {
            let first = a.share(&root, None)?;
            let invite = a.invite(&first, options).await?;
            let second = b.join(invite.ticket.text(), None).await?;
            TestResult::Ok(vec![first, second])
        })?;
        pair.drives = drives;
        for (device, drive) in ["a", "b"].into_iter().zip(pair.drives.clone()) {
            let at = pair.at(device);
            std::fs::create_dir(&at)?;
            let options = MountOptions::new(pair.folder.path().join(device).join("staging"));
            let runtime = pair.runtime.handle().clone();
            pair.mounts.push(mount(drive, &at, runtime, options)?);
        }
        Ok(Some(pair))
    }

    fn at(&self, device: &str) -> PathBuf {
        self.folder.path().join(device).join("mount")
    }

    /// Unmounts and closes everything in order.
    fn end(mut self) -> TestResult {
        for mounted in std::mem::take(&mut self.mounts) {
            self.runtime.block_on(mounted.unmount())?;
        }
        for engine in &self.engines {
            self.runtime.block_on(engine.shutdown());
        }
        Ok(())
    }
}

fn reads(path: &Path, bytes: &[u8]) -> bool {
    std::fs::read(path).is_ok_and(|read| read == bytes)
}

#[test]
fn what_is_saved_on_one_mount_is_read_on_the_other() -> TestResult {
    let Some(pair) = Pair::new()? else {
        return Ok(());
    };
    let (a, b) = (pair.at("a"), pair.at("b"));
    let mut times = Vec::new();
    for round in 0..20 {
        let bytes = format!("saved {round} times");
        let begun = Instant::now();
        std::fs::write(a.join("notes.txt"), &bytes)?;
        eventually("the other mount reads it", || {
            reads(&b.join("notes.txt"), bytes.as_bytes())
        })?;
        times.push(begun.elapsed());
    }
    times.sort();
    assert!(times[10] < Duration::from_secs(2), "{times:?}");
    // Larger than any chunk, written here and there.
    let large: Vec<u8> = (0..9_000_000_u32)
        .flat_map(|n| n.to_le_bytes())
        .take(9_000_000)
        .collect();
    std::fs::write(b.join("large.bin"), &large)?;
    eventually("the first mount reads it", || {
        reads(&a.join("large.bin"), &large)
    })?;
    std::fs::create_dir_all(a.join("deep/er"))?;
    std::fs::rename(a.join("notes.txt"), a.join("deep/er/notes.txt"))?;
    eventually("the rename shows", || b.join("deep/er/notes.txt").exists())?;
    eventually("the old name is gone", || !b.join("notes.txt").exists())?;
    std::fs::remove_dir_all(b.join("deep"))?;
    eventually("the removal shows", || !a.join("deep").exists())?;
    assert_eq!(pair.drives[0].view_hash(), pair.drives[1].view_hash());
    pair.end()
}

#[test]
fn editors_on_two_mounts_keep_one_file() -> TestResult {
    let Some(pair) = Pair::new()? else {
        return Ok(());
    };
    let (a, b) = (pair.at("a"), pair.at("b"));
    for round in 0..10 {
        let (here, there) = if round % 2 == 0 { (&a, &b) } else { (&b, &a) };
        let bytes = format!("round {round}");
        std::fs::write(here.join("doc.tmp"), &bytes)?;
        std::fs::rename(here.join("doc.tmp"), here.join("doc"))?;
        eventually("the other has it", || {
            reads(&there.join("doc"), bytes.as_bytes())
        })?;
    }
    let names = |at: &Path| std::fs::read_dir(at).map(|entries| entries.count());
    eventually("only the file is left", || {
        names(&a).is_ok_and(|count| count == 1) && names(&b).is_ok_and(|count| count == 1)
    })?;
    pair.end()
}
