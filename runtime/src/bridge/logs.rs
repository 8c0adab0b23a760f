//! Events of the crate `tracing` for OCaml: a layer that queues each as a call of an OCaml function.
//!
//! An event may happen anywhere: on tokio, with the lock of a domain held, in a destructor that a collection runs. So the
//! layer only enqueues, with no lock held while code of the user's runs, and an event within an event is dropped. Lines
//! that OCaml does not get are counted: [`take_lost`].

use crate::bridge::call_queue::{CallQueue, WhenFull};
use crate::bridge::function::OCamlFunc;
use crate::value::declare::to_ocaml;
use crate::value::exception::RemoteError;
use crate::value::raises::StandardException;
use crate::value::write::ToOCaml;
use std::cell::Cell;
use std::error::Error;
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tracing_core::dispatcher::set_global_default;
use tracing_core::field::{Field, Visit};
use tracing_core::span::{Attributes, Id, Record};
use tracing_core::{Dispatch, Event, Level, LevelFilter, Metadata, Subscriber, callsite};
use tracing_subscriber::layer::{Context, Filter, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// Returns the layer that passes events of `tracing` to OCaml's library `logs`, for a program that has a subscriber of
/// its own. Without one `Lwt_interop_logs.install` makes a subscriber that consists of this layer.
///
/// ```
/// use ocaml_lwt_interop::func;
/// use tracing_subscriber::layer::SubscriberExt;
///
/// #[func(sync, raise)]
/// pub fn start_tracing() -> Result<(), Box<dyn std::error::Error>> {
///     let subscriber = tracing_subscriber::registry().with(ocaml_lwt_interop::logs_layer());
///     Ok(tracing_core::dispatcher::set_global_default(subscriber.into())?)
/// }
/// ```
///
/// An event is a message of the source that has the name of its target. The text has the spans around it, if their
/// level is enabled, and the fields: `request{id=7}: done ms=3`. An event costs nothing but the test of its level until
/// OCaml installs the bridge, and if its level is more verbose than OCaml has chosen. Other events are queued, from any
/// thread and without blocking. If the queue is full, the oldest is dropped, and the next message says how many were.
pub fn logs_layer<S>() -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    ToLogs { is_ours: false }.with_filter(UpToLevel)
}

// ---- what OCaml has installed

/// The level, the target and the text.
pub(crate) type Line = (isize, String, Text);

/// The text of a line. It is lost if it is dropped before OCaml has it.
pub(crate) struct Text {
    text: String,
    has_arrived: AtomicBool,
}

to_ocaml!([] Text, <String as ToOCaml>::TYPE, |this, writer| {
    let written = this.text.to_ocaml(writer)?;
    this.has_arrived.store(true, Ordering::Relaxed);
    Ok(written)
});

impl Drop for Text {
    fn drop(&mut self) {
        if !*self.has_arrived.get_mut() {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Gets the lines, on the domain that has installed it.
struct Destination {
    id: usize,
    lines: CallQueue<Line>,
}

/// `LEVEL` changes only while this is locked. Dropping a destination wakes its domain, which has to wait until the lock
/// is released.
static DESTINATION: Mutex<Option<Arc<Destination>>> = Mutex::new(None);
/// The most verbose level that is wanted, by its [`number`]. 0 if there is no destination.
static LEVEL: AtomicU8 = AtomicU8::new(0);
static LOST: AtomicUsize = AtomicUsize::new(0);
/// A subscriber of the user's has the layer.
static USER_HAS_LAYER: AtomicBool = AtomicBool::new(false);

fn lock() -> MutexGuard<'static, Option<Arc<Destination>>> {
    DESTINATION.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sends lines up to `level` to `function`, on its domain, instead of to the destination before. Returns the number of
/// this destination.
///
/// # Errors
/// The thread does not run the loop of the function's domain, or the program has a subscriber without the layer.
pub(crate) fn install(
    function: &OCamlFunc<Line, ()>,
    capacity: usize,
    level: u8,
) -> Result<usize, Box<dyn Error>> {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let lines = function.remote()?.queue(capacity, WhenFull::DropOldest)?;
    if !USER_HAS_LAYER.load(Ordering::Acquire) && !is_ours() {
        return Err(StandardException::Failure(OTHER_SUBSCRIBER.into()).into());
    }
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let new = Arc::new(Destination { id, lines });
    let before = {
        let mut destination = lock();
        LEVEL.store(level, Ordering::Relaxed);
        destination.replace(new)
    };
    drop(before);
    callsite::rebuild_interest_cache();
    Ok(id)
}

const OTHER_SUBSCRIBER: &str = "Lwt_interop_logs.install: the program has set another subscriber of the crate tracing: add \
                                ocaml_lwt_interop::logs_layer() to it";

/// Returns whether the program's subscriber is ours. Sets it if there is none.
fn is_ours() -> bool {
    static IS_OURS: OnceLock<bool> = OnceLock::new();
    *IS_OURS.get_or_init(|| {
        let layer = ToLogs { is_ours: true }.with_filter(UpToLevel);
        set_global_default(Registry::default().with(layer).into()).is_ok()
    })
}

/// Changes the level, if there is a destination.
pub(crate) fn set_level(level: u8) {
    {
        let destination = lock();
        if destination.is_none() {
            return;
        }
        LEVEL.store(level, Ordering::Relaxed);
    }
    callsite::rebuild_interest_cache();
}

/// Takes no more lines for this destination, and waits until OCaml has got those that are queued. Does nothing if
/// another one was installed.
pub(crate) async fn stop(id: usize) -> Result<(), RemoteError> {
    match remove(id) {
        Some(destination) => {
            callsite::rebuild_interest_cache();
            destination.lines.finish().await
        }
        None => Ok(()),
    }
}

fn remove(id: usize) -> Option<Arc<Destination>> {
    let mut destination = lock();
    let removed = destination.take_if(|destination| destination.id == id);
    if removed.is_some() {
        LEVEL.store(0, Ordering::Relaxed);
    }
    removed
}

/// Returns the number of lines that were lost since the last call.
pub(crate) fn take_lost() -> usize {
    LOST.swap(0, Ordering::Relaxed)
}

// ---- the layer

/// Returns the number of a level: that of the constructor of `Logs.level`, in which `App` is 0.
fn number(level: &Level) -> u8 {
    match *level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG | Level::TRACE => 4,
    }
}

fn most_verbose() -> LevelFilter {
    match LEVEL.load(Ordering::Relaxed) {
        0 => LevelFilter::OFF,
        1 => LevelFilter::ERROR,
        2 => LevelFilter::WARN,
        3 => LevelFilter::INFO,
        _ => LevelFilter::TRACE,
    }
}

/// A filter of this layer alone, so that other layers of the subscriber have their own.
struct UpToLevel;

impl<S> Filter<S> for UpToLevel {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        *metadata.level() <= most_verbose()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(most_verbose())
    }
}

struct ToLogs {
    is_ours: bool,
}

impl<S> Layer<S> for ToLogs
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_register_dispatch(&self, _: &Dispatch) {
        if !self.is_ours {
            USER_HAS_LAYER.store(true, Ordering::Release);
        }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, cx: Context<'_, S>) {
        let mut fields = Fields(String::new());
        attributes.record(&mut fields);
        if let Some(span) = cx.span(id) {
            span.extensions_mut().replace(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, cx: Context<'_, S>) {
        // Formatting runs code of the user's, and the extensions are behind a lock.
        let mut added = Fields(String::new());
        values.record(&mut added);
        let Some(span) = cx.span(id) else {
            return;
        };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            fields.next().push_str(&added.0);
        }
    }

    fn on_event(&self, event: &Event<'_>, cx: Context<'_, S>) {
        let Some(destination) = lock().clone() else {
            return;
        };
        let Some(_within) = Within::enter() else {
            LOST.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let mut text = String::new();
        let scope = cx.event_scope(event);
        for span in scope.into_iter().flat_map(|scope| scope.from_root()) {
            text.push_str(if text.is_empty() { "" } else { ":" });
            text.push_str(span.name());
            match span.extensions().get::<Fields>() {
                Some(Fields(fields)) if !fields.is_empty() => {
                    let _ = write!(text, "{{{fields}}}");
                }
                _ => {}
            }
        }
        text.push_str(if text.is_empty() { "" } else { ": " });
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        text.push_str(&fields.0);
        let metadata = event.metadata();
        let line = (
            number(metadata.level()).into(),
            metadata.target().to_owned(),
            Text {
                text,
                has_arrived: AtomicBool::new(false),
            },
        );
        if destination.lines.push(line).is_err() {
            // The domain has terminated.
            drop(remove(destination.id));
        }
    }
}

/// Fields as text: `message a=1 b="text"`. Also in the extensions of a span.
struct Fields(String);

impl Fields {
    /// Returns the text, to which the next field is appended.
    fn next(&mut self) -> &mut String {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        &mut self.0
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = self.next();
        let _ = match field.name() {
            "message" => write!(text, "{value:?}"),
            name => write!(text, "{name}={value:?}"),
        };
    }
}

thread_local! {
    static IS_WITHIN: Cell<bool> = const { Cell::new(false) };
}

/// The thread queues an event. What it formats is code of the user's, which may have events of its own.
struct Within;

impl Within {
    /// Returns `None` within another event.
    fn enter() -> Option<Within> {
        (!IS_WITHIN.replace(true)).then_some(Within)
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        IS_WITHIN.set(false);
    }
}
