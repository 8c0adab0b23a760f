//! Catching the panics of user code, and their description as a value.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::mem;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Once;
use std::task::{Context, Poll};

/// The description of a panic of Rust code. In OCaml it is the exception `Lwt_interop.Rust_panic`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panic {
    /// The message: the payload of the panic, if it is a string.
    pub message: String,
    /// Where the panic started, as `file:line:column`.
    pub location: Option<String>,
    /// The backtrace of the panic, if `RUST_BACKTRACE` asks for one.
    pub backtrace: Option<String>,
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rust code panicked")?;
        if let Some(location) = &self.location {
            write!(f, " at {location}")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for Panic {}

thread_local! {
    /// The number of calls of `catch_unwind` on this thread's stack.
    static CATCHING: Cell<u32> = const { Cell::new(0) };
    /// The origin of the panic that is unwinding.
    static ORIGIN: RefCell<Option<Origin>> = const { RefCell::new(None) };
}

struct Origin {
    location: Option<String>,
    backtrace: Option<String>,
}

/// Makes panics record where they started. Only a panic hook sees that, so one is chained before the
/// program's own, which runs as before. It ignores panics outside of [`catch_unwind`].
pub(crate) fn record_origins() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let next = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if CATCHING.try_with(Cell::get).unwrap_or(0) > 0 {
                let backtrace = Backtrace::capture();
                let origin = Origin {
                    location: info.location().map(ToString::to_string),
                    backtrace: (backtrace.status() == BacktraceStatus::Captured)
                        .then(|| backtrace.to_string()),
                };
                let _ = ORIGIN.try_with(|o| o.replace(Some(origin)));
            }
            next(info);
        }));
    });
}

/// Calls `f`. Fails with its panic if it panics.
#[inline]
pub(crate) fn catch_unwind<R>(f: impl FnOnce() -> R) -> Result<R, Panic> {
    begin_catching();
    // Unwind safe: a task that has panicked is dropped, and the state of this crate changes only outside
    // of user code.
    let result = std::panic::catch_unwind(AssertUnwindSafe(f));
    end_catching();
    match result {
        Ok(result) => Ok(result),
        Err(payload) => Err(describe(payload)),
    }
}

// Functions of their own, since there is a `catch_unwind` for each closure. A function of this ABI never unwinds, so that
// none of those needs code for dropping its closure or its result then.

#[inline]
extern "C" fn begin_catching() {
    let _ = CATCHING.try_with(|n| n.set(n.get().wrapping_add(1)));
}

#[inline]
extern "C" fn end_catching() {
    let _ = CATCHING.try_with(|n| n.set(n.get().wrapping_sub(1)));
}

/// Calls `f`, user code without a caller that could handle its panic, such as a destructor. The panic
/// hook has run; the panic is discarded.
#[inline]
pub(crate) fn catch_and_discard(f: impl FnOnce()) {
    let _ = catch_unwind(f);
}

/// [`catch_and_discard`] for rare calls in generic code: an indirect call slower, but less code for each type of closure.
#[cold]
pub(crate) fn catch_and_discard_cold(f: impl FnOnce()) {
    let mut f = Some(f);
    discard(&mut || {
        if let Some(f) = f.take() {
            f();
        }
    });
}

#[inline(never)]
fn discard(f: &mut dyn FnMut()) {
    let _ = catch_unwind(f);
}

/// Drops values one by one: a second panic of one destructor would end the process.
pub(crate) fn drop_each<T>(values: impl IntoIterator<Item = T>) {
    for value in values {
        catch_and_discard(|| drop(value));
    }
}

/// A collection whose values are [dropped one by one](drop_each).
pub(crate) struct Each<C: Default + IntoIterator>(pub(crate) C);

impl<C: Default + IntoIterator> Each<C> {
    /// Returns the collection.
    pub(crate) fn take(&mut self) -> C {
        mem::take(&mut self.0)
    }
}

impl<C: Default + IntoIterator> Drop for Each<C> {
    fn drop(&mut self) {
        if mem::needs_drop::<C::Item>() {
            drop_each(self.take());
        }
    }
}

#[cold]
#[allow(improper_ctypes_definitions, reason = "only Rust calls it")]
extern "C" fn describe(payload: Box<dyn Any + Send>) -> Panic {
    let message = match payload.downcast::<String>() {
        Ok(s) => *s,
        Err(payload) => match payload.downcast_ref::<&'static str>() {
            Some(s) => (*s).to_owned(),
            None => {
                // The destructor of a payload may panic in turn. The destructor of that second payload
                // is not tried.
                if let Err(next) = std::panic::catch_unwind(AssertUnwindSafe(|| drop(payload))) {
                    std::mem::forget(next);
                }
                "a value that is not a string".to_owned()
            }
        },
    };
    let origin = ORIGIN.try_with(RefCell::take).ok().flatten();
    let (location, backtrace) = origin.map_or((None, None), |o| (o.location, o.backtrace));
    Panic {
        message,
        location,
        backtrace,
    }
}

/// A future whose polls and destructor do not panic. It resolves to the panic instead.
pub(crate) struct CatchUnwind<F>(Option<Pin<Box<F>>>);

impl<F: Future> CatchUnwind<F> {
    pub(crate) fn new(future: Pin<Box<F>>) -> Self {
        CatchUnwind(Some(future))
    }
}

impl<F: Future> Future for CatchUnwind<F> {
    type Output = Result<F::Output, Panic>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let future = self.0.as_mut().expect("polled after completion");
        let outcome = match catch_unwind(|| future.as_mut().poll(cx)) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(value)) => Ok(value),
            Err(panic) => Err(panic),
        };
        let future = self.0.take();
        match (outcome, catch_unwind(|| drop(future))) {
            (Ok(_), Err(panic)) => Poll::Ready(Err(panic)),
            (outcome, _) => Poll::Ready(outcome),
        }
    }
}

impl<F> Drop for CatchUnwind<F> {
    fn drop(&mut self) {
        if let Some(future) = self.0.take() {
            catch_and_discard_cold(|| drop(future));
        }
    }
}

/// For tests: holds a value, and panics when it is dropped.
#[cfg(all(test, not(loom_model)))]
#[derive(Debug)]
pub(crate) struct PanicsOnDrop<T>(pub(crate) T);

#[cfg(all(test, not(loom_model)))]
impl<T> Drop for PanicsOnDrop<T> {
    fn drop(&mut self) {
        panic!("in drop");
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use futures_lite::future;

    #[test]
    fn a_panic_is_described_by_message_and_location() {
        record_origins();
        let e = catch_unwind(|| panic!("no {}", "luck")).unwrap_err();
        assert_eq!(e.message, "no luck");
        assert!(e.location.unwrap().contains("panic.rs"));
        let e = catch_unwind(|| std::panic::panic_any(PanicsOnDrop(()))).unwrap_err();
        assert_eq!(e.message, "a value that is not a string");
    }

    #[test]
    fn values_are_dropped_although_the_first_ones_panic() {
        let value = std::rc::Rc::new(());
        drop(Each(vec![
            Some(PanicsOnDrop(value.clone())),
            Some(PanicsOnDrop(value.clone())),
            None,
        ]));
        assert_eq!(std::rc::Rc::strong_count(&value), 1);
    }

    #[test]
    fn panics_of_a_poll_and_of_a_destructor_are_caught() {
        let poll = CatchUnwind::new(Box::pin(async { panic!("in poll") }));
        assert_eq!(future::block_on(poll).unwrap_err().message, "in poll");
        let done = CatchUnwind::new(Box::pin(async {
            let _guard = PanicsOnDrop(());
            future::yield_now().await;
        }));
        assert_eq!(future::block_on(done).unwrap_err().message, "in drop");
        let mut never = CatchUnwind::new(Box::pin(async {
            let _guard = PanicsOnDrop(());
            future::pending::<()>().await;
        }));
        assert!(future::block_on(future::poll_once(&mut never)).is_none());
        drop(never);
    }
}
