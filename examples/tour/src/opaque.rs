//! Gives OCaml a Rust value to keep.

use ocaml_lwt_interop::{OpaqueType, func};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// The words and how often each was counted. Several domains may count at the same time.
#[derive(Default, OpaqueType)]
pub struct Counter(Mutex<BTreeMap<String, isize>>);

/// The public functions are those of the OCaml module `Counter`.
#[func]
impl Counter {
    /// Creates an empty counter.
    pub fn create() -> Self {
        Counter::default()
    }

    /// Counts a word.
    pub fn count(&self, word: String) {
        *self.0.lock().unwrap().entry(word).or_default() += 1;
    }

    /// Returns the words in alphabetical order, with their counts.
    pub fn counts(&self) -> Vec<(String, isize)> {
        self.0.lock().unwrap().clone().into_iter().collect()
    }
}
