//! Puts the built app (`app/dist`) into the program where there is one. Without it the program is built
//! all the same: this needs no Node.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or(io::ErrorKind::NotFound)?);
    let dist = here.join("../../app/dist");
    println!("cargo::rerun-if-changed={}", dist.display());
    let mut files = Vec::new();
    if dist.join("index.html").is_file() {
        collect(&dist, "", &mut files)?;
    }
    files.sort();
    let mut text = "&[\n".to_owned();
    for (name, path) in files {
        println!("cargo::rerun-if-changed={}", path.display());
        // Writing to a string does not fail.
        let _ = writeln!(text, "    ({name:?}, include_bytes!({path:?})),");
    }
    text += "]\n";
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    fs::write(out.join("app_files.rs"), text)
}

/// The files below a folder: name in the app, and path.
fn collect(folder: &Path, below: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let name = if below.is_empty() {
            name
        } else {
            format!("{below}/{name}")
        };
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &name, files)?;
        } else if !name.ends_with(".map") {
            files.push((name, fs::canonicalize(entry.path())?));
        }
    }
    Ok(())
}
