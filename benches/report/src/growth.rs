//! How costs grow: the benchmarks whose names are a curve's and a place, drawn as lines.

use crate::lines::{self, Chart, Line, Point};
use crate::results::Results;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// What is drawn together.
struct Plan {
    file: &'static str,
    title: &'static str,
    /// What grows.
    axis: &'static str,
    /// The curves, and what is written beside them.
    curves: &'static [(&'static str, &'static str)],
}

const PLANS: &[Plan] = &[
    Plan {
        file: "pending-calls",
        title: "Time, with so many calls pending",
        axis: "calls pending",
        curves: &[
            (
                "pending_minor_collection",
                "minor collection, nothing to collect",
            ),
            ("in_flight_yield", "a call that yields, all of them"),
            ("pending_yield", "a call that yields, the others wait"),
        ],
    },
    Plan {
        file: "pending-bytes",
        title: "Memory of a pending call",
        axis: "calls pending",
        curves: &[("pending_bytes", "OCaml and Rust")],
    },
    Plan {
        file: "descriptors",
        title: "Time, with so many descriptors watched",
        axis: "descriptors watched, on which nothing happens",
        curves: &[
            ("descriptors_byte", "a byte through a pipe"),
            ("descriptors_spawn_on", "work on another domain, and back"),
            ("descriptors_iteration", "iteration of the loop"),
        ],
    },
    Plan {
        file: "idle-domains",
        title: "Time, with so many other domains asleep",
        axis: "domains asleep",
        curves: &[
            ("idle_spawn_on_1", "work on another domain, one at a time"),
            ("idle_spawn_on_1000", "the same, 1000 in flight"),
            ("idle_yield_call", "call that yields"),
            ("idle_ready_call", "call that is ready"),
        ],
    },
    Plan {
        file: "collections",
        title: "Minor collection with nothing to collect",
        axis: "other domains",
        curves: &[
            ("busy_minor_collection", "they compute"),
            ("idle_minor_collection", "they sleep"),
        ],
    },
    Plan {
        file: "busy-domains",
        title: "Handlers of 50 µs a second, all domains together",
        axis: "domains asleep beside the busy ones",
        curves: &[
            ("idle_busy_2", "2 busy domains"),
            ("idle_busy_1", "1 busy domain"),
        ],
    },
    Plan {
        file: "minor-heap",
        title: "Handlers of 50 µs a second, all domains together",
        axis: "1024 words of each busy domain's minor heap",
        curves: &[
            ("minor_heap_busy_2", "2 busy domains"),
            ("minor_heap_busy_1", "1 busy domain"),
        ],
    },
    Plan {
        file: "in-flight",
        title: "Work on another domain, and back",
        axis: "in flight at once",
        curves: &[
            ("spawn_on_99", "delay, 99 of 100 are faster"),
            ("spawn_on_median", "delay, median"),
            ("spawn_on", "time for each"),
        ],
    },
    Plan {
        file: "channel",
        title: "Messages through a channel to another domain",
        axis: "capacity of the channel",
        curves: &[
            ("channel_99", "delay, 99 of 100 are faster"),
            ("channel_median", "delay, median"),
            ("channel", "time for each"),
        ],
    },
];

/// What is left of a benchmark's name after its curve's.
fn place(name: &str, curve: &str) -> Option<f64> {
    name.strip_prefix(curve)?.strip_prefix(':')?.parse().ok()
}

impl Plan {
    fn line(&self, results: &Results, curve: &str, label: &'static str) -> Option<Line> {
        let rows = results.results.iter();
        let rows: Vec<_> = rows
            .filter_map(|row| Some((place(&row.name, curve)?, row)))
            .collect();
        let unit = rows.first()?.1.unit.clone();
        let points = rows.iter().map(|(x, row)| Point {
            x: *x,
            y: row.spread,
        });
        Some(Line {
            label,
            unit,
            points: points.collect(),
        })
    }

    /// Nothing if nothing of it was measured.
    fn chart(&self, results: &Results) -> Option<Chart> {
        let lines: Vec<_> = self
            .curves
            .iter()
            .filter_map(|(curve, label)| self.line(results, curve, label))
            .collect();
        (!lines.is_empty()).then_some(Chart {
            title: self.title,
            axis: self.axis,
            lines,
        })
    }
}

/// Draws what was measured. Returns the files.
pub fn draw(results: &Results, dir: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    fs::create_dir_all(dir)?;
    let mut files = Vec::new();
    for plan in PLANS {
        if let Some(chart) = plan.chart(results) {
            let file = dir.join(plan.file).with_extension("svg");
            fs::write(&file, lines::draw(&chart))?;
            files.push(file);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_curve_and_a_place() {
        assert_eq!(place("spawn_on:100", "spawn_on"), Some(100.0));
        assert_eq!(place("spawn_on_median:100", "spawn_on"), None);
        assert_eq!(place("spawn_on", "spawn_on"), None);
    }
}
