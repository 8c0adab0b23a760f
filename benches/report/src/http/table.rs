//! The results as a table.

use super::cases::{HANDLERS, Handler, METRICS, SERVERS, rows};
use crate::columns::{
    self,
    Align::{Number, Text},
};
use crate::results::Results;
use crate::{human, table};

pub fn table(results: &Results) -> String {
    let metrics = METRICS.iter().flat_map(|m| [m.heading, "ratio"]);
    let columns: Vec<_> = [("server", Text)]
        .into_iter()
        .chain(metrics.map(|heading| (heading, Number)))
        .chain([("target", Text)])
        .collect();
    let mut table = columns::table(&columns);
    for handler in &HANDLERS {
        table.add_row([format!("GET {}", handler.target)]);
        let servers = SERVERS.into_iter();
        table.add_rows(servers.filter_map(|(name, label)| cells(results, handler, name, label)));
    }
    table.trim_fmt()
        + "\n\nMedians of the rounds, and of their ratios to the server that has none. CPU times are \
           for one request. No request failed.\n"
        + &table::notes(results)
}

fn cells(results: &Results, handler: &Handler, server: &str, label: &str) -> Option<Vec<String>> {
    let mut cells = vec![format!("  {label}")];
    let mut targets = Vec::new();
    for (row, metric) in rows(results, handler, server)?.into_iter().zip(&METRICS) {
        cells.push(human::metric(row.summary.median, &row.unit));
        cells.push(row.ratio.map(human::ratio).unwrap_or_default());
        targets.extend(table::verdicts(row).map(|verdict| format!("{} {verdict}", metric.heading)));
    }
    cells.push(targets.join(", "));
    Some(cells)
}
