//! What becomes of results: a file, charts, a table, and an exit code.

use crate::compare;
use crate::results::Results;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Puts charts where it is told, and says which files they are.
pub type Draw = fn(&Results, &Path) -> Result<Vec<PathBuf>, Box<dyn Error>>;

pub struct Report {
    /// Where the results go, without the ending.
    out: PathBuf,
    /// What they are compared with.
    before: Option<Results>,
    /// Whether a target that is missed is a failure.
    check: bool,
}

impl Report {
    /// Fails early, before anything is measured.
    pub fn new(out: PathBuf, before: Option<&Path>, check: bool) -> Result<Self, Box<dyn Error>> {
        Ok(Report {
            out,
            before: before.map(Results::read).transpose()?,
            check,
        })
    }

    pub fn finish(
        &self,
        results: &Results,
        table: fn(&Results) -> String,
        draw: Draw,
    ) -> Result<ExitCode, Box<dyn Error>> {
        if let Some(dir) = self.out.parent() {
            fs::create_dir_all(dir)?;
        }
        let json = self.out.with_extension("json");
        results.write(&json)?;
        // What was written can be read.
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
