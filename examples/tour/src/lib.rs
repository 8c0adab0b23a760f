//! The Rust half of the tour: one module for each program. `channel.ml` needs none.

mod callback;
mod cancel;
mod log_lines;
mod opaque;
mod progress;
mod promise;
mod spawn;
mod stream;
mod workers;
