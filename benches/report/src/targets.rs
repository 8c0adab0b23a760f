//! What the figures are to be.

use crate::results::Row;
use crate::{dlwt, human};
use serde::{Deserialize, Serialize};

enum Limit {
    AtMost(f64),
    Below(f64),
    AtLeast(f64),
}

enum Of {
    /// The median, in the benchmark's unit.
    Figure,
    /// The median of the ratios to the floor.
    Ratio,
}

use Limit::{AtLeast, AtMost, Below};
use Of::{Figure, Ratio};

/// Times are in nanoseconds, as the benchmarks report them.
const TARGETS: &[(&str, Of, Limit)] = &[
    ("ready_call", Ratio, AtMost(2.0)),
    ("yield_call", Ratio, AtMost(3.0)),
    ("await_resolved", Figure, AtMost(200.0)),
    ("tokio_round_trip_1", Ratio, AtMost(0.5)),
    ("tokio_round_trip_100", Figure, AtMost(1_000.0)),
    ("spawn_on_1", Figure, AtMost(5_000.0)),
    ("spawn_on_1", Ratio, AtMost(0.05)),
    ("spawn_on_1000", Figure, AtMost(500.0)),
    ("sync_call_from_tokio", Figure, AtMost(10_000.0)),
    ("awaited_call_from_tokio", Figure, AtMost(10_000.0)),
    ("pending_call_bytes", Figure, AtMost(200.0)),
    ("scale_2", Ratio, AtLeast(1.9)),
    ("idle_cpu", Figure, Below(1.0)),
    ("http_hello_2_requests", Ratio, AtLeast(1.3)),
    ("http_hello_2_p99", Ratio, Below(1.0)),
    ("http_compute_2_requests", Ratio, AtLeast(1.8)),
    ("http_compute_2_p99", Ratio, Below(1.0)),
];

/// Each of dlwt's benchmarks, beside stock Lwt.
const DLWT: (Of, Limit) = (Ratio, AtMost(1.05));

/// A target, and whether it is met.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub target: String,
    /// The same in the unit of the benchmark; beside this run's floor, if it is a ratio.
    pub limit: f64,
    pub met: bool,
}

/// What becomes of the targets that the row has.
pub fn verdicts(row: &Row) -> Vec<Verdict> {
    let own = TARGETS.iter().filter(|(name, ..)| *name == row.name);
    let own = own.map(|(_, of, limit)| (of, limit));
    let is_pair = row.name.starts_with(&dlwt::row_name(""));
    let shared = is_pair.then_some((&DLWT.0, &DLWT.1));
    own.chain(shared)
        .map(|(of, limit)| {
            let (sign, limit, holds): (_, _, fn(f64, f64) -> bool) = match *limit {
                AtMost(limit) => ("<=", limit, |value, limit| value <= limit),
                Below(limit) => ("<", limit, |value, limit| value < limit),
                AtLeast(limit) => (">=", limit, |value, limit| value >= limit),
            };
            let floor = row.floor.as_ref().map_or(0.0, |f| f.spread.median);
            let (value, words, figure) = match of {
                Figure => (
                    Some(row.spread.median),
                    human::figure(limit, &row.unit),
                    limit,
                ),
                Ratio => (row.ratio, human::ratio(limit), limit * floor),
            };
            Verdict {
                target: format!("{sign} {words}"),
                limit: figure,
                met: value.is_some_and(|value| holds(value, limit)),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Measured;

    fn row(name: &str, sample: f64, floor: f64) -> Row {
        Row::new(&Measured {
            name: name.to_owned(),
            unit: "ns".to_owned(),
            micro: false,
            samples: vec![sample],
            floor: Some("floor".to_owned()),
            floor_samples: vec![floor],
        })
    }

    fn met(row: &Row) -> Vec<bool> {
        row.target.iter().map(|verdict| verdict.met).collect()
    }

    #[test]
    fn a_figure_and_a_ratio() {
        assert_eq!(met(&row("spawn_on_1", 4_000.0, 100_000.0)), [true, true]);
        assert_eq!(met(&row("spawn_on_1", 4_000.0, 10_000.0)), [true, false]);
        assert_eq!(met(&row("spawn_on_1", 6_000.0, 200_000.0)), [false, true]);
    }

    #[test]
    fn more_can_be_better() {
        assert_eq!(met(&row("scale_2", 19.0, 10.0)), [true]);
        assert_eq!(met(&row("scale_2", 18.0, 10.0)), [false]);
    }

    #[test]
    fn all_of_dlwt_has_one() {
        assert_eq!(met(&row("dlwt_anything", 1.04, 1.0)), [true]);
        assert_eq!(met(&row("dlwt_anything", 1.06, 1.0)), [false]);
        assert_eq!(met(&row("lwt_bind", 1.0, 1.0)), [] as [bool; 0]);
    }

    #[test]
    fn what_could_not_be_measured_is_not_met() {
        assert_eq!(met(&row("scale_2", 19.0, 0.0)), [false]);
    }
}
