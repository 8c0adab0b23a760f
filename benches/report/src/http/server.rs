//! The processes of the servers.

use super::cases::SERVERS;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// A server that has not exited this long after SIGTERM never will.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

pub struct Server {
    pub name: &'static str,
    pub label: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
}

/// A running server. Dropping it kills the process.
pub struct Running {
    process: Child,
    /// Kept open: a server that writes to a closed pipe would get an error.
    output: BufReader<ChildStdout>,
    pub address: String,
}

/// Returns the servers that were built, by dune and by cargo, and those of cohttp, if they were. Those of OCaml compute equally much for a microsecond; hyper
/// alone computes for a microsecond.
pub fn all(build: &Path, programs: &Path, cohttp: &Path) -> Result<Vec<Server>> {
    let ours = build.join("examples/http/http.exe");
    let rounds = calibrate(&ours)?;
    let servers = SERVERS.into_iter().map(|(name, label)| {
        let mut arguments = ["--listen", "127.0.0.1:0"].map(str::to_owned).to_vec();
        if let Some(threads) = name.strip_prefix("hyper") {
            arguments.extend(["--threads", threads].map(str::to_owned));
            let program = programs.join("hyper-peer");
            return Server {
                name,
                label,
                program,
                arguments,
            };
        }
        arguments.extend(["--rounds-per-us", &rounds].map(str::to_owned));
        let program = match name {
            "plain" => build.join("benches/http/plain.exe"),
            "cohttp" => cohttp.join("stock.exe"),
            "cohttp2p" => {
                arguments.extend(["--processes", "2"].map(str::to_owned));
                cohttp.join("stock.exe")
            }
            "cohttp1d" => cohttp.join("dlwt.exe"),
            "cohttp2d" => {
                arguments.extend(["--domains", "2"].map(str::to_owned));
                cohttp.join("dlwt.exe")
            }
            _ => {
                let (io, domains) = match name.strip_prefix("own") {
                    Some(domains) => ("own", domains),
                    None => ("shared", name),
                };
                arguments.extend(["--io", io, "--domains", domains].map(str::to_owned));
                ours.clone()
            }
        };
        Server {
            name,
            label,
            program,
            arguments,
        }
    });
    Ok(servers
        .filter(|server| !server.name.starts_with("cohttp") || server.program.exists())
        .collect())
}

/// Returns the index of the server that the others are compared with: cohttp, which is what people
/// use, or the first one where cohttp is not installed.
pub fn baseline(servers: &[Server]) -> usize {
    let cohttp = servers.iter().position(|server| server.name == "cohttp");
    cohttp.unwrap_or(0)
}

fn calibrate(program: &Path) -> Result<String> {
    let calibrate = || -> Result<String> {
        let output = Command::new(program).arg("--calibrate").output()?;
        let text = String::from_utf8(output.stdout)?.trim().to_owned();
        text.parse::<f64>()?;
        Ok(text)
    };
    calibrate().with_context(|| format!("{} --calibrate", program.display()))
}

impl Server {
    /// Starts a process, and returns once it listens.
    pub fn start(&self) -> Result<Running> {
        let mut process = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| self.program.display().to_string())?;
        let output = process.stdout.take().context("standard output is piped")?;
        let mut running = Running {
            process,
            output: BufReader::new(output),
            address: String::new(),
        };
        let mut line = String::new();
        running.output.read_line(&mut line)?;
        running.address = address(&line)
            .with_context(|| format!("{} does not listen: it printed {line:?}", self.label))?
            .to_owned();
        Ok(running)
    }
}

impl Running {
    /// Returns the CPU time that all threads of the process have used, and those of its children: see [`cpu_ns`].
    pub fn cpu_ns(&self) -> Result<f64> {
        let id = self.process.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        let ids = children.split_whitespace().map(str::parse);
        let mut total = cpu_ns(&self.process)?;
        for child in ids {
            total += cpu_ns_of(child?)?;
        }
        Ok(total)
    }

    /// Sends SIGTERM, and fails unless the process then exits with success.
    pub fn stop(mut self) -> Result<()> {
        let id = self.process.id().to_string();
        Command::new("sh").args(["-c", "kill $0", &id]).status()?;
        let start = Instant::now();
        while start.elapsed() < STOP_TIMEOUT {
            if let Some(status) = self.process.try_wait()? {
                ensure!(status.success(), "after SIGTERM: {status}");
                return Ok(());
            }
            sleep(Duration::from_millis(10));
        }
        bail!("it does not exit after SIGTERM")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail if the process has exited, which is fine.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Parses `NAME: listening on ADDR:PORT`, after which there may be more words.
fn address(line: &str) -> Option<&str> {
    line.split_once(": listening on ")?
        .1
        .split_whitespace()
        .next()
}

/// Returns the CPU time that all threads of a process have used, in user space and in the kernel.
pub fn cpu_ns(process: &Child) -> Result<f64> {
    cpu_ns_of(process.id())
}

fn cpu_ns_of(process: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    parse_cpu_ns(&stat).with_context(|| format!("no CPU times in {stat:?}"))
}

/// Adds the fields `utime` and `stime`, in ticks of 10 ms on Linux. The name before them is in
/// parentheses, and may contain any character.
fn parse_cpu_ns(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<_> = fields.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some((ticks(11)? + ticks(12)?) as f64 * 1e7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let ours = "http: listening on 127.0.0.1:41001 with 2 domains\n";
        assert_eq!(address(ours), Some("127.0.0.1:41001"));
        assert_eq!(address("plain: listening on [::1]:80\n"), Some("[::1]:80"));
        assert_eq!(address("http: cannot listen\n"), None);
        assert_eq!(address(""), None);
    }

    #[test]
    fn cpu_times() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194304 100 0 0 0 7 5 0 0 20 0 4 0 100 200 300";
        assert_eq!(parse_cpu_ns(stat), Some(12e7));
        assert_eq!(parse_cpu_ns("42 (a) S 1"), None);
    }
}
