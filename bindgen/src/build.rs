//! Builds the static library of an OCaml program with cargo.
//!
//! `manifest` reads what a crate is, `combine` writes a crate that depends on several, `cargo` builds and reports what it
//! made, `forgotten` finds exported functions that the library lacks, and `link` writes the flags for OCaml.

mod cargo;
mod combine;
mod forgotten;
mod link;
mod manifest;

use crate::archive::{self, ArchiveError};
use crate::model::Exports;
use forgotten::Forgotten;
use std::io;
use std::path::{Path, PathBuf};

/// The options of a build.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// The directories of the crates.
    pub crates: Vec<PathBuf>,
    /// The static library to write: `libNAME.a`.
    pub archive: PathBuf,
    /// Where to write the flags for the linker, as an S-expression for dune.
    pub link_flags: Option<PathBuf>,
    /// cargo's profile.
    pub profile: String,
    /// The lock file of a combined crate.
    pub lock: Option<PathBuf>,
    /// Where to write the lock file of a combined crate.
    pub update_lock: Option<PathBuf>,
    /// Crates that stand for those of the same name from the registry.
    pub replacements: Vec<PathBuf>,
    /// Further arguments for cargo.
    pub arguments: Vec<String>,
}

/// Why the library cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There is no cargo.
    #[error("cannot run {program}: {error}: install Rust, for example with `rustup`")]
    NoCargo {
        /// The program.
        program: String,
        /// Why.
        error: io::Error,
    },
    /// cargo has said why.
    #[error("cargo failed{hint}")]
    Cargo {
        /// The remedy, after a colon, or an empty text.
        hint: String,
    },
    /// A crate's manifest does not say what is needed.
    #[error("{}: {problem}", path.display())]
    Manifest {
        /// The manifest or the directory.
        path: PathBuf,
        /// The problem, and the remedy.
        problem: String,
    },
    /// The name of the archive has not the form that linkers expect.
    #[error("{}: the name of the static library has to be libNAME.a", path.display())]
    ArchiveName {
        /// The name.
        path: PathBuf,
    },
    /// The library was built, and cannot be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// Crates that the library depends on export functions that it lacks.
    #[error("{}", forgotten::message(.0))]
    Forgotten(Vec<Forgotten>),
}

impl BuildError {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| BuildError::File { path, error }
    }
}

/// Builds the static library, and returns what it exports.
///
/// # Errors
/// cargo fails, a file cannot be written, or a crate that exports functions is not in the library.
pub fn build(request: &Request) -> Result<Exports, BuildError> {
    let name = archive_name(&request.archive)?;
    let crates: Vec<_> = request
        .crates
        .iter()
        .map(|directory| manifest::read(directory))
        .collect::<Result<_, _>>()?;
    let target = cargo::target_directory();
    let (manifest, is_locked) = match &crates[..] {
        [one] if one.is_static_library => {
            if let Some(lock) = request.lock.as_ref().or(request.update_lock.as_ref()) {
                return Err(BuildError::Manifest {
                    path: lock.clone(),
                    problem: format!(
                        "a lock file is given, and the crate {} is a static library, which has one of its own: remove \
                         the option",
                        one.name
                    ),
                });
            }
            (one.manifest.clone(), has_lock(one))
        }
        several => {
            let combined = combine::Combined {
                name,
                crates: several,
                replacements: &request.replacements,
                directory: &target.join("ocaml-lwt-build").join(name),
                lock: request.lock.as_deref(),
            };
            (combine::write(&combined)?, request.lock.is_some())
        }
    };
    let built = cargo::build(&manifest, is_locked, &target, request)?;
    if let Some(lock) = &request.update_lock {
        let made = manifest.with_file_name("Cargo.lock");
        std::fs::copy(&made, lock).map_err(BuildError::file(lock))?;
    }
    let exports = archive::read(&built.archive)?;
    let forgotten = forgotten::find(&exports, &built.dependencies)?;
    if !forgotten.is_empty() {
        return Err(BuildError::Forgotten(forgotten));
    }
    std::fs::copy(&built.archive, &request.archive).map_err(BuildError::file(&request.archive))?;
    if let Some(path) = &request.link_flags {
        std::fs::write(path, link::flags(&built)).map_err(BuildError::file(path))?;
    }
    Ok(exports)
}

/// Returns `true` if there is a lock file. Prints a note with the remedy if not.
fn has_lock(krate: &manifest::Crate) -> bool {
    let has_lock = krate.workspace.join("Cargo.lock").exists();
    if !has_lock {
        eprintln!(
            "ocaml-lwt-build: note: the crate {} has no Cargo.lock, so cargo chooses the versions of crates now: run  \
             cargo generate-lockfile --manifest-path {}  and commit the file",
            krate.name,
            cargo::in_sources(&krate.manifest).display()
        );
    }
    has_lock
}

/// Returns the name of `libNAME.a`.
fn archive_name(path: &Path) -> Result<&str, BuildError> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.and_then(|name| name.strip_prefix("lib")?.strip_suffix(".a"))
        .filter(|name| !name.is_empty())
        .ok_or_else(|| BuildError::ArchiveName {
            path: path.to_owned(),
        })
}
