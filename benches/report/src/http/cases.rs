//! What is measured: servers, handlers and metrics. A row of the results is named after all three.

use crate::results::{Results, Row};

/// The names of the servers in the results, and their labels.
pub const SERVERS: [(&str, &str); 11] = [
    ("plain", "plain Lwt"),
    ("1", "1 domain"),
    ("2", "2 domains"),
    ("own1", "1 domain, own I/O"),
    ("own2", "2 domains, own I/O"),
    ("hyper1", "hyper, 1 thread"),
    ("hyper2", "hyper, 2 threads"),
    ("cohttp", "cohttp"),
    ("cohttp2p", "cohttp, 2 processes"),
    ("cohttp1d", "cohttp on dlwt"),
    ("cohttp2d", "cohttp on dlwt, 2 domains"),
];

/// A request that the servers answer.
pub struct Handler {
    pub name: &'static str,
    pub target: &'static str,
}

pub const HANDLERS: [Handler; 2] = [
    Handler {
        name: "hello",
        target: "/",
    },
    Handler {
        name: "compute",
        target: "/compute?us=50",
    },
];

/// A metric of a server and a handler.
pub struct Metric {
    pub name: &'static str,
    pub unit: &'static str,
    pub heading: &'static str,
}

pub const METRICS: [Metric; 6] = [
    Metric {
        name: "requests",
        unit: "/s",
        heading: "requests",
    },
    Metric {
        name: "p50",
        unit: "ns",
        heading: "p50",
    },
    Metric {
        name: "p99",
        unit: "ns",
        heading: "p99",
    },
    Metric {
        name: "p999",
        unit: "ns",
        heading: "p99.9",
    },
    Metric {
        name: "cpu",
        unit: "ns",
        heading: "server CPU",
    },
    // Where the server and wrk together keep all cores busy, no server can be faster.
    Metric {
        name: "wrk",
        unit: "ns",
        heading: "wrk CPU",
    },
];

/// A value for each of the metrics.
pub type Sample = [f64; METRICS.len()];

pub fn row_name(handler: &str, server: &str, metric: &str) -> String {
    format!("http_{handler}_{server}_{metric}")
}

/// Returns the rows of a server and a handler, one for each metric, or `None` if the server was not
/// measured.
pub fn rows<'a>(results: &'a Results, handler: &Handler, server: &str) -> Option<Vec<&'a Row>> {
    let row = |metric: &Metric| {
        let name = row_name(handler.name, server, metric.name);
        results.results.iter().find(|row| row.name == name)
    };
    METRICS.iter().map(row).collect()
}
