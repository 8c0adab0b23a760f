use ocaml_lwt_interop::{Channel, OpaqueType, func};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Mutex;

/// Returns how many words a text has.
#[func(sync)]
pub fn count_words(text: String) -> usize {
    text.split_whitespace().count()
}

/// Numbers by name, which all domains share.
#[derive(Default, OpaqueType)]
pub struct Totals(Mutex<BTreeMap<String, usize>>);

#[func]
impl Totals {
    /// Creates an empty table.
    pub fn create() -> Self {
        Totals::default()
    }

    /// Adds to a number.
    pub fn add(&self, name: String, n: usize) {
        *self.0.lock().unwrap().entry(name).or_default() += n;
    }

    /// Returns all names and numbers.
    pub fn all(&self) -> Vec<(String, usize)> {
        self.0.lock().unwrap().clone().into_iter().collect()
    }
}

/// Sends each line of a text, from a thread of tokio's.
#[func(tokio, raise)]
pub async fn send_lines(
    text: String,
    lines: Channel<String>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    for line in text.lines() {
        // Waits while the channel is full.
        lines.send(line.to_owned()).await?;
    }
    lines.close();
    Ok(())
}
