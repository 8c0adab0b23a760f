//! Runs the benchmarks and reports what they measured: a table, JSON, and a chart.

mod compare;
mod dlwt;
mod growth;
mod http;
mod human;
mod instructions;
mod lines;
mod machine;
mod program;
mod report;
mod results;
mod stats;
mod svg;
mod table;
mod targets;

use clap::{Parser, Subcommand};
use program::{Measured, Program};
use regex::Regex;
use report::Report;
use results::{Results, Row};
use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs the benchmarks and reports what they measured.
///
/// Each figure is taken beside its floor, a native operation that the same process measures in
/// turn with it, and is reported as a ratio: machines drift, ratios less.
#[derive(Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Options {
    #[command(subcommand)]
    other: Option<Other>,

    /// Run only the benchmarks whose names match
    #[arg(long, value_name = "REGEX", default_value = "")]
    filter: Regex,

    /// Measure how costs grow instead, and draw it: growth.json, and charts in growth/
    #[arg(long)]
    growth: bool,

    /// Print the change against the results of an earlier run
    #[arg(long, value_name = "FILE")]
    compare: Option<PathBuf>,

    /// Only see that the benchmarks work; the figures mean nothing
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

    /// How many processes run each benchmark: 3, or 1 with --growth
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    processes: Option<u32>,

    /// Where results.json and results.svg go
    #[arg(long, value_name = "DIR", default_value = "target/bench")]
    out: PathBuf,

    /// Where dune has built the programs
    #[arg(long, value_name = "DIR", default_value = "_build/default/benches")]
    programs: PathBuf,
}

/// What is measured instead of the benchmarks.
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
    match outcome {
        Ok(code) => code,
        Err(e) => {
            eprintln!("bench: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    let name = if options.growth { "growth" } else { "results" };
    let report = Report::new(
        options.out.join(name),
        options.compare.as_deref(),
        options.check,
    )?;
    let (programs, pairs) = if options.growth {
        let growth = options.programs.join("ocaml/growth.exe");
        let program = Program::open(growth, &options.filter)?;
        (vec![program], dlwt::Pairs::default())
    } else {
        let programs = Program::all(&options.programs, &options.filter)?;
        let pairs = dlwt::Pairs::find(&options.programs, &options.filter)?;
        (programs, pairs)
    };
    if options.list {
        for name in programs.iter().flat_map(|p| &p.names) {
            println!("{name}");
        }
        for name in &pairs.names {
            println!("{}", dlwt::row_name(name));
        }
        return Ok(ExitCode::SUCCESS);
    }

    let mut rows = measure(options, &programs)?;
    rows.extend(measure_pairs(options, &pairs)?);
    if rows.is_empty() {
        return Err(format!("no benchmark matches {:?}", options.filter.as_str()).into());
    }
    let results = Results {
        quick: options.quick,
        machine: machine::machine(),
        versions: machine::versions(),
        results: rows,
    };

    let draw = if options.growth {
        growth::draw
    } else {
        svg::draw
    };
    report.finish(&results, table::table, draw)
}

/// Each benchmark has its turn in each round of processes, so that none has all of its
/// samples from a bad minute.
fn measure(options: &Options, programs: &[Program]) -> Result<Vec<Row>, Box<dyn Error>> {
    let all: Vec<_> = programs
        .iter()
        .flat_map(|program| program.names.iter().map(move |name| (program, name)))
        .collect();
    let once = options.quick || options.growth;
    let processes = options.processes.unwrap_or(if once { 1 } else { 3 });
    let mut progress = Progress::new(all.len() * processes as usize);
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
    let measured: Vec<_> = measured.into_iter().flatten().collect();

    let mut rows: Vec<_> = measured.iter().map(Row::new).collect();
    if !options.quick && !options.no_instructions {
        if let Some(counter) = instructions::Counter::find() {
            let micro = measured.iter().filter(|m| m.micro).count();
            let mut progress = Progress::new(micro);
            for ((row, measured), (program, name)) in rows.iter_mut().zip(&measured).zip(&all) {
                if measured.micro {
                    progress.next(&format!("instructions of {name}"));
                    row.instructions = counter.per_operation(program, name);
                }
            }
        } else {
            eprintln!("bench: neither perf nor valgrind works here to count instructions");
        }
    }
    Ok(rows)
}

fn measure_pairs(options: &Options, pairs: &dlwt::Pairs) -> Result<Vec<Row>, Box<dyn Error>> {
    let mut progress = Progress::new(pairs.names.len());
    let mut rows = Vec::new();
    for name in &pairs.names {
        progress.next(&dlwt::row_name(name));
        rows.push(Row::new(&pairs.measure(name, options.quick)?));
    }
    Ok(rows)
}

/// Says on the terminal what is going on.
struct Progress {
    done: usize,
    all: usize,
}

impl Progress {
    fn new(all: usize) -> Self {
        Progress { done: 0, all }
    }

    fn next(&mut self, what: &str) {
        self.done += 1;
        let mut to = io::stderr();
        if to.is_terminal() {
            // Over the line before, of which nothing stays.
            let _ = write!(to, "\r\x1b[K{}/{} {what}", self.done, self.all);
            let _ = to.flush();
        } else {
            let _ = writeln!(to, "{}/{} {what}", self.done, self.all);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if io::stderr().is_terminal() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
