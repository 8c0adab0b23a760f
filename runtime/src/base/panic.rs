//! Panics stop here: contained at every border, and told as a value.

use std::any::Any;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Once;
use std::task::{Context, Poll};

/// A panic of Rust code, as its callers get to see it.
///
/// In OCaml it is the exception `Lwt_interop.Rust_panic`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panic {
    /// What `panic!` was given.
    pub message: String,
    /// `file:line:column` of the panic.
    pub location: Option<String>,
    /// The stack of the panic, where `RUST_BACKTRACE` asks for one.
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
    /// How many `contain`s are on this thread's stack.
    static CATCHING: Cell<u32> = const { Cell::new(0) };
    /// Where the panic that is unwinding started.
    static ORIGIN: RefCell<Option<Origin>> = const { RefCell::new(None) };
}

struct Origin {
    location: Option<String>,
    backtrace: Option<String>,
}

/// Makes panics remember where they started. Only a panic hook can know that, so
/// one is chained before the program's own, which still runs and prints as it
/// likes. Ours does nothing for panics that are not ours to contain.
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

/// Runs `f`; a panic becomes `Err`.
#[inline]
pub(crate) fn catch_unwind<R>(f: impl FnOnce() -> R) -> Result<R, Panic> {
    CATCHING.set(CATCHING.get() + 1);
    // What `f` left half done is not used again: a panicked task is dropped, and
    // our own state is changed only outside of user code.
    let result = std::panic::catch_unwind(AssertUnwindSafe(f));
    CATCHING.set(CATCHING.get() - 1);
    result.map_err(describe)
}

/// Runs `f`, user code whose outcome nobody waits for (a destructor, a late
/// message): a panic has been printed by the panic hook and ends here.
pub(crate) fn catch_and_discard(f: impl FnOnce()) {
    let _ = catch_unwind(f);
}

#[cold]
fn describe(payload: Box<dyn Any + Send>) -> Panic {
    let message = match payload.downcast::<String>() {
        Ok(s) => *s,
        Err(payload) => match payload.downcast_ref::<&'static str>() {
            Some(s) => (*s).to_owned(),
            None => {
                // The payload is the user's: its destructor may panic in turn, with a payload
                // that nobody wants to try again.
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

/// A future whose polls and destructor do not panic: it yields `Err(Panic)`.
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
            catch_and_discard(|| drop(future));
        }
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use futures_lite::future;

    struct PanicsOnDrop;
    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }

    #[test]
    fn a_panic_is_told_with_message_and_place() {
        record_origins();
        let e = catch_unwind(|| panic!("no {}", "luck")).unwrap_err();
        assert_eq!(e.message, "no luck");
        assert!(e.location.unwrap().contains("panic.rs"));
        let e = catch_unwind(|| std::panic::panic_any(PanicsOnDrop)).unwrap_err();
        assert_eq!(e.message, "a value that is not a string");
    }

    #[test]
    fn a_poll_and_a_destructor_are_contained() {
        let poll = CatchUnwind::new(Box::pin(async { panic!("in poll") }));
        assert_eq!(future::block_on(poll).unwrap_err().message, "in poll");
        let done = CatchUnwind::new(Box::pin(async {
            let _guard = PanicsOnDrop;
            future::yield_now().await;
        }));
        assert_eq!(future::block_on(done).unwrap_err().message, "in drop");
        let mut never = CatchUnwind::new(Box::pin(async {
            let _guard = PanicsOnDrop;
            future::pending::<()>().await;
        }));
        assert!(future::block_on(future::poll_once(&mut never)).is_none());
        drop(never);
    }
}
