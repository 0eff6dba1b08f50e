//! Debian's packages that the other commands stand on: found by the program or library each brings,
//! installed when missing. Knows nothing of what they are used for beyond the words below.

use std::env;
use std::io::IsTerminal;
use std::path::Path;
use std::process::Command;

/// What packages are wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// `cargo xtask test`.
    Test,
    /// `cargo xtask demo`.
    Demo,
    /// `cargo xtask bench`.
    Bench,
}

/// A package, how it is known to be there, and what is lost without it.
struct Package {
    name: &'static str,
    known: By,
    without: &'static str,
}

/// How a package is known to be there.
enum By {
    /// By a program that it brings.
    Program(&'static str),
    /// By a library that it brings, as pkg-config calls it.
    Library(&'static str),
}

impl Package {
    fn is_there(&self) -> bool {
        match self.known {
            By::Program(program) => found(program),
            By::Library(library) => {
                let mut asked = Command::new("pkg-config");
                asked.args(["--exists", library]);
                asked.status().is_ok_and(|status| status.success())
            }
        }
    }
}

const FUSE: Package = Package {
    name: "fuse3",
    known: By::Program("fusermount3"),
    without: "drives cannot be mounted, only kept as folders",
};
const MAKE: Package = Package {
    name: "make",
    known: By::Program("make"),
    without: "the daemon's allocator, and so the daemon, is not built",
};
const GIT: Package = Package {
    name: "git",
    known: By::Program("git"),
    without: "the tests with a repository in a drive are skipped",
};
const CHROMIUM: Package = Package {
    name: "chromium",
    known: By::Program("chromium"),
    without: "the views of the app are not tested",
};
const WEBKIT: Package = Package {
    name: "libwebkit2gtk-4.1-dev",
    known: By::Library("webkit2gtk-4.1"),
    without: "the desktop window is not built",
};
const DISPLAY: Package = Package {
    name: "xvfb",
    known: By::Program("Xvfb"),
    without: "the desktop window is not shown",
};
const DRIVER: Package = Package {
    name: "webkit2gtk-driver",
    known: By::Program("WebKitWebDriver"),
    without: "the desktop window is not driven",
};
const NETWORK: Package = Package {
    name: "iproute2",
    known: By::Program("ip"),
    without: "nothing is tested or measured on a network that is cut in two",
};
const DATABASE: Package = Package {
    name: "sqlite3",
    known: By::Program("sqlite3"),
    without: "no database is used on a mount",
};
const EDITOR: Package = Package {
    name: "vim",
    known: By::Program("vim"),
    without: "no real editor saves into a folder",
};
const PYTHON: Package = Package {
    name: "python3",
    known: By::Program("python3"),
    without: "the test vectors are not checked by the second implementation",
};
const RSYNC: Package = Package {
    name: "rsync",
    known: By::Program("rsync"),
    without: "there is nothing of rsync to compare with",
};
const SYNCTHING: Package = Package {
    name: "syncthing",
    known: By::Program("syncthing"),
    without: "there is nothing of Syncthing to compare with",
};

impl Purpose {
    /// From its name.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        match word {
            "test" => Some(Self::Test),
            "demo" => Some(Self::Demo),
            "bench" => Some(Self::Bench),
            _ => None,
        }
    }

    fn packages(self) -> &'static [Package] {
        match self {
            Self::Test => &[
                MAKE, FUSE, GIT, NETWORK, CHROMIUM, WEBKIT, DISPLAY, DRIVER, DATABASE, EDITOR,
                PYTHON,
            ],
            Self::Demo => &[MAKE, FUSE],
            Self::Bench => &[MAKE, FUSE, NETWORK, RSYNC, SYNCTHING],
        }
    }
}

/// Installs what is missing. Says what it does; what cannot be installed is said as well, and is no
/// failure: whoever needs it does without and says so.
pub(crate) fn run(purpose: Purpose) {
    let missing: Vec<&Package> = purpose
        .packages()
        .iter()
        .filter(|package| !package.is_there())
        .collect();
    if missing.is_empty() {
        return;
    }
    let names: Vec<&str> = missing.iter().map(|package| package.name).collect();
    println!("setup: missing {}", names.join(", "));
    if let Err(reason) = install(&names) {
        for package in missing.iter().filter(|package| !package.is_there()) {
            println!(
                "setup: {} stays missing ({reason}): {}",
                package.name, package.without
            );
        }
    }
}

fn install(names: &[&str]) -> Result<(), String> {
    if !found("apt-get") {
        return Err("there is no apt-get here".into());
    }
    let root = rustix::process::geteuid().is_root();
    if !root && !found("sudo") {
        return Err("this is not root and there is no sudo".into());
    }
    let apt = |words: &[&str]| -> Result<(), String> {
        let mut command = if root {
            Command::new("apt-get")
        } else {
            let mut sudo = Command::new("sudo");
            if !std::io::stdin().is_terminal() {
                sudo.arg("--non-interactive");
            }
            sudo.arg("apt-get");
            sudo
        };
        command.env("DEBIAN_FRONTEND", "noninteractive").args(words);
        println!("setup: apt-get {}", words.join(" "));
        let status = command.status().map_err(|error| error.to_string())?;
        status
            .success()
            .then_some(())
            .ok_or_else(|| format!("apt-get {}: {status}", words.join(" ")))
    };
    apt(&["update", "--quiet=2"])?;
    let mut words = vec!["install", "--quiet=2", "--yes", "--no-install-recommends"];
    words.extend(names);
    apt(&words)
}

/// Whether a program can be run, from the path or from where Debian keeps those for root.
pub(crate) fn found(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = [
        Path::new("/usr/sbin").to_owned(),
        Path::new("/sbin").to_owned(),
    ];
    env::split_paths(&path)
        .chain(system)
        .any(|folder| folder.join(program).is_file())
}
