//! The results of a run, and their JSON file.

use crate::program::Measured;
use crate::stats::Summary;
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The results of one run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Results {
    /// Whether this was a quick run, whose metrics mean nothing.
    pub quick: bool,
    pub machine: BTreeMap<String, String>,
    pub versions: BTreeMap<String, String>,
    pub results: Vec<Row>,
}

/// The result of one benchmark.
#[derive(Debug, Serialize, Deserialize)]
pub struct Row {
    pub name: String,
    #[serde(flatten)]
    pub summary: Summary,
    pub unit: String,
    pub baseline: Option<Baseline>,
    /// The median of the rounds' ratios to the baseline.
    pub ratio: Option<f64>,
    pub ratio_min: Option<f64>,
    pub ratio_max: Option<f64>,
    /// Instructions of one operation.
    pub instructions: Option<f64>,
    pub target: Vec<Verdict>,
}

/// The native operation that was measured in turn with a benchmark.
#[derive(Debug, Serialize, Deserialize)]
pub struct Baseline {
    pub name: String,
    #[serde(flatten)]
    pub summary: Summary,
}

/// A target, and whether it is met.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub target: String,
    /// The target in the unit of the benchmark. For a ratio: multiplied by this run's baseline.
    pub limit: f64,
    pub met: bool,
}

impl Row {
    /// Summarises the samples of a benchmark, of which there is at least one. No target is set.
    pub fn new(measured: &Measured) -> Self {
        let zero = Summary {
            median: 0.0,
            min: 0.0,
            max: 0.0,
        };
        let baseline = measured.baseline.as_ref().map(|name| Baseline {
            name: name.clone(),
            summary: Summary::new(&measured.baseline_samples).unwrap_or(zero),
        });
        let ratios = Summary::of_ratios(&measured.samples, &measured.baseline_samples);
        Row {
            name: measured.name.clone(),
            summary: Summary::new(&measured.samples).unwrap_or(zero),
            unit: measured.unit.clone(),
            baseline,
            ratio: ratios.map(|r| r.median),
            ratio_min: ratios.map(|r| r.min),
            ratio_max: ratios.map(|r| r.max),
            instructions: None,
            target: Vec::new(),
        }
    }

    /// Returns whether all targets are met, or `None` if there are no targets.
    pub fn met(&self) -> Option<bool> {
        (!self.target.is_empty()).then(|| self.target.iter().all(|verdict| verdict.met))
    }
}

impl Results {
    pub fn read(path: &Path) -> Result<Self> {
        let read = || Results::parse(&fs::read_to_string(path)?);
        read().with_context(|| path.display().to_string())
    }

    /// Rejects files from before `floor` became `baseline`: they would parse as results without
    /// baselines.
    fn parse(text: &str) -> Result<Self> {
        ensure!(
            !text.contains(r#""floor":"#),
            "an older version of `make bench` wrote this file: the key `floor` is now called \
             `baseline`. Convert the file first: sed -i 's/\"floor\":/\"baseline\":/' FILE"
        );
        Ok(serde_json::from_str(text)?)
    }

    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(path, text + "\n").with_context(|| path.display().to_string())
    }

    /// Returns the number of targets that are missed.
    pub fn missed(&self) -> usize {
        let verdicts = self.results.iter().flat_map(|row| &row.target);
        verdicts.filter(|verdict| !verdict.met).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = r#"{"quick": false, "machine": {}, "versions": {}, "results": [
        {"name": "a", "median": 2, "min": 1, "max": 3, "unit": "ns",
         "floor": {"name": "b", "median": 2, "min": 1, "max": 3},
         "ratio": 1, "ratio_min": 1, "ratio_max": 1, "instructions": null, "target": []}]}"#;

    #[test]
    fn files_with_floors_are_rejected_until_they_are_converted() {
        let error = Results::parse(OLD).expect_err("an old file").to_string();
        assert!(error.contains("sed -i"), "{error}");
        let converted = OLD.replace(r#""floor":"#, r#""baseline":"#);
        let results = Results::parse(&converted).expect("it is converted");
        assert!(results.results[0].baseline.is_some());
    }
}
