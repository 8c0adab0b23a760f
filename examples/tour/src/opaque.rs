//! Gives OCaml a Rust value to keep.

use ocaml_lwt_interop::{Opaque, OpaqueType, func};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// The words and how often each was counted. Several domains may count at the same time.
#[derive(Default, OpaqueType)]
pub struct Counter(Mutex<BTreeMap<String, isize>>);

/// Creates an empty counter.
#[func(sync)]
pub fn opaque_create() -> Opaque<Counter> {
    Opaque::new(Counter::default())
}

/// Counts a word.
#[func(sync)]
pub fn opaque_count(counter: Opaque<Counter>, word: String) {
    *counter.0.lock().unwrap().entry(word).or_default() += 1;
}

/// Returns the words in alphabetical order, with their counts.
#[func(sync)]
pub fn opaque_counts(counter: Opaque<Counter>) -> Vec<(String, isize)> {
    counter.0.lock().unwrap().clone().into_iter().collect()
}
