//! Our web server beside others that do the same with Lwt alone, under the same load.

mod chart;
mod server;
mod table;
mod wrk;

use crate::program::Measured;
use crate::report::Report;
use crate::results::{Results, Row};
use crate::{Progress, machine};
use clap::Args;
use server::{Running, Server};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use wrk::Load;

/// Measures our web server beside others.
///
/// The servers take turns, each in a process of its own, and so do the handlers. A ratio is the
/// median of the rounds' ratios to cohttp's or, where that is not installed, the plain Lwt server.
#[derive(Args)]
pub struct Options {
    /// How long a server is measured in each round
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    seconds: u32,

    /// How many rounds there are
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// How many connections ask, each one thing at a time
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,

    /// Print the change against the results of an earlier run
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,

    /// Only see that it works, in one round of a second; the figures mean nothing
    #[arg(long, conflicts_with_all = ["seconds", "rounds"])]
    quick: bool,

    /// Fail if a target is missed
    #[arg(long)]
    check: bool,

    /// Where results.json and results.svg go
    #[arg(long, value_name = "DIR", default_value = "target/bench/http")]
    out: PathBuf,

    /// Where dune has built the servers
    #[arg(long, value_name = "DIR", default_value = "_build/default")]
    build: PathBuf,
}

/// What a server is asked for.
struct Handler {
    name: &'static str,
    target: &'static str,
}

const HANDLERS: [Handler; 2] = [
    Handler {
        name: "hello",
        target: "/",
    },
    Handler {
        name: "compute",
        target: "/compute?us=50",
    },
];

/// What is measured of a server and a handler.
struct Metric {
    name: &'static str,
    unit: &'static str,
    heading: &'static str,
}

const METRICS: [Metric; 5] = [
    Metric {
        name: "requests",
        unit: "/s",
        heading: "requests",
    },
    Metric {
        name: "p50",
        unit: "ns",
        heading: "p50",
    },
    Metric {
        name: "p99",
        unit: "ns",
        heading: "p99",
    },
    Metric {
        name: "cpu",
        unit: "ns",
        heading: "CPU of each",
    },
    // Where the two together need all cores, no server can be faster.
    Metric {
        name: "wrk",
        unit: "ns",
        heading: "and wrk's",
    },
];

/// A figure for each of the metrics.
type Figures = [f64; METRICS.len()];

fn row_name(handler: &str, server: &str, metric: &str) -> String {
    format!("http_{handler}_{server}_{metric}")
}

/// A row of the results.
fn find<'a>(
    results: &'a Results,
    handler: &Handler,
    server: &str,
    metric: &str,
) -> Option<&'a Row> {
    let name = row_name(handler.name, server, metric);
    results.results.iter().find(|row| row.name == name)
}

pub fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let Some(version) = wrk::version()? else {
        eprintln!("bench: wrk is not here, which asks the servers: apt-get install wrk");
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
    report.finish(&results, table::table, chart::draw)
}

fn measure(options: &Options) -> Result<Vec<Row>, Box<dyn Error>> {
    let (rounds, seconds) = if options.quick {
        (1, 1)
    } else {
        (options.rounds, options.seconds)
    };
    let load = Load {
        connections: options.connections,
        seconds,
    };
    let servers = server::all(&options.build)?;
    let mut progress = Progress::new(rounds as usize * servers.len());
    let mut samples = vec![vec![Vec::new(); HANDLERS.len()]; servers.len()];
    for round in 0..rounds as usize {
        for place in 0..servers.len() {
            // None is always the one that comes first.
            let index = (round + place) % servers.len();
            progress.next(servers[index].label);
            let figures = measure_once(&servers[index], &load)?;
            for (samples, figures) in samples[index].iter_mut().zip(figures) {
                samples.push(figures);
            }
        }
    }

    let mut rows = Vec::new();
    let floor = server::floor(&servers);
    let floors = &samples[floor];
    for (at, handler) in HANDLERS.iter().enumerate() {
        for (index, (server, samples)) in servers.iter().zip(&samples).enumerate() {
            let floor = (index != floor).then_some((servers[floor].name, floors[at].as_slice()));
            rows.extend(rows_of(handler, server, &samples[at], floor));
        }
    }
    Ok(rows)
}

/// A process of the server, and what it does for each handler.
fn measure_once(server: &Server, load: &Load) -> Result<[Figures; HANDLERS.len()], Box<dyn Error>> {
    let running = server.start()?;
    let warm_up = Load {
        seconds: 1,
        ..*load
    };
    let mut figures = [Figures::default(); HANDLERS.len()];
    for (figures, handler) in figures.iter_mut().zip(&HANDLERS) {
        *figures = warm_up
            .run(&running.address, handler.target)
            .and_then(|_| measure_handler(&running, load, handler))
            .map_err(|e| format!("{}, {}: {e}", server.label, handler.target))?;
    }
    running.stop()?;
    Ok(figures)
}

fn measure_handler(
    running: &Running,
    load: &Load,
    handler: &Handler,
) -> Result<Figures, Box<dyn Error>> {
    let before = running.cpu_ns()?;
    let (measured, wrk) = load.run(&running.address, handler.target)?;
    let cpu = running.cpu_ns()? - before;
    let of_each = |time: f64| time / measured.requests as f64;
    Ok([
        measured.per_second,
        measured.p50,
        measured.p99,
        of_each(cpu),
        of_each(wrk),
    ])
}

fn rows_of(
    handler: &Handler,
    server: &Server,
    samples: &[Figures],
    floor: Option<(&str, &[Figures])>,
) -> Vec<Row> {
    let row = |(index, metric): (usize, &Metric)| {
        let of = |figures: &[Figures]| figures.iter().map(|f| f[index]).collect();
        Row::new(&Measured {
            name: row_name(handler.name, server.name, metric.name),
            unit: metric.unit.to_owned(),
            micro: false,
            samples: of(samples),
            floor: floor.map(|(name, _)| name.to_owned()),
            floor_samples: floor.map(|(_, floor)| of(floor)).unwrap_or_default(),
        })
    };
    METRICS.iter().enumerate().map(row).collect()
}
