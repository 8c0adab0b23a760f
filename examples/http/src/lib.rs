//! The Rust half of the web server: hyper serves the connections on tokio and calls OCaml functions to
//! answer the requests.

mod body;
mod client;
mod hop_by_hop;
mod host;
mod message;
mod sending;
mod server;
mod sharded;
mod tools;

type Error = Box<dyn std::error::Error + Send + Sync>;
