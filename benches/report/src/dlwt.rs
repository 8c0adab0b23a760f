//! dlwt beside stock Lwt: the same benchmarks, linked with each.

use crate::human;
use crate::program::{Measured, Program};
use crate::results::Row;
use crate::stats::least;
use regex::Regex;
use std::error::Error;
use std::path::Path;

/// How many processes of each.
const PAIRS: u32 = 7;

/// The two programs, and the benchmarks of theirs that are wanted.
#[derive(Default)]
pub struct Pairs {
    programs: Option<(Program, Program)>,
    pub names: Vec<String>,
}

/// What a benchmark of the two is called in the report.
pub fn row_name(name: &str) -> String {
    format!("dlwt_{name}")
}

/// Calls into Rust beside the same operations of stock Lwt, which is slower than dlwt, the floor
/// that the table has.
pub fn beside_stock(rows: &[Row]) -> Vec<String> {
    let named = |name: &str| rows.iter().find(|row| row.name == name);
    let pairs = [("ready_call", "bind_resolved"), ("yield_call", "wakeup")];
    let lines = pairs.into_iter().filter_map(|(call, operation)| {
        let stock = named(&row_name(operation))?.floor.as_ref()?.spread.median;
        let ratio = human::ratio(named(call)?.spread.median / stock);
        Some(format!("{call} is {ratio} stock Lwt's {operation}"))
    });
    lines.collect()
}

impl Pairs {
    /// Nothing if they were not built.
    pub fn find(dir: &Path, filter: &Regex) -> Result<Self, Box<dyn Error>> {
        let [ours, stock] =
            ["ours", "stock"].map(|side| dir.join("dlwt").join(side).join("micro.exe"));
        if !ours.exists() || !stock.exists() {
            return Ok(Pairs::default());
        }
        let all = Regex::new("")?;
        let (ours, stock) = (Program::open(ours, &all)?, Program::open(stock, &all)?);
        let names = ours
            .names
            .iter()
            .filter(|name| filter.is_match(&row_name(name)));
        Ok(Pairs {
            names: names.cloned().collect(),
            programs: Some((ours, stock)),
        })
    }

    /// One process of each, in turn. Of each only the fastest round counts, which was disturbed
    /// least: the two cannot be measured within one process, so their rounds are no pairs.
    pub fn measure(&self, name: &str, quick: bool) -> Result<Measured, Box<dyn Error>> {
        let (ours, stock) = self
            .programs
            .as_ref()
            .ok_or("dlwt's benchmarks are not built")?;
        let mut pairs = Vec::new();
        let mut unit = String::new();
        for i in 0..if quick { 1 } else { PAIRS } {
            // Neither is always the one that comes first.
            let measure = |program: &Program| program.measure(name, quick);
            let (ours, stock) = if i % 2 == 0 {
                let ours = measure(ours)?;
                (ours, measure(stock)?)
            } else {
                let stock = measure(stock)?;
                (measure(ours)?, stock)
            };
            unit = ours.unit;
            pairs.push((least(&ours.samples), least(&stock.samples)));
        }
        let (samples, floor_samples) = pairs.into_iter().unzip();
        Ok(Measured {
            name: row_name(name),
            unit,
            micro: false,
            samples,
            floor: Some("stock".to_owned()),
            floor_samples,
        })
    }
}
