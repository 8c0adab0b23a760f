//! Runs `lwt-interop-externals`, which reads what OCaml's compiler has written.

use super::declared::{FORMAT, Output, Unit};
use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The name of the program.
const PROGRAM: &str = "lwt-interop-externals";

/// The environment variable with the path of the program.
const VARIABLE: &str = "LWT_INTEROP_EXTERNALS";

/// Why declarations cannot be checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// There is no such program.
    #[error(
        "{}: not found: the OCaml package lwt_interop has this program. Run opam install lwt_interop; or, in a dune \
         workspace that contains the package, depend on %{{bin:{PROGRAM}}} and set {VARIABLE} to its path",
        program.display()
    )]
    NotFound {
        /// The program.
        program: PathBuf,
    },
    /// The program cannot be run.
    #[error("{}: {error}", program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// The program has failed.
    #[error("{text}")]
    Failed {
        /// What it has written.
        text: String,
    },
    /// The program has written something else than externals.
    #[error(
        "{}: it is of another version: install lwt_interop and ocaml-lwt-bindgen in the same version{detail}",
        program.display()
    )]
    Version {
        /// The program.
        program: PathBuf,
        /// What is wrong with its output.
        detail: String,
    },
    /// There is nothing to check.
    #[error(
        "{paths}: there is no .cmt file: build the OCaml code first. In a dune rule, depend on (alias check) or on the \
         executable's modules; without dune, compile with -bin-annot"
    )]
    NoFiles {
        /// Where they were searched.
        paths: String,
    },
}

/// Reads the externals below the paths.
pub fn read(paths: &[PathBuf], reader: Option<&Path>) -> Result<Output, CheckError> {
    let program = match reader {
        Some(path) => path.to_owned(),
        None => env::var_os(VARIABLE)
            .filter(|path| !path.is_empty())
            .map_or_else(|| PROGRAM.into(), PathBuf::from),
    };
    let output = match Command::new(&program).args(paths).output() {
        Ok(output) => output,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(CheckError::NotFound { program });
        }
        Err(error) => return Err(CheckError::Run { program, error }),
    };
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let text = match text.is_empty() {
            true => format!("{}: {}", program.display(), output.status),
            false => text,
        };
        return Err(CheckError::Failed { text });
    }
    let output = match parse(&output.stdout) {
        Ok(output) => output,
        Err(detail) => return Err(CheckError::Version { program, detail }),
    };
    if !output.empty.is_empty() {
        let paths: Vec<_> = output
            .empty
            .iter()
            .map(|p| p.display().to_string())
            .collect();
        return Err(CheckError::NoFiles {
            paths: paths.join(", "),
        });
    }
    Ok(output)
}

fn parse(json: &[u8]) -> Result<Output, String> {
    let output: Output = serde_json::from_slice(json).map_err(|error| format!(" ({error})"))?;
    if output.format != FORMAT || !output.units.iter().all(Unit::is_complete) {
        return Err(String::new());
    }
    Ok(output)
}
