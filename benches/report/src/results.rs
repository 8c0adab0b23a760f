//! What is reported, and kept as JSON.

use crate::program::Measured;
use crate::stats::Spread;
use crate::targets::{self, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;

/// A run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Results {
    /// The figures mean nothing.
    pub quick: bool,
    pub machine: BTreeMap<String, String>,
    pub versions: BTreeMap<String, String>,
    pub results: Vec<Row>,
}

/// A benchmark.
#[derive(Debug, Serialize, Deserialize)]
pub struct Row {
    pub name: String,
    #[serde(flatten)]
    pub spread: Spread,
    pub unit: String,
    pub floor: Option<Floor>,
    /// The median of the ratios to the floor, each from one round.
    pub ratio: Option<f64>,
    pub ratio_min: Option<f64>,
    pub ratio_max: Option<f64>,
    /// Of one operation.
    pub instructions: Option<f64>,
    pub target: Vec<Verdict>,
}

/// What was measured beside a benchmark.
#[derive(Debug, Serialize, Deserialize)]
pub struct Floor {
    pub name: String,
    #[serde(flatten)]
    pub spread: Spread,
}

impl Row {
    /// From at least one sample.
    pub fn new(measured: &Measured) -> Self {
        let nothing = Spread {
            median: 0.0,
            min: 0.0,
            max: 0.0,
        };
        let floor = measured.floor.as_ref().map(|name| Floor {
            name: name.clone(),
            spread: Spread::new(&measured.floor_samples).unwrap_or(nothing),
        });
        let ratios = Spread::of_ratios(&measured.samples, &measured.floor_samples);
        let mut row = Row {
            name: measured.name.clone(),
            spread: Spread::new(&measured.samples).unwrap_or(nothing),
            unit: measured.unit.clone(),
            floor,
            ratio: ratios.map(|r| r.median),
            ratio_min: ratios.map(|r| r.min),
            ratio_max: ratios.map(|r| r.max),
            instructions: None,
            target: Vec::new(),
        };
        row.target = targets::verdicts(&row);
        row
    }

    /// Whether all targets are met; nothing where there are none.
    pub fn met(&self) -> Option<bool> {
        (!self.target.is_empty()).then(|| self.target.iter().all(|verdict| verdict.met))
    }
}

impl Results {
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Box<dyn Error>> {
        let path = path.as_ref();
        let at = |e: &dyn Error| format!("{}: {e}", path.display());
        let text = fs::read_to_string(path).map_err(|e| at(&e))?;
        serde_json::from_str(&text).map_err(|e| at(&e).into())
    }

    pub fn write(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(path, text + "\n").map_err(|e| format!("{}: {e}", path.display()).into())
    }

    pub fn missed(&self) -> usize {
        let verdicts = self.results.iter().flat_map(|row| &row.target);
        verdicts.filter(|verdict| !verdict.met).count()
    }
}
