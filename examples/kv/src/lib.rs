//! The Rust half of the key-value server: sockets and frames, on tokio.
//!
//! `server.mli` declares these functions for OCaml.

mod connection;
mod frame;
mod server;

use connection::{Answerers, Limits, Outcome, Request, Session};
use ocaml_lwt_interop::{Domain, OCamlAsyncFunc, Opaque, TokenError, Workers, func};
use server::Server;
use std::time::Duration;

/// Nobody answers yet.
#[func(sync)]
pub fn kv_workers() -> Opaque<Answerers> {
    Opaque::new(Workers::new())
}

/// The calling domain answers from now on.
#[func(sync, raise)]
pub fn kv_join(
    workers: Opaque<Answerers>,
    answer: OCamlAsyncFunc<(Session, Request), Outcome>,
) -> Result<(), TokenError> {
    workers.join(answer.remote()?);
    Ok(())
}

/// The domain gets nothing more to answer; ready when it has answered all that it got.
#[func]
pub async fn kv_leave(workers: Opaque<Answerers>, domain: Domain) {
    workers.leave(&domain).await;
}

/// Listens at an address like `127.0.0.1:6380`.
#[func]
pub async fn kv_listen(
    workers: Opaque<Answerers>,
    address: String,
    limits: Limits,
) -> Result<Opaque<Server>, String> {
    let listening = Server::listen(&address, (*workers).clone(), limits).await;
    listening.map(Opaque::new).map_err(|e| e.to_string())
}

/// Where it listens: the port too, if it was for the system to choose.
#[func(sync)]
pub fn kv_address(server: Opaque<Server>) -> String {
    server.address().to_string()
}

/// Stops, within so many seconds.
#[func]
pub async fn kv_stop(server: Opaque<Server>, grace: f64) {
    server.stop(Duration::from_secs_f64(grace)).await;
}
