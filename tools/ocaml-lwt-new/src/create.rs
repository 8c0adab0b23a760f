//! Writes a project.

use crate::name::{Bound, Name};
use crate::template::{self, Kind};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What is created, and where it has ocaml-lwt-interop from.
pub enum Source {
    /// A program with a copy of this clone.
    Vendored(PathBuf),
    /// A program that uses the installed packages.
    Installed,
    /// A package that binds a crate, and uses the installed packages.
    Bindings(Bound),
}

/// Why there is no project.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// A file cannot be read or written.
    #[error("{}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There is something of that name.
    #[error("`{0}` exists: choose another name, or remove it")]
    Exists(Name),
    /// The package has the name of the crate that it binds.
    #[error(
        "a package cannot have the name of the crate that it binds, since cargo cannot tell the two crates apart: choose \
         another, such as `ocaml-{0}` or `lwt_{0}`"
    )]
    NameOfCrate(Name),
    /// The directory has no ocaml-lwt-interop.
    #[error(
        "there is no clone of ocaml-lwt-interop in {}: name its directory with --vendor, or use the installed packages \
         with --installed", .0.display()
    )]
    NoClone(PathBuf),
    /// The packages are not installed.
    #[error(
        "the package lwt_interop is not installed{0}. In a clone of ocaml-lwt-interop,  make install PREFIX=DIRECTORY  \
         installs it, and says what to export"
    )]
    NotInstalled(&'static str),
    /// A program that the project needs cannot be run.
    #[error("cannot run {program}: {error}: {remedy}")]
    NotRun {
        /// The program.
        program: &'static str,
        /// Why.
        error: io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// A program failed.
    #[error("{what}:\n{messages}")]
    Failed {
        /// What it was to do.
        what: String,
        /// What it has written.
        messages: String,
    },
}

/// Returns the clone in which this program was built.
pub fn own_clone() -> PathBuf {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    tools
        .and_then(Path::parent)
        .unwrap_or(Path::new("/"))
        .into()
}

/// Creates the project in the current directory. Leaves nothing behind if it fails.
pub fn create(name: &Name, source: &Source) -> Result<(), CreateError> {
    if matches!(source, Source::Bindings(bound) if bound.module() == name.module()) {
        return Err(CreateError::NameOfCrate(name.clone()));
    }
    let runtime = match source {
        Source::Vendored(clone) if is_clone(clone) => PathBuf::new(),
        Source::Vendored(clone) => return Err(CreateError::NoClone(clone.clone())),
        Source::Installed | Source::Bindings(_) => installed_runtime()?,
    };
    let project = PathBuf::from(name.to_string());
    match fs::create_dir(&project) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(CreateError::Exists(name.clone()));
        }
        made => made.map_err(file(&project))?,
    }
    let filled = fill(&project, name, source, &runtime);
    if filled.is_err() {
        let _ = fs::remove_dir_all(&project);
    }
    filled
}

fn fill(project: &Path, name: &Name, source: &Source, runtime: &Path) -> Result<(), CreateError> {
    let (kind, directory, archive) = match source {
        Source::Vendored(_) => (Kind::Vendored, "lib", "rust".to_owned()),
        Source::Installed => (Kind::Installed, "lib", "rust".to_owned()),
        Source::Bindings(_) => (Kind::Bindings, "src", name.module()),
    };
    let bound = match source {
        Source::Bindings(bound) => bound.name.as_str(),
        _ => "",
    };
    let variables: &[(&str, &str)] = &[
        ("name", &name.to_string()),
        ("module", &name.module()),
        ("Module", &name.capitalized()),
        ("bound", bound),
        ("runtime", &runtime.to_string_lossy()),
        ("source_dir", directory),
        ("archive", &archive),
        ("repository", env!("CARGO_PKG_REPOSITORY")),
    ];
    for (path, text) in template::files(kind, variables) {
        write(&project.join(path), &text)?;
    }
    match source {
        Source::Vendored(clone) => {
            let here = project.canonicalize().map_err(file(project))?;
            copy(clone, &project.join("vendor/ocaml-lwt-interop"), &here)?;
            // Its versions, which ocaml-lwt-interop is tested with.
            let lock = project.join("lib/rust/Cargo.lock");
            let tested = clone.join("Cargo.lock");
            fs::copy(&tested, &lock).map_err(file(&tested))?;
            let update = [
                "update",
                "--workspace",
                "--manifest-path",
                "lib/rust/Cargo.toml",
            ];
            cargo(
                project,
                &update,
                "cargo cannot choose the versions of crates",
            )
        }
        Source::Installed => write_lock(project, directory, &archive, runtime),
        Source::Bindings(bound) => {
            let add = [
                "add",
                "--manifest-path",
                "src/rust/Cargo.toml",
                &bound.to_string(),
            ];
            cargo(
                project,
                &add,
                &format!("cargo cannot add the crate {bound}"),
            )?;
            write_lock(project, directory, &archive, runtime)
        }
    }
}

/// Writes the lock file of a project that uses the installed packages.
fn write_lock(
    project: &Path,
    directory: &str,
    archive: &str,
    runtime: &Path,
) -> Result<(), CreateError> {
    let mut command = Command::new("ocaml-lwt-build");
    command
        .current_dir(project)
        .env("CARGO_TARGET_DIR", "target/dune")
        .arg(format!("{directory}/rust"))
        .args(["--name", archive])
        .arg("--replace")
        .arg(runtime)
        .arg("--update-lock")
        .arg(format!("{directory}/Cargo.lock"));
    let output = command.output().map_err(|error| CreateError::NotRun {
        program: "ocaml-lwt-build",
        error,
        remedy: "the packages of ocaml-lwt-interop install it, in the directory bin, which has to be in PATH",
    })?;
    check(
        output,
        "ocaml-lwt-build cannot choose the versions of crates",
    )
}

/// Runs cargo, without a network if that suffices.
fn cargo(project: &Path, arguments: &[&str], what: &str) -> Result<(), CreateError> {
    let run = |options: &[&str]| {
        let mut command = Command::new("cargo");
        command.current_dir(project).args(arguments).args(options);
        command.output().map_err(|error| CreateError::NotRun {
            program: "cargo",
            error,
            remedy: "install Rust, for example with `rustup`",
        })
    };
    match run(&["--offline"])? {
        output if output.status.success() => Ok(()),
        _ => check(run(&[])?, what),
    }
}

fn check(output: Output, what: &str) -> Result<(), CreateError> {
    match output.status.success() {
        true => Ok(()),
        false => Err(CreateError::Failed {
            what: what.to_owned(),
            messages: String::from_utf8_lossy(&output.stderr)
                .trim_end()
                .to_owned(),
        }),
    }
}

/// Returns the directory of the crate that the installed package has.
fn installed_runtime() -> Result<PathBuf, CreateError> {
    let mut command = Command::new("ocamlfind");
    let output = command
        .args(["query", "lwt_interop"])
        .output()
        .map_err(|error| CreateError::NotRun {
            program: "ocamlfind",
            error,
            remedy: "install it, with opam or as a package of the system",
        })?;
    if !output.status.success() {
        return Err(CreateError::NotInstalled(""));
    }
    let directory = String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned();
    let runtime = Path::new(&directory).join("rust/runtime");
    match runtime.join("Cargo.toml").exists() {
        true => Ok(runtime),
        false => Err(CreateError::NotInstalled(
            " with the sources of its Rust crate",
        )),
    }
}

fn is_clone(directory: &Path) -> bool {
    ["Cargo.lock", "runtime/Cargo.toml", "ocaml/lwt_interop/dune"]
        .iter()
        .all(|file| directory.join(file).exists())
}

/// Copies the files of a clone, except build results, git's own, and `project`, which may be within it.
fn copy(from: &Path, to: &Path, project: &Path) -> Result<(), CreateError> {
    fs::create_dir_all(to).map_err(file(to))?;
    for entry in fs::read_dir(from).map_err(file(from))? {
        let name = entry.map_err(file(from))?.file_name();
        let (from, to) = (from.join(&name), to.join(&name));
        let is_left_out = [".git", "_build", "target"]
            .iter()
            .any(|other| name == *other);
        if is_left_out || from.canonicalize().is_ok_and(|path| path == project) {
            continue;
        }
        if from.is_dir() {
            copy(&from, &to, project)?;
        } else {
            fs::copy(&from, &to).map_err(file(&from))?;
        }
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), CreateError> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory).map_err(file(directory))?;
    }
    fs::write(path, text).map_err(file(path))
}

fn file(path: &Path) -> impl FnOnce(io::Error) -> CreateError {
    let path = path.to_owned();
    move |error| CreateError::File { path, error }
}
