//! A server whose domains serve their own connections: each has a tokio runtime of its own, and a listener.
//!
//! There are as many listeners as domains, on one port, and the kernel distributes the connections among them
//! (`SO_REUSEPORT`). A domain that leaves gives its listener to the next one that joins, with the connections that wait in it:
//! the kernel would drop these if the listener was closed.

use crate::Error;
use crate::message::{Request, Response};
use crate::sending;
use crate::server::{Handle, Limits, not_accepted, serve};
use hyper_util::server::graceful::GracefulShutdown;
use ocaml_lwt_interop::{Domain, OCamlAsyncFunc, OpaqueType, TokenError, domain, func};
use std::cell::Cell;
use std::collections::HashMap;
use std::future;
use std::io;
use std::net::{self, SocketAddr};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, lookup_host};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, timeout, timeout_at};

/// The length of a listener's queue.
const BACKLOG: u32 = 1024;

/// How long a domain that leaves waits for the next request of a connection that is idle: the response to it closes the
/// connection. A connection that is closed without that could cut a request off.
const IDLE: Duration = Duration::from_secs(2);

/// How long a domain has to obey an order.
const OBEYING: Duration = Duration::from_millis(500);

/// The server of domains that each serve their own connections.
#[derive(OpaqueType)]
pub struct Sharded(Arc<Shared>);

struct Shared {
    address: SocketAddr,
    limits: Arc<Limits>,
    permits: Arc<Semaphore>,
    /// Those that no domain serves, with a permit for each.
    listeners: Mutex<Vec<net::TcpListener>>,
    free: Semaphore,
    shards: Mutex<Shards>,
}

#[derive(Default)]
struct Shards {
    joined: HashMap<u64, Shard>,
    /// The server stops, and connections have so long.
    stopped: Option<Duration>,
}

/// A domain that has joined.
struct Shard {
    order: watch::Sender<Order>,
    ending: Ending,
}

/// The end of a domain's service.
#[derive(Clone)]
struct Ending {
    /// The number of connections that were cut off, at the end.
    cut_off: watch::Receiver<Option<usize>>,
    /// The number of open connections.
    open: watch::Receiver<usize>,
}

impl Ending {
    /// Waits for the end. Returns the number of connections that were cut off.
    async fn wait(&mut self) -> usize {
        // A domain that terminated without an order has dropped its connections.
        let ended = self.cut_off.wait_for(Option::is_some).await;
        ended.map_or(0, |cut_off| cut_off.unwrap_or(0))
    }

    /// Waits until then at most: a handler that does not return keeps its domain from ending.
    async fn wait_until(&mut self, latest: Instant) -> usize {
        let ended = timeout_at(latest, self.wait()).await;
        ended.unwrap_or_else(|_| *self.open.borrow())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Serve,
    /// Finish what is under way, and give the listener to another domain.
    Leave,
    /// Finish what is under way within this time.
    Stop(Duration),
}

#[func]
impl Sharded {
    /// Listens on an address like `127.0.0.1:8080`, with `listeners` listeners; with port 0 the system chooses a port.
    /// Connections wait until a domain has joined. Rejected if the address is not available.
    #[func(raise)]
    pub async fn listen(
        address: String,
        #[ocaml(label)] listeners: usize,
        limits: Limits,
    ) -> Result<Self, Error> {
        let mut found = lookup_host(&address).await?;
        let mut address = found.next().ok_or("the address has no meaning")?;
        let mut all = Vec::new();
        // With `SO_REUSEPORT`, the port of another process of the same user would be shared.
        bound(address, false)?;
        for _ in 0..listeners {
            let listener = bound(address, true)?.listen(BACKLOG)?;
            address = listener.local_addr()?;
            all.push(listener.into_std()?);
        }
        Ok(Sharded(Arc::new(Shared {
            address,
            permits: Arc::new(Semaphore::new(limits.connections)),
            limits: Arc::new(limits),
            free: Semaphore::new(all.len()),
            listeners: Mutex::new(all),
            shards: Mutex::default(),
        })))
    }

    /// Returns the address that the server listens on, with the port.
    pub fn address(&self) -> String {
        self.0.address.to_string()
    }

    /// Makes the calling domain serve connections, and answer their requests with `handler`. It begins as soon as there is a
    /// listener that no other domain serves.
    #[func(raise)]
    pub fn join(&self, handler: OCamlAsyncFunc<(Request,), Response>) -> Result<(), TokenError> {
        let id = domain::current().map_or(0, |domain| domain.id());
        let mut shards = self.0.shards();
        let (order, orders) = watch::channel(shards.stopped.map_or(Order::Serve, Order::Stop));
        let (end, cut_off) = watch::channel(None);
        let connections = Connections::new(handler);
        let ending = Ending {
            cut_off,
            open: connections.open.subscribe(),
        };
        let shared = self.0.clone();
        let serving = domain::spawn_local(async move {
            let cut_off = shared.serve(connections, orders).await;
            shared.shards().joined.remove(&id);
            end.send_replace(Some(cut_off));
        })?;
        serving.detach();
        shards.joined.insert(id, Shard { order, ending });
        Ok(())
    }

    /// Makes `domain` accept no more connections. Fulfilled when it has finished those that it has.
    pub async fn leave(&self, domain: Domain) {
        let ending = self.0.order_to_leave(domain.id());
        if let Some(mut ending) = ending {
            ending.wait().await;
        }
        sending::all_sent(&domain).await;
    }

    /// Accepts no more connections, and waits up to `deadline` seconds until the open ones have been served. Returns the
    /// number of connections that were cut off.
    pub async fn stop(&self, #[ocaml(label)] deadline: Duration) -> usize {
        let all = self.0.order_all_to_stop(deadline);
        let latest = Instant::now() + deadline + OBEYING;
        let mut cut_off = 0;
        for mut ending in all {
            cut_off += ending.wait_until(latest).await;
        }
        self.0.listeners().clear();
        cut_off
    }
}

/// Returns a socket with this address, which others may have too if it is `shared`.
fn bound(address: SocketAddr, shared: bool) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseport(shared)?;
    // As `TcpListener::bind` does.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

impl Shared {
    fn listeners(&self) -> MutexGuard<'_, Vec<net::TcpListener>> {
        self.listeners.lock().expect("no panic while it is locked")
    }

    fn shards(&self) -> MutexGuard<'_, Shards> {
        self.shards.lock().expect("no panic while it is locked")
    }

    fn order_to_leave(&self, id: u64) -> Option<Ending> {
        let shards = self.shards();
        let shard = shards.joined.get(&id)?;
        if shards.stopped.is_none() {
            shard.order.send_replace(Order::Leave);
        }
        Some(shard.ending.clone())
    }

    fn order_all_to_stop(&self, deadline: Duration) -> Vec<Ending> {
        let mut shards = self.shards();
        shards.stopped = Some(deadline);
        let joined = shards.joined.values();
        joined
            .map(|shard| {
                shard.order.send_replace(Order::Stop(deadline));
                shard.ending.clone()
            })
            .collect()
    }

    fn give_back(&self, listener: net::TcpListener) {
        self.listeners().push(listener);
        self.free.add_permits(1);
    }

    /// Serves connections on the calling domain. Returns the number of those that were cut off.
    async fn serve(
        self: &Arc<Self>,
        connections: Connections,
        mut orders: watch::Receiver<Order>,
    ) -> usize {
        let accepting = async {
            let lent = Lent::new(self).await;
            connections.accept(self, &lent.listener).await;
        };
        tokio::select! {
            _ = orders.wait_for(|order| *order != Order::Serve) => {}
            () = accepting => {}
        }
        // The listener is free again.
        let order = *orders.borrow();
        match order {
            Order::Stop(deadline) => connections.finish(deadline, Duration::ZERO).await,
            Order::Serve | Order::Leave => connections.finish(Duration::MAX, IDLE).await,
        }
    }
}

/// A listener that the calling domain serves.
struct Lent {
    /// The same, on the domain's runtime.
    listener: TcpListener,
    /// Taken when this is dropped.
    owned: Option<net::TcpListener>,
    shared: Arc<Shared>,
}

impl Lent {
    /// Waits for a listener that no domain serves.
    async fn new(shared: &Arc<Shared>) -> Self {
        loop {
            let permit = shared.free.acquire().await.expect("never closed");
            let owned = shared.listeners().pop();
            permit.forget();
            let Some(owned) = owned else {
                // The server has stopped.
                return future::pending().await;
            };
            match owned.try_clone().and_then(TcpListener::from_std) {
                Ok(listener) => {
                    return Lent {
                        listener,
                        owned: Some(owned),
                        shared: shared.clone(),
                    };
                }
                Err(e) => {
                    shared.give_back(owned);
                    not_accepted(e).await;
                }
            }
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(listener) = self.owned.take() {
            self.shared.give_back(listener);
        }
    }
}

/// A handler of the calling domain.
#[derive(Clone)]
struct Local {
    handler: OCamlAsyncFunc<(Request,), Response>,
    /// No connection is to remain.
    closes: Rc<Cell<bool>>,
}

impl Handle for Local {
    fn handle(&self, request: Request) -> Option<impl Future<Output = Result<Response, String>>> {
        let response = self.handler.call((request,)).ok()?;
        Some(async { response.await.map_err(|e| e.to_string()) })
    }

    fn closes(&self) -> bool {
        self.closes.get()
    }
}

/// The connections of the calling domain.
struct Connections {
    handler: Local,
    graceful: GracefulShutdown,
    /// Dropping it ends those that are left.
    cut: watch::Sender<()>,
    open: watch::Sender<usize>,
}

/// Counts a connection.
struct Open(watch::Sender<usize>);

impl Open {
    fn new(open: &watch::Sender<usize>) -> Self {
        open.send_modify(|n| *n += 1);
        Open(open.clone())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|n| *n -= 1);
    }
}

impl Connections {
    fn new(handler: OCamlAsyncFunc<(Request,), Response>) -> Self {
        Connections {
            handler: Local {
                handler,
                closes: Rc::default(),
            },
            graceful: GracefulShutdown::new(),
            cut: watch::Sender::new(()),
            open: watch::Sender::new(0),
        }
    }

    async fn accept(&self, shared: &Shared, listener: &TcpListener) {
        loop {
            let permit = shared
                .permits
                .clone()
                .acquire_owned()
                .await
                .expect("never closed");
            match listener.accept().await {
                Ok((stream, _)) => {
                    let watcher = self.graceful.watcher();
                    let server = (self.handler.clone(), shared.limits.clone());
                    let mut cut = self.cut.subscribe();
                    let open = Open::new(&self.open);
                    let serving = domain::spawn_local(async move {
                        let _open = open;
                        tokio::select! {
                            () = serve(stream, server, watcher, permit) => {}
                            _ = cut.changed() => {}
                        }
                    });
                    serving.expect("it runs on a domain").detach();
                }
                Err(e) => not_accepted(e).await,
            }
        }
    }

    /// Finishes the requests that are under way, and closes the connections, those without a request after `idle`. Returns the
    /// number of connections that are cut off after `deadline`.
    async fn finish(self, deadline: Duration, idle: Duration) -> usize {
        self.handler.closes.set(true);
        let mut open = self.open.subscribe();
        let finishing = async {
            let _ = timeout(idle, open.wait_for(|open| *open == 0)).await;
            self.graceful.shutdown().await;
        };
        let _ = timeout(deadline, finishing).await;
        // Dropping the connections cancels their handlers.
        drop(self.cut);
        *self.open.borrow()
    }
}
