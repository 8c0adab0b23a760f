//! A server whose connections threads of tokio's serve, for all domains.

use crate::connection::{self, Connection, Handler, Limits, Outcome, Request, Session};
use ocaml_lwt_interop::{Domain, OpaqueType, TokenError, Workers, func};
use std::future;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// The domains, of which the one with the fewest requests under way answers the next.
type Domains = Arc<Workers<(Session, Request), Outcome>>;

/// A server. It stops when it is dropped, and so when OCaml's collector frees it: keep it until `stop`.
#[derive(OpaqueType)]
pub struct Server {
    address: SocketAddr,
    limits: Limits,
    domains: Domains,
    /// Until the first domain has joined.
    listener: Mutex<Option<TcpListener>>,
    /// Set when the server stops: the time until which clients may finish. Each connection has a
    /// receiver.
    deadline: watch::Sender<Option<Instant>>,
}

type Deadline = watch::Receiver<Option<Instant>>;

impl Server {
    async fn bind(address: &str, limits: Limits) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Server {
            address: listener.local_addr()?,
            limits,
            domains: Arc::new(Workers::new()),
            listener: Mutex::new(Some(listener)),
            deadline: watch::Sender::new(None),
        })
    }

    fn take_listener(&self) -> Option<TcpListener> {
        let mut listener = self.listener.lock().expect("no panic while it is locked");
        listener.take()
    }
}

#[func]
impl Server {
    /// Listens on an address like `127.0.0.1:6380`, or returns the reason why it cannot. With port 0 the system chooses a
    /// port. Connections wait until a domain has joined.
    pub async fn listen(address: String, limits: Limits) -> Result<Self, String> {
        let listening = Server::bind(&address, limits).await;
        listening.map_err(|e| e.to_string())
    }

    /// Returns the address that the server listens on, with the port.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Makes the calling domain answer requests with `handler`. Each request goes to the domain with the fewest under
    /// way.
    #[func(raise)]
    pub fn join(&self, handler: Handler) -> Result<(), TokenError> {
        self.domains.join(handler.remote()?);
        if let Some(listener) = self.take_listener() {
            let deadline = self.deadline.subscribe();
            let accepting = accept(
                listener,
                self.domains.clone(),
                self.limits.clone(),
                deadline,
            );
            tokio::spawn(accepting);
        }
        Ok(())
    }

    /// Sends no more requests to `domain`. Fulfilled when the domain has answered those that it has.
    pub async fn leave(&self, domain: Domain) {
        self.domains.leave(&domain).await;
    }

    /// Accepts no more connections, and closes each open one when no command of it is under way, or
    /// after `grace` seconds. Resolves when all are closed.
    pub async fn stop(&self, #[ocaml(label)] grace: Duration) {
        self.take_listener();
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

async fn accept(listener: TcpListener, domains: Domains, limits: Limits, deadline: Deadline) {
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
                    if let Ok(client) = Connection::new(stream, id, &limits) {
                        clients.spawn(serve(client, domains.clone(), deadline.clone()));
                    }
                }
                Err(_) => connection::not_accepted().await,
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
async fn serve(mut connection: Connection, domains: Domains, deadline: Deadline) {
    let stopping = async {
        stopped(deadline).await;
    };
    let _ = connection
        .serve(&*domains, stopping, future::pending())
        .await;
}
