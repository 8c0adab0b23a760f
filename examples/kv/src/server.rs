//! Takes connections, and sees to it that they end.

use crate::connection::{self, Answerers, Connection, Limits};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Serves for as long as it is there.
pub struct Server {
    address: SocketAddr,
    /// Until when clients may finish, once it stops. Each connection has a receiver.
    deadline: watch::Sender<Option<Instant>>,
}

type Deadline = watch::Receiver<Option<Instant>>;

impl Server {
    pub async fn listen(address: &str, workers: Answerers, limits: Limits) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (deadline, stopping) = watch::channel(None);
        tokio::spawn(accept(listener, workers, limits, stopping));
        Ok(Server { address, deadline })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, and closes each that has nothing under way, or none after `grace`.
    /// Ready when all are closed.
    pub async fn stop(&self, grace: Duration) {
        self.deadline.send_replace(Some(Instant::now() + grace));
        self.deadline.closed().await;
    }
}

/// Ready when the server stops, or is dropped.
async fn stopped(mut deadline: Deadline) -> Instant {
    match deadline.wait_for(Option::is_some).await {
        Ok(set) => set.expect("that was waited for"),
        Err(_) => Instant::now(),
    }
}

async fn accept(listener: TcpListener, workers: Answerers, limits: Limits, deadline: Deadline) {
    let mut clients = JoinSet::new();
    let mut id = 0;
    let mut stopping = std::pin::pin!(stopped(deadline.clone()));
    let until = loop {
        tokio::select! {
            until = &mut stopping => break until,
            Some(_) = clients.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if clients.len() as isize >= limits.max_clients => {
                    connection::turn_away(stream).await;
                }
                Ok((stream, _)) => {
                    id += 1;
                    if let Ok(client) = Connection::new(stream, id, workers.clone(), &limits) {
                        clients.spawn(serve(client, deadline.clone()));
                    }
                }
                // Usually that there is no descriptor left: a client may give one back.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
        }
    };
    drop(listener);
    let all_gone = async { while clients.join_next().await.is_some() {} };
    if tokio::time::timeout_at(until, all_gone).await.is_err() {
        clients.shutdown().await;
    }
}

/// How a connection ended is its client's affair.
async fn serve(connection: Connection, deadline: Deadline) {
    let stopping = async {
        stopped(deadline).await;
    };
    let _ = connection.serve(stopping).await;
}
