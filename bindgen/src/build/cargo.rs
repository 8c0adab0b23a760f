//! Runs cargo.

use super::{BuildError, Request};
use serde_json::Value;
use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

/// The files that cargo has built, and the native libraries that they need.
#[derive(Debug, Default)]
pub struct Built {
    /// The static library.
    pub archive: PathBuf,
    /// The libraries of the crates that it was made from.
    pub dependencies: Vec<PathBuf>,
    /// The linker's flags for native libraries, as rustc prints them: `-lssl`.
    pub native: Vec<String>,
    /// The directories of native libraries.
    pub directories: Vec<String>,
}

/// The text that rustc prints before the flags for native libraries.
const NATIVE: &str = "note: native-static-libs:";
const ARTIFACTS: &str = "note: link against the following native artifacts";
/// The same, of Rust 1.85.
const OLDER_ARTIFACTS: &str = "note: Link against the following native artifacts";

/// Returns a command that runs cargo.
pub fn command() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Returns the error of a program that cannot be run.
pub fn not_run(command: &Command) -> impl FnOnce(std::io::Error) -> BuildError {
    let program = command.get_program().to_string_lossy().into_owned();
    move |error| BuildError::NoCargo { program, error }
}

/// Returns the directory for what cargo makes. Within dune's rules it is beside dune's own, which `dune clean` leaves
/// alone; `CARGO_TARGET_DIR` overrides it.
pub fn target_directory() -> PathBuf {
    let given = env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    // dune names its build context, `_build/default`, by its absolute path.
    let of_dune = || {
        let context = PathBuf::from(env::var_os("INSIDE_DUNE")?);
        let root = context.parent()?.parent()?;
        context
            .is_absolute()
            .then(|| root.join("target").join("dune"))
    };
    let directory = given.or_else(of_dune).unwrap_or_else(|| "target".into());
    std::path::absolute(&directory).unwrap_or(directory)
}

/// Returns the path in the source tree, relative to its root, of a file that dune has copied.
pub fn in_sources(path: &Path) -> &Path {
    let context = env::var_os("INSIDE_DUNE").map(PathBuf::from);
    context
        .and_then(|context| path.strip_prefix(context).ok())
        .unwrap_or(path)
}

/// Builds the static library of a crate. cargo's messages go to the standard error stream.
pub fn build(
    manifest: &Path,
    is_locked: bool,
    target: &Path,
    request: &Request,
    arguments: &[String],
) -> Result<Built, BuildError> {
    let mut command = command();
    command
        .args([
            "rustc",
            "--lib",
            "--quiet",
            "--message-format=json-render-diagnostics",
        ])
        .args(["--profile", &request.profile])
        .arg("--manifest-path")
        .arg(manifest)
        .arg("--target-dir")
        .arg(target)
        .args(is_locked.then_some("--locked"))
        .args(arguments)
        .args(["--", "--print", "native-static-libs"])
        // The flags for native libraries are read from the messages.
        .env("CARGO_TERM_COLOR", "never")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(not_run(&command))?;
    let messages = child.stderr.take().expect("it is a pipe");
    let messages = std::thread::spawn(move || pass_on(BufReader::new(messages)));
    let mut built = Built::default();
    let reports = BufReader::new(child.stdout.take().expect("it is a pipe"));
    for line in reports.lines().map_while(Result::ok) {
        if let Ok(report) = serde_json::from_str(&line) {
            note(&report, &mut built);
        }
    }
    let messages = messages.join().unwrap_or_default();
    let status = child.wait().map_err(not_run(&command))?;
    if !status.success() {
        return Err(BuildError::Cargo {
            hint: hint(&messages.text, manifest, request),
        });
    }
    if built.archive.as_os_str().is_empty() {
        return Err(BuildError::Manifest {
            path: manifest.to_owned(),
            problem: "cargo made no static library: write `crate-type = [\"staticlib\"]` in [lib]"
                .to_owned(),
        });
    }
    built.native = messages.native;
    Ok(built)
}

/// Writes the lock file of a crate, with the newest versions that fit.
pub fn generate_lock(manifest: &Path) -> Result<(), BuildError> {
    let mut command = command();
    command
        .args(["generate-lockfile", "--quiet", "--manifest-path"])
        .arg(manifest);
    let status = command.status().map_err(not_run(&command))?;
    match status.success() {
        true => Ok(()),
        false => Err(BuildError::Cargo {
            hint: " to choose the versions of crates".to_owned(),
        }),
    }
}

/// cargo's messages.
#[derive(Default)]
struct Messages {
    text: String,
    native: Vec<String>,
}

/// Prints what people should see of cargo's messages, and returns all.
fn pass_on(messages: impl BufRead) -> Messages {
    let mut all = Messages::default();
    let mut skips_blank = false;
    for line in messages.split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        if let Some(flags) = line.strip_prefix(NATIVE) {
            all.native = flags.split_whitespace().map(str::to_owned).collect();
            skips_blank = true;
        } else if line.starts_with(ARTIFACTS) || line.starts_with(OLDER_ARTIFACTS) {
            skips_blank = true;
        } else if skips_blank && line.is_empty() {
            skips_blank = false;
        } else {
            skips_blank = false;
            eprintln!("{line}");
            all.text.push_str(&line);
            all.text.push('\n');
        }
    }
    all
}

/// Notes what one of cargo's reports says.
fn note(report: &Value, built: &mut Built) {
    let strings = |value: &Value| -> Vec<String> {
        let values = value.as_array().into_iter().flatten();
        values
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect()
    };
    match report["reason"].as_str() {
        Some("compiler-artifact") => {
            for file in strings(&report["filenames"]) {
                if file.ends_with(".rlib") {
                    built.dependencies.push(file.into());
                } else if file.ends_with(".a") {
                    built.archive = file.into();
                }
            }
        }
        Some("build-script-executed") => {
            for path in strings(&report["linked_paths"]) {
                // `native=/usr/lib`, or without a kind.
                let path = path
                    .split_once('=')
                    .map_or(&*path, |(_, path)| path)
                    .to_owned();
                if !built.directories.contains(&path) {
                    built.directories.push(path);
                }
            }
        }
        _ => {}
    }
}

/// Prints a note about a combined crate without a lock file, with the remedy.
pub fn note_no_lock(request: &Request) {
    let lock = Path::new("Cargo.lock");
    let directory = env::current_dir().unwrap_or_default();
    eprintln!(
        "ocaml-lwt-build: note: there is no --lock, so cargo chooses the versions of crates now: run  {}  , commit the \
         file, and give it with --lock",
        update_command(request, lock, &directory)
    );
}

/// Returns what to do about a failure that cargo explains in its own terms alone.
fn hint(messages: &str, manifest: &Path, request: &Request) -> String {
    let is_lock = messages.contains("--locked") || messages.contains("lock file");
    match (&request.lock, is_lock) {
        (Some(lock), true) => format!(
            ": {} does not fit the crates: write it again with  {}  and commit the file",
            lock.display(),
            update_command(request, lock, &env::current_dir().unwrap_or_default())
        ),
        (None, true) => format!(
            ": Cargo.lock does not fit Cargo.toml: run  cargo update --workspace --manifest-path {}  and commit the file",
            in_sources(manifest).display()
        ),
        (_, false) if messages.contains("profile") && messages.contains("is not defined") => {
            format!(
                ": the profile `{}` is chosen by --profile or --cargo-profile",
                request.profile
            )
        }
        _ => String::new(),
    }
}

/// Returns the command that chooses the versions of a build in `directory` anew, for a shell at the root of the sources.
fn update_command(request: &Request, lock: &Path, directory: &Path) -> String {
    let shown = |path: &Path| word(&from_sources(path, directory).to_string_lossy());
    let name = super::archive_name(&request.archive).unwrap_or_default();
    let mut command = String::new();
    let sources = in_sources(directory);
    if sources != directory && !sources.as_os_str().is_empty() {
        command += &format!("cd {} && ", word(&sources.to_string_lossy()));
    }
    command += "ocaml-lwt-build";
    for krate in &request.crates {
        command += &format!(" {}", shown(krate));
    }
    command += &format!(" --name {}", word(name));
    for replacement in &request.replacements {
        command += &format!(" --replace {}", shown(replacement));
    }
    command + &format!(" --update-lock {}", shown(lock))
}

/// Returns a path that is valid in the source tree, too. dune's build directory has a copy of what is below `directory`.
fn from_sources(path: &Path, directory: &Path) -> PathBuf {
    if !path.components().any(|part| part == Component::ParentDir) {
        return path.to_owned();
    }
    let mut whole = PathBuf::new();
    for part in directory.join(path).components() {
        match part {
            Component::ParentDir => drop(whole.pop()),
            part => whole.push(part),
        }
    }
    whole
}

/// Returns a word for a shell.
pub fn word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=@%".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_for_a_lock_file_is_whole() {
        let request = Request {
            crates: vec!["rust".into(), "/opt/lib/one two/rust/Cargo.toml".into()],
            archive: "librust.a".into(),
            replacements: vec!["../../install/lib/lwt_interop/rust/runtime".into()],
            ..Request::default()
        };
        assert_eq!(
            update_command(
                &request,
                Path::new("Cargo.lock"),
                Path::new("/p/_build/default/lib")
            ),
            "ocaml-lwt-build rust '/opt/lib/one two/rust/Cargo.toml' --name rust \
             --replace /p/_build/install/lib/lwt_interop/rust/runtime --update-lock Cargo.lock"
        );
        assert_eq!(word("it's"), r"'it'\''s'");
    }

    #[test]
    fn flags_for_native_libraries_are_taken_out_of_the_messages() {
        let text = "warning: unused\nnote: link against the following native artifacts when linking\n\n\
             note: native-static-libs: -lz -lc\n\nmore\n";
        let messages = pass_on(text.as_bytes());
        assert_eq!(messages.native, ["-lz", "-lc"]);
        assert_eq!(messages.text, "warning: unused\nmore\n");
        let messages = pass_on(text.replace("link against", "Link against").as_bytes());
        assert_eq!(messages.text, "warning: unused\nmore\n");
    }

    #[test]
    fn reports_name_what_was_made() {
        let mut built = Built::default();
        for report in [
            r#"{"reason":"compiler-artifact","filenames":["/t/liba-1.rlib","/t/liba-1.rmeta"]}"#,
            r#"{"reason":"build-script-executed","linked_paths":["native=/opt/lib","/other","native=/opt/lib"]}"#,
            r#"{"reason":"compiler-artifact","filenames":["/t/libmine.a"]}"#,
            r#"{"reason":"build-finished","success":true}"#,
        ] {
            note(&serde_json::from_str(report).unwrap(), &mut built);
        }
        assert_eq!(built.archive, Path::new("/t/libmine.a"));
        assert_eq!(built.dependencies, [Path::new("/t/liba-1.rlib")]);
        assert_eq!(built.directories, ["/opt/lib", "/other"]);
    }
}
