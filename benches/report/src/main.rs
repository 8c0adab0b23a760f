//! Runs the benchmarks and reports the results: a table, JSON, and a chart.

mod chart;
mod columns;
mod compare;
mod dlwt;
mod growth;
mod http;
mod human;
mod instructions;
mod lines;
mod machine;
mod overview;
mod program;
mod progress;
mod report;
mod results;
mod stats;
mod table;
mod targets;

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand};
use program::{Measured, Program};
use progress::Progress;
use regex::Regex;
use report::Report;
use results::{Results, Row};
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs the benchmarks and reports the results.
///
/// Most benchmarks have a baseline, a native operation that the same process measures in turn with
/// them. The ratio to the baseline drifts less with the machine than the time does.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Options {
    #[command(subcommand)]
    other: Option<Other>,

    /// Run only the benchmarks whose names match
    #[arg(long, value_name = "REGEX", default_value = "")]
    filter: Regex,

    /// Measure how costs grow instead: writes growth.json, and charts in growth/
    #[arg(long)]
    growth: bool,

    /// Print the change since an earlier run, given its results.json
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,

    /// Only check that the benchmarks run; the numbers mean nothing
    #[arg(long)]
    quick: bool,

    /// Do not count instructions, which takes about half of the time
    #[arg(long)]
    no_instructions: bool,

    /// Fail if a target is missed
    #[arg(long)]
    check: bool,

    /// Print the names of the benchmarks, and run none
    #[arg(long)]
    list: bool,

    /// The number of processes that run each benchmark [default: 3, or 1 with --growth]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    processes: Option<u32>,

    /// The directory for results.json and results.svg
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    out: PathBuf,

    /// The directory where dune has built the programs
    #[arg(long, value_name = "DIR", default_value = "_build/default/benches")]
    programs: PathBuf,
}

/// Other measurements.
#[derive(Subcommand)]
enum Other {
    Http(http::Options),
}

fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match &options.other {
        Some(Other::Http(options)) => http::run(options),
        None => run(&options),
    };
    outcome.unwrap_or_else(|e| {
        eprintln!("bench: {e:#}");
        ExitCode::FAILURE
    })
}

fn run(options: &Options) -> Result<ExitCode> {
    let name = if options.growth { "growth" } else { "results" };
    let report = Report::new(
        options.out.join(name),
        options.compare.as_deref(),
        options.check,
    )?;
    let (programs, pair) = if options.growth {
        let growth = options.programs.join("ocaml/growth.exe");
        let program = Program::open(growth, &options.filter)?;
        (vec![program], dlwt::Pair::default())
    } else {
        let programs = Program::all(&options.programs, &options.filter)?;
        let pair = dlwt::Pair::find(&options.programs, &options.filter)?;
        (programs, pair)
    };
    if options.list {
        for name in programs.iter().flat_map(|p| &p.names) {
            println!("{name}");
        }
        for name in &pair.names {
            println!("{}", dlwt::row_name(name));
        }
        return Ok(ExitCode::SUCCESS);
    }

    let mut rows = measure(options, &programs)?;
    rows.extend(measure_pair(options, &pair)?);
    ensure!(
        !rows.is_empty(),
        "no benchmark matches {:?}; --list prints their names",
        options.filter.as_str()
    );
    let results = Results {
        quick: options.quick,
        machine: machine::machine(),
        versions: machine::versions(),
        results: rows,
    };

    let draw = if options.growth {
        growth::draw
    } else {
        overview::draw
    };
    report.finish(results, table::table, draw)
}

/// Runs one process of each benchmark after the other, several times, so that a busy minute of the
/// machine cannot spoil all samples of one benchmark.
fn measure(options: &Options, programs: &[Program]) -> Result<Vec<Row>> {
    let all: Vec<_> = programs
        .iter()
        .flat_map(|program| program.names.iter().map(move |name| (program, name)))
        .collect();
    let once = options.quick || options.growth;
    let processes = options.processes.unwrap_or(if once { 1 } else { 3 });
    let progress = Progress::new(all.len() * processes as usize);
    let mut measured: Vec<Option<Measured>> = vec![None; all.len()];
    for _ in 0..processes {
        for (so_far, (program, name)) in measured.iter_mut().zip(&all) {
            progress.next(name);
            let new = program.measure(name, options.quick)?;
            match so_far {
                Some(so_far) => so_far.extend(new),
                None => *so_far = Some(new),
            }
        }
    }
    drop(progress);
    let measured: Vec<_> = measured.into_iter().flatten().collect();

    let mut rows: Vec<_> = measured.iter().map(Row::new).collect();
    let micro = measured.iter().filter(|m| m.micro).count();
    if micro > 0 && !options.quick && !options.no_instructions {
        if let Some(counter) = instructions::Counter::find() {
            let progress = Progress::new(micro);
            for ((row, measured), (program, name)) in rows.iter_mut().zip(&measured).zip(&all) {
                if measured.micro {
                    progress.next(&format!("instructions of {name}"));
                    row.instructions = counter.per_operation(program, name);
                }
            }
        } else {
            eprintln!("bench: instructions are not counted: neither perf nor valgrind works here");
        }
    }
    Ok(rows)
}

fn measure_pair(options: &Options, pair: &dlwt::Pair) -> Result<Vec<Row>> {
    let progress = Progress::new(pair.names.len());
    let rows = pair.names.iter().map(|name| {
        progress.next(&dlwt::row_name(name));
        Ok(Row::new(&pair.measure(name, options.quick)?))
    });
    rows.collect()
}
