//! The Rust functions that the domain tests call from OCaml. `support/rust.ml` declares most of them.

mod bigarrays;
mod calls;
mod conversions;
mod domains;
mod failures;
mod faults;
mod kept;
mod memory;
mod numbers;
mod opaques;
mod promises;
mod raised;
mod stress;
mod threads;
mod types;
mod watch;
mod weights;
mod workers;

/// The error type of functions that fail in several ways.
pub(crate) type Error = Box<dyn std::error::Error>;

/// OCaml's `int`.
pub(crate) type Int = isize;
