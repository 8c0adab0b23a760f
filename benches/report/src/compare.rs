//! The change between two runs, as a table.

use crate::columns::{
    self,
    Align::{Number, Text},
};
use crate::human;
use crate::results::{Results, Row};

/// Compares the benchmarks that are in both runs. Between runs, ratios are more reliable than
/// medians, and instructions more than both.
pub fn table(before: &Results, now: &Results) -> String {
    let mut table = columns::table(&[
        ("benchmark", Text),
        ("before", Number),
        ("now", Number),
        ("change", Number),
        ("ratio before", Number),
        ("now", Number),
        ("change", Number),
        ("instr. before", Number),
        ("now", Number),
        ("change", Number),
    ]);
    for new in &now.results {
        if let Some(old) = before.results.iter().find(|old| old.name == new.name) {
            table.add_row(cells(old, new));
        }
    }
    table.trim_fmt() + "\n"
}

fn cells(old: &Row, new: &Row) -> Vec<String> {
    let change = |old: Option<f64>, new: Option<f64>, format: &dyn Fn(f64) -> String| {
        old.zip(new)
            .map(|(old, new)| [format(old), format(new), human::change(old, new)])
            .unwrap_or_default()
    };
    let metric = |value| human::metric(value, &new.unit);
    let (before, now) = (old.summary.median, new.summary.median);
    let mut cells = vec![new.name.clone()];
    cells.extend(change(Some(before), Some(now), &metric));
    cells.extend(change(old.ratio, new.ratio, &human::ratio));
    cells.extend(change(old.instructions, new.instructions, &|n| {
        format!("{n:.0}")
    }));
    cells
}
