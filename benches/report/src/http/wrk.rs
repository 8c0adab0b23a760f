//! wrk, which loads the servers, and the parser of its output.

use super::server::cpu_ns;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::io::{self, ErrorKind};
use std::process::{Command, Stdio};

/// A load by one thread of wrk, which leaves the other cores to the server.
pub struct Load {
    pub connections: u32,
    pub seconds: u32,
}

/// Has wrk print a percentile that it does not print by itself.
const SCRIPT: &str =
    "done = function(_, latency) print(string.format('99.9%% %dus', latency:percentile(99.9))) end";

/// The outcome of a load without errors. Times are in nanoseconds.
#[derive(Debug, PartialEq)]
pub struct Measured {
    pub requests: u64,
    pub per_second: f64,
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
}

/// Returns wrk's version, or `None` if wrk is not installed.
pub fn version() -> Result<Option<String>> {
    match Command::new("wrk").arg("--version").output() {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        output => {
            let text = String::from_utf8(output.context("wrk")?.stdout)?;
            let mut words = text.split_whitespace().skip_while(|word| *word != "wrk");
            Ok(Some(words.nth(1).unwrap_or("unknown").to_owned()))
        }
    }
}

impl Load {
    /// Returns the outcome, and the CPU time of wrk. Fails if a request fails.
    pub fn run(&self, address: &str, target: &str) -> Result<(Measured, f64)> {
        // wrk reads it from a file only.
        let script = std::env::temp_dir().join(format!("bench-http-{}.lua", std::process::id()));
        fs::write(&script, SCRIPT).with_context(|| script.display().to_string())?;
        let mut wrk = Command::new("wrk")
            .args(["--threads", "1", "--latency"])
            .args(["--connections", &self.connections.to_string()])
            .args(["--duration", &self.seconds.to_string()])
            .arg("--script")
            .arg(&script)
            .arg(format!("http://{address}{target}"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = wrk.stdout.take().map(io::read_to_string);
        // wrk has exited now. Its CPU time can be read until it is waited for.
        let cpu_ns = cpu_ns(&wrk);
        let status = wrk.wait()?;
        fs::remove_file(&script)?;
        ensure!(status.success(), "wrk: {status}");
        let output = output.context("standard output is piped")??;
        Ok((parse(&output)?, cpu_ns?))
    }
}

/// Rejects lines that are not known: they may be errors.
fn parse(text: &str) -> Result<Measured> {
    let (mut requests, mut per_second) = (None, None);
    let (mut p50, mut p99, mut p999) = (None, None, None);
    for line in text.lines() {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["50%", value] => p50 = Some(time(value)?),
            ["99%", value] => p99 = Some(time(value)?),
            ["99.9%", value] => p999 = Some(time(value)?),
            [count, "requests", "in", _, _, "read"] => requests = Some(count.parse()?),
            ["Requests/sec:", value] => per_second = Some(value.parse()?),
            // wrk prints these lines only if there were errors.
            ["Socket", "errors:", ..] | ["Non-2xx", "or", "3xx", "responses:", _] => {
                bail!("{}", line.trim());
            }
            []
            | ["Running", _, "test", "@", _]
            | [_, "threads", "and", _, "connections"]
            | ["Thread", "Stats", "Avg", "Stdev", "Max", "+/-", "Stdev"]
            | ["Latency", "Distribution"]
            | ["Latency" | "Req/Sec", _, _, _, _]
            | ["75%" | "90%", _]
            | ["Transfer/sec:", _] => {}
            _ => bail!("wrk printed an unknown line: {line:?}"),
        }
    }
    match (requests, per_second, p50, p99, p999) {
        (Some(requests @ 1..), Some(per_second), Some(p50), Some(p99), Some(p999)) => {
            Ok(Measured {
                requests,
                per_second,
                p50,
                p99,
                p999,
            })
        }
        _ => bail!("wrk's output is incomplete: {text}"),
    }
}

/// Parses a time such as `1.50ms`.
fn time(text: &str) -> Result<f64> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let nanoseconds = match unit {
        "us" => 1e3,
        "ms" => 1e6,
        "s" => 1e9,
        "m" => 60e9,
        "h" => 3600e9,
        _ => bail!("{text:?} is not a time"),
    };
    let number: f64 = text[..text.len() - unit.len()].parse()?;
    Ok(number * nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "\
Running 2s test @ http://127.0.0.1:34567/compute?us=50
  1 threads and 50 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.05ms    1.01ms  30.12ms   81.39%
    Req/Sec    23.31k     3.46k   27.42k    65.00%
  Latency Distribution
     50%  635.00us
     75%    2.10ms
     90%    3.00ms
     99%    1.02s 
  46478 requests in 2.01s, 6.56MB read
Requests/sec:  23123.64
Transfer/sec:      3.26MB
99.9% 12043us
";

    fn with(line: &str) -> Result<Measured, String> {
        let text = GOOD.replace("Requests/sec", &format!("{line}\nRequests/sec"));
        parse(&text).map_err(|e| e.to_string())
    }

    #[test]
    fn complete_output() {
        let expected = Measured {
            requests: 46_478,
            per_second: 23_123.64,
            p50: 635e3,
            p99: 1.02e9,
            p999: 12_043e3,
        };
        assert_eq!(parse(GOOD).expect("it parses"), expected);
    }

    #[test]
    fn errors_are_failures() {
        let result = with("  Socket errors: connect 0, read 7, write 0, timeout 0");
        assert!(result.is_err_and(|e| e.contains("read 7")));
        let result = with("  Non-2xx or 3xx responses: 3");
        assert!(result.is_err_and(|e| e.contains("responses: 3")));
        assert!(with("unable to connect").is_err());
    }

    #[test]
    fn incomplete_output_is_rejected() {
        let lines = ["50%", "99%", "99.9%", "requests in", "Requests/sec"];
        for missing in lines {
            let lines = GOOD.lines().filter(|line| !line.contains(missing));
            let text: String = lines.map(|line| format!("{line}\n")).collect();
            assert!(parse(&text).is_err(), "without {missing}");
        }
        assert!(parse(&GOOD.replace("46478", "0")).is_err());
        assert!(parse("").is_err());
    }

    #[test]
    fn times() {
        assert_eq!(time("0.00us").expect("a time"), 0.0);
        assert_eq!(time("1.50m").expect("a time"), 90e9);
        assert!(time("12").is_err() && time("ms").is_err() && time("-1ms").is_err());
    }
}
