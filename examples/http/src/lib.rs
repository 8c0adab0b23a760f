//! The Rust half of the web server: hyper serves the connections on tokio and calls OCaml functions to
//! answer the requests. `server.mli`, `client.mli` and `tools.mli` declare these functions for OCaml.

mod client;
mod hop_by_hop;
mod host;
mod message;
mod server;
mod tools;

use client::Client;
use message::{Headers, Request, Response};
use ocaml_lwt_interop::{Bytes, Domain, OCamlAsyncFunc, Opaque, TokenError, func};
use server::{Limits, Server};
use std::time::Duration;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Listens on an address. Answers 503 until a domain has joined.
#[func(raise)]
pub async fn http_listen(address: String, limits: Limits) -> Result<Opaque<Server>, Error> {
    Ok(Opaque::new(Server::listen(&address, limits).await?))
}

/// Returns the address that the server listens on.
#[func(sync)]
pub fn http_address(server: Opaque<Server>) -> String {
    server.address().to_string()
}

/// Adds the calling domain, which answers requests with `handler`.
#[func(sync, raise)]
pub fn http_join(
    server: Opaque<Server>,
    handler: OCamlAsyncFunc<(Request,), Response>,
) -> Result<(), TokenError> {
    server.workers().join(handler.remote()?);
    Ok(())
}

/// Removes a domain. Resolves when the domain has answered the requests that it has.
#[func]
pub async fn http_leave(server: Opaque<Server>, domain: Domain) {
    server.workers().leave(&domain).await
}

/// Accepts no more connections, and waits up to `seconds` until the open ones have been served.
/// Returns the number of connections that were cut off.
#[func]
pub async fn http_stop(server: Opaque<Server>, seconds: f64) -> isize {
    server.stop(Duration::from_secs_f64(seconds)).await as isize
}

/// Creates a client for responses whose bodies have up to `max_body` bytes.
#[func(sync)]
pub fn http_client(max_body: isize) -> Opaque<Client> {
    Opaque::new(Client::new(max_body as usize))
}

/// Requests a URL on behalf of a request that had `headers`. Cancelling the promise cancels the request.
#[func(raise)]
pub async fn http_forward(
    client: Opaque<Client>,
    url: String,
    headers: Headers,
) -> Result<Response, Error> {
    client.forward(&url, headers).await
}

/// Waits for `seconds`. Cancelling the promise stops the timer.
#[func]
pub async fn tools_sleep(seconds: f64) {
    tools::sleep(Duration::from_secs_f64(seconds)).await
}

/// Returns the number of timers that run.
#[func(sync)]
pub fn tools_sleepers() -> isize {
    tools::sleepers()
}

/// Returns the JSON document without blanks, or what is wrong with it.
#[func(sync)]
pub fn tools_compact_json(text: Bytes) -> Result<String, String> {
    tools::compact_json(&text)
}

/// Returns 32 random hexadecimal digits, which cannot be guessed.
#[func(sync, raise)]
pub fn tools_random_name() -> Result<String, Error> {
    tools::random_name()
}

/// Panics with a message.
#[func]
pub async fn tools_panic(message: String) {
    panic!("{message}")
}
