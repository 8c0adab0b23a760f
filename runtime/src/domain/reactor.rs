//! A tokio runtime of a domain's own, on the domain's thread.
//!
//! The domain's loop waits in [`Reactor::wait`], a `block_on` of a current-thread runtime. It ends when the loop has something to
//! do: the loop was notified, its epoll instance has events, a timer of Lwt's is due, or OCaml has to handle a signal.
//!
//! **Tasks.** What the domain's executor polls (calls, `spawn_local`) is polled in the loop's turns, with the runtime
//! entered, and is woken by tokio's driver here. What is spawned on tokio is polled here, between the turns, without
//! a token, and without the domain's lock: so it keeps no collection of another domain waiting. (A turn that does not wait
//! keeps the lock if there are no tasks when it begins.)
//!
//! **Epoll.** The loop's epoll instance is registered with tokio's driver, whose events are edge-triggered: an event says that
//! something has become ready since the loop last asked the instance. So the loop asks it again after each answer
//! that was not empty, before it waits here.

use crate::base::panic::{catch_and_discard, catch_unwind};
use crate::base::tokio_rt;
use crate::domain::shared::Shared;
use crate::ffi::thread::has_pending_signals;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io::{self, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::{Instant, Sleep, sleep};

/// The epoll instance that the loop waits for, and a number that no other instance has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Epoll<'a> {
    pub(crate) fd: BorrowedFd<'a>,
    pub(crate) instance: isize,
}

/// An epoll instance that is registered with tokio's driver.
struct Watched {
    fd: AsyncFd<OwnedFd>,
    instance: isize,
}

impl Watched {
    /// Registers a copy of the descriptor, which the loop may close at any time.
    ///
    /// # Errors
    /// There is no descriptor or no memory left.
    fn new(epoll: Epoll<'_>) -> io::Result<Self> {
        let fd = epoll.fd.try_clone_to_owned()?;
        #[allow(deprecated)] // It is unsound for types that do not own their descriptor.
        let fd = AsyncFd::with_interest(fd, Interest::READABLE)?;
        Ok(Watched {
            fd,
            instance: epoll.instance,
        })
    }
}

/// The outcome of a wait. OCaml has the same: see `entry/facts.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waited {
    /// The epoll instance has no new events.
    Quiet,
    /// The epoll instance may have events.
    Events,
    /// Nothing: the loop has to wait for its epoll instance itself, which has its eventfd.
    Elsewhere,
}

/// When a wait ends although the loop has nothing to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timeout {
    /// At once, after tasks that are ready, a limited number of them.
    Now,
    After(Duration),
    Never,
}

impl Timeout {
    /// Returns the timeout of this many milliseconds, as `epoll_wait` takes it.
    pub(crate) fn from_millis(millis: isize) -> Self {
        match u64::try_from(millis) {
            Ok(0) => Timeout::Now,
            Ok(millis) => Timeout::After(Duration::from_millis(millis)),
            Err(_) => Timeout::Never,
        }
    }
}

/// See the module's documentation. It belongs to the thread of the domain.
pub(crate) struct Reactor {
    domain: u64,
    /// `None` before the first wait, and if there is no descriptor left for it. Then the loop asks its instance in each
    /// turn, and a turn takes [`UNWATCHED_TIME`] at most.
    epoll: RefCell<Option<Watched>>,
    timeout: Timer,
    /// A waker of the user's has panicked in tokio's driver, which is lost.
    is_broken: Cell<bool>,
    runtime: Runtime,
}

/// How long tasks of tokio's that are always ready keep the loop from looking for signals.
const BUSY_TIME: Duration = Duration::from_millis(50);

/// How long a wait lasts at most that does not learn of the events of the loop's epoll instance.
const UNWATCHED_TIME: Duration = Duration::from_millis(1);

thread_local! {
    /// The waker of the wait that is running.
    static WAITING: RefCell<Option<Waker>> = const { RefCell::new(None) };
    static BUSY: RefCell<Busy> = const { RefCell::new(Busy::Off) };
}

/// When the wait of this thread is polled beside tasks that are always ready. tokio's loop looks for signals only when its
/// driver sleeps.
enum Busy {
    /// Not at all: the driver has gone to sleep. When it wakes up, the wait is polled, and arms.
    Off,
    /// When the timer is due.
    Armed(Pin<Box<Sleep>>),
    /// When the timer is due, after another one was: a domain whose tasks all wait should not wake up again and again.
    /// The driver's next sleep ends this, but not the one that the timer's own registration ends at once: the wait is polled
    /// after that one, and sets `may_sleep`.
    Resting {
        timer: Pin<Box<Sleep>>,
        may_sleep: bool,
    },
}

fn wake_waiting() {
    WAITING.with_borrow(|root| root.as_ref().map_or((), Waker::wake_by_ref));
}

/// Ends the wait of the calling thread if OCaml has to handle a signal. tokio's loop calls it before its driver sleeps.
fn before_sleep() {
    BUSY.with_borrow_mut(|busy| {
        if matches!(busy, Busy::Resting { may_sleep, .. } if *may_sleep) {
            *busy = Busy::Off;
        }
    });
    if has_pending_signals() {
        wake_waiting();
    }
}

/// The same, after the sleep, which the signal has perhaps ended. Tasks may be busy from now on.
fn after_sleep() {
    if has_pending_signals() || BUSY.with_borrow(|busy| matches!(busy, Busy::Off)) {
        wake_waiting();
    }
}

/// In the child of a fork, which must not touch the parent's timers.
pub(crate) fn forget_busy() {
    std::mem::forget(BUSY.replace(Busy::Off));
}

/// A timer of tokio's, of which there is one for all waits.
#[derive(Default)]
struct Timer(RefCell<Option<Pin<Box<Sleep>>>>);

impl Timer {
    fn set(&self, length: Duration) {
        match &mut *self.0.borrow_mut() {
            Some(timer) => timer.as_mut().reset(Instant::now() + length),
            unset => *unset = Some(Box::pin(sleep(length))),
        }
    }

    /// Returns `true` if it was set and is due.
    fn poll(&self, cx: &mut Context<'_>) -> bool {
        let mut timer = self.0.borrow_mut();
        timer
            .as_mut()
            .is_some_and(|timer| timer.as_mut().poll(cx).is_ready())
    }
}

impl Reactor {
    /// Creates the runtime of domain `id`, whose thread this is.
    pub(crate) fn new(id: u64) -> io::Result<Self> {
        let build = || {
            Builder::new_current_thread()
                .enable_all()
                .thread_name(format!("tokio-of-{id}"))
                .on_thread_park(before_sleep)
                .on_thread_unpark(after_sleep)
                .build()
        };
        let built = catch_unwind(build);
        let runtime = built.unwrap_or_else(|panic| Err(io::Error::other(panic.message)))?;
        tokio_rt::add_own(id, runtime.handle().clone());
        Ok(Reactor {
            domain: id,
            epoll: RefCell::new(None),
            timeout: Timer::default(),
            is_broken: Cell::new(false),
            runtime,
        })
    }

    /// Returns the runtime's handle.
    pub(crate) fn handle(&self) -> &Handle {
        self.runtime.handle()
    }

    /// Returns `true` if there are tasks on the runtime.
    pub(crate) fn has_tasks(&self) -> bool {
        self.handle().metrics().num_alive_tasks() > 0
    }

    /// Runs tokio's tasks and driver until the loop, which has parked, has something to do. The driver is asked at least once.
    pub(crate) fn wait(&self, shared: &Shared, epoll: Epoll<'_>, timeout: Timeout) -> Waited {
        if self.is_broken.get() {
            return leave(shared);
        }
        let (mut polls, mut timeout) = (0, timeout);
        let waited = catch_unwind(|| {
            self.runtime.block_on(poll_fn(|cx| {
                polls += 1;
                if polls == 1 {
                    timeout = self.begin(shared, epoll, timeout, cx);
                }
                let events = self.poll_epoll(cx);
                let ends = events == Waited::Events
                    || timeout == Timeout::Now
                    || !shared.is_parked()
                    || has_pending_signals()
                    || (timeout != Timeout::Never && self.timeout.poll(cx));
                if polls == 1 && ends && events == Waited::Quiet {
                    // The driver and the tasks run before the next poll.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                if ends {
                    return Poll::Ready(match self.epoll.borrow().is_some() {
                        true => events,
                        false => Waited::Events,
                    });
                }
                self.poll_busy(cx);
                Poll::Pending
            }))
        });
        WAITING.take();
        waited.unwrap_or_else(|panic| {
            // Otherwise the calling code is in a `block_on` of another runtime, and this one has not begun.
            if polls > 0 {
                self.is_broken.set(true);
                self.epoll.take();
                let _ = writeln!(
                    io::stderr(),
                    "domain {}: its tokio runtime has stopped: {}",
                    shared.id,
                    panic.message
                );
            }
            leave(shared)
        })
    }

    /// The first poll of a wait: registers what ends it. Returns its timeout, which is short if the loop's epoll instance
    /// cannot be registered.
    fn begin(
        &self,
        shared: &Shared,
        epoll: Epoll<'_>,
        timeout: Timeout,
        cx: &Context<'_>,
    ) -> Timeout {
        // All waits have the same waker. It stays valid between them.
        if !shared.wakes_through_waker() {
            shared.wake_through(Some(cx.waker().clone()));
        }
        WAITING.set(Some(cx.waker().clone()));
        let mut watched = self.epoll.borrow_mut();
        if watched.as_ref().map(|watched| watched.instance) != Some(epoll.instance) {
            *watched = Watched::new(epoll).ok();
        }
        let timeout = match (&*watched, timeout) {
            (None, Timeout::After(length)) => Timeout::After(length.min(UNWATCHED_TIME)),
            (None, Timeout::Never) => Timeout::After(UNWATCHED_TIME),
            (_, timeout) => timeout,
        };
        if let Timeout::After(length) = timeout {
            self.timeout.set(length);
        }
        timeout
    }

    /// Has the wait polled again after a while: see [`Busy`].
    fn poll_busy(&self, cx: &mut Context<'_>) {
        BUSY.with_borrow_mut(|busy| {
            match busy {
                Busy::Off => *busy = Busy::Armed(Box::pin(sleep(BUSY_TIME))),
                Busy::Resting { may_sleep, .. } => *may_sleep = true,
                Busy::Armed(_) => {}
            }
            while let Busy::Armed(timer) | Busy::Resting { timer, .. } = busy {
                if timer.as_mut().poll(cx).is_pending() {
                    break;
                }
                *busy = Busy::Resting {
                    timer: Box::pin(sleep(BUSY_TIME)),
                    may_sleep: false,
                };
                cx.waker().wake_by_ref();
            }
        });
    }

    fn poll_epoll(&self, cx: &mut Context<'_>) -> Waited {
        match &*self.epoll.borrow() {
            None => Waited::Quiet,
            Some(watched) => match watched.fd.poll_read_ready(cx) {
                Poll::Pending => Waited::Quiet,
                Poll::Ready(ready) => {
                    let _ = ready.map(|mut ready| ready.clear_ready());
                    Waited::Events
                }
            },
        }
    }

    /// Ends the runtime: drops its tasks, and does not wait for its blocking ones.
    pub(crate) fn shut_down(self) {
        let Reactor {
            domain,
            epoll,
            timeout,
            runtime,
            ..
        } = self;
        tokio_rt::remove_own(domain);
        // The timer is on this runtime, and this is the thread that waited.
        let busy = BUSY.replace(Busy::Off);
        drop((epoll, timeout, busy));
        catch_and_discard(|| runtime.shutdown_background());
    }
}

/// Has the loop wait for its epoll instance, where the eventfd is. A notification that came before through the waker was noted
/// in the parker, and ends the wait at once.
pub(crate) fn leave(shared: &Shared) -> Waited {
    shared.wake_through(None);
    match shared.is_notified() {
        true => Waited::Quiet,
        false => Waited::Elsewhere,
    }
}
