//! A web server of hyper and tokio alone, which `make bench-http` compares with examples/http: it answers the same two
//! requests, and has no OCaml.

use anyhow::Result;
use bytes::Bytes;
use clap::Parser;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::hint::black_box;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

/// A server of hyper and tokio alone, which examples/http is compared with
#[derive(Parser)]
struct Options {
    /// Listen here; port 0 is any free port
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    listen: String,

    /// The number of threads: with 1, tokio's current-thread runtime
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    threads: u16,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let rounds_per_us = calibrate();
    runtime(options.threads)?.block_on(async {
        let mut terminated = signal(SignalKind::terminate())?;
        let listener = TcpListener::bind(&options.listen).await?;
        println!("hyper: listening on {}", listener.local_addr()?);
        // On a thread of the runtime's: this one would have to wake them.
        let accepting = tokio::spawn(accept(listener, rounds_per_us));
        tokio::select! {
            _ = terminated.recv() => Ok(()),
            ended = accepting => ended?,
        }
    })
}

fn runtime(threads: u16) -> Result<Runtime> {
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    Ok(builder
        .worker_threads(threads.into())
        .enable_all()
        .build()?)
}

async fn accept(listener: TcpListener, rounds_per_us: u64) -> Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = service_fn(move |request: Request<Incoming>| async move {
            Ok::<_, Infallible>(answer(&request, rounds_per_us))
        });
        tokio::spawn(async move {
            // An error concerns its client only.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn answer(request: &Request<Incoming>, rounds_per_us: u64) -> Response<Full<Bytes>> {
    let us = || {
        request
            .uri()
            .query()?
            .strip_prefix("us=")?
            .parse::<u64>()
            .ok()
    };
    let (status, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => (StatusCode::OK, "Hello, world!\n"),
        (&Method::GET, "/compute") => match us() {
            Some(us) => {
                black_box(compute(us.saturating_mul(rounds_per_us)));
                (StatusCode::OK, "computed\n")
            }
            None => (StatusCode::BAD_REQUEST, "us has to be a number\n"),
        },
        _ => (StatusCode::NOT_FOUND, "not found\n"),
    };
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    let text = HeaderValue::from_static("text/plain");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}

/// Each round depends on the one before, so they cannot run in parallel.
fn compute(rounds: u64) -> u64 {
    (0..rounds).fold(1, |x: u64, _| {
        (x ^ (x >> 29)).wrapping_mul(0x1f58_476d_1ce4_e5b9)
    })
}

/// Returns the number of rounds in a microsecond. Disturbances only make a run slower, so the fastest one counts.
fn calibrate() -> u64 {
    const ROUNDS: u64 = 500_000;
    let measure = |_| {
        let start = Instant::now();
        black_box(compute(black_box(ROUNDS)));
        start.elapsed()
    };
    let best = (0..100).map(measure).min().unwrap_or(Duration::MAX);
    ((ROUNDS as f64 / best.as_secs_f64() / 1e6) as u64).max(1)
}
