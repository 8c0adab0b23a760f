//! The results on a terminal.

use super::server::NAMES;
use super::{HANDLERS, Handler, METRICS, Metric, find};
use crate::results::Results;
use crate::{human, table};

pub fn table(results: &Results) -> String {
    let mut rows = vec![headings()];
    for handler in &HANDLERS {
        rows.push(vec![format!("GET {}", handler.target)]);
        let servers = NAMES.into_iter();
        rows.extend(servers.filter_map(|(name, label)| cells(results, handler, name, label)));
    }
    let mut numbers = vec![true; rows[0].len()];
    numbers[0] = false;
    numbers[rows[0].len() - 1] = false;
    let mut text = human::columns(&numbers, &rows);
    text += "\nMedians of the rounds, and of their ratios to the server that has none. No request failed.\n";
    text += &table::notes(results);
    text
}

fn headings() -> Vec<String> {
    let metrics = METRICS.iter().flat_map(|metric| [metric.heading, "ratio"]);
    let all = [""].into_iter().chain(metrics).chain(["targets"]);
    all.map(str::to_owned).collect()
}

/// Nothing where the server was not measured.
fn cells(results: &Results, handler: &Handler, server: &str, label: &str) -> Option<Vec<String>> {
    let mut cells = vec![format!("  {label}")];
    let mut targets = Vec::new();
    for Metric { name, heading, .. } in METRICS {
        let row = find(results, handler, server, name)?;
        cells.push(human::figure(row.spread.median, &row.unit));
        cells.push(row.ratio.map(human::ratio).unwrap_or_default());
        targets.extend(table::verdicts(row).map(|verdict| format!("{heading} {verdict}")));
    }
    cells.push(targets.join(", "));
    Some(cells)
}
