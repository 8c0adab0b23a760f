//! The Rust half of the tour: one module for each program. `channel.ml` needs none.

mod callback;
mod cancel;
mod opaque;
mod promise;
mod spawn;
mod stream;
mod workers;
