//! The Rust half of the key-value server: sockets and frames on tokio.
//!
//! `server.mli` declares these functions for OCaml.

mod connection;
mod frame;
mod server;

use connection::{Limits, Outcome, Request, Session};
use ocaml_lwt_interop::{Domain, OCamlAsyncFunc, Opaque, OpaqueType, TokenError, Workers, func};
use server::Server;
use std::time::Duration;

/// The domains that answer requests.
#[derive(OpaqueType)]
pub struct Handlers(connection::Handlers);

/// Creates an empty set of handlers.
#[func(sync)]
pub fn kv_handlers() -> Opaque<Handlers> {
    Opaque::new(Handlers(Workers::new()))
}

/// Adds the calling domain, which answers requests with `handler`.
#[func(sync, raise)]
pub fn kv_join(
    handlers: Opaque<Handlers>,
    handler: OCamlAsyncFunc<(Session, Request), Outcome>,
) -> Result<(), TokenError> {
    handlers.0.join(handler.remote()?);
    Ok(())
}

/// Removes a domain. Resolves when the domain has answered the requests that it has.
#[func]
pub async fn kv_leave(handlers: Opaque<Handlers>, domain: Domain) {
    handlers.0.leave(&domain).await;
}

/// Listens on an address like `127.0.0.1:6380`.
#[func]
pub async fn kv_listen(
    handlers: Opaque<Handlers>,
    address: String,
    limits: Limits,
) -> Result<Opaque<Server>, String> {
    let listening = Server::listen(&address, handlers.0.clone(), limits).await;
    listening.map(Opaque::new).map_err(|e| e.to_string())
}

/// Returns the address that the server listens on, with the port, which the system may have chosen.
#[func(sync)]
pub fn kv_address(server: Opaque<Server>) -> String {
    server.address().to_string()
}

/// Stops the server within `grace` seconds.
#[func]
pub async fn kv_stop(server: Opaque<Server>, grace: f64) {
    server.stop(Duration::from_secs_f64(grace)).await;
}
