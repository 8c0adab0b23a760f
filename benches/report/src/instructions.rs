//! Counts the instructions of one operation, a number that does not drift with the machine.

use crate::program::Program;
use std::process::{Command, Stdio};

/// The difference between two runs excludes what a process does once, such as its first garbage
/// collections.
const FEW: u32 = 10_000;
const MANY: u32 = 50_000;

/// The tool that counts.
pub enum Counter {
    /// The processor's own counter: quick, but rarely available in a virtual machine.
    Perf,
    Callgrind,
}

const PERF: &[&str] = &["perf", "stat", "-x,", "-e", "instructions:u", "--"];
const CALLGRIND: &[&str] = &[
    "valgrind",
    "--tool=callgrind",
    "--callgrind-out-file=/dev/null",
];

impl Counter {
    /// Returns the best tool that works on this machine.
    pub fn find() -> Option<Self> {
        let mut perf = Command::new(PERF[0]);
        if count(perf.args(&PERF[1..]).arg("true"), perf_total).is_some() {
            return Some(Counter::Perf);
        }
        let valgrind = Command::new(CALLGRIND[0]).arg("--version").output();
        valgrind
            .is_ok_and(|v| v.status.success())
            .then_some(Counter::Callgrind)
    }

    /// Returns `None` if the program fails.
    pub fn per_operation(&self, program: &Program, name: &str) -> Option<f64> {
        let (tool, total): (_, fn(&str) -> Option<u64>) = match self {
            Counter::Perf => (PERF, perf_total),
            Counter::Callgrind => (CALLGRIND, callgrind_total),
        };
        let run = |times| count(&mut program.repeat(tool, name, times), total);
        let (few, many) = (run(FEW)?, run(MANY)?);
        Some((many as f64 - few as f64) / f64::from(MANY - FEW))
    }
}

fn count(command: &mut Command, total: fn(&str) -> Option<u64>) -> Option<u64> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        total(&text)
    } else {
        None
    }
}

/// Parses `123,,instructions:u,...`. perf may print `<not supported>` in place of the number.
fn perf_total(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.contains("instructions:u"))?;
    line.split(',').next()?.parse().ok()
}

/// Parses `==1== Collected : 123`.
fn callgrind_total(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.contains("Collected :"))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals() {
        assert_eq!(perf_total("123,,instructions:u,5,100.00,,\n"), Some(123));
        assert_eq!(
            perf_total("<not supported>,,instructions:u,0,100.00,,\n"),
            None
        );
        assert_eq!(
            callgrind_total("==1== Events    : Ir\n==1== Collected : 456\n"),
            Some(456)
        );
        assert_eq!(callgrind_total(""), None);
    }
}
