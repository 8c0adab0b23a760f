//! The blocking lane: a few threads of Domain 0 that run OCaml code which blocks.
//!
//! tokio's threads and the domains' loops never wait for such code: they send it here. The
//! threads are made when there is work, and go away when there has been none for a while.

use crate::base::error::JoinError;
use crate::base::panic::catch_and_discard;
use crate::base::tokio_rt::with_signals_blocked;
use crate::domain::join::{self, JoinHandle, Joined};
use crate::ffi::callbacks::Callbacks;
use crate::ffi::runtime as ffi;
use crate::ffi::token::RuntimeToken;
use std::collections::VecDeque;
use std::io;
use std::sync::LazyLock;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// How many OCaml calls block at the same time; more wait in the queue.
const MAX_THREADS: usize = 4;
/// How long a thread waits for work before it ends.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// How many closures of Rust's wait for a thread before [`submit`] waits. OCaml's have as many
/// places, in `ocaml/lwt_interop/blocking.ml`.
pub const PLACES: usize = 256;

static FREE: Semaphore = Semaphore::const_new(PLACES);

type Place = SemaphorePermit<'static>;

enum Job {
    Rust {
        place: Place,
        run: Box<dyn FnOnce(&RuntimeToken<'_>) + Send>,
    },
    /// The next of the closures that OCaml keeps in a queue of its own.
    OCaml,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

#[derive(Default)]
struct Lane {
    state: Mutex<State>,
    work: Condvar,
}

static LANE: LazyLock<Lane> = LazyLock::new(Lane::default);

/// Runs `f` on a thread of Domain 0 that may block: OCaml code that it calls may wait for
/// files, locks or other processes, and Domain 0's own loop goes on meanwhile. May be awaited
/// anywhere. At most four such closures run at a time; the others queue, first come first served,
/// and more than [`PLACES`] wait until they have a place in the queue.
///
/// The token is that of Domain 0 but not of its loop, so promises cannot be made with it.
/// Dropping the future keeps `f` from starting; once started, `f` runs to its end.
///
/// # Errors
/// `f` panicked, or no thread could be started for it.
pub async fn run<F, T>(f: F) -> Result<T, JoinError>
where
    F: FnOnce(&RuntimeToken<'_>) -> T + Send + 'static,
    T: Send + 'static,
{
    submit(f).await?.cancel_on_drop().await
}

/// Like [`run`], but waits only until `f` has a place in the queue: who produces work waits for
/// it before the next. The handle yields the value; [`JoinHandle::cancel`] keeps `f` from
/// starting.
///
/// # Errors
/// No thread could be started, and none is running.
pub async fn submit<F, T>(f: F) -> Result<JoinHandle<T>, JoinError>
where
    F: FnOnce(&RuntimeToken<'_>) -> T + Send + 'static,
    T: Send + 'static,
{
    let place = FREE.acquire().await.expect("never closed");
    enter(place, f)
}

/// Like [`submit`] where there is a place at once. Any thread, never blocks.
///
/// # Errors
/// The queue is full, and `f` comes back; or no thread could be started, and none is running.
pub fn try_submit<F, T>(f: F) -> Result<Result<JoinHandle<T>, JoinError>, F>
where
    F: FnOnce(&RuntimeToken<'_>) -> T + Send + 'static,
    T: Send + 'static,
{
    match FREE.try_acquire() {
        Ok(place) => Ok(enter(place, f)),
        Err(_) => Err(f),
    }
}

fn enter<F, T>(place: Place, f: F) -> Result<JoinHandle<T>, JoinError>
where
    F: FnOnce(&RuntimeToken<'_>) -> T + Send + 'static,
    T: Send + 'static,
{
    let (handle, joined): (JoinHandle<T>, Joined<T>) = join::pair(0);
    let job = Job::Rust {
        place,
        run: Box::new(move |token| {
            joined.compute(|| f(token));
        }),
    };
    match LANE.submit(job) {
        Ok(()) => Ok(handle),
        Err(e) => Err(JoinError::NotStarted { why: e.to_string() }),
    }
}

/// Lets the lane run the next closure of OCaml's own queue.
pub(crate) fn run_ocaml() -> io::Result<()> {
    LANE.submit(Job::OCaml)
}

/// The threads that there are, and the jobs that wait for one.
pub(crate) fn occupancy() -> (usize, usize) {
    let state = LANE.state();
    (state.threads, state.queue.len())
}

impl Lane {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(&'static self, job: Job) -> io::Result<()> {
        let mut state = self.state();
        if state.idle < state.queue.len() + 1 && state.threads < MAX_THREADS {
            let spawned = with_signals_blocked(|| {
                std::thread::Builder::new()
                    .name("lwt-interop-lane".to_owned())
                    .spawn(|| self.serve())
            });
            match spawned {
                Ok(_) => state.threads += 1,
                // The threads that there are will come to it.
                Err(_) if state.threads > 0 => {}
                Err(e) => return Err(e),
            }
        }
        state.queue.push_back(job);
        drop(state);
        self.work.notify_one();
        Ok(())
    }

    /// The life of a thread.
    fn serve(&self) {
        if !ffi::register_thread() {
            // There is no memory for it. Jobs of Rust's that no other thread will come to are
            // dropped, which their senders notice; OCaml's wait for the next thread.
            let mut state = self.state();
            state.threads -= 1;
            let mut stranded = VecDeque::new();
            if state.threads == 0 {
                let queue = std::mem::take(&mut state.queue);
                (state.queue, stranded) =
                    queue.into_iter().partition(|job| matches!(job, Job::OCaml));
            }
            drop(state);
            catch_and_discard(|| drop(stranded));
            return;
        }
        while let Some(job) = self.next() {
            // SAFETY: the thread is registered, and holds the lock only in here.
            unsafe {
                ffi::with_lock(|| match job {
                    Job::Rust { place, run } => {
                        // Wakes who waits for a place, with a waker of the user's.
                        catch_and_discard(|| drop(place));
                        catch_and_discard(|| run(&RuntimeToken::assume_locked(0)));
                    }
                    Job::OCaml => {
                        if let Some(callbacks) = Callbacks::get() {
                            callbacks.blocking_next();
                        }
                    }
                });
            }
        }
        ffi::unregister_thread();
    }

    /// The next job; `None`, and one thread less, after a while without any.
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
