//! Programs of benchmarks: see `benches/harness`.

use anyhow::{Context, Result, ensure};
use regex::Regex;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The samples of a benchmark: the line of JSON that its program prints.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    pub name: String,
    pub unit: String,
    /// Whether it runs on one thread, so that its instructions can be counted.
    #[serde(default)]
    pub micro: bool,
    pub samples: Vec<f64>,
    #[serde(default)]
    pub baseline: Option<String>,
    /// One for each of `samples`, in the same order; empty without a baseline.
    #[serde(default)]
    pub baseline_samples: Vec<f64>,
}

impl Measured {
    /// Adds the samples of another process.
    pub fn extend(&mut self, other: Measured) {
        self.samples.extend(other.samples);
        self.baseline_samples.extend(other.baseline_samples);
    }

    fn parse(text: &str) -> Result<Self> {
        let measured: Self = serde_json::from_str(text)?;
        ensure!(!measured.samples.is_empty(), "there are no samples");
        ensure!(
            measured.baseline.is_none()
                || measured.baseline_samples.len() == measured.samples.len(),
            "the numbers of samples and of baseline samples differ"
        );
        Ok(measured)
    }
}

/// A program and the names of its selected benchmarks.
pub struct Program {
    path: PathBuf,
    pub names: Vec<String>,
}

impl Program {
    /// Opens this project's program and those of the peers. A peer whose library is not installed
    /// has no benchmarks.
    pub fn all(dir: &Path, filter: &Regex) -> Result<Vec<Self>> {
        let programs = [
            "ocaml/main.exe",
            "peers/eio_peer.exe",
            "peers/domainslib_peer.exe",
        ];
        let open = |program: &str| Program::open(dir.join(program), filter);
        programs.into_iter().map(open).collect()
    }

    /// Opens a program and selects the benchmarks whose names match `filter`.
    pub fn open(path: PathBuf, filter: &Regex) -> Result<Self> {
        let mut program = Program {
            path,
            names: Vec::new(),
        };
        let names = program.run(&["--list"])?;
        let selected = names.lines().filter(|name| filter.is_match(name));
        program.names = selected.map(str::to_owned).collect();
        Ok(program)
    }

    /// Runs a benchmark in a process of its own.
    pub fn measure(&self, name: &str, quick: bool) -> Result<Measured> {
        let arguments: &[&str] = if quick { &["--quick", name] } else { &[name] };
        let output = self.run(arguments)?;
        Measured::parse(&output).with_context(|| format!("{name} printed {output:?}"))
    }

    /// Returns the command that does an operation `times` times under `tool`.
    pub fn repeat(&self, tool: &[&str], name: &str, times: u32) -> Command {
        let mut command = Command::new(tool[0]);
        command
            .args(&tool[1..])
            .arg(&self.path)
            .args(["--times", &times.to_string(), name])
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Result<String> {
        let run = || -> Result<String> {
            let output = Command::new(&self.path)
                .args(arguments)
                .stdin(Stdio::null())
                .stderr(Stdio::inherit())
                .output()?;
            ensure!(output.status.success(), "{}", output.status);
            Ok(String::from_utf8(output.stdout)?)
        };
        run().with_context(|| format!("{} {}", self.path.display(), arguments.join(" ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_fields_may_be_missing() {
        let line = r#"{"name": "bind", "unit": "ns", "samples": [1, 2.5]}"#;
        let measured = Measured::parse(line).expect("it parses");
        assert_eq!(measured.samples, [1.0, 2.5]);
        assert!(!measured.micro && measured.baseline.is_none());
    }

    #[test]
    fn samples_without_their_baseline_are_rejected() {
        let line = r#"{"name": "a", "unit": "ns", "samples": [1, 2],
                       "baseline": "b", "baseline_samples": [1]}"#;
        assert!(Measured::parse(line).is_err());
        assert!(Measured::parse(r#"{"name": "a", "unit": "ns", "samples": []}"#).is_err());
    }
}
