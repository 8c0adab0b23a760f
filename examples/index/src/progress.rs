//! A progress bar on standard error, and numbers as people read them.

use indicatif::{DecimalBytes, HumanCount, ProgressBar, ProgressState, ProgressStyle};
use ocaml_lwt_interop::{OpaqueType, func};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const LISTING: &str = "{prefix} {human_pos} files, {done}, still listing";
const LISTED: &str = "{prefix} [{bar:24}] {percent:>3} %  {human_pos} of {human_len} files, {done}";

/// The progress of a run. Any domain may report to it.
#[derive(OpaqueType)]
pub struct Progress {
    bar: ProgressBar,
    bytes: Arc<AtomicU64>,
}

impl Progress {
    /// Adds files that are to be done.
    pub fn listed(&self, files: usize) {
        self.bar.inc_length(files as u64);
    }

    /// Reports that there are no more files to list.
    pub fn all_listed(&self) {
        self.set_template(LISTED);
    }

    fn set_template(&self, template: &str) {
        let bytes = self.bytes.clone();
        let done = move |_: &ProgressState, out: &mut dyn Write| {
            let _ = write!(out, "{}", DecimalBytes(bytes.load(Ordering::Relaxed)));
        };
        let style = ProgressStyle::with_template(template).expect("a valid template");
        let style = style.with_key("done", done).progress_chars("##.");
        self.bar.set_style(style);
    }
}

#[func]
impl Progress {
    /// Shows a progress bar, unless standard error is not a terminal.
    pub fn start(title: String) -> Self {
        let bar = ProgressBar::new(0).with_prefix(title);
        let bytes = Arc::default();
        let progress = Progress { bar, bytes };
        progress.set_template(LISTING);
        if !progress.bar.is_hidden() {
            // A thread redraws the bar, so that no domain waits for the terminal.
            progress.bar.enable_steady_tick(Duration::from_millis(100));
        }
        progress
    }

    /// Reports that a file is done.
    pub fn file_done(&self, #[ocaml(label)] bytes: isize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.bar.inc(1);
    }

    /// Removes the progress bar.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

/// Returns `1,234,567` for 1234567.
#[func(sync)]
pub fn human_count(n: isize) -> String {
    HumanCount(n as u64).to_string()
}

/// Returns `1.23 MB` for 1234567.
#[func(sync)]
pub fn human_bytes(n: isize) -> String {
    DecimalBytes(n as u64).to_string()
}
