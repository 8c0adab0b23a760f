//! The charts of `make bench-growth`: the benchmarks `CURVE:X`, drawn as lines.

use crate::lines::{self, Chart, Line, Point};
use crate::results::Results;
use anyhow::Result;
use std::fs;
use std::path::{Path, PathBuf};

/// The curves of one chart.
struct Plan {
    file: &'static str,
    title: &'static str,
    /// The label of the x axis.
    axis: &'static str,
    /// The curves and their labels.
    curves: &'static [(&'static str, &'static str)],
}

const PLANS: &[Plan] = &[
    Plan {
        file: "pending-calls",
        title: "Time by the number of pending calls",
        axis: "pending calls",
        curves: &[
            (
                "pending_minor_collection",
                "minor collection of an empty heap",
            ),
            ("in_flight_yield", "call that yields, all at once"),
            ("pending_yield", "call that yields beside pending ones"),
        ],
    },
    Plan {
        file: "pending-bytes",
        title: "Memory of a pending call",
        axis: "pending calls",
        curves: &[("pending_bytes", "OCaml and Rust")],
    },
    Plan {
        file: "descriptors",
        title: "Time by the number of watched descriptors",
        axis: "watched descriptors without events",
        curves: &[
            ("descriptors_byte", "byte through a pipe"),
            ("descriptors_spawn_on", "task on another domain, and back"),
            ("descriptors_iteration", "iteration of the loop"),
        ],
    },
    Plan {
        file: "idle-domains",
        title: "Time by the number of sleeping domains",
        axis: "sleeping domains",
        curves: &[
            ("idle_spawn_on_1", "task on another domain, 1 in flight"),
            (
                "idle_spawn_on_1000",
                "task on another domain, 1000 in flight",
            ),
            ("idle_yield_call", "call that yields"),
            ("idle_ready_call", "call that is ready"),
        ],
    },
    Plan {
        file: "collections",
        title: "Minor collection of an empty heap",
        axis: "other domains",
        curves: &[
            ("busy_minor_collection", "others compute"),
            ("idle_minor_collection", "others sleep"),
        ],
    },
    Plan {
        file: "busy-domains",
        title: "Handlers of 50 µs: throughput of all domains",
        axis: "sleeping domains beside the busy ones",
        curves: &[
            ("idle_busy_2", "2 busy domains"),
            ("idle_busy_1", "1 busy domain"),
        ],
    },
    Plan {
        file: "minor-heap",
        title: "Handlers of 50 µs: throughput of all domains",
        axis: "minor heap of each busy domain, in 1024 words",
        curves: &[
            ("minor_heap_busy_2", "2 busy domains"),
            ("minor_heap_busy_1", "1 busy domain"),
        ],
    },
    Plan {
        file: "longest-step",
        title: "The longest time that other work waits",
        axis: "messages, or pending calls",
        curves: &[
            (
                "messages_longest_step",
                "a loop, while messages wait that it has not received",
            ),
            (
                "messages_longest_step_plain",
                "the same with a list of OCaml's instead of messages",
            ),
            (
                "termination_longest_standstill",
                "another domain's collection, while a domain with pending calls terminates",
            ),
            (
                "termination_longest_standstill_plain",
                "the same with promises of Lwt's instead of calls",
            ),
        ],
    },
    Plan {
        file: "in-flight",
        title: "Tasks on another domain, and back",
        axis: "tasks in flight",
        curves: &[
            ("spawn_on_99", "delay, 99th percentile"),
            ("spawn_on_median", "delay, median"),
            ("spawn_on", "time per task"),
        ],
    },
    Plan {
        file: "channel",
        title: "Messages through a channel to another domain",
        axis: "capacity of the channel",
        curves: &[
            ("channel_99", "delay, 99th percentile"),
            ("channel_median", "delay, median"),
            ("channel", "time per message"),
        ],
    },
];

/// Returns the x of a benchmark `CURVE:X`, if it belongs to `curve`.
fn x(name: &str, curve: &str) -> Option<f64> {
    name.strip_prefix(curve)?.strip_prefix(':')?.parse().ok()
}

impl Plan {
    /// Returns `None` if no point of the curve was measured.
    fn line(&self, results: &Results, curve: &str, label: &'static str) -> Option<Line> {
        let rows = results.results.iter();
        let rows: Vec<_> = rows
            .filter_map(|row| Some((x(&row.name, curve)?, row)))
            .collect();
        let unit = rows.first()?.1.unit.clone();
        let points = rows.iter().map(|(x, row)| Point {
            x: *x,
            y: row.summary,
        });
        Some(Line {
            label,
            unit,
            points: points.collect(),
        })
    }

    /// Returns `None` if no curve of the chart was measured.
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

/// Draws all curves that were measured, and returns the files.
pub fn draw(results: &Results, dir: &Path) -> Result<Vec<PathBuf>> {
    fs::create_dir_all(dir)?;
    let mut files = Vec::new();
    for plan in PLANS {
        if let Some(chart) = plan.chart(results) {
            let file = dir.join(plan.file).with_extension("svg");
            lines::draw(&chart, &file)?;
            files.push(file);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_curve_and_an_x() {
        assert_eq!(x("spawn_on:100", "spawn_on"), Some(100.0));
        assert_eq!(x("spawn_on_median:100", "spawn_on"), None);
        assert_eq!(x("spawn_on", "spawn_on"), None);
    }
}
