//! Summaries of samples.

use serde::{Deserialize, Serialize};

/// The median and the range of samples.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Summary {
    /// Returns `None` if there are no samples. No sample may be NaN.
    pub fn new(samples: &[f64]) -> Option<Self> {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            (sorted[middle - 1] + sorted[middle]) / 2.0
        };
        Some(Summary { median, min, max })
    }

    /// Summarises the ratio of each sample to the baseline sample of the same round. Rounds whose
    /// baseline is 0 are left out.
    pub fn of_ratios(samples: &[f64], baselines: &[f64]) -> Option<Self> {
        let ratios: Vec<_> = samples
            .iter()
            .zip(baselines)
            .filter(|(_, baseline)| **baseline > 0.0)
            .map(|(sample, baseline)| sample / baseline)
            .collect();
        Summary::new(&ratios)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        let summary = |samples: &[f64]| Summary::new(samples);
        let expected = |median, min, max| Some(Summary { median, min, max });
        assert_eq!(summary(&[]), None);
        assert_eq!(summary(&[3.0, 1.0, 2.0]), expected(2.0, 1.0, 3.0));
        assert_eq!(summary(&[4.0, 1.0, 3.0, 2.0]), expected(2.5, 1.0, 4.0));
    }

    #[test]
    fn ratios_are_of_pairs() {
        // The machine became twice as slow; the ratio did not change.
        let ratios = Summary::of_ratios(&[10.0, 20.0, 1.0], &[5.0, 10.0, 0.0]);
        assert_eq!(ratios.map(|r| (r.min, r.max)), Some((2.0, 2.0)));
    }
}
