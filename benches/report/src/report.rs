//! Reports results: writes the JSON file and the charts, prints the tables, and checks the targets.

use crate::results::Results;
use crate::{compare, targets};
use anyhow::Result;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Writes charts to a path without an extension, and returns the files.
pub type Draw = fn(&Results, &Path) -> Result<Vec<PathBuf>>;

pub struct Report {
    /// Where the results go, without an extension.
    out: PathBuf,
    /// The results of an earlier run to compare with.
    before: Option<Results>,
    /// Whether to fail if a target is missed.
    check: bool,
}

impl Report {
    /// Fails if `before` cannot be read, so that nothing is measured in vain.
    pub fn new(out: PathBuf, before: Option<&Path>, check: bool) -> Result<Self> {
        Ok(Report {
            out,
            before: before.map(Results::read).transpose()?,
            check,
        })
    }

    pub fn finish(
        &self,
        mut results: Results,
        table: fn(&Results) -> String,
        draw: Draw,
    ) -> Result<ExitCode> {
        targets::judge(&mut results);
        if let Some(dir) = self.out.parent() {
            fs::create_dir_all(dir)?;
        }
        let json = self.out.with_extension("json");
        results.write(&json)?;
        // Everything below uses the file, so that a file that cannot be read back is noticed.
        let results = Results::read(&json)?;
        let charts = draw(&results, &self.out)?;

        print!("{}", table(&results));
        if let Some(before) = &self.before {
            print!("\n{}", compare::table(before, &results));
        }
        println!("\n{}", json.display());
        for chart in charts {
            println!("{}", chart.display());
        }
        let missed = results.missed();
        Ok(if self.check && missed > 0 {
            eprintln!("bench: {missed} targets are missed");
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }
}
