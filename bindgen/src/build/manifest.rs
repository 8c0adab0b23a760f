//! Reads a crate's manifest with cargo.

use super::BuildError;
use super::cargo::{command, not_run};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// A crate.
#[derive(Debug, Clone)]
pub struct Crate {
    /// The name of the package.
    pub name: String,
    /// The name of the crate, as Rust code writes it.
    pub crate_name: String,
    pub manifest: PathBuf,
    /// The directory of its workspace, which has the lock file.
    pub workspace: PathBuf,
    /// Its library is a static one.
    pub is_static_library: bool,
    /// Its library is one that other crates can depend on.
    pub is_library: bool,
    /// The packages of a registry that it depends on.
    pub from_registry: Vec<String>,
}

impl Crate {
    /// Returns the directory.
    pub fn directory(&self) -> &Path {
        self.manifest
            .parent()
            .expect("a manifest is in a directory")
    }
}

/// Reads the manifest of a crate, which is given by its directory or its manifest.
pub fn read(path: &Path) -> Result<Crate, BuildError> {
    let manifest = match path.file_name() {
        Some(name) if name == "Cargo.toml" => path.to_owned(),
        _ => path.join("Cargo.toml"),
    };
    if !manifest.exists() {
        return Err(BuildError::Manifest {
            path: path.to_owned(),
            problem: "there is no Cargo.toml: give the directory of a crate".to_owned(),
        });
    }
    let manifest = std::path::absolute(&manifest).map_err(BuildError::file(&manifest))?;
    let mut command = command();
    command
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .arg("--manifest-path")
        .arg(&manifest);
    let output = command.output().map_err(not_run(&command))?;
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stderr));
        return Err(BuildError::Cargo {
            hint: format!(" to read {}", manifest.display()),
        });
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    find(&metadata, &manifest).ok_or_else(|| BuildError::Manifest {
        path: manifest,
        problem:
            "it has no library that can be linked: it needs src/lib.rs, and in [lib] `crate-type = \
                  [\"staticlib\"]` or none"
                .to_owned(),
    })
}

/// Finds the crate of a manifest. Returns `None` if it has no library.
fn find(metadata: &Value, manifest: &Path) -> Option<Crate> {
    let packages = metadata["packages"].as_array()?;
    let package = packages.iter().find(|package| {
        let path = package["manifest_path"].as_str().map(Path::new);
        path.is_some_and(|path| is_same(path, manifest))
    })?;
    let targets = package["targets"].as_array()?;
    let kinds = |target: &Value| -> Vec<String> {
        let kinds = target["crate_types"].as_array().into_iter().flatten();
        kinds
            .filter_map(|kind| kind.as_str().map(str::to_owned))
            .collect()
    };
    let (target, library) =
        targets
            .iter()
            .map(|target| (target, kinds(target)))
            .find(|(_, kinds)| {
                let is_library =
                    |kind: &String| kind == "staticlib" || kind == "lib" || kind == "rlib";
                kinds.iter().any(is_library)
            })?;
    let dependencies = package["dependencies"].as_array()?;
    let from_registry = dependencies
        .iter()
        .filter(|dependency| dependency["path"].is_null())
        .filter_map(|dependency| dependency["name"].as_str().map(str::to_owned))
        .collect();
    Some(Crate {
        name: package["name"].as_str()?.to_owned(),
        crate_name: target["name"].as_str()?.replace('-', "_"),
        manifest: manifest.to_owned(),
        workspace: metadata["workspace_root"].as_str()?.into(),
        is_static_library: library.iter().any(|kind| kind == "staticlib"),
        is_library: library.iter().any(|kind| kind != "staticlib"),
        from_registry,
    })
}

fn is_same(a: &Path, b: &Path) -> bool {
    a == b
        || match (a.canonicalize(), b.canonicalize()) {
            (Ok(a), Ok(b)) => a == b,
            _ => false,
        }
}
