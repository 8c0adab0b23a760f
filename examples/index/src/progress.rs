//! A progress bar on standard error, and numbers as people read them. `progress.ml` and `human.ml` declare
//! these functions.

use indicatif::{DecimalBytes, HumanCount, ProgressBar, ProgressState, ProgressStyle};
use ocaml_lwt_interop::{Opaque, OpaqueType, func};
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

/// Shows a progress bar, unless standard error is not a terminal.
#[func(sync)]
pub fn progress_start(title: String) -> Opaque<Progress> {
    let bar = ProgressBar::new(0).with_prefix(title);
    let bytes = Arc::default();
    let progress = Progress { bar, bytes };
    progress.set_template(LISTING);
    if !progress.bar.is_hidden() {
        // A thread redraws the bar, so that no domain waits for the terminal.
        progress.bar.enable_steady_tick(Duration::from_millis(100));
    }
    Opaque::new(progress)
}

/// Adds files that are to be done.
#[func(sync)]
pub fn progress_listed(progress: Opaque<Progress>, files: isize) {
    progress.bar.inc_length(files as u64);
}

/// Reports that there are no more files to list.
#[func(sync)]
pub fn progress_all_listed(progress: Opaque<Progress>) {
    progress.set_template(LISTED);
}

/// Reports that a file is done.
#[func(sync)]
pub fn progress_file_done(progress: Opaque<Progress>, bytes: isize) {
    progress.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    progress.bar.inc(1);
}

/// Removes the progress bar.
#[func(sync)]
pub fn progress_clear(progress: Opaque<Progress>) {
    progress.bar.finish_and_clear();
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
