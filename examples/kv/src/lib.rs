//! The Rust half of the key-value server: sockets and frames on tokio.

mod connection;
mod frame;
mod handlers;
mod kept;
mod server;
