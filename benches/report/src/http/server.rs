//! The servers' processes.

use std::error::Error;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How a server is called in the results, and by people.
pub const NAMES: [(&str, &str); 4] = [
    ("plain", "plain Lwt"),
    ("1", "1 domain"),
    ("2", "2 domains"),
    ("cohttp", "cohttp"),
];

/// Which of them the others are compared with: cohttp, what people use, or where it is not installed
/// what takes its place.
pub fn floor(servers: &[Server]) -> usize {
    let cohttp = servers.iter().position(|server| server.name == "cohttp");
    cohttp.unwrap_or(0)
}

/// Nobody needs so long to end.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Server {
    pub name: &'static str,
    pub label: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
}

/// A process that is killed unless it was stopped.
pub struct Running {
    process: Child,
    /// It may say more, which nobody reads.
    output: BufReader<ChildStdout>,
    pub address: String,
}

/// Those that were built, in the order of their names. All do the same work for a microsecond.
pub fn all(build: &Path) -> Result<Vec<Server>, Box<dyn Error>> {
    let ours = build.join("examples/http/http.exe");
    let rounds = calibrate(&ours)?;
    let servers = NAMES.into_iter().map(|(name, label)| {
        let mut arguments = ["--listen", "127.0.0.1:0", "--rounds-per-us", &rounds]
            .map(str::to_owned)
            .to_vec();
        let program = match name {
            "plain" => build.join("benches/http/plain.exe"),
            "cohttp" => build.join("benches/http/cohttp_peer.exe"),
            domains => {
                arguments.extend(["--domains".to_owned(), domains.to_owned()]);
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
        .filter(|server| server.name != "cohttp" || server.program.exists())
        .collect())
}

fn calibrate(program: &Path) -> Result<String, Box<dyn Error>> {
    let at = |e: &dyn Error| format!("{}: {e}", program.display());
    let output = Command::new(program)
        .arg("--calibrate")
        .output()
        .map_err(|e| at(&e))?;
    let text = String::from_utf8(output.stdout)?.trim().to_owned();
    text.parse::<f64>().map_err(|e| at(&e))?;
    Ok(text)
}

impl Server {
    /// Returns when it listens.
    pub fn start(&self) -> Result<Running, Box<dyn Error>> {
        let mut process = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("{}: {e}", self.program.display()))?;
        let output = process.stdout.take().ok_or("its output is piped")?;
        let mut running = Running {
            process,
            output: BufReader::new(output),
            address: String::new(),
        };
        let mut line = String::new();
        running.output.read_line(&mut line)?;
        running.address = address(&line)
            .ok_or_else(|| format!("{} does not listen: {line:?}", self.label))?
            .to_owned();
        Ok(running)
    }
}

impl Running {
    /// See [`cpu_ns`].
    pub fn cpu_ns(&self) -> Result<f64, Box<dyn Error>> {
        cpu_ns(&self.process)
    }

    /// Asks it to end, which it does without complaint.
    pub fn stop(mut self) -> Result<(), Box<dyn Error>> {
        let id = self.process.id().to_string();
        Command::new("sh").args(["-c", "kill $0", &id]).status()?;
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            match self.process.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("after SIGTERM: {status}").into()),
                None => sleep(Duration::from_millis(10)),
            }
        }
        Err("it does not end after SIGTERM".into())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing to do where it has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// From `NAME: listening on ADDR:PORT`, and perhaps more words.
fn address(line: &str) -> Option<&str> {
    line.split_once(": listening on ")?
        .1
        .split_whitespace()
        .next()
}

/// What all threads of a process have had, in user code and in the kernel.
pub fn cpu_ns(process: &Child) -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id()))?;
    cpu_in(&stat).ok_or_else(|| format!("no CPU times in {stat:?}").into())
}

/// The fields `utime` and `stime`, in ticks, of which Linux shows a hundred a second. Before them
/// comes a name in parentheses, in which anything may be.
fn cpu_in(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<_> = fields.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some((ticks(11)? + ticks(12)?) as f64 * 1e7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_it_listens() {
        let ours = "http: listening on 127.0.0.1:41001 with 2 domains\n";
        assert_eq!(address(ours), Some("127.0.0.1:41001"));
        assert_eq!(address("plain: listening on [::1]:80\n"), Some("[::1]:80"));
        assert_eq!(address("http: cannot listen\n"), None);
        assert_eq!(address(""), None);
    }

    #[test]
    fn cpu_times() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194304 100 0 0 0 7 5 0 0 20 0 4 0 100 200 300";
        assert_eq!(cpu_in(stat), Some(12e7));
        assert_eq!(cpu_in("42 (a) S 1"), None);
    }
}
