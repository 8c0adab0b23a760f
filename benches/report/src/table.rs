//! The results as a table.

use crate::columns::{
    self,
    Align::{Number, Text},
};
use crate::results::{Results, Row};
use crate::{dlwt, human};
use std::collections::BTreeMap;

pub fn table(results: &Results) -> String {
    let mut table = columns::table(&[
        ("benchmark", Text),
        ("median", Number),
        ("min", Number),
        ("max", Number),
        ("instr.", Number),
        ("ratio", Number),
        ("baseline", Number),
        ("", Text),
        ("target", Text),
    ]);
    table.add_rows(results.results.iter().map(cells));
    let mut text = table.trim_fmt() + "\n\n";
    for line in dlwt::compare_with_stock(&results.results) {
        text += &format!("{line}\n");
    }
    text + &notes(results)
}

/// Describes where the results were measured, and how.
pub fn notes(results: &Results) -> String {
    let mut text = format!("{}\n{}\n", list(&results.machine), list(&results.versions));
    if results.quick {
        text += "A quick run: the numbers mean nothing.\n";
    }
    text
}

/// Returns the targets of a row, each with `met` or `MISSED`.
pub fn verdicts(row: &Row) -> impl Iterator<Item = String> {
    row.target.iter().map(|verdict| {
        let met = if verdict.met { "met" } else { "MISSED" };
        format!("{} {met}", verdict.target)
    })
}

fn cells(row: &Row) -> [String; 9] {
    let metric = |value| human::metric(value, &row.unit);
    let instructions = row.instructions.map(|n| format!("{n:.0}"));
    let (baseline, name) = row.baseline.as_ref().map_or_else(Default::default, |b| {
        (metric(b.summary.median), b.name.clone())
    });
    [
        row.name.clone(),
        metric(row.summary.median),
        metric(row.summary.min),
        metric(row.summary.max),
        instructions.unwrap_or_default(),
        row.ratio.map(human::ratio).unwrap_or_default(),
        baseline,
        name,
        verdicts(row).collect::<Vec<_>>().join(", "),
    ]
}

fn list(values: &BTreeMap<String, String>) -> String {
    let values = values.iter().map(|(name, value)| format!("{name} {value}"));
    values.collect::<Vec<_>>().join(", ")
}
