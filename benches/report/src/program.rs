//! The programs that measure: see `benches/harness`.

use regex::Regex;
use serde::Deserialize;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a benchmark says about itself and its samples.
#[derive(Debug, Clone, Deserialize)]
pub struct Measured {
    pub name: String,
    pub unit: String,
    /// Its instructions can be counted.
    #[serde(default)]
    pub micro: bool,
    pub samples: Vec<f64>,
    #[serde(default)]
    pub floor: Option<String>,
    /// In the order of `samples`.
    #[serde(default)]
    pub floor_samples: Vec<f64>,
}

impl Measured {
    /// Samples of another process.
    pub fn extend(&mut self, other: Measured) {
        self.samples.extend(other.samples);
        self.floor_samples.extend(other.floor_samples);
    }

    fn parse(text: &str) -> Result<Self, Box<dyn Error>> {
        let measured: Self = serde_json::from_str(text)?;
        if measured.samples.is_empty() {
            return Err("it took no samples".into());
        }
        let paired =
            measured.floor.is_none() || measured.floor_samples.len() == measured.samples.len();
        if !paired {
            return Err("its samples and those of its floor are no pairs".into());
        }
        Ok(measured)
    }
}

/// A program and those of its benchmarks that are wanted.
pub struct Program {
    path: PathBuf,
    pub names: Vec<String>,
}

impl Program {
    /// Ours, and the peers', which have no benchmarks where they are not installed.
    pub fn all(dir: &Path, filter: &Regex) -> Result<Vec<Self>, Box<dyn Error>> {
        let programs = [
            "ocaml/main.exe",
            "peers/eio_peer.exe",
            "peers/domainslib_peer.exe",
        ];
        let open = |program: &str| Program::open(dir.join(program), filter);
        programs.into_iter().map(open).collect()
    }

    /// The program, and those of its benchmarks that match.
    pub fn open(path: PathBuf, filter: &Regex) -> Result<Self, Box<dyn Error>> {
        let mut program = Program {
            path,
            names: Vec::new(),
        };
        let names = program.run(&["--list"])?;
        let wanted = names.lines().filter(|name| filter.is_match(name));
        program.names = wanted.map(str::to_owned).collect();
        Ok(program)
    }

    /// Runs a benchmark in a process of its own.
    pub fn measure(&self, name: &str, quick: bool) -> Result<Measured, Box<dyn Error>> {
        let arguments: &[&str] = if quick { &["--quick", name] } else { &[name] };
        let output = self.run(arguments)?;
        Measured::parse(&output).map_err(|e| format!("{name}: {e}: {output:?}").into())
    }

    /// The command that does an operation so many times, with tools in front of it.
    pub fn repeat(&self, tool: &[&str], name: &str, times: u32) -> Command {
        let mut command = Command::new(tool[0]);
        command
            .args(&tool[1..])
            .arg(&self.path)
            .args(["--times", &times.to_string(), name])
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Result<String, Box<dyn Error>> {
        let what = || format!("{} {}", self.path.display(), arguments.join(" "));
        let output = Command::new(&self.path)
            .args(arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|e| format!("{}: {e}", what()))?;
        if !output.status.success() {
            return Err(format!("{}: {}", what(), output.status).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_records_are_complete() {
        let line = r#"{"name": "bind", "unit": "ns", "samples": [1, 2.5]}"#;
        let measured = Measured::parse(line).expect("it parses");
        assert_eq!(measured.samples, [1.0, 2.5]);
        assert!(!measured.micro && measured.floor.is_none());
    }

    #[test]
    fn samples_without_their_floor_are_refused() {
        let line =
            r#"{"name": "a", "unit": "ns", "samples": [1, 2], "floor": "b", "floor_samples": [1]}"#;
        assert!(Measured::parse(line).is_err());
        assert!(Measured::parse(r#"{"name": "a", "unit": "ns", "samples": []}"#).is_err());
    }
}
