//! Domain 0's blocking pool: a few threads of Domain 0 for work that blocks and uses OCaml.
//!
//! tokio's threads and the domains' loops never wait for such work: they submit it here. The threads
//! are started when there is work, and end after five seconds without any. It is another pool than
//! tokio's blocking pool, on which `#[func(blocking)]` runs Rust code.
//!
//! A closure runs without Domain 0's lock, so it may sleep, wait and compute without holding up any
//! domain. For the parts that use OCaml values it calls
//! [`domain::with_token`](crate::domain::with_token), which takes the lock:
//!
//! ```
//! use ocaml_lwt_interop::{JoinError, domain, ocaml_blocking};
//!
//! # async fn example(path: String) -> Result<usize, JoinError> {
//! ocaml_blocking::run(move || {
//!     let text = std::fs::read_to_string(path).unwrap_or_default();
//!     domain::with_token(|_token| {
//!         // Domain 0's lock is held here.
//!         text.len()
//!     })
//!     .expect("this is a thread of Domain 0's blocking pool")
//! })
//! .await
//! # }
//! ```

use crate::base::error::JoinError;
use crate::base::panic::catch_and_discard;
use crate::domain::context;
use crate::domain::join::{self, JoinHandle, Joined};
use crate::ffi::callbacks::Callbacks;
use crate::ffi::thread::{Registered, with_lock};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use thiserror::Error;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The number of OCaml calls that block at the same time; others wait in the queue.
const MAX_THREADS: usize = 4;
/// How long a thread waits for work before it ends.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// The number of Rust closures that may wait for a thread before [`submit`] waits. OCaml's queue,
/// in `ocaml/lwt_interop/blocking.ml`, has the same number of permits.
pub const PERMITS: usize = 256;

static PERMIT: Semaphore = Semaphore::const_new(PERMITS);

type Permit = SemaphorePermit<'static>;

enum Job {
    Rust {
        permit: Permit,
        run: Box<dyn FnOnce() + Send>,
    },
    /// The next of the closures that OCaml keeps in a queue of its own.
    OCaml,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    /// The number of threads that were ever started, for their names.
    started: usize,
    threads: usize,
    idle: usize,
}

#[derive(Default)]
struct BlockingPool {
    state: Mutex<State>,
    work: Condvar,
}

static POOL: LazyLock<BlockingPool> = LazyLock::new(BlockingPool::default);

/// Runs `f` on a thread of Domain 0's blocking pool, where it may wait for files, locks, other processes
/// or other domains; Domain 0's own loop goes on meanwhile. May be awaited anywhere. At most four such
/// closures run at a time; others wait in a queue, first come, first served, which holds up to
/// [`PERMITS`] of them.
///
/// `f` runs without a lock, and gets a token from [`domain::with_token`](crate::domain::with_token). It is
/// a token of Domain 0 but not of its loop, so promises cannot be made with it. OCaml code that blocks
/// within releases the lock as on any OCaml thread, and so do
/// [`Domain::call_blocking`](crate::Domain::call_blocking) and its like. Dropping the future keeps `f`
/// from starting; once started, `f` runs to its end.
///
/// # Errors
/// `f` panicked, or no thread could be started for it.
pub async fn run<F, T>(f: F) -> Result<T, JoinError>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    submit(f).await?.cancel_on_drop().await
}

/// Like [`run`], but waits only until `f` is in the queue, which slows down a producer of work. The
/// handle yields the value; [`JoinHandle::cancel`] keeps `f` from starting.
///
/// # Errors
/// No thread could be started, and none is running.
pub async fn submit<F, T>(f: F) -> Result<JoinHandle<T>, JoinError>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let permit = PERMIT.acquire().await.expect("never closed");
    enqueue(permit, f)
}

/// Like [`submit`], but fails if the queue is full. Any thread, never blocks.
///
/// # Errors
/// The queue is full, and `f` comes back; or no thread could be started, and none is running.
pub fn try_submit<F, T>(f: F) -> Result<JoinHandle<T>, TrySubmitError<F>>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    match PERMIT.try_acquire() {
        Ok(permit) => Ok(enqueue(permit, f)?),
        Err(_) => Err(TrySubmitError::Full(f)),
    }
}

/// Why [`try_submit`] did not take a closure, `F`.
#[derive(Error)]
#[non_exhaustive]
pub enum TrySubmitError<F> {
    /// The queue is full. Carries the closure.
    #[error("Domain 0's blocking pool is full: {PERMITS} closures wait for a thread")]
    Full(F),
    /// No thread could be started, and none is running.
    #[error(transparent)]
    Failed(#[from] JoinError),
}

// Not derived: closures have no `Debug`.
impl<F> fmt::Debug for TrySubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrySubmitError::Full(_) => f.debug_tuple("Full").finish_non_exhaustive(),
            TrySubmitError::Failed(e) => f.debug_tuple("Failed").field(e).finish(),
        }
    }
}

fn enqueue<F, T>(permit: Permit, f: F) -> Result<JoinHandle<T>, JoinError>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let (handle, joined): (JoinHandle<T>, Joined<T>) = join::pair(0);
    let job = Job::Rust {
        permit,
        run: Box::new(move || joined.compute(f)),
    };
    match POOL.submit(job) {
        Ok(()) => Ok(handle),
        Err(e) => Err(JoinError::NotStarted { why: e.to_string() }),
    }
}

/// Submits the next closure of OCaml's own queue.
pub(crate) fn run_ocaml() -> io::Result<()> {
    POOL.submit(Job::OCaml)
}

/// Returns the number of threads, and of the jobs that wait for one.
pub(crate) fn occupancy() -> (usize, usize) {
    let state = POOL.state();
    (state.threads, state.queue.len())
}

impl BlockingPool {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(&'static self, job: Job) -> io::Result<()> {
        // The state is a copy of the parent's, which has the threads.
        context::check_not_forked().map_err(io::Error::other)?;
        let mut state = self.state();
        if state.idle < state.queue.len() + 1 && state.threads < MAX_THREADS {
            state.started += 1;
            let spawned = std::thread::Builder::new()
                .name(format!("ocaml-blocking-{}", state.started))
                .spawn(|| self.serve());
            match spawned {
                Ok(_) => state.threads += 1,
                // The threads that run take the job in turn.
                Err(_) if state.threads > 0 => {}
                Err(e) => return Err(e),
            }
        }
        state.queue.push_back(job);
        drop(state);
        self.work.notify_one();
        Ok(())
    }

    /// Runs a thread of the pool.
    fn serve(&self) {
        let Some(_registered) = Registered::new() else {
            return self.give_up();
        };
        while let Some(job) = self.next() {
            match job {
                Job::Rust { permit, run } => {
                    // It wakes a waiting submitter, with a waker of the user's.
                    catch_and_discard(|| drop(permit));
                    catch_and_discard(run);
                }
                Job::OCaml => {
                    with_lock(|token| {
                        if let Some(callbacks) = Callbacks::get(token) {
                            callbacks.blocking_next(token);
                        }
                    });
                }
            }
        }
    }

    /// Ends a thread for which OCaml has no memory. If it is the only one, Rust's jobs are dropped,
    /// which their handles notice; OCaml's wait for the next thread.
    fn give_up(&self) {
        let mut state = self.state();
        state.threads -= 1;
        let mut stranded = VecDeque::new();
        if state.threads == 0 {
            let queue = std::mem::take(&mut state.queue);
            (state.queue, stranded) = queue.into_iter().partition(|job| matches!(job, Job::OCaml));
        }
        drop(state);
        catch_and_discard(|| drop(stranded));
    }

    /// Returns the next job; `None`, and counts one thread less, after a while without any.
    fn next(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if let Some(job) = state.queue.pop_front() {
                return Some(job);
            }
            state.idle += 1;
            let (woken, timeout) = self
                .work
                .wait_timeout(state, KEEP_ALIVE)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if timeout.timed_out() && state.queue.is_empty() {
                state.threads -= 1;
                return None;
            }
        }
    }
}
