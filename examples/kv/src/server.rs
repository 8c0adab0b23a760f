//! Accepts connections, and closes them when the server stops.

use crate::connection::{self, Connection, Limits};
use crate::handlers::Handlers;
use ocaml_lwt_interop::{Opaque, OpaqueType, func};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// A server. It stops when it is dropped, and so when OCaml's collector frees it: keep it until `stop`.
#[derive(OpaqueType)]
pub struct Server {
    address: SocketAddr,
    /// Set when the server stops: the time until which clients may finish. Each connection has a
    /// receiver.
    deadline: watch::Sender<Option<Instant>>,
}

type Deadline = watch::Receiver<Option<Instant>>;

impl Server {
    async fn bind(address: &str, handlers: Opaque<Handlers>, limits: Limits) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (deadline, stopping) = watch::channel(None);
        tokio::spawn(accept(listener, handlers, limits, stopping));
        Ok(Server { address, deadline })
    }
}

#[func]
impl Server {
    /// Listens on an address like `127.0.0.1:6380`, or returns the reason why it cannot. With port 0 the system chooses a
    /// port.
    pub async fn listen(
        handlers: Opaque<Handlers>,
        address: String,
        limits: Limits,
    ) -> Result<Self, String> {
        let listening = Server::bind(&address, handlers, limits).await;
        listening.map_err(|e| e.to_string())
    }

    /// Returns the address that the server listens on, with the port.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Accepts no more connections, and closes each open one when no command of it is under way, or
    /// after `grace` seconds. Resolves when all are closed.
    pub async fn stop(&self, #[ocaml(label)] grace: Duration) {
        self.deadline.send_replace(Some(Instant::now() + grace));
        self.deadline.closed().await;
    }
}

/// Resolves with the deadline when the server stops or is dropped.
async fn stopped(mut deadline: Deadline) -> Instant {
    match deadline.wait_for(Option::is_some).await {
        Ok(set) => set.expect("the predicate has checked it"),
        Err(_) => Instant::now(),
    }
}

async fn accept(
    listener: TcpListener,
    handlers: Opaque<Handlers>,
    limits: Limits,
    deadline: Deadline,
) {
    let mut clients = JoinSet::new();
    let mut id = 0;
    let mut stopping = std::pin::pin!(stopped(deadline.clone()));
    let until = loop {
        tokio::select! {
            until = &mut stopping => break until,
            Some(_) = clients.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if clients.len() >= limits.max_clients => {
                    connection::reject(stream).await;
                }
                Ok((stream, _)) => {
                    id += 1;
                    if let Ok(client) = Connection::new(stream, id, handlers.clone(), &limits) {
                        clients.spawn(serve(client, deadline.clone()));
                    }
                }
                // Usually there is no descriptor left, until a client disconnects.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    };
    drop(listener);
    let all_closed = async { while clients.join_next().await.is_some() {} };
    if tokio::time::timeout_at(until, all_closed).await.is_err() {
        clients.shutdown().await;
    }
}

/// Serves a client. Ignores errors of the connection, which only concern that client.
async fn serve(connection: Connection, deadline: Deadline) {
    let stopping = async {
        stopped(deadline).await;
    };
    let _ = connection.serve(stopping).await;
}
