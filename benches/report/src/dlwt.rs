//! The benchmarks of dlwt: one source, linked with dlwt and with stock Lwt.

use crate::human;
use crate::program::{Measured, Program};
use crate::results::Row;
use anyhow::{Context, Result};
use regex::Regex;
use std::path::Path;

const PREFIX: &str = "dlwt_";

/// The number of processes of each program.
const PROCESSES: u32 = 7;

/// The two programs, and the names of the selected benchmarks.
#[derive(Default)]
pub struct Pair {
    programs: Option<(Program, Program)>,
    pub names: Vec<String>,
}

/// Returns the name that a benchmark of the pair has in the report.
pub fn row_name(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// Returns `true` if the row is a benchmark of dlwt.
pub fn is_row(row: &Row) -> bool {
    row.name.starts_with(PREFIX)
}

/// Compares calls into Rust with the same operations of stock Lwt. The baselines of the calls are
/// dlwt's operations, which are faster.
pub fn compare_with_stock(rows: &[Row]) -> Vec<String> {
    let named = |name: &str| rows.iter().find(|row| row.name == name);
    let pairs = [("ready_call", "bind_resolved"), ("yield_call", "wakeup")];
    let lines = pairs.into_iter().filter_map(|(call, operation)| {
        let stock = named(&row_name(operation))?.baseline.as_ref()?;
        let ratio = human::ratio(named(call)?.summary.median / stock.summary.median);
        Some(format!("{call} is {ratio} stock Lwt's {operation}"))
    });
    lines.collect()
}

impl Pair {
    /// Opens the programs. Where they were not built there are no benchmarks.
    pub fn find(dir: &Path, filter: &Regex) -> Result<Self> {
        let [ours, stock] =
            ["ours", "stock"].map(|side| dir.join("dlwt").join(side).join("micro.exe"));
        if !ours.exists() || !stock.exists() {
            return Ok(Pair::default());
        }
        let all = Regex::new("")?;
        let (ours, stock) = (Program::open(ours, &all)?, Program::open(stock, &all)?);
        let names = ours
            .names
            .iter()
            .filter(|name| filter.is_match(&row_name(name)));
        Ok(Pair {
            names: names.cloned().collect(),
            programs: Some((ours, stock)),
        })
    }

    /// Runs processes of both programs in turn. Only the fastest round of each process counts,
    /// the one that was disturbed least: rounds of two processes cannot be paired.
    pub fn measure(&self, name: &str, quick: bool) -> Result<Measured> {
        let (ours, stock) = self
            .programs
            .as_ref()
            .context("dlwt's benchmarks are not built")?;
        let mut measured = Measured {
            name: row_name(name),
            unit: String::new(),
            micro: false,
            samples: Vec::new(),
            baseline: Some("stock".to_owned()),
            baseline_samples: Vec::new(),
        };
        for i in 0..if quick { 1 } else { PROCESSES } {
            let measure = |program: &Program| program.measure(name, quick);
            // The order alternates, so that neither always has the advantage.
            let (ours, stock) = if i % 2 == 0 {
                let ours = measure(ours)?;
                (ours, measure(stock)?)
            } else {
                let stock = measure(stock)?;
                (measure(ours)?, stock)
            };
            measured.unit = ours.unit;
            measured.samples.push(fastest(&ours.samples));
            measured.baseline_samples.push(fastest(&stock.samples));
        }
        Ok(measured)
    }
}

fn fastest(samples: &[f64]) -> f64 {
    samples.iter().copied().fold(f64::INFINITY, f64::min)
}
