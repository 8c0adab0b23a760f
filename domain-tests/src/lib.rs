//! The Rust functions that the domain tests call from OCaml. Their declarations are generated, as the module
//! `Rust` of the tests.

// Its functions are exported, too, and declared by hand.
use by_hand as _;

mod bigarrays;
mod calls;
mod channels;
mod conversions;
mod domains;
mod echoes;
mod externals;
mod failures;
mod faults;
mod generated;
mod kept;
mod memory;
mod numbers;
mod opaques;
mod promises;
mod queues;
mod reactor;
mod streams;
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
