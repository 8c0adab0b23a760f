//! The Rust half of the web server: hyper serves the connections, on tokio, and has OCaml answer the
//! requests. `server.mli`, `client.mli` and `tools.mli` declare these functions for OCaml.

mod client;
mod message;
mod server;
mod tools;

use client::Client;
use message::{Request, Response};
use ocaml::Int;
use ocaml_lwt_interop::{Bytes, Domain, OCamlAsyncFunc, Opaque, TokenError, func};
use server::{Limits, Server};
use std::time::Duration;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Listens, and answers 503 until a domain has joined.
#[func(raise)]
pub async fn http_listen(address: String, limits: Limits) -> Result<Opaque<Server>, Error> {
    Ok(Opaque::new(Server::listen(&address, limits).await?))
}

/// Where it listens.
#[func(sync)]
pub fn http_address(server: Opaque<Server>) -> String {
    server.address().to_string()
}

/// The calling domain's handler gets requests from now on.
#[func(sync, raise)]
pub fn http_join(
    server: Opaque<Server>,
    handler: OCamlAsyncFunc<(Request,), Response>,
) -> Result<(), TokenError> {
    server.workers().join(handler.remote()?);
    Ok(())
}

/// The domain gets no more requests. Done when it has answered those that it has.
#[func]
pub async fn http_leave(server: Opaque<Server>, domain: Domain) {
    server.workers().leave(&domain).await
}

/// Accepts no more connections, and waits until those that there are have been served, or so many
/// seconds. The result is how many had to be cut off.
#[func]
pub async fn http_stop(server: Opaque<Server>, seconds: f64) -> Int {
    server.stop(Duration::from_secs_f64(seconds)).await as Int
}

/// A client that keeps its connections for the next request. Bodies may be so long.
#[func(sync)]
pub fn http_client(max_body: Int) -> Opaque<Client> {
    Opaque::new(Client::new(max_body as usize))
}

/// GETs a URL. It runs on the domain that called; cancelling the promise ends the request.
#[func(raise)]
pub async fn http_get(client: Opaque<Client>, url: String) -> Result<Response, Error> {
    client.get(&url).await
}

/// Ready after a while. Cancelling the promise stops the timer.
#[func]
pub async fn tools_sleep(seconds: f64) {
    tools::sleep(Duration::from_secs_f64(seconds)).await
}

/// How many such timers run.
#[func(sync)]
pub fn tools_sleepers() -> Int {
    tools::sleepers()
}

/// JSON without the blanks, or what is wrong with it.
#[func(sync)]
pub fn tools_compact_json(text: Bytes) -> Result<String, String> {
    tools::compact_json(&text)
}

/// 32 hexadecimal digits that nobody can guess.
#[func(sync, raise)]
pub fn tools_random_name() -> Result<String, Error> {
    tools::random_name()
}

/// Panics, as code with a bug does.
#[func]
pub async fn tools_panic(message: String) {
    panic!("{message}")
}
