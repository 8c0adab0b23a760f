//! Accepts connections, and closes them when the server stops.

use crate::connection::{self, Connection, Handlers, Limits};
use ocaml_lwt_interop::OpaqueType;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// A server, which stops when it is dropped.
#[derive(OpaqueType)]
pub struct Server {
    address: SocketAddr,
    /// Set when the server stops: the time until which clients may finish. Each connection has a
    /// receiver.
    deadline: watch::Sender<Option<Instant>>,
}

type Deadline = watch::Receiver<Option<Instant>>;

impl Server {
    pub async fn listen(address: &str, handlers: Handlers, limits: Limits) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (deadline, stopping) = watch::channel(None);
        tokio::spawn(accept(listener, handlers, limits, stopping));
        Ok(Server { address, deadline })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts no more connections, and closes each open one when no command of it is under way, or
    /// after `grace`. Resolves when all are closed.
    pub async fn stop(&self, grace: Duration) {
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

async fn accept(listener: TcpListener, handlers: Handlers, limits: Limits, deadline: Deadline) {
    let mut clients = JoinSet::new();
    let mut id = 0;
    let mut stopping = std::pin::pin!(stopped(deadline.clone()));
    let until = loop {
        tokio::select! {
            until = &mut stopping => break until,
            Some(_) = clients.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if clients.len() as isize >= limits.max_clients => {
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
