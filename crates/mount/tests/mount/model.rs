//! Random operations, compared with a local disk after every one of them.
//!
//! A failing run prints its seed; `PEERDRIVE_SEED=<seed>` runs it again, and `PEERDRIVE_CASES=<n>` runs
//! that many sequences instead of a few.

use peerdrive_mount::MountOptions;
use peerdrive_mount::fs::{FileSystem, RenameMode, XattrMode};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::support::mounted::TestMount;
use crate::support::world::{DirectWorld, Op, PathWorld, SLOTS, World};
use crate::support::{MemoryVolume, TestResult};

/// Few names, so that operations meet.
fn path() -> impl Strategy<Value = String> {
    let name = prop_oneof![Just("a"), Just("b"), Just("c.txt"), Just("\u{e9}")];
    proptest::collection::vec(name, 1..=3).prop_map(|names| names.join("/"))
}

fn op() -> impl Strategy<Value = Op> {
    let slot = 0..SLOTS;
    let offset = prop_oneof![Just(0_u64), 0..5_000_u64];
    let len = prop_oneof![Just(0_usize), 1..6_000_usize];
    let rename_mode = prop_oneof![
        4 => Just(RenameMode::Replace),
        1 => Just(RenameMode::NoReplace),
        1 => Just(RenameMode::Exchange),
    ];
    let xattr_mode = prop_oneof![
        Just(XattrMode::Any),
        Just(XattrMode::Create),
        Just(XattrMode::Replace),
    ];
    let key = prop_oneof![Just("user.a".to_owned()), Just("user.b".to_owned())];
    prop_oneof![
        4 => (slot.clone(), path(), any::<[bool; 4]>()).prop_map(|(slot, path, flags)| Op::Open {
            slot,
            path,
            create: flags[0],
            exclusive: flags[1],
            truncate: flags[2],
            write: flags[3],
        }),
        2 => slot.clone().prop_map(|slot| Op::Close { slot }),
        3 => (slot.clone(), offset.clone(), any::<u8>(), len.clone())
            .prop_map(|(slot, offset, byte, len)| Op::WriteAt { slot, offset, byte, len }),
        1 => (slot.clone(), offset.clone()).prop_map(|(slot, len)| Op::SetLen { slot, len }),
        1 => slot.clone().prop_map(|slot| Op::Sync { slot }),
        1 => (slot, offset.clone(), 1..3_000_u64)
            .prop_map(|(slot, offset, len)| Op::Punch { slot, offset, len }),
        4 => (path(), any::<u8>(), len).prop_map(|(path, byte, len)| Op::Save { path, byte, len }),
        1 => (path(), offset).prop_map(|(path, len)| Op::Truncate { path, len }),
        4 => path().prop_map(|path| Op::MakeFolder { path }),
        1 => path().prop_map(|path| Op::RemoveFolder { path }),
        2 => path().prop_map(|path| Op::Unlink { path }),
        1 => path().prop_map(|path| Op::Symlink { path, target: "nowhere".to_owned() }),
        5 => (path(), path(), rename_mode).prop_map(|(from, to, mode)| Op::Rename { from, to, mode }),
        1 => (path(), 0..0o1000_u32)
            .prop_map(|(path, mode)| Op::SetMode { path, mode: mode | 0o600 }),
        1 => (path(), 0..1_000_000_i64).prop_map(|(path, seconds)| Op::SetTime { path, seconds }),
        1 => (path(), key.clone(), any::<[u8; 3]>(), xattr_mode)
            .prop_map(|(path, key, value, mode)| Op::SetXattr {
                path,
                key,
                value: value.to_vec(),
                mode,
            }),
        1 => (path(), key).prop_map(|(path, key)| Op::RemoveXattr { path, key }),
    ]
}

fn seed() -> TestResult<u64> {
    match std::env::var("PEERDRIVE_SEED") {
        Ok(seed) => Ok(seed.parse()?),
        Err(_) => {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
            Ok(since.as_nanos() as u64)
        }
    }
}

/// Runs `check` on random sequences; what fails says which seed it was.
fn run(cases: u32, ops: usize, check: impl Fn(Vec<Op>) -> Result<(), TestCaseError>) -> TestResult {
    let seed = seed()?;
    let cases = match std::env::var("PEERDRIVE_CASES") {
        Ok(cases) => cases.parse()?,
        Err(_) => cases,
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..Config::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let sequence = proptest::collection::vec(op(), 1..=ops);
    let outcome = runner.run(&sequence, check);
    outcome.map_err(|error| format!("PEERDRIVE_SEED={seed}: {error}").into())
}

/// Applies `ops` to both, comparing after each; `errnos`: also how operations fail.
fn compare(
    model: &mut impl World,
    drive: &mut impl World,
    ops: &[Op],
    errnos: bool,
) -> Result<(), TestCaseError> {
    for (number, op) in ops.iter().enumerate() {
        let (wanted, got) = (model.apply(op), drive.apply(op));
        if errnos {
            prop_assert_eq!(got, wanted, "operation {}: {:?}", number, op);
        } else {
            prop_assert_eq!(
                got.is_ok(),
                wanted.is_ok(),
                "operation {}: {:?}: {:?}, a local disk says {:?}",
                number,
                op,
                got,
                wanted
            );
        }
        let (wanted, got) = (model.view(), drive.view());
        prop_assert_eq!(got, wanted, "after operation {}: {:?}", number, op);
    }
    Ok(())
}

fn failed(error: impl std::fmt::Display) -> TestCaseError {
    TestCaseError::fail(error.to_string())
}

#[test]
fn random_operations_do_what_they_do_on_a_local_disk() -> TestResult {
    run(200, 40, |ops| {
        let (local, staging) = (tempfile::tempdir()?, tempfile::tempdir()?);
        let mut model = PathWorld::new(local.path().to_path_buf());
        let fs = FileSystem::new(MemoryVolume::new(), MountOptions::new(staging.path()));
        let mut drive = DirectWorld::new(fs).map_err(failed)?;
        compare(&mut model, &mut drive, &ops, false)
    })
}

#[test]
fn random_operations_do_through_a_mount_what_they_do_on_a_local_disk() -> TestResult {
    run(60, 40, |ops| {
        let Some(mount) = TestMount::new().map_err(failed)? else {
            return Ok(());
        };
        let local = tempfile::tempdir()?;
        let mut model = PathWorld::new(local.path().to_path_buf());
        let mut drive = PathWorld::new(mount.path(""));
        compare(&mut model, &mut drive, &ops, true)
    })
}
