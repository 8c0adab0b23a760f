//! A server whose domains serve their own connections: each has a tokio runtime of its own, and a listener.
//!
//! There are as many listeners as domains, on one port, and the kernel distributes the connections among them
//! (`SO_REUSEPORT`). A domain that leaves gives its listener to the next one that joins, with the connections that wait in it,
//! which the kernel would drop if the listener was closed. Its own connections follow one by one, between two batches: the
//! clients do not notice.

use crate::connection::{self, Connection, Ended, Handler, Limits, Parked};
use ocaml_lwt_interop::{Domain, OpaqueType, TokenError, domain, func};
use std::collections::HashMap;
use std::convert::Infallible;
use std::future;
use std::io;
use std::net::{self, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, lookup_host};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout_at};

/// The length of a listener's queue.
const BACKLOG: u32 = 1024;

/// How long a domain has to obey an order.
const OBEYING: Duration = Duration::from_millis(500);

/// The server of domains that each serve their own connections.
#[derive(OpaqueType)]
pub struct Sharded(Arc<Shared>);

struct Shared {
    address: SocketAddr,
    limits: Limits,
    /// A permit for each client.
    clients: Arc<Semaphore>,
    last_id: AtomicIsize,
    /// Those that no domain serves, with a permit for each.
    places: Mutex<Vec<Place>>,
    free: Semaphore,
    domains: Mutex<Domains>,
}

#[derive(Default)]
struct Domains {
    joined: HashMap<u64, Member>,
    /// The server stops, and clients have until then.
    stopped: Option<Instant>,
}

/// A listener, and the connections that the last domain of this listener passes on.
struct Place {
    listener: net::TcpListener,
    arriving: UnboundedReceiver<Moving>,
    sender: UnboundedSender<Moving>,
}

/// A connection on its way from one domain to the next.
struct Moving {
    parked: Parked,
    permit: OwnedSemaphorePermit,
}

/// A domain that has joined.
struct Member {
    order: watch::Sender<Order>,
    /// Closed at the end of its service.
    ended: watch::Receiver<()>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Serve,
    /// Give the listener and the connections to another domain.
    Leave,
    /// Close the connections when no command of them is under way, and all of them then.
    Stop(Instant),
}

impl Order {
    fn is_leave(&self) -> bool {
        *self == Order::Leave
    }

    fn is_stop(&self) -> bool {
        matches!(self, Order::Stop(_))
    }
}

#[func]
impl Sharded {
    /// Listens on an address like `127.0.0.1:6380`, with `listeners` listeners, or returns the reason why it cannot. With
    /// port 0 the system chooses a port. Connections wait until a domain has joined.
    pub async fn listen(
        address: String,
        #[ocaml(label)] listeners: usize,
        limits: Limits,
    ) -> Result<Self, String> {
        let shared = Shared::listen(&address, listeners, limits).await;
        let shared = shared.map_err(|e| e.to_string())?;
        Ok(Sharded(Arc::new(shared)))
    }

    /// Returns the address that the server listens on, with the port.
    pub fn address(&self) -> String {
        self.0.address.to_string()
    }

    /// Makes the calling domain serve connections, and answer their requests with `handler`. It begins as soon as there is a
    /// listener that no other domain serves.
    #[func(raise)]
    pub fn join(&self, handler: Handler) -> Result<(), TokenError> {
        let id = domain::current().map_or(0, |domain| domain.id());
        let mut domains = self.0.domains();
        let (order, orders) = watch::channel(match domains.stopped {
            None => Order::Serve,
            Some(until) => Order::Stop(until),
        });
        let (end, ended) = watch::channel(());
        let shared = self.0.clone();
        let serving = domain::spawn_local(async move {
            shared.serve(handler, orders).await;
            shared.domains().joined.remove(&id);
            drop(end);
        })?;
        serving.detach();
        domains.joined.insert(id, Member { order, ended });
        Ok(())
    }

    /// Makes `domain` pass its listener and its connections on to a domain that has joined, or will. Fulfilled when it has
    /// none left.
    pub async fn leave(&self, domain: Domain) {
        if let Some(ended) = self.0.order_to_leave(domain.id()) {
            over(ended).await;
        }
    }

    /// Accepts no more connections, and closes each open one when no command of it is under way, or
    /// after `grace` seconds. Resolves when all are closed.
    pub async fn stop(&self, #[ocaml(label)] grace: Duration) {
        let until = Instant::now() + grace;
        for ended in self.0.order_all_to_stop(until) {
            // A handler that does not return keeps its domain from ending.
            let _ = timeout_at(until + OBEYING, over(ended)).await;
        }
        let places = std::mem::take(&mut *self.0.places());
        for mut place in places {
            // Connections between two domains, of which the next has not come.
            while let Ok(Moving { parked, .. }) = place.arriving.try_recv() {
                if let Ok(mut connection) = Connection::resume(parked) {
                    let _ = timeout_at(until, connection.flush()).await;
                }
            }
        }
    }
}

/// Waits for the end of a domain's service.
async fn over(mut ended: watch::Receiver<()>) {
    while ended.changed().await.is_ok() {}
}

impl Shared {
    async fn listen(address: &str, listeners: usize, limits: Limits) -> io::Result<Self> {
        let found = lookup_host(address).await?.next();
        let mut address = found.ok_or_else(|| io::Error::other("the address has no meaning"))?;
        // With `SO_REUSEPORT`, the port of another process of the same user would be shared.
        bound(address, false)?;
        let mut places = Vec::new();
        for _ in 0..listeners {
            let listener = bound(address, true)?.listen(BACKLOG)?;
            address = listener.local_addr()?;
            let (sender, arriving) = unbounded_channel();
            places.push(Place {
                listener: listener.into_std()?,
                arriving,
                sender,
            });
        }
        Ok(Shared {
            address,
            clients: Arc::new(Semaphore::new(limits.max_clients)),
            limits,
            last_id: AtomicIsize::new(0),
            free: Semaphore::new(places.len()),
            places: Mutex::new(places),
            domains: Mutex::default(),
        })
    }

    fn places(&self) -> MutexGuard<'_, Vec<Place>> {
        self.places.lock().expect("no panic while it is locked")
    }

    fn domains(&self) -> MutexGuard<'_, Domains> {
        self.domains.lock().expect("no panic while it is locked")
    }

    fn give_back(&self, place: Place) {
        self.places().push(place);
        self.free.add_permits(1);
    }

    fn order_to_leave(&self, id: u64) -> Option<watch::Receiver<()>> {
        let domains = self.domains();
        let member = domains.joined.get(&id)?;
        if domains.stopped.is_none() {
            member.order.send_replace(Order::Leave);
        }
        Some(member.ended.clone())
    }

    fn order_all_to_stop(&self, until: Instant) -> Vec<watch::Receiver<()>> {
        let mut domains = self.domains();
        domains.stopped = Some(until);
        let members = domains.joined.values();
        members
            .map(|member| {
                member.order.send_replace(Order::Stop(until));
                member.ended.clone()
            })
            .collect()
    }

    /// Passes a connection on, or returns it if the server stops: then the calling domain has the order to stop.
    fn pass_on(
        &self,
        connection: Connection,
        permit: OwnedSemaphorePermit,
        successor: &UnboundedSender<Moving>,
    ) -> Option<(Connection, OwnedSemaphorePermit)> {
        let domains = self.domains();
        if domains.stopped.is_some() {
            return Some((connection, permit));
        }
        // Where that fails, the connection ends.
        if let Ok(parked) = connection.park() {
            let _ = successor.send(Moving { parked, permit });
        }
        None
    }

    /// Serves connections on the calling domain, until it has none left after an order.
    async fn serve(self: &Arc<Self>, handler: Handler, orders: watch::Receiver<Order>) {
        // Each connection has a receiver.
        let open = watch::Sender::new(());
        let service = Service {
            shared: self.clone(),
            handler,
            orders: orders.clone(),
            open: open.subscribe(),
        };
        let mut ordered = pin!(until(orders.clone(), |order| *order != Order::Serve));
        tokio::select! {
            () = &mut ordered => {}
            mut place = Occupied::new(self) => {
                tokio::select! {
                    () = &mut ordered => {}
                    never = service.accept(&mut place) => match never {},
                }
                if orders.borrow().is_stop() {
                    // They finish what is under way here.
                    service.take_over(&mut place);
                }
            }
        }
        // The place is free again.
        drop(service);
        open.closed().await;
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

/// A place that the calling domain has.
struct Occupied {
    /// The place's own, on the domain's runtime.
    listener: TcpListener,
    /// Taken when this is dropped.
    place: Option<Place>,
    shared: Arc<Shared>,
}

impl Occupied {
    /// Waits for a place that no domain has.
    async fn new(shared: &Arc<Shared>) -> Self {
        loop {
            let permit = shared.free.acquire().await.expect("never closed");
            let place = shared.places().pop();
            permit.forget();
            let Some(place) = place else {
                // The server has stopped.
                return future::pending().await;
            };
            match place.listener.try_clone().and_then(TcpListener::from_std) {
                Ok(listener) => {
                    return Occupied {
                        listener,
                        place: Some(place),
                        shared: shared.clone(),
                    };
                }
                Err(e) => {
                    eprintln!("kv: a domain has no listener, and will try again: {e}");
                    shared.give_back(place);
                    connection::not_accepted().await;
                }
            }
        }
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.shared.give_back(place);
        }
    }
}

/// The handler of the calling domain and its orders, for each of its connections.
struct Service {
    shared: Arc<Shared>,
    handler: Handler,
    orders: watch::Receiver<Order>,
    open: watch::Receiver<()>,
}

impl Service {
    /// Serves the connections that are accepted, and those that other domains pass on.
    async fn accept(&self, occupied: &mut Occupied) -> Infallible {
        let Occupied {
            listener, place, ..
        } = occupied;
        let Place {
            arriving, sender, ..
        } = place.as_mut().expect("until it is dropped");
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((stream, _)) => match self.shared.clients.clone().try_acquire_owned() {
                        Ok(permit) => {
                            let id = 1 + self.shared.last_id.fetch_add(1, Ordering::Relaxed);
                            let connection = Connection::new(stream, id, &self.shared.limits);
                            self.start(connection, permit, sender);
                        }
                        Err(_) => connection::reject(stream).await,
                    },
                    Err(_) => connection::not_accepted().await,
                },
                Some(Moving { parked, permit }) = arriving.recv() => {
                    self.start(Connection::resume(parked), permit, sender);
                }
            }
        }
    }

    /// Serves the connections that other domains have passed on.
    fn take_over(&self, occupied: &mut Occupied) {
        let place = occupied.place.as_mut().expect("until it is dropped");
        while let Ok(Moving { parked, permit }) = place.arriving.try_recv() {
            self.start(Connection::resume(parked), permit, &place.sender);
        }
    }

    /// Serves a client. Ignores errors of the connection, which only concern that client.
    fn start(
        &self,
        connection: io::Result<Connection>,
        permit: OwnedSemaphorePermit,
        successor: &UnboundedSender<Moving>,
    ) {
        let Ok(connection) = connection else {
            return;
        };
        let (shared, handler, open) =
            (self.shared.clone(), self.handler.clone(), self.open.clone());
        let (orders, successor) = (self.orders.clone(), successor.clone());
        let serving = domain::spawn_local(async move {
            let _open = open;
            let mut kept = Some((connection, permit));
            while let Some((mut connection, permit)) = kept.take() {
                let stopping = until(orders.clone(), Order::is_stop);
                let leaving = until(orders.clone(), Order::is_leave);
                let ended = tokio::select! {
                    ended = connection.serve(&handler, stopping, leaving) => ended,
                    () = overdue(orders.clone()) => return,
                };
                if let Ok(Ended::Leaves) = ended {
                    kept = shared.pass_on(connection, permit, &successor);
                }
            }
        });
        serving.expect("it runs on a domain").detach();
    }
}

/// Waits for an order. A server that was dropped gives none.
async fn until(mut orders: watch::Receiver<Order>, is_meant: impl Fn(&Order) -> bool) {
    if orders.wait_for(is_meant).await.is_err() {
        future::pending().await
    }
}

/// Waits for the end of the time that clients have.
async fn overdue(mut orders: watch::Receiver<Order>) {
    let order = orders.wait_for(Order::is_stop).await.map(|order| *order);
    match order {
        Ok(Order::Stop(until)) => tokio::time::sleep_until(until).await,
        Ok(_) | Err(_) => future::pending().await,
    }
}
