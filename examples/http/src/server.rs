//! Connections: hyper reads the requests, and the worker domains answer them.

use crate::Error;
use crate::body::{Body, Rest};
use crate::host;
use crate::message::{ReplyBody, Request, Response};
use crate::sending;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, StatusCode, Uri};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use ocaml_lwt_interop::{Domain, FromOCaml, OCamlAsyncFunc, OpaqueType, TokenError, Workers, func};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;

type Handlers = Workers<(Request,), Response>;
type Reply = hyper::Response<ReplyBody>;

/// A handler of requests.
pub trait Handle {
    /// Returns the future of the response, or of the reason why there is none. `None` if nobody takes the request.
    fn handle(&self, request: Request) -> Option<impl Future<Output = Result<Response, String>>>;

    /// Returns `true` if the connection is to be closed after the next response.
    fn closes(&self) -> bool {
        false
    }
}

impl Handle for Handlers {
    fn handle(&self, request: Request) -> Option<impl Future<Output = Result<Response, String>>> {
        let call = self.call((request,)).ok()?;
        Some(async { call.await.map_err(|e| e.to_string()) })
    }
}

/// The limits of a server. Times are in seconds.
#[derive(Clone, FromOCaml)]
pub struct Limits {
    /// At a time; more wait in the system's queue.
    pub connections: usize,
    /// Of a body that a handler reads as a whole; longer ones get 413.
    pub body_bytes: usize,
    /// The headers of a request have to arrive within this time, and so has a body that a handler reads as a whole, or
    /// each part of others.
    pub read_timeout: Duration,
    /// A client that reads nothing of its response for so long is disconnected.
    pub write_timeout: Duration,
}

/// Limits of the headers of a request.
const MOST_HEADERS: usize = 100;
const HEADER_BYTES: usize = 32 << 10;

/// The most that is read at a time, and so of a part of a body.
const READ_BYTES: usize = 64 << 10;

/// The server's connections, which hyper serves.
#[derive(OpaqueType)]
pub struct Server {
    address: SocketAddr,
    workers: Handlers,
    acceptor: Mutex<Option<Acceptor>>,
}

/// The task that accepts connections. It stops when it is sent the deadline, and returns the number of
/// connections that it cut off.
struct Acceptor {
    stop: oneshot::Sender<Duration>,
    task: JoinHandle<usize>,
}

#[func]
impl Server {
    /// Listens on an address like `127.0.0.1:8080`; with port 0 the system chooses a port. Answers 503 until a domain has
    /// joined. Rejected if the address is not available.
    #[func(raise)]
    pub async fn listen(address: String, limits: Limits) -> Result<Self, Error> {
        let listener = TcpListener::bind(&address).await?;
        let address = listener.local_addr()?;
        let workers = Workers::new();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(accept(listener, workers.clone(), limits, stopped));
        Ok(Server {
            address,
            workers,
            acceptor: Mutex::new(Some(Acceptor { stop, task })),
        })
    }

    /// Returns the address that the server listens on, with the port.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Makes the calling domain answer requests with `handler`. Each request goes to the domain with the fewest under
    /// way. If the client disconnects, the handler's promise is cancelled. If the promise is rejected, the response is
    /// 500.
    #[func(raise)]
    pub fn join(&self, handler: OCamlAsyncFunc<(Request,), Response>) -> Result<(), TokenError> {
        self.workers.join(handler.remote()?);
        Ok(())
    }

    /// Sends no more requests to `domain`. Fulfilled when the domain has answered those that it has, and sent the bodies
    /// that it sends part by part.
    pub async fn leave(&self, domain: Domain) {
        self.workers.leave(&domain).await;
        sending::all_sent(&domain).await;
    }

    /// Accepts no more connections, and waits up to `deadline` seconds until the open ones have been served. Returns the
    /// number of connections that were cut off: 0 if the server is stopped already.
    pub async fn stop(&self, #[ocaml(label)] deadline: Duration) -> usize {
        let acceptor = self
            .acceptor
            .lock()
            .expect("no panic while it is locked")
            .take();
        let Some(Acceptor { stop, task }) = acceptor else {
            return 0;
        };
        let _ = stop.send(deadline);
        task.await.unwrap_or(0)
    }
}

async fn accept(
    listener: TcpListener,
    workers: Handlers,
    limits: Limits,
    mut stopped: oneshot::Receiver<Duration>,
) -> usize {
    let limits = Arc::new(limits);
    let permits = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let deadline = loop {
        let next = async {
            let permit = permits.clone().acquire_owned().await.expect("never closed");
            (permit, listener.accept().await)
        };
        tokio::select! {
            deadline = &mut stopped => break deadline,
            Some(_) = connections.join_next() => {}
            (permit, accepted) = next => match accepted {
                Ok((stream, _)) => {
                    let server = (workers.clone(), limits.clone());
                    connections.spawn(serve(stream, server, graceful.watcher(), permit));
                }
                Err(e) => not_accepted(e).await,
            },
        }
    };
    drop(listener);
    // Without a deadline: the garbage collector has freed the server, which stops at once.
    let _ = timeout(deadline.unwrap_or_default(), graceful.shutdown()).await;
    while connections.try_join_next().is_some() {}
    let cut_off = connections.len();
    // Dropping a connection cancels its handlers.
    connections.shutdown().await;
    cut_off
}

/// Reports that no connection was accepted, and waits before the next attempt: no descriptor is left, or the client has
/// disconnected.
pub async fn not_accepted(e: io::Error) {
    eprintln!("http: cannot accept a connection: {e}");
    sleep(Duration::from_millis(50)).await;
}

/// Serves a connection until it ends.
pub async fn serve(
    stream: TcpStream,
    (handler, limits): (impl Handle, Arc<Limits>),
    watcher: Watcher,
    _permit: OwnedSemaphorePermit,
) {
    let _ = stream.set_nodelay(true);
    let mut stream = Box::pin(TimeoutStream::new(stream));
    stream
        .as_mut()
        .set_write_timeout_pinned(Some(limits.write_timeout));
    let service = service_fn(|request| async {
        Ok::<_, Infallible>(answer(&handler, &limits, request).await)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.read_timeout)
        .max_headers(MOST_HEADERS)
        .max_header_size(HEADER_BYTES)
        .max_buf_size(READ_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    // On a protocol error hyper has answered 400, on one in the headers' size 431.
    let _ = watcher.watch(connection).await;
}

/// Has the handler answer the request. If the client disconnects, hyper drops this future, which cancels
/// the handler's promise.
async fn answer(
    handler: &impl Handle,
    limits: &Limits,
    request: hyper::Request<Incoming>,
) -> Reply {
    let (head, incoming) = request.into_parts();
    let body = Body::of(incoming, &head, limits);
    let rest = Rest(body.clone());
    if !host::is_valid(head.version, &head.headers) {
        return conclude(plain(StatusCode::BAD_REQUEST), rest);
    }
    let Some(response) = handler.handle(Request::new(&head, body)) else {
        return conclude(plain(StatusCode::SERVICE_UNAVAILABLE), rest);
    };
    let response = response.await;
    let reply = response.and_then(|response| response.into_http().map_err(|e| e.to_string()));
    let mut reply = reply.unwrap_or_else(|why| failure(&head.method, &head.uri, &why));
    if handler.closes() {
        close(&mut reply);
    }
    conclude(reply, rest)
}

/// Has the connection closed after the reply.
fn close(reply: &mut Reply) {
    let close = HeaderValue::from_static("close");
    reply.headers_mut().insert(CONNECTION, close);
}

/// Closes the connection after a reply to a request whose body nobody reads to its end: the rest of the body would be
/// taken for the next request.
fn conclude(mut reply: Reply, rest: Rest) -> Reply {
    let sends_parts = matches!(reply.body(), ReplyBody::Parts(..));
    if rest.is_left(sends_parts) {
        close(&mut reply);
    }
    if let ReplyBody::Parts(_, kept) = reply.body_mut() {
        *kept = Some(rest);
    }
    reply
}

/// The reply to a request whose handler failed. The reason goes to the log, in one line, and not to the
/// client. The panic hook has logged the backtrace of a panic already.
fn failure(method: &Method, uri: &Uri, why: &str) -> Reply {
    let why = why.lines().next().unwrap_or_default();
    eprintln!("http: {method} {uri} failed: {why}");
    plain(StatusCode::INTERNAL_SERVER_ERROR)
}

fn plain(status: StatusCode) -> Reply {
    let mut reply = hyper::Response::new(ReplyBody::Whole(Full::from(format!("{status}\n"))));
    *reply.status_mut() = status;
    reply
}
