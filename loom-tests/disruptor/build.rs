//! Takes the sources of the crate `disruptor` from the local registry, in the version that the
//! library is built with, and turns what they import from `std` to `src/lib.rs`'s twin of it.
//! Nothing else in them is changed, and nothing of them is kept in this repository.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let manifest_dir = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let library = manifest_dir.join("../..").canonicalize()?;
    println!("cargo::rerun-if-changed=build.rs");
    println!(
        "cargo::rerun-if-changed={}",
        library.join("Cargo.lock").display()
    );
    let (version, sources) = locate(&library)?;
    let patched = env::var("CARGO_PKG_VERSION")?;
    if version != patched {
        let message = format!(
            "the library is built with disruptor {version}, the models with {patched}: \
             set the version in loom-tests/disruptor/Cargo.toml and look through the new sources"
        );
        return Err(message.into());
    }
    copy(&sources, &PathBuf::from(env::var("OUT_DIR")?).join("src"))
}

/// The version and the sources that the library's lock file names; cargo fetches and unpacks them
/// where they are missing.
fn locate(library: &Path) -> Result<(String, PathBuf)> {
    let output = Command::new(env::var("CARGO")?)
        .args(["metadata", "--format-version", "1", "--locked"])
        .arg("--manifest-path")
        .arg(library.join("Cargo.toml"))
        .current_dir(library)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().ok_or("no packages")?;
    let found: Vec<_> = packages
        .iter()
        .filter(|package| package["name"] == "disruptor")
        .collect();
    let [package] = found[..] else {
        return Err("the library does not depend on one disruptor".into());
    };
    let version = package["version"].as_str().ok_or("no version")?;
    let manifest = package["manifest_path"].as_str().ok_or("no manifest")?;
    let sources = Path::new(manifest).with_file_name("src");
    Ok((version.to_owned(), sources))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            let source = mapped(&fs::read_to_string(entry.path())?);
            if let Some(left) = ["std::sync", "std::thread", "std::cell", "core::"]
                .into_iter()
                .find(|left| code_of(&source).any(|line| line.contains(left)))
            {
                let path = entry.path();
                return Err(format!("{left} is named outside imports in {}", path.display()).into());
            }
            fs::write(target, source)?;
        }
    }
    Ok(())
}

/// Imports come from the twin; what only a crate's root may hold is dropped: the root is ours.
fn mapped(source: &str) -> String {
    let mut mapped = String::new();
    for line in source.lines() {
        if !line.starts_with("//!") && !line.starts_with("#![") {
            mapped.push_str(&line.replace("use std::", "use crate::twin::"));
        }
        mapped.push('\n');
    }
    mapped
}

/// The lines without comments, and without the tests at the end.
fn code_of(source: &str) -> impl Iterator<Item = &str> {
    source
        .lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .map(|line| line.split("//").next().unwrap_or_default())
}
