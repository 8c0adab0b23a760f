//! Progress on standard error: a bar on a terminal, lines elsewhere.

use indicatif::{ProgressBar, ProgressStyle};

/// The progress of a fixed number of steps. The bar disappears when it is dropped.
pub struct Progress(ProgressBar);

impl Progress {
    pub fn new(steps: usize) -> Self {
        let style = ProgressStyle::with_template("{wide_bar:.dim} {pos}/{len} {msg:40!}");
        let bar = ProgressBar::new(steps as u64);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Progress(bar)
    }

    /// Starts the next step.
    pub fn next(&self, what: &str) {
        self.0.inc(1);
        self.0.set_message(what.to_owned());
        if self.0.is_hidden() {
            let (step, steps) = (self.0.position(), self.0.length().unwrap_or_default());
            eprintln!("{step}/{steps} {what}");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
