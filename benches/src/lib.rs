//! The Rust functions that the benchmarks call from OCaml. `calls.ml` declares them.

use futures_lite::future;
use ocaml_lwt_interop::{OCamlException, Promise, func};

/// Ready at once.
#[func]
pub async fn bench_ready(n: ocaml::Int) -> ocaml::Int {
    n
}

/// Pending once.
#[func]
pub async fn bench_yield() {
    future::yield_now().await;
}

/// Awaits a Lwt promise.
#[func(raise)]
pub async fn bench_await(promise: Promise<ocaml::Int>) -> Result<ocaml::Int, OCamlException> {
    promise.await
}

/// To a thread of tokio's and back.
#[func(tokio)]
pub async fn bench_tokio() {
    tokio::task::yield_now().await;
}
