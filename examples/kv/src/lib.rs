//! The Rust half of the key-value server: sockets and frames on tokio.

mod connection;
mod frame;
mod kept;
mod server;
mod sharded;
