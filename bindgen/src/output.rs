//! Writes files.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot be written: {error}", path.display())]
pub struct OutputError {
    path: PathBuf,
    error: io::Error,
}

/// Where output goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// `-`
    Stdout,
    File(PathBuf),
}

impl From<OsString> for Output {
    fn from(argument: OsString) -> Self {
        match argument == "-" {
            true => Output::Stdout,
            false => Output::File(argument.into()),
        }
    }
}

impl Output {
    /// Writes the text. A file has either its old content or all of the new one.
    pub fn write(&self, text: &str) -> Result<(), OutputError> {
        let (path, result) = match self {
            Output::Stdout => (Path::new("standard output"), to_stdout(text)),
            Output::File(path) => (&**path, replace(path, text)),
        };
        result.map_err(|error| OutputError {
            path: path.to_owned(),
            error,
        })
    }
}

fn to_stdout(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

fn replace(path: &Path, text: &str) -> io::Result<()> {
    // Devices, pipes and links are written to, and not replaced.
    if fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return fs::write(path, text);
    }
    let Some(name) = path.file_name() else {
        return Err(io::Error::other("it has no name"));
    };
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(temporary);
    let result = fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, path));
    if result.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_file(&temporary);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_and_nothing_else_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.ml");
        let output = Output::from(path.clone().into_os_string());
        output.write("one").unwrap();
        output.write("two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        Output::File("/dev/null".into()).write("three").unwrap();
    }

    #[test]
    fn an_error_names_the_file() {
        let error = Output::File("/nonexistent/a.ml".into())
            .write("")
            .unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("/nonexistent/a.ml: cannot be written: ")
        );
    }
}
