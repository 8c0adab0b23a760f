//! `make bench-http`: the example web server, and servers of Lwt alone and of hyper alone, under the same load.

mod cases;
mod chart;
mod server;
mod table;
mod wrk;

use crate::machine;
use crate::program::Measured;
use crate::progress::Progress;
use crate::report::Report;
use crate::results::{Results, Row};
use anyhow::{Context, Result};
use cases::{HANDLERS, Handler, METRICS, Metric, Sample};
use clap::Args;
use server::{Running, Server};
use std::path::PathBuf;
use std::process::ExitCode;
use wrk::Load;

/// Compares the example web server with others.
///
/// Every round starts a process of each server, and measures each of its handlers. A ratio is the
/// median of the rounds' ratios to cohttp or, where that is not installed, to the plain Lwt server.
#[derive(Args)]
pub struct Options {
    /// How long each handler of a server is measured in a round
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,

    /// The number of rounds
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// The number of connections, each with one request at a time
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,

    /// Print the change since an earlier run, given its results.json
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,

    /// Only check that it runs, in one round of a second; the numbers mean nothing
    #[arg(long, conflicts_with_all = ["seconds", "rounds"])]
    quick: bool,

    /// Fail if a target is missed
    #[arg(long)]
    check: bool,

    /// The directory for results.json and results.svg
    #[arg(long, value_name = "DIR", default_value = "target/bench/http")]
    out: PathBuf,

    /// The directory where dune has built the servers
    #[arg(long, value_name = "DIR", default_value = "_build/default")]
    build: PathBuf,

    /// The directory where cargo has built the servers
    #[arg(long, value_name = "DIR", default_value = "target/release")]
    programs: PathBuf,

    /// The directory with the servers of cohttp: stock.exe, and dlwt.exe, which is rebuilt with dlwt
    #[arg(long, value_name = "DIR", default_value = "target/cohttp")]
    cohttp: PathBuf,
}

pub fn run(options: &Options) -> Result<ExitCode> {
    let Some(version) = wrk::version()? else {
        eprintln!("bench: wrk is missing, which loads the servers: apt-get install wrk");
        return Ok(ExitCode::from(2));
    };
    let out = options.out.join("results");
    let report = Report::new(out, options.compare.as_deref(), options.check)?;
    let rows = measure(options)?;
    let mut versions = machine::versions();
    versions.insert("wrk".to_owned(), version);
    let results = Results {
        quick: options.quick,
        machine: machine::machine(),
        versions,
        results: rows,
    };
    report.finish(results, table::table, chart::draw)
}

fn measure(options: &Options) -> Result<Vec<Row>> {
    let (rounds, seconds) = if options.quick {
        (1, 1)
    } else {
        (options.rounds, options.seconds)
    };
    let load = Load {
        connections: options.connections,
        seconds,
    };
    let servers = server::all(&options.build, &options.programs, &options.cohttp)?;
    let progress = Progress::new(rounds as usize * servers.len());
    let mut samples = vec![vec![Vec::new(); HANDLERS.len()]; servers.len()];
    for round in 0..rounds as usize {
        for place in 0..servers.len() {
            // Each round starts with another server, so that none always has the advantage.
            let index = (round + place) % servers.len();
            progress.next(servers[index].label);
            let new = measure_server(&servers[index], &load)?;
            for (samples, sample) in samples[index].iter_mut().zip(new) {
                samples.push(sample);
            }
        }
    }

    let mut rows = Vec::new();
    let baseline = server::baseline(&servers);
    for (at, handler) in HANDLERS.iter().enumerate() {
        for (index, (server, own)) in servers.iter().zip(&samples).enumerate() {
            let beside = (servers[baseline].name, samples[baseline][at].as_slice());
            let baseline = (index != baseline).then_some(beside);
            rows.extend(rows_of(handler, server, &own[at], baseline));
        }
    }
    Ok(rows)
}

/// Starts a process of the server, and takes one sample of each handler.
fn measure_server(server: &Server, load: &Load) -> Result<[Sample; HANDLERS.len()]> {
    let running = server.start()?;
    let warm_up = Load {
        seconds: 1,
        ..*load
    };
    let mut samples = [Sample::default(); HANDLERS.len()];
    for (sample, handler) in samples.iter_mut().zip(&HANDLERS) {
        *sample = warm_up
            .run(&running.address, handler.target)
            .and_then(|_| measure_handler(&running, load, handler))
            .with_context(|| format!("{}, {}", server.label, handler.target))?;
    }
    running.stop()?;
    Ok(samples)
}

fn measure_handler(running: &Running, load: &Load, handler: &Handler) -> Result<Sample> {
    let before = running.cpu_ns()?;
    let (measured, wrk) = load.run(&running.address, handler.target)?;
    let cpu = running.cpu_ns()? - before;
    let per_request = |time: f64| time / measured.requests as f64;
    Ok([
        measured.per_second,
        measured.p50,
        measured.p99,
        measured.p999,
        per_request(cpu),
        per_request(wrk),
    ])
}

fn rows_of(
    handler: &Handler,
    server: &Server,
    samples: &[Sample],
    baseline: Option<(&str, &[Sample])>,
) -> Vec<Row> {
    let row = |(index, metric): (usize, &Metric)| {
        let column = |samples: &[Sample]| samples.iter().map(|sample| sample[index]).collect();
        Row::new(&Measured {
            name: cases::row_name(handler.name, server.name, metric.name),
            unit: metric.unit.to_owned(),
            micro: false,
            samples: column(samples),
            baseline: baseline.map(|(name, _)| name.to_owned()),
            baseline_samples: baseline
                .map(|(_, samples)| column(samples))
                .unwrap_or_default(),
        })
    };
    METRICS.iter().enumerate().map(row).collect()
}
