//! The arrows of `docs/ARCHITECTURE.md`, checked against what cargo resolved: which crate of the
//! workspace may name which, and which room each important library has.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use peerdrive_tests::{run, workspace};
use serde_json::Value;

/// Each crate of the workspace, and what it may import of the others. An arrow that is not here does
/// not exist. The types of the tree are the common language of the doors and the engine.
const ARROWS: [(&str, &[&str]); 11] = [
    ("crdt-tree", &[]),
    ("crypto", &[]),
    ("log", &["crypto"]),
    ("net", &["crypto"]),
    ("engine", &["crdt-tree", "crypto", "log", "net"]),
    ("mount", &["crdt-tree", "engine"]),
    ("api", &["crdt-tree", "engine"]),
    ("cli", &["api", "engine", "mount"]),
    ("app", &["api", "cli"]),
    ("tests", &[]),
    ("xtask", &["tests"]),
];

/// Libraries that have one room: whoever else names them has found a way around that room.
const ROOMS: [(&str, &[&str]); 17] = [
    ("automerge", &["crdt-tree"]),
    ("argon2", &["engine"]),
    ("hpke", &["crypto"]),
    ("chacha20poly1305", &["crypto"]),
    ("ed25519-dalek", &["crypto"]),
    ("x25519-dalek", &["crypto"]),
    ("redb", &["log"]),
    ("iroh", &["net"]),
    ("iroh-blobs", &["net"]),
    ("iroh-gossip", &["net"]),
    ("iroh-mdns-address-lookup", &["net"]),
    ("fuser", &["mount"]),
    ("axum", &["api"]),
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
    ("tauri", &["app"]),
    ("gtk", &["app"]),
];

/// Crates that stay free of a runtime: they can be tested, simulated and fuzzed without one.
const WITHOUT_RUNTIME: [&str; 3] = ["crdt-tree", "crypto", "log"];

/// Files that alone may name a library, in a crate that may import it.
const ALONE: [(&str, &str, &[&str]); 1] = [("crates/mount/src", "fuser", &["fuse.rs", "fuse/"])];

#[test]
fn no_crate_imports_another_against_the_arrows() -> Result<()> {
    let metadata = Metadata::read()?;
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.into();
    let mut wrong = Vec::new();
    for (name, package) in &metadata.members {
        let may = allowed.get(name.as_str());
        let may =
            may.with_context(|| format!("{name} is in the workspace and not in the picture"))?;
        for import in imports(package, |kind| kind != Some("dev"))? {
            let Some(other) = import.strip_prefix("peerdrive-") else {
                continue;
            };
            if !may.contains(&other) {
                wrong.push(format!("{name} -> {other}"));
            }
        }
    }
    ensure!(
        wrong.is_empty(),
        "arrows that do not exist: {}",
        wrong.join(", ")
    );
    ensure!(
        metadata.members.len() == ARROWS.len(),
        "the picture shows a crate that is gone"
    );
    Ok(())
}

#[test]
fn each_important_library_has_one_room() -> Result<()> {
    let metadata = Metadata::read()?;
    let mut wrong = Vec::new();
    for (name, package) in &metadata.members {
        for import in imports(package, |kind| kind != Some("dev"))? {
            let room = ROOMS.iter().find(|(library, _)| *library == import);
            if room.is_some_and(|(_, rooms)| !rooms.contains(&name.as_str())) {
                wrong.push(format!("{name} -> {import}"));
            }
        }
    }
    ensure!(
        wrong.is_empty(),
        "libraries out of their room: {}",
        wrong.join(", ")
    );
    Ok(())
}

#[test]
fn the_pure_crates_reach_no_runtime_however_indirectly() -> Result<()> {
    let metadata = Metadata::read()?;
    for name in WITHOUT_RUNTIME {
        let reached = metadata.reached_by(name)?;
        for runtime in ["tokio", "async-std", "smol", "iroh"] {
            ensure!(!reached.contains(runtime), "{name} reaches {runtime}");
        }
    }
    // The same question has another answer where there is a runtime: it is not the question that fails.
    ensure!(
        metadata.reached_by("net")?.contains("tokio"),
        "the test sees nothing"
    );
    Ok(())
}

#[test]
fn only_the_files_made_for_it_name_a_library() -> Result<()> {
    for (folder, library, files) in ALONE {
        let root = workspace().join(folder);
        for path in sources(&root)? {
            let name = path.strip_prefix(&root)?.to_string_lossy().into_owned();
            let text = fs::read_to_string(&path)?;
            let names = text.lines().any(|line| {
                let code = line.split("//").next().unwrap_or_default();
                code.contains(&format!("{library}::")) || code.contains(&format!("use {library}"))
            });
            let may = files
                .iter()
                .any(|file| name == *file || name.starts_with(file));
            ensure!(!names || may, "{folder}/{name} names {library}");
        }
    }
    Ok(())
}

/// What `cargo metadata` says.
struct Metadata {
    /// Members of the workspace, by name without the prefix.
    members: BTreeMap<String, Value>,
    /// Names by package id.
    names: BTreeMap<String, String>,
    /// Normal and build dependencies by package id.
    edges: BTreeMap<String, Vec<String>>,
}

impl Metadata {
    fn read() -> Result<Self> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--filter-platform",
            &host()?,
        ]);
        let answer = run(cargo.current_dir(workspace()), Duration::from_secs(120))?.ok()?;
        let all: Value = serde_json::from_str(&answer.stdout)?;
        let ours: BTreeSet<&str> = list(&all, "workspace_members")?
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let (mut members, mut names) = (BTreeMap::new(), BTreeMap::new());
        for package in list(&all, "packages")? {
            let (id, name) = (text(package, "id")?, text(package, "name")?);
            names.insert(id.to_owned(), name.to_owned());
            if ours.contains(id) {
                let name = name
                    .strip_prefix("peerdrive-")
                    .context("members are called peerdrive-…")?;
                members.insert(name.to_owned(), package.clone());
            }
        }
        let mut edges = BTreeMap::new();
        for node in list(all.get("resolve").context("no resolve")?, "nodes")? {
            let mut to = Vec::new();
            for dependency in list(node, "deps")? {
                let kinds = list(dependency, "dep_kinds")?;
                if kinds
                    .iter()
                    .any(|kind| kind.get("kind").and_then(Value::as_str) != Some("dev"))
                {
                    to.push(text(dependency, "pkg")?.to_owned());
                }
            }
            edges.insert(text(node, "id")?.to_owned(), to);
        }
        Ok(Self {
            members,
            names,
            edges,
        })
    }

    /// Names of everything a member is built from.
    fn reached_by(&self, member: &str) -> Result<BTreeSet<String>> {
        let mut waiting =
            vec![text(self.members.get(member).context("a member")?, "id")?.to_owned()];
        let mut seen = BTreeSet::new();
        while let Some(id) = waiting.pop() {
            if seen.insert(id.clone()) {
                waiting.extend(self.edges.get(&id).into_iter().flatten().cloned());
            }
        }
        Ok(seen
            .iter()
            .filter_map(|id| self.names.get(id).cloned())
            .collect())
    }
}

fn imports(package: &Value, of: impl Fn(Option<&str>) -> bool) -> Result<Vec<String>> {
    let all = list(package, "dependencies")?.iter();
    let wanted = all.filter(|import| of(import.get("kind").and_then(Value::as_str)));
    wanted
        .map(|import| Ok(text(import, "name")?.to_owned()))
        .collect()
}

/// The platform these tests run on, as cargo calls it.
fn host() -> Result<String> {
    let said = run(Command::new("rustc").arg("-vV"), Duration::from_secs(60))?
        .ok()?
        .stdout;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host
        .context("rustc does not say what it builds for")?
        .to_owned())
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                found.push(path);
            }
        }
    }
    Ok(found)
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>> {
    value
        .get(key)
        .and_then(Value::as_array)
        .with_context(|| format!("cargo does not say {key}"))
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value
        .get(key)
        .and_then(Value::as_str)
        .with_context(|| format!("cargo does not say {key}"))
}
