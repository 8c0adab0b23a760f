//! `#[func(stream)]`: from an OCaml call to a `Stream.t` that pulls from a Rust stream.
//!
//! The stream stays in its domain's table of sources. OCaml pulls a batch when an element is needed and none is
//! buffered, so a stream is polled only while somebody waits for it: see `ocaml/lwt_interop/stream.ml`.

pub(crate) mod on_tokio;

use crate::base::error::TokenError;
use crate::base::panic::{catch_and_discard, catch_and_discard_cold, catch_unwind, drop_each};
use crate::base::pipe::Fill;
use crate::base::slot_map::Key;
use crate::domain::context;
use crate::domain::core::Core;
use crate::domain::dispatch::post;
use crate::domain::shared::Shared;
use crate::domain::sources::Source;
use crate::entry::call::{Arguments, Outcome, enter, finish, run, same};
use crate::ffi::callbacks::Callbacks;
use crate::ffi::custom::Custom;
use crate::ffi::root::{Exn, Root};
use crate::ffi::runtime::RawValue;
use crate::ffi::token::RuntimeToken;
use crate::value::batch::{Ending, count_converting, write_batch};
use crate::value::conversion_error::ConversionError;
use crate::value::exception::Failure;
use crate::value::rooted::Rooted;
use crate::value::types::Function;
use crate::value::write::ToOCaml;
use futures_core::Stream;
use pin_project_lite::pin_project;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

// ---- what the stub's closure makes of the function's result

pin_project! {
    /// The elements of a stream as OCaml gets them.
    pub struct Elements<S, O> {
        #[pin]
        stream: S,
        outcome: O,
    }
}

/// Makes the stream of a function that returns one.
pub fn elements<S: Stream, T, O: Fn(S::Item) -> Outcome<T>>(
    stream: S,
    outcome: O,
) -> Elements<S, O> {
    Elements { stream, outcome }
}

impl<S: Stream, T, O: Fn(S::Item) -> Outcome<T>> Stream for Elements<S, O> {
    type Item = Outcome<T>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Outcome<T>>> {
        let this = self.project();
        let item = this.stream.poll_next(cx);
        item.map(|item| item.map(this.outcome))
    }
}

pin_project! {
    /// The stream of an asynchronous function: first the future of a stream, and then that.
    #[project = StartedProjection]
    pub enum Started<F, M, S> {
        /// The future, and what makes the stream of its output.
        Future {
            #[pin]
            future: F,
            make: M,
        },
        /// The stream.
        Stream {
            #[pin]
            stream: S,
        },
        /// The future had no stream.
        Failed,
    }
}

/// Makes the stream of a function that returns a future of one.
pub fn started<F, M, S>(future: F, make: M) -> Started<F, M, S>
where
    F: Future,
    M: Fn(F::Output) -> Outcome<S>,
{
    Started::Future { future, make }
}

impl<F, M, S, T> Stream for Started<F, M, S>
where
    F: Future,
    M: Fn(F::Output) -> Outcome<S>,
    S: Stream<Item = Outcome<T>>,
{
    type Item = Outcome<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Outcome<T>>> {
        loop {
            let made = match self.as_mut().project() {
                StartedProjection::Future { future, make } => match future.poll(cx) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(output) => make(output).0,
                },
                StartedProjection::Stream { stream } => return stream.poll_next(cx),
                StartedProjection::Failed => return Poll::Ready(None),
            };
            match made {
                Ok(stream) => self.set(Started::Stream { stream }),
                Err(failure) => {
                    self.set(Started::Failed);
                    return Poll::Ready(Some(Outcome(Err(failure))));
                }
            }
        }
    }
}

impl<S> Outcome<S> {
    /// Changes the value.
    pub fn map<T>(self, f: impl FnOnce(S) -> T) -> Outcome<T> {
        Outcome(self.0.map(f))
    }

    /// Replaces the value by another outcome.
    pub fn and_then<T>(self, f: impl FnOnce(S) -> Outcome<T>) -> Outcome<T> {
        Outcome(self.0.and_then(|value| f(value).0))
    }
}

// ---- the stub

/// `#[func(stream)]`: the result is a `Stream.t` that pulls from the stream; a failure is raised.
///
/// # Safety
/// OCaml called the stub that calls this, with these arguments, and the stub's frame has nothing to drop. The closure
/// converts the arguments before it runs any other code.
pub unsafe fn call_stream<const N: usize, S, T>(
    function: &'static Function,
    args: [RawValue; N],
    start: impl FnOnce(Arguments<'_, N>) -> Result<Outcome<S>, ConversionError>,
) -> RawValue
where
    S: Stream<Item = Outcome<T>> + 'static,
    T: ToOCaml + 'static,
{
    let body =
        |core: &Core, token: &RuntimeToken<'_>, callbacks: &Callbacks, args: Arguments<'_, N>| {
            let started = catch_unwind(|| start(args).map(|outcome| outcome.0.map(Box::pin)));
            let failure = match started {
                // The function has called `exit`, whose hooks have ended the domain, and has returned.
                Ok(Ok(Ok(stream))) if !context::has_current() => {
                    catch_and_discard_cold(|| drop(stream));
                    Failure::DomainTerminated(core.shared.id)
                }
                Ok(Ok(Ok(stream))) => return new_stream(core, token, callbacks, function, stream),
                Ok(Ok(Err(failure))) => failure,
                Ok(Err(e)) => e.into(),
                Err(panic) => Failure::Panic(panic),
            };
            Err(failure.into_exception(token, callbacks).raw(token))
        };
    // SAFETY: this function's contract is that of both; the value was made last.
    unsafe { finish(enter(function, args, body)) }
}

/// Returns a `Stream.t`, unrooted, or an exception, unrooted.
fn new_stream<S, T>(
    core: &Core,
    token: &RuntimeToken<'_>,
    callbacks: &Callbacks,
    function: &'static Function,
    stream: Pin<Box<S>>,
) -> Result<RawValue, RawValue>
where
    S: Stream<Item = Outcome<T>> + 'static,
    T: ToOCaml + 'static,
{
    let source = core.add_source(|key| {
        Rc::new(RustStream {
            key,
            function,
            state: RefCell::new(State::Idle(stream)),
            pulling: Cell::new(None),
        })
    });
    let guard = Guard {
        home: core.shared.clone(),
        key: source.key,
    };
    // The stream is what OCaml keeps alive.
    let guard = GUARD.alloc(token, guard, size_of::<S>());
    callbacks
        .stream_of_rust(token, source.key.to_int(), &guard)
        .map_err(|exn| {
            // SAFETY: the token proves the lock, and nothing has allocated since the exception was returned. It is
            // rooted while destructors run, which may use OCaml.
            let exn: Root<Exn> = unsafe { Root::new(exn) };
            core.close_source(source.key);
            exn.raw(token)
        })
}

// ---- the source

/// A stream of this domain that OCaml pulls from.
struct RustStream<S> {
    key: Key,
    function: &'static Function,
    state: RefCell<State<S>>,
    /// Of the pull that is pending.
    pulling: Cell<Option<Waker>>,
}

/// ```text
///           take              put back
///   Idle ---------> Polled ------------> Idle
///     |               |  \
///     | close         |   \ the stream ends
///     v               v    v
///   Ended <--------- Ended (the poll drops the stream)
/// ```
enum State<S> {
    /// The stream waits for a pull or for its waker.
    Idle(Pin<Box<S>>),
    /// A poll has the stream.
    Polled,
    /// The stream has been dropped, or will be by the poll that has it.
    Ended,
}

impl<S, T> RustStream<S>
where
    S: Stream<Item = Outcome<T>> + 'static,
    T: ToOCaml + 'static,
{
    /// Takes the stream for a poll. Returns `None` if it has ended.
    fn take(&self) -> Option<Pin<Box<S>>> {
        let mut state = self.state.borrow_mut();
        match std::mem::replace(&mut *state, State::Polled) {
            State::Idle(stream) => Some(stream),
            State::Ended => {
                *state = State::Ended;
                None
            }
            State::Polled => panic!("a stream was pulled from within its own poll"),
        }
    }

    /// Gives the stream back after a poll, unless it was closed meanwhile. Then drops it, and returns `false`.
    fn put_back(&self, stream: Pin<Box<S>>) -> bool {
        let mut state = self.state.borrow_mut();
        match *state {
            State::Ended => {
                drop(state);
                catch_and_discard_cold(|| drop(stream));
                false
            }
            State::Idle(_) | State::Polled => {
                *state = State::Idle(stream);
                true
            }
        }
    }

    /// Drops the stream after its last poll. A panic of the destructor is the stream's last outcome.
    fn end(&self, stream: Pin<Box<S>>, ending: Last) -> Last {
        *self.state.borrow_mut() = State::Ended;
        // The table of sources may be the last to have this, but for the pull that calls.
        context::with_current(|core| core.remove_source(self.key));
        match (catch_unwind(|| drop(stream)), ending) {
            (Err(panic), Last::Finished) => Last::Failed(Failure::Panic(panic)),
            (_, ending) => ending,
        }
    }

    /// Polls the stream for a batch of `max` elements at most.
    fn poll_batch(&self, cx: &mut Context<'_>, max: usize) -> Poll<Pulled<T>> {
        let mut batch = Pulled {
            elements: Vec::new(),
            last: Last::Finished,
        };
        let Some(mut stream) = self.take() else {
            return Poll::Ready(batch);
        };
        let mut fill = Fill::new();
        let ending = loop {
            let polled = catch_unwind(|| {
                let item = stream.as_mut().poll_next(cx);
                item.map(|item| {
                    item.map(|outcome| outcome.0.map(|element| (element.bytes(), element)))
                })
            });
            match polled {
                Ok(Poll::Ready(Some(Ok((bytes, element))))) => {
                    batch.elements.push(element);
                    if fill.add(bytes, max) || self.is_ended() {
                        break Last::More;
                    }
                }
                Ok(Poll::Pending) => break Last::More,
                Ok(Poll::Ready(None)) => break Last::Finished,
                Ok(Poll::Ready(Some(Err(failure)))) => break Last::Failed(failure),
                Err(panic) => break Last::Failed(Failure::Panic(panic)),
            }
        };
        batch.last = match ending {
            Last::More => {
                if batch.elements.is_empty() {
                    // Before the stream is given back: then a close wakes it.
                    self.pulling.set(Some(cx.waker().clone()));
                }
                match (self.put_back(stream), batch.elements.is_empty()) {
                    (true, true) => return Poll::Pending,
                    (true, false) => Last::More,
                    (false, _) => Last::Finished,
                }
            }
            ending => self.end(stream, ending),
        };
        Poll::Ready(batch)
    }

    fn is_ended(&self) -> bool {
        matches!(*self.state.borrow(), State::Ended)
    }
}

impl<S, T> Source for RustStream<S>
where
    S: Stream<Item = Outcome<T>> + 'static,
    T: ToOCaml + 'static,
{
    fn pull(self: Rc<Self>, token: &RuntimeToken<'_>, max: usize) -> Result<RawValue, RawValue> {
        let callbacks = Callbacks::registered(token);
        let function = self.function;
        let pull = Pull { source: self, max };
        context::with_core(token, |core| {
            run(core, token, callbacks, function, || Ok(pull), same)
        })
        .expect("the source is in the table of this thread's executor")
    }

    fn close(&self) {
        let state = std::mem::replace(&mut *self.state.borrow_mut(), State::Ended);
        // The destructor and the waker are code of the user's.
        catch_and_discard_cold(|| drop(state));
        let pulling = self.pulling.take();
        catch_and_discard(|| pulling.map_or((), Waker::wake));
    }
}

/// The future of a batch.
struct Pull<S> {
    source: Rc<RustStream<S>>,
    max: usize,
}

impl<S, T> Future for Pull<S>
where
    S: Stream<Item = Outcome<T>> + 'static,
    T: ToOCaml + 'static,
{
    type Output = Outcome<Rooted>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<Rooted>> {
        let source = &self.source;
        let batch = match source.poll_batch(cx, self.max) {
            Poll::Ready(batch) => batch,
            Poll::Pending => return Poll::Pending,
        };
        source.pulling.take();
        let function = source.function;
        let converted = context::with_entered(|_, token| batch.convert(token, function));
        Poll::Ready(Outcome(match converted {
            Ok(converted) => converted,
            // The poll has called `exit`, which has ended the domain, and has returned.
            Err(TokenError::DomainTerminated { domain }) => Err(Failure::DomainTerminated(domain)),
            Err(e) => Err(Failure::message(e.to_string())),
        }))
    }
}

// ---- batches

/// What a pull returns.
struct Pulled<T> {
    elements: Vec<T>,
    last: Last,
}

/// What follows the elements.
enum Last {
    /// There may be more elements.
    More,
    Finished,
    Failed(Failure),
}

impl<T: ToOCaml> Pulled<T> {
    /// Converts the batch, and drops it. An element that does not convert, or whose conversion panics, ends it: the
    /// elements before are there, and then the failure.
    fn convert(
        self,
        token: &RuntimeToken<'_>,
        function: &'static Function,
    ) -> Result<Rooted, Failure> {
        let Pulled {
            mut elements,
            last: outcome,
        } = self;
        let failed = |failure: Failure| {
            Ending::Failed(failure.into_exception(token, Callbacks::registered(token)))
        };
        let ending = match outcome {
            Last::More => Ending::More,
            Last::Finished => Ending::Finished,
            Last::Failed(failure) => failed(failure),
        };
        let written = write_batch(token, &elements, &ending).or_else(|failure| {
            let rest = elements.split_off(count_converting(token, &elements));
            drop_each(rest);
            let ending = failed(match failure {
                Failure::Conversion(e) => Failure::Conversion(e.of(function, None)),
                failure => failure,
            });
            write_batch(token, &elements, &ending)
        });
        drop_each(elements);
        written.map(Rooted::from_root)
    }
}

// ---- when OCaml has collected a stream

/// What a `Stream.t` keeps: its source is closed when it is collected.
#[derive(Clone)]
struct Guard {
    home: Arc<Shared>,
    key: Key,
}

static GUARD: Custom<Guard> = Custom::new(c"ocaml-lwt-interop.stream", collected);

fn collected(Guard { home, key }: Guard) {
    // A message also on the domain itself, because the stream's destructor is code of the user's. A domain that has
    // terminated has closed its sources.
    let _ = post(&home, move |token| {
        let _ = context::with_core(token, |core| core.close_source(key));
    });
}

// ---- primitives

/// Returns a promise of the next batch of a source, unrooted. Fails with an exception, unrooted, if no promise can be made.
pub(super) fn pull(
    core: &Core,
    token: &RuntimeToken<'_>,
    key: Key,
    max: usize,
) -> Result<RawValue, RawValue> {
    if let Some(source) = core.source(key) {
        return source.pull(token, max.max(1));
    }
    let callbacks = Callbacks::registered(token);
    match write_batch::<()>(token, &[], &Ending::Finished) {
        // SAFETY: the value is read from its root now.
        Ok(batch) => unsafe { callbacks.return_(token, batch.raw(token)) },
        Err(failure) => Err(failure.into_exception(token, callbacks).raw(token)),
    }
}
