//! What is left of samples.

use serde::{Deserialize, Serialize};

/// The middle of samples, and how far they lie apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    /// Of samples that are numbers; none of nothing.
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
        Some(Spread { median, min, max })
    }

    /// Of the ratios of each sample and its floor; none where a floor is nothing.
    pub fn of_ratios(samples: &[f64], floors: &[f64]) -> Option<Self> {
        let ratios: Vec<_> = samples
            .iter()
            .zip(floors)
            .filter(|(_, floor)| **floor > 0.0)
            .map(|(sample, floor)| sample / floor)
            .collect();
        Spread::new(&ratios)
    }
}

/// The least of samples.
pub fn least(samples: &[f64]) -> f64 {
    samples.iter().copied().fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        let spread = |samples: &[f64]| Spread::new(samples);
        let expected = |median, min, max| Some(Spread { median, min, max });
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), expected(2.0, 1.0, 3.0));
        assert_eq!(spread(&[4.0, 1.0, 3.0, 2.0]), expected(2.5, 1.0, 4.0));
    }

    #[test]
    fn ratios_are_of_pairs() {
        // The machine became twice as slow; the ratio did not.
        let ratios = Spread::of_ratios(&[10.0, 20.0, 1.0], &[5.0, 10.0, 0.0]);
        assert_eq!(ratios.map(|r| (r.min, r.max)), Some((2.0, 2.0)));
    }
}
