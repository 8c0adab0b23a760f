//! The Rust code of the guide: one module for each page.

mod application;
mod blocking;
mod cancelling;
mod debugging;
mod domains;
mod errors;
mod first_call;
mod migrating;
mod streams;
mod types;
