//! Panics in every place, and futures that never finish.

use crate::Int;
use futures_lite::future;
use ocaml_lwt_interop::convert::types::Type;
use ocaml_lwt_interop::convert::{ConversionError, FromOCaml, Source, ToOCaml, Writer};
use ocaml_lwt_interop::domain::{self, with_token};
use ocaml_lwt_interop::{JoinError, OCamlFunc, Promise, func};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

/// Panics in the stub (0), in a poll (1), in a destructor ([`IN_DROP`]), or while the result is
/// converted ([`IN_CONVERSION`]).
#[func]
pub fn panics(where_: Int) -> PanickingValue {
    match where_ {
        0 => panic!("in the stub"),
        1 => {
            future::yield_now().await;
            panics_in_a_poll()
        }
        IN_DROP => {
            let _panicking = PanickingValue(IN_DROP);
            future::yield_now().await;
            PanickingValue(0)
        }
        n => {
            future::yield_now().await;
            PanickingValue(n)
        }
    }
}

// Functions of their own, for backtraces without debug information.

#[inline(never)]
fn panics_in_a_poll() -> PanickingValue {
    panic!("in a poll")
}

#[inline(never)]
fn panics_tokio_task() {
    panic!("on tokio")
}

const IN_DROP: Int = 2;
const IN_CONVERSION: Int = 3;

/// A number that panics when it is dropped or converted, if it is [`IN_DROP`] or [`IN_CONVERSION`].
#[derive(Debug)]
pub struct PanickingValue(Int);

impl Drop for PanickingValue {
    fn drop(&mut self) {
        if self.0 == IN_DROP && !std::thread::panicking() {
            panic!("in a destructor");
        }
    }
}

// SAFETY: an OCaml int is written, or the conversion panics.
unsafe impl ToOCaml for PanickingValue {
    const TYPE: &'static Type = <Int as ToOCaml>::TYPE;

    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        assert!(self.0 != IN_CONVERSION, "in a conversion");
        self.0.to_ocaml(writer)
    }
}

/// Panics in a synchronous function.
#[func(sync)]
pub fn panics_sync() {
    panic!("in a sync function")
}

/// Panics on tokio.
#[func(tokio)]
pub async fn panics_tokio() {
    tokio::task::yield_now().await;
    panics_tokio_task()
}

/// Panics in tokio's blocking pool.
#[func(blocking)]
pub fn panics_blocking() {
    panic!("on the blocking pool")
}

/// Never completes. Its future is counted under `tag`.
#[func]
pub fn never(tag: Int) {
    let _counted = Counted::new(tag);
    future::pending::<()>().await;
}

/// Never completes, on tokio. Its future is counted under `tag`.
#[func(tokio)]
pub async fn never_tokio(tag: Int) {
    let _counted = Counted::new(tag);
    future::pending::<()>().await;
}

thread_local! {
    /// A lock of this domain.
    static LOCK: Arc<tokio::sync::Mutex<()>> = Arc::default();
}

/// Never completes, and holds this domain's lock.
#[func]
pub fn never_locked() {
    let _guard = LOCK.with(Arc::clone).lock_owned().await;
    future::pending::<()>().await;
}

/// Returns `true` if this domain's lock is free.
#[func(sync)]
pub fn lock_is_free() -> bool {
    LOCK.with(|lock| lock.try_lock().is_ok())
}

static ALIVE: Mutex<BTreeMap<Int, Int>> = Mutex::new(BTreeMap::new());

/// Is counted while it exists, under a tag that the test chooses.
pub(crate) struct Counted(Int);

/// Adds `change` to the count of a tag, and returns the count.
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

/// Returns the sum of all tags' counts.
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

/// Returns the count of a tag.
#[func(sync)]
pub fn futures_alive(tag: Int) -> Int {
    count(tag, 0)
}

/// Never completes. Its destructor panics.
#[func]
pub fn never_with_panicking_drop(tag: Int) {
    let _counted = Counted::new(tag);
    let _panicking = PanickingValue(IN_DROP);
    future::pending::<()>().await;
}

/// Never completes, on tokio. Its destructor panics.
#[func(tokio)]
pub async fn never_with_panicking_drop_tokio(tag: Int) {
    let _counted = Counted::new(tag);
    let _panicking = PanickingValue(IN_DROP);
    future::pending::<()>().await;
}

/// Spawns `n` detached tasks on this domain that never finish and whose destructors panic.
#[func(sync)]
pub fn spawn_panicking_drops(tag: Int, n: Int) {
    for _ in 0..n {
        let panicking = PanickingValue(IN_DROP);
        let counted = Counted::new(tag);
        let _ = domain::spawn_local(async move {
            let _held = (panicking, counted);
            future::pending::<()>().await;
        });
    }
}

/// Runs a task on a domain that never finishes and whose destructor panics, and returns its outcome.
#[func]
pub fn send_panicking_drop(id: Int) -> String {
    let panicking = PanickingValue(IN_DROP);
    let Some(target) = domain::get(id as u64) else {
        return "no such domain".to_owned();
    };
    let sent = target.spawn(move || async move {
        let _panicking = panicking;
        future::pending::<()>().await;
    });
    match sent {
        Ok(task) => match task.await {
            Ok(()) => "it finished".to_owned(),
            Err(JoinError::DomainTerminated { domain }) => format!("terminated {domain}"),
            Err(e) => e.to_string(),
        },
        Err(e) => e.to_string(),
    }
}

/// Calls a function in a poll, and then returns a value that panics when it is dropped.
#[func]
pub fn cancelled_within(f: OCamlFunc<(), ()>) -> PanickingValue {
    future::yield_now().await;
    let panicking = PanickingValue(IN_DROP);
    let _ = with_token(|t| f.call(t, ()).map_err(|e| e.to_string()));
    panicking
}

/// Calls a function that raises, and panics with a message that has the exception.
#[func]
pub fn panics_over_exception(f: OCamlFunc<(), ()>) {
    future::yield_now().await;
    if let Ok(Err(e)) = with_token(|t| f.call(t, ())) {
        panic!("the callback failed: {e}")
    }
}

/// Panics with a value that is not a string.
#[func]
pub fn panics_with_value() {
    future::yield_now().await;
    std::panic::panic_any(42)
}

/// Returns its argument. Panics while it is converted if it is odd.
#[func]
pub fn takes_even(n: Even) -> Int {
    future::yield_now().await;
    n.0
}

/// An even number.
pub struct Even(Int);

// SAFETY: the value is only read as an OCaml int.
unsafe impl FromOCaml for Even {
    const TYPE: &'static Type = <Int as FromOCaml>::TYPE;

    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        let n = Int::from_ocaml(value)?;
        assert!(n % 2 == 0, "{n} is not even");
        Ok(Even(n))
    }
}

/// Fails with an error whose `Display` panics.
#[func(raise)]
pub fn fails_to_fail() -> Result<(), PanickingDisplay> {
    future::yield_now().await;
    Err(PanickingDisplay)
}

/// An error whose `Display` panics.
#[derive(Debug)]
pub struct PanickingDisplay;

impl std::fmt::Display for PanickingDisplay {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("in an error's text")
    }
}

impl std::error::Error for PanickingDisplay {}

/// A sanitizer would not recognise a pointer to a value without a size, which is one past its allocation.
pub(crate) struct PanickingWaker(&'static str);

impl PanickingWaker {
    pub(crate) fn waker() -> Waker {
        Waker::from(Arc::new(PanickingWaker("in a waker")))
    }
}

impl Wake for PanickingWaker {
    fn wake(self: Arc<Self>) {
        panic!("{}", self.0)
    }
}

/// Polls a future with a waker that panics, and returns `true` if the future is pending.
fn is_pending<T: Future + Unpin>(future: &mut T) -> bool {
    let waker = PanickingWaker::waker();
    Pin::new(future)
        .poll(&mut Context::from_waker(&waker))
        .is_pending()
}

/// Awaits a promise, and a task on a domain, with wakers that panic. Returns `true` if both have their
/// results once `both_done` is fulfilled.
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
    if !(is_pending(&mut waiting) && is_pending(&mut task)) {
        return Err("neither was pending".into());
    }
    let _ = open.send(());
    both_done.await?;
    waiting.await?;
    Ok(task.await?)
}

/// Returns the OCaml backtrace of the exception that a function raises.
#[func(sync)]
pub fn backtrace_of_callback(f: OCamlFunc<(), ()>) -> Option<String> {
    let raised = with_token(|t| f.call(t, ())).ok()?.err()?;
    raised.backtrace().map(str::to_owned)
}
