//! The targets of the benchmarks.

use crate::results::{Results, Row, Verdict};
use crate::{dlwt, human};

enum Limit {
    AtMost(f64),
    Below(f64),
    AtLeast(f64),
}

enum Of {
    /// The median, in the benchmark's unit.
    Metric,
    /// The median of the ratios to the baseline.
    Ratio,
}

use Limit::{AtLeast, AtMost, Below};
use Of::{Metric, Ratio};

/// Times are in nanoseconds, as the benchmarks report them.
const TARGETS: &[(&str, Of, Limit)] = &[
    ("sync_call_unboxed", Ratio, AtMost(1.1)),
    ("ready_call", Ratio, AtMost(2.0)),
    ("yield_call", Ratio, AtMost(3.0)),
    ("await_resolved", Metric, AtMost(200.0)),
    // This is why the project has an executor of its own.
    ("spawn_local", Ratio, Below(1.0)),
    ("tokio_round_trip_1", Ratio, AtMost(0.5)),
    ("tokio_round_trip_100", Metric, AtMost(1_000.0)),
    ("spawn_on_1", Metric, AtMost(5_000.0)),
    ("spawn_on_1", Ratio, AtMost(0.05)),
    ("spawn_on_1000", Metric, AtMost(200.0)),
    ("sync_call_from_tokio", Metric, AtMost(10_000.0)),
    ("awaited_call_from_tokio", Metric, AtMost(10_000.0)),
    ("channel_batch_64", Metric, AtMost(20.0)),
    ("stream_to_ocaml", Metric, AtMost(60.0)),
    ("stream_from_tokio", Metric, AtMost(100.0)),
    ("waiting_stream_bytes", Metric, AtMost(1_024.0)),
    ("pending_call_bytes", Metric, AtMost(200.0)),
    ("records_to_ocaml_no_gc", Metric, AtMost(40.0)),
    ("records_to_ocaml_no_gc", Ratio, AtMost(0.33)),
    ("records_to_rust", Metric, AtMost(60.0)),
    // The baseline is plain Rust code that makes the same records. It takes more than half the time of the crate ocaml's
    // conversion (malloc and free of the strings), so no conversion can take a third of that.
    ("records_to_rust", Ratio, AtMost(1.4)),
    ("bytes_1m_no_gc", Ratio, AtMost(2.2)),
    ("scale_2", Ratio, AtLeast(1.8)),
    ("idle_cpu", Metric, Below(1.0)),
    ("http_hello_2_requests", Ratio, AtLeast(1.3)),
    ("http_hello_2_p99", Ratio, Below(1.0)),
    ("http_compute_2_requests", Ratio, AtLeast(1.8)),
    ("http_compute_2_p99", Ratio, Below(1.0)),
];

/// The target of each dlwt benchmark. The baseline is stock Lwt.
const DLWT: (Of, Limit) = (Ratio, AtMost(1.05));

/// Fills in the verdicts of all rows.
pub fn judge(results: &mut Results) {
    for row in &mut results.results {
        row.target = verdicts(row);
    }
}

fn verdicts(row: &Row) -> Vec<Verdict> {
    let own = TARGETS.iter().filter(|(name, ..)| *name == row.name);
    let own = own.map(|(_, of, limit)| (of, limit));
    let shared = dlwt::is_row(row).then_some((&DLWT.0, &DLWT.1));
    own.chain(shared)
        .map(|(of, limit)| verdict(row, of, limit))
        .collect()
}

fn verdict(row: &Row, of: &Of, limit: &Limit) -> Verdict {
    let (sign, limit, holds): (_, _, fn(f64, f64) -> bool) = match *limit {
        AtMost(limit) => ("<=", limit, |value, limit| value <= limit),
        Below(limit) => ("<", limit, |value, limit| value < limit),
        AtLeast(limit) => (">=", limit, |value, limit| value >= limit),
    };
    let (value, text, in_unit) = match of {
        Metric => (
            Some(row.summary.median),
            human::metric(limit, &row.unit),
            limit,
        ),
        Ratio => {
            let baseline = row.baseline.as_ref().map_or(0.0, |b| b.summary.median);
            (row.ratio, human::ratio(limit), limit * baseline)
        }
    };
    Verdict {
        target: format!("{sign} {text}"),
        limit: in_unit,
        met: value.is_some_and(|value| holds(value, limit)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Measured;

    fn met(name: &str, sample: f64, baseline: f64) -> Vec<bool> {
        let row = Row::new(&Measured {
            name: name.to_owned(),
            unit: "ns".to_owned(),
            micro: false,
            samples: vec![sample],
            baseline: Some("baseline".to_owned()),
            baseline_samples: vec![baseline],
        });
        verdicts(&row).iter().map(|verdict| verdict.met).collect()
    }

    #[test]
    fn a_metric_and_a_ratio() {
        assert_eq!(met("spawn_on_1", 4_000.0, 100_000.0), [true, true]);
        assert_eq!(met("spawn_on_1", 4_000.0, 10_000.0), [true, false]);
        assert_eq!(met("spawn_on_1", 6_000.0, 200_000.0), [false, true]);
    }

    #[test]
    fn more_can_be_better() {
        assert_eq!(met("scale_2", 18.0, 10.0), [true]);
        assert_eq!(met("scale_2", 17.0, 10.0), [false]);
    }

    #[test]
    fn all_of_dlwt_has_one() {
        assert_eq!(met("dlwt_anything", 1.04, 1.0), [true]);
        assert_eq!(met("dlwt_anything", 1.06, 1.0), [false]);
        assert_eq!(met("lwt_bind", 1.0, 1.0), [] as [bool; 0]);
    }

    #[test]
    fn a_ratio_to_nothing_is_not_met() {
        assert_eq!(met("scale_2", 19.0, 0.0), [false]);
    }
}
