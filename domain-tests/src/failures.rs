//! Panics at every place, and futures that end by being dropped.

use crate::Int;
use futures_lite::future;
use ocaml_lwt_interop::domain::{self, with_token};
use ocaml_lwt_interop::{JoinError, OCamlFunc, Promise, func};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

/// Panics: 0 in the stub, 1 in a poll, 2 in a destructor, 3 while the result is converted.
#[func]
pub fn panics(where_: Int) -> Bomb {
    match where_ {
        0 => panic!("in the stub"),
        1 => {
            future::yield_now().await;
            panic!("in a poll")
        }
        2 => {
            let _bomb = Bomb(2);
            future::yield_now().await;
            Bomb(0)
        }
        n => {
            future::yield_now().await;
            Bomb(n)
        }
    }
}

/// Panics when it is dropped (2) or converted (3).
#[derive(Debug)]
pub struct Bomb(Int);

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.0 == 2 && !std::thread::panicking() {
            panic!("in a destructor");
        }
    }
}

// SAFETY: it makes an int, or nothing.
unsafe impl ocaml::ToValue for Bomb {
    fn to_value(&self, rt: &ocaml::Runtime) -> ocaml::Value {
        assert!(self.0 != 3, "in a conversion");
        self.0.to_value(rt)
    }
}

/// Panics synchronously.
#[func(sync)]
pub fn panics_sync() {
    panic!("in a sync function")
}

/// Panics on tokio.
#[func(tokio)]
pub async fn panics_tokio() {
    tokio::task::yield_now().await;
    panic!("on tokio")
}

/// Panics on the blocking pool.
#[func(blocking)]
pub fn panics_blocking() {
    panic!("on the blocking pool")
}

/// Never ready; counts its destructor.
#[func]
pub fn never(tag: Int) {
    let _counted = Counted::new(tag);
    future::pending::<()>().await;
}

/// Never ready, on tokio.
#[func(tokio)]
pub async fn never_tokio(tag: Int) {
    let _counted = Counted::new(tag);
    future::pending::<()>().await;
}

thread_local! {
    /// This domain's own.
    static LOCK: Arc<tokio::sync::Mutex<()>> = Arc::default();
}

/// Never ready, and holds a lock.
#[func]
pub fn never_locked() {
    let _guard = LOCK.with(Arc::clone).lock_owned().await;
    future::pending::<()>().await;
}

/// Whether the lock is free.
#[func(sync)]
pub fn lock_is_free() -> bool {
    LOCK.with(|lock| lock.try_lock().is_ok())
}

static ALIVE: Mutex<BTreeMap<Int, Int>> = Mutex::new(BTreeMap::new());

/// Counts how many there are, by a number that the test chooses.
pub(crate) struct Counted(Int);

fn count(tag: Int, change: Int) -> Int {
    let mut alive = ALIVE.lock().unwrap_or_else(PoisonError::into_inner);
    let n = alive.get(&tag).copied().unwrap_or(0) + change;
    if n == 0 {
        alive.remove(&tag);
    } else {
        alive.insert(tag, n);
    }
    n
}

/// How many there are of all.
pub(crate) fn all_counted() -> Int {
    let alive = ALIVE.lock().unwrap_or_else(PoisonError::into_inner);
    alive.values().sum()
}

impl Counted {
    pub(crate) fn new(tag: Int) -> Self {
        count(tag, 1);
        Counted(tag)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        count(self.0, -1);
    }
}

/// How many futures with this tag there are.
#[func(sync)]
pub fn futures_alive(tag: Int) -> Int {
    count(tag, 0)
}

/// Never ready; its destructor panics.
#[func]
pub fn never_with_panicking_drop(tag: Int) {
    let _counted = Counted::new(tag);
    let _bomb = Bomb(2);
    future::pending::<()>().await;
}

/// The same on tokio.
#[func(tokio)]
pub async fn never_with_panicking_drop_tokio(tag: Int) {
    let _counted = Counted::new(tag);
    let _bomb = Bomb(2);
    future::pending::<()>().await;
}

/// Tasks of this domain that nobody waits for, and whose destructors panic.
#[func(sync)]
pub fn spawn_panicking_drops(tag: Int, n: Int) {
    for _ in 0..n {
        let bomb = Bomb(2);
        let counted = Counted::new(tag);
        let _ = domain::spawn_local(async move {
            let _held = (bomb, counted);
            future::pending::<()>().await;
        });
    }
}

/// Sends a domain a task whose destructor panics and waits for what becomes of it.
#[func]
pub fn send_panicking_drop(id: Int) -> String {
    let bomb = Bomb(2);
    let Some(target) = domain::get(id as u64) else {
        return "no such domain".to_owned();
    };
    let sent = target.spawn(move || async move {
        let _bomb = bomb;
        future::pending::<()>().await;
    });
    match sent {
        Ok(task) => match task.await {
            Ok(()) => "it ended".to_owned(),
            Err(JoinError::DomainTerminated { domain }) => format!("terminated {domain}"),
            Err(e) => e.to_string(),
        },
        Err(e) => e.to_string(),
    }
}

/// Calls a function from a poll, then is ready with a value that panics when it is dropped.
#[func]
pub fn cancelled_within(f: OCamlFunc<(), ()>) -> Bomb {
    future::yield_now().await;
    let bomb = Bomb(2);
    let _ = with_token(|t| f.call(t, ()).map_err(|e| e.to_string()));
    bomb
}

/// Calls a function that raises, and panics over it.
#[func]
pub fn panics_over_exception(f: OCamlFunc<(), ()>) {
    future::yield_now().await;
    if let Ok(Err(e)) = with_token(|t| f.call(t, ())) {
        panic!("the callback failed: {e}")
    }
}

/// Panics with something that is no text.
#[func]
pub fn panics_with_value() {
    future::yield_now().await;
    std::panic::panic_any(42)
}

/// Takes an argument that does not convert when it is wrong.
#[func]
pub fn takes_even(n: Even) -> Int {
    future::yield_now().await;
    n.0
}

/// An even number.
pub struct Even(Int);

// SAFETY: it is an int.
unsafe impl ocaml::FromValue for Even {
    fn from_value(value: ocaml::Value) -> Self {
        let n = Int::from_value(value);
        assert!(n % 2 == 0, "{n} is not even");
        Even(n)
    }
}

/// An error whose text cannot be told.
#[func(raise)]
pub fn fails_to_fail() -> Result<(), Untellable> {
    future::yield_now().await;
    Err(Untellable)
}

/// See [`fails_to_fail`].
#[derive(Debug)]
pub struct Untellable;

impl std::fmt::Display for Untellable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("in an error's text")
    }
}

impl std::error::Error for Untellable {}

/// A reference that neither the attribute nor the compiler's check sees.
pub type Pair = (Int, &'static str);

/// It must not run: the text would point into the OCaml heap.
#[func]
pub fn takes_hidden_reference(pair: Pair) -> Int {
    pair.1.len() as Int
}

/// The same, without a promise.
#[func(sync)]
pub fn takes_hidden_reference_sync(pair: Pair) -> Int {
    pair.1.len() as Int
}

/// A result whose conversion would raise an exception over Rust frames.
pub type Raising = (Int, Result<String, ocaml::Error>);

/// It must not run.
#[func]
pub fn gives_raising_result() -> Raising {
    (1, Err(ocaml::Error::Message("raised")))
}

pub(crate) struct PanickingWaker;

impl Wake for PanickingWaker {
    fn wake(self: Arc<Self>) {
        panic!("in a waker")
    }
}

fn wait_in_vain<T: Future + Unpin>(waiting: &mut T) -> bool {
    let waker = Waker::from(Arc::new(PanickingWaker));
    Pin::new(waiting)
        .poll(&mut Context::from_waker(&waker))
        .is_pending()
}

/// Waits for a promise, and for a task of the domain with this id, with wakers that panic. Whether
/// both have what they waited for, once `both_done` is fulfilled.
#[func(raise)]
pub fn wakers_that_panic(
    p: Promise<()>,
    id: Int,
    both_done: Promise<()>,
) -> Result<bool, crate::Error> {
    let mut waiting = p.into_future();
    let target = domain::get(id as u64).ok_or("no such domain")?;
    let (open, gate) = tokio::sync::oneshot::channel::<()>();
    let mut task = target
        .spawn(|| async move { gate.await.is_ok() })
        .map_err(|e| e.to_string())?;
    if !(wait_in_vain(&mut waiting) && wait_in_vain(&mut task)) {
        return Err("there was nothing to wait for".into());
    }
    let _ = open.send(());
    both_done.await?;
    waiting.await?;
    Ok(task.await?)
}

/// The OCaml backtrace of what a function raises.
#[func(sync)]
pub fn backtrace_of_callback(f: OCamlFunc<(), ()>) -> Option<String> {
    let raised = with_token(|t| f.call(t, ())).ok()?.err()?;
    raised.backtrace().map(str::to_owned)
}
