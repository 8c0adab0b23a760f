//! The machine and the versions that results were measured with.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

/// Describes this machine. Values that the system does not provide are omitted.
pub fn machine() -> BTreeMap<String, String> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let load = read("/proc/loadavg");
    known([
        ("cpu", field(&read("/proc/cpuinfo"), "model name")),
        ("cores", Some(cores.to_string())),
        ("memory", field(&read("/proc/meminfo"), "MemTotal")),
        (
            "kernel",
            Some(read("/proc/sys/kernel/osrelease").trim().to_owned()),
        ),
        ("load", load.split(' ').next().map(str::to_owned)),
    ])
}

/// Returns the commit and the versions of the tools that are installed.
pub fn versions() -> BTreeMap<String, String> {
    known([
        (
            "commit",
            output("git", &["describe", "--always", "--dirty"]),
        ),
        ("dune", output("dune", &["--version"])),
        (
            "lwt",
            output("ocamlfind", &["query", "-format", "%v", "lwt"]),
        ),
        ("ocaml", output("ocamlfind", &["ocamlopt", "-version"])),
        (
            "rust",
            output("rustc", &["--version"]).map(|v| v.replace("rustc ", "")),
        ),
    ])
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    let output = command
        .args(arguments)
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn known<const N: usize>(values: [(&str, Option<String>); N]) -> BTreeMap<String, String> {
    let values = values.into_iter();
    values
        .filter_map(|(name, value)| Some((name.to_owned(), value.filter(|v| !v.is_empty())?)))
        .collect()
}
