//! The results on a terminal.

use crate::results::{Results, Row};
use crate::{dlwt, human};
use std::collections::BTreeMap;

const HEADINGS: [&str; 9] = [
    "", "median", "min", "max", "ratio", "floor", "", "instr.", "target",
];

pub fn table(results: &Results) -> String {
    let mut rows = vec![HEADINGS.map(str::to_owned).to_vec()];
    rows.extend(results.results.iter().map(cells));
    let numbers = [false, true, true, true, true, true, false, true, false];
    let mut text = human::columns(&numbers, &rows);
    for line in dlwt::beside_stock(&results.results) {
        text += &format!("\n{line}");
    }
    text += "\n";
    text += &notes(results);
    text
}

/// Where the results come from.
pub fn notes(results: &Results) -> String {
    let mut text = format!("{}\n{}\n", list(&results.machine), list(&results.versions));
    if results.quick {
        text += "A quick run: the figures mean nothing.\n";
    }
    text
}

/// Targets, and whether they are met.
pub fn verdicts(row: &Row) -> impl Iterator<Item = String> {
    row.target.iter().map(|verdict| {
        let met = if verdict.met { "met" } else { "MISSED" };
        format!("{} {met}", verdict.target)
    })
}

fn cells(row: &Row) -> Vec<String> {
    let figure = |value| human::figure(value, &row.unit);
    let floor = row.floor.as_ref();
    vec![
        row.name.clone(),
        figure(row.spread.median),
        figure(row.spread.min),
        figure(row.spread.max),
        row.ratio.map(human::ratio).unwrap_or_default(),
        floor.map(|f| figure(f.spread.median)).unwrap_or_default(),
        floor.map(|f| f.name.clone()).unwrap_or_default(),
        row.instructions
            .map(|n| format!("{n:.0}"))
            .unwrap_or_default(),
        verdicts(row).collect::<Vec<_>>().join(", "),
    ]
}

/// Names and values in a line.
pub fn list(values: &BTreeMap<String, String>) -> String {
    let values = values.iter().map(|(name, value)| format!("{name} {value}"));
    values.collect::<Vec<_>>().join(", ")
}
