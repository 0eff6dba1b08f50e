//! What a test needs of the machine, and the printed reason when it is not there. Knows nothing of the
//! tests.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Something that not every machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// A kernel with FUSE, and leave to mount.
    Fuse,
    /// Root, `ip` and `nsenter`: network namespaces.
    Namespaces,
    /// `git`.
    Git,
    /// Leave to mount a small tmpfs.
    Root,
}

impl Requirement {
    /// Why it is not there, or `None` if it is.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Self::Fuse => {
                let openable = OpenOptions::new()
                    .read(true)
                    .write(true)
                    .open("/dev/fuse")
                    .is_ok();
                if !openable {
                    Some("/dev/fuse cannot be opened (no FUSE in this kernel or container)")
                } else if !has("fusermount3") && !root() {
                    Some("fusermount3 is not installed and this is not root")
                } else {
                    None
                }
            }
            Self::Namespaces => {
                if !root() {
                    Some("network namespaces need root")
                } else if !has("ip") || !has("nsenter") {
                    Some("network namespaces need `ip` and `nsenter` (iproute2, util-linux)")
                } else if !quiet(Command::new("unshare").args(["--net", "true"])) {
                    Some("this machine does not allow network namespaces")
                } else {
                    None
                }
            }
            Self::Git => (!has("git")).then_some("git is not installed"),
            Self::Root => (!root()).then_some("mounting a small tmpfs needs root"),
        }
    }
}

/// Whether a requirement is missing. If so, says which and why, on standard error and, for
/// `cargo xtask test` to repeat at its end, in the file that `PEERDRIVE_SKIPS` names.
pub fn missing(test: &str, needed: &[Requirement]) -> bool {
    let Some(reason) = needed.iter().find_map(|requirement| requirement.reason()) else {
        return false;
    };
    let line = format!("skipped {test}: {reason}\n");
    let mut err = std::io::stderr();
    let _ = err.write_all(line.as_bytes());
    if let Some(list) = env::var_os("PEERDRIVE_SKIPS") {
        let open = OpenOptions::new().create(true).append(true).open(list);
        let _ = open.and_then(|mut file| file.write_all(line.as_bytes()));
    }
    true
}

fn has(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([Path::new("/usr/sbin").to_owned()])
        .any(|folder| folder.join(program).is_file())
}

fn root() -> bool {
    rustix::process::geteuid().is_root()
}

fn quiet(command: &mut Command) -> bool {
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
