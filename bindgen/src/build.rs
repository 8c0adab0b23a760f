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
use manifest::Crate;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
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
    /// Crates that stand for those of the same name from the registry.
    pub replacements: Vec<PathBuf>,
    /// Further arguments for cargo. Features are those of the crate, or `CRATE/FEATURE` if there are several.
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
    /// cargo's arguments do not say which crate they mean.
    #[error("{0}")]
    Features(String),
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
    archive_name(&request.archive)?;
    let target = cargo::target_directory();
    let crates = read_crates(request)?;
    // Until the library is copied: rules of dune's that run at the same time may have libraries of the same name.
    let _lock = lock(&target)?;
    let (manifest, is_locked, arguments) = match (&crates[..], &request.lock) {
        ([one], Some(lock)) if one.is_static_library => return Err(has_own_lock(one, lock)),
        ([one], None) if one.is_static_library => (
            one.manifest.clone(),
            has_lock(one),
            request.arguments.clone(),
        ),
        (several, lock) => {
            if lock.is_none() {
                cargo::note_no_lock(request);
            }
            let options = combine::Options::of(several, &request.arguments)?;
            let manifest = combine(several, request, &options, &target)?;
            (manifest, lock.is_some(), options.arguments)
        }
    };
    let built = cargo::build(&manifest, is_locked, &target, request, &arguments)?;
    let exports = archive::read(&built.archive)?;
    let forgotten = forgotten::find(&exports, &built.dependencies)?;
    if !forgotten.is_empty() {
        return Err(BuildError::Forgotten(forgotten));
    }
    fs::copy(&built.archive, &request.archive).map_err(BuildError::file(&request.archive))?;
    if let Some(path) = &request.link_flags {
        fs::write(path, link::flags(&built)).map_err(BuildError::file(path))?;
    }
    Ok(exports)
}

/// Chooses the versions of all crates anew, and writes them to the file `lock`, for a later [`build`].
///
/// # Errors
/// cargo fails, a file cannot be written, or the crate is a static library, which has a lock file of its own.
pub fn update_lock(request: &Request, lock: &Path) -> Result<(), BuildError> {
    let crates = read_crates(request)?;
    if let [one] = &crates[..] {
        if one.is_static_library {
            return Err(has_own_lock(one, lock));
        }
    }
    let target = cargo::target_directory();
    let options = combine::Options::of(&crates, &request.arguments)?;
    let _lock = self::lock(&target)?;
    let manifest = combine(&crates, request, &options, &target)?;
    cargo::generate_lock(&manifest)?;
    fs::copy(manifest.with_file_name("Cargo.lock"), lock).map_err(BuildError::file(lock))?;
    Ok(())
}

fn read_crates(request: &Request) -> Result<Vec<Crate>, BuildError> {
    let directories = request.crates.iter();
    directories
        .map(|directory| manifest::read(directory))
        .collect()
}

/// The directory of what is made for static libraries.
const OWN_DIRECTORY: &str = "ocaml-lwt-build";

/// Waits until no other process builds a library in the target directory, and keeps others from it until the result is
/// dropped. As cargo does, it goes on without a lock where the file system has none.
fn lock(target: &Path) -> Result<Option<Flock<File>>, BuildError> {
    let directory = target.join(OWN_DIRECTORY);
    fs::create_dir_all(&directory).map_err(BuildError::file(&directory))?;
    let path = directory.join("lock");
    let file = File::create(&path).map_err(BuildError::file(&path))?;
    Ok(Flock::lock(file, FlockArg::LockExclusive).ok())
}

/// Writes a crate that depends on several. Returns its manifest.
fn combine(
    crates: &[Crate],
    request: &Request,
    options: &combine::Options,
    target: &Path,
) -> Result<PathBuf, BuildError> {
    let name = archive_name(&request.archive)?;
    let mut hasher = DefaultHasher::new();
    for krate in crates {
        krate.manifest.hash(&mut hasher);
    }
    // Another program in the same workspace may have a library of this name.
    let directory = format!("{name}-{:016x}", hasher.finish());
    combine::write(&combine::Combined {
        name,
        crates,
        replacements: &request.replacements,
        default_features: options.default_features,
        directory: &target.join(OWN_DIRECTORY).join(directory),
        lock: request.lock.as_deref(),
        profile: &request.profile,
    })
}

fn has_own_lock(krate: &Crate, lock: &Path) -> BuildError {
    BuildError::Manifest {
        path: lock.to_owned(),
        problem: format!(
            "a lock file is given, and the crate {} is a static library, which has one of its own: remove the option",
            krate.name
        ),
    }
}

/// Returns `true` if there is a lock file. Prints a note with the remedy if not.
fn has_lock(krate: &Crate) -> bool {
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
