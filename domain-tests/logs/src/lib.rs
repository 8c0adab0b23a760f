//! The Rust functions of the tests of `lwt_interop.logs`: they make events of the crate `tracing`.

use ocaml_lwt_interop::{OpaqueType, func, logs_layer};
use std::fmt;
use std::sync::atomic::{AtomicIsize, Ordering};
use tracing::subscriber::{SetGlobalDefaultError, set_global_default};
use tracing::{Event, Subscriber, debug, error, info, info_span, trace, warn};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// Makes an event of each level, on the calling domain.
#[func(sync)]
pub fn logs_levels(text: String) {
    error!("{text}");
    warn!("{text}");
    info!("{text}");
    debug!("{text}");
    trace!("{text}");
}

/// Makes an event on tokio.
#[func(tokio)]
pub async fn logs_on_tokio(text: String) {
    info!(target: "on::tokio", "{text}");
}

/// Makes an event in tokio's blocking pool.
#[func(blocking)]
pub fn logs_blocking(text: String) {
    info!(target: "on::blocking", "{text}");
}

/// Makes an event on another thread, and joins it while the domain is locked.
#[func(sync)]
pub fn logs_joined(text: String) {
    let thread = std::thread::spawn(move || info!(target: "on::thread", "{text}"));
    thread.join().expect("it logs");
}

/// Makes `n` events on tokio, with their numbers.
#[func(tokio)]
pub async fn logs_flood(n: isize) {
    for i in 0..n {
        info!(target: "flood", "{i}");
    }
}

/// Makes an event with fields.
#[func(sync)]
pub fn logs_fields(message: String, text: String) {
    info!(target: "fields", number = 7, yes = true, text, debug = ?Some("x"), display = %"a b", "{message}");
    info!(target: "fields", text);
}

/// Makes events within spans, one of which gets a field later.
#[func(sync)]
pub fn logs_spans() {
    let outer = info_span!(target: "spans", "outer", id = 7, later = tracing::field::Empty);
    outer.in_scope(|| {
        info!(target: "spans", "in one");
        outer.record("later", "now");
        let verbose = tracing::debug_span!(target: "spans", "verbose");
        verbose.in_scope(|| {
            info_span!(target: "spans", "inner")
                .in_scope(|| info!(target: "spans", a = 1, "in all"))
        });
    });
}

static FORMATTED: AtomicIsize = AtomicIsize::new(0);

/// Counts how often it is formatted, and makes an event then.
struct Nested;

impl fmt::Debug for Nested {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        FORMATTED.fetch_add(1, Ordering::Relaxed);
        info!(target: "nested", "inner");
        f.write_str("outer")
    }
}

/// Makes an event within an event.
#[func(sync)]
pub fn logs_nested() {
    info!(target: "nested", "{:?}", Nested);
}

/// Returns how often an event of [`logs_nested`] was formatted.
#[func(sync)]
pub fn logs_formatted() -> isize {
    FORMATTED.load(Ordering::Relaxed)
}

/// Makes an event when it is dropped.
#[derive(OpaqueType)]
pub struct LogsWhenDropped(String);

impl Drop for LogsWhenDropped {
    fn drop(&mut self) {
        warn!(target: "dropped", "{}", self.0);
    }
}

#[func]
impl LogsWhenDropped {
    /// Wraps a text.
    pub fn create(text: String) -> Self {
        LogsWhenDropped(text)
    }
}

static SEEN: AtomicIsize = AtomicIsize::new(0);

/// A layer that counts events.
struct Counting;

impl<S: Subscriber> Layer<S> for Counting {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        SEEN.fetch_add(1, Ordering::Relaxed);
    }
}

/// Sets a subscriber that counts events, with or without the layer for OCaml.
#[func(sync, raise)]
pub fn logs_subscribe(with_layer: bool) -> Result<(), SetGlobalDefaultError> {
    let counting = tracing_subscriber::registry().with(Counting);
    match with_layer {
        true => set_global_default(counting.with(logs_layer())),
        false => set_global_default(counting),
    }
}

/// Returns the number of events that the subscriber of [`logs_subscribe`] has seen.
#[func(sync)]
pub fn logs_seen() -> isize {
    SEEN.load(Ordering::Relaxed)
}
