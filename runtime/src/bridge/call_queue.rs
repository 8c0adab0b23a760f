//! Queues of calls of an OCaml function.

use crate::base::error::{DomainTerminated, JoinError};
use crate::base::panic::{catch_and_discard, drop_each};
use crate::bridge::remote::RemoteFunc;
use crate::domain::Domain;
use crate::value::application::Args;
use crate::value::exception::RemoteError;
use crate::value::read::FromOCaml;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A bounded queue of calls of an OCaml function that is called again and again: for progress, events, lines of a log.
/// [`RemoteFunc::queue`] makes it.
///
/// ```
/// use ocaml_lwt_interop::{OCamlFunc, RemoteError, WhenFull, func};
///
/// /// Computes, and reports how many percent are done.
/// #[func(raise)]
/// pub async fn compute(report: OCamlFunc<(u8,), ()>) -> Result<u32, Box<dyn std::error::Error>> {
///     // Only the newest number is of interest.
///     let progress = report.remote()?.queue(1, WhenFull::Merge(|last, next| *last = next))?;
///     let computing = tokio::task::spawn_blocking(move || {
///         let mut sum = 0u32;
///         for i in 0..1_000_000u32 {
///             sum = sum.wrapping_add(i);
///             if i % 10_000 == 0 {
///                 let _ = progress.push(((i / 10_000) as u8,));
///             }
///         }
///         (sum, progress)
///     });
///     let (sum, progress) = computing.await?;
///     progress.finish().await?;
///     Ok(sum)
/// }
/// ```
///
/// ```ocaml
/// external compute : (int -> unit) -> int Lwt.t = "compute"
/// ```
///
/// The function runs on its domain, one call after the other, in the order of the queue; of a function that returns a
/// promise, each call waits for the promise of the one before. If a call fails, no more calls follow, and
/// [`finish`](Self::finish) returns the exception.
///
/// Clones push to the same queue. When the last one is dropped, the calls that are queued are still made.
pub struct CallQueue<A> {
    handle: Arc<Handle<A>>,
}

/// What [`CallQueue::push`] does with a call when the queue is full.
pub enum WhenFull<A> {
    /// Drops the call that waits longest.
    DropOldest,
    /// Merges the call into the one that was queued last, as this function does: the first argument is changed to stand
    /// for both. Of calls that several threads push at once, either may be merged into the other.
    Merge(fn(&mut A, A)),
}

/// The function takes no more calls: one has failed, its domain has terminated, or [`CallQueue::finish`] was called.
/// Carries the arguments.
#[derive(Debug, thiserror::Error)]
#[error("the queue of calls has ended")]
pub struct QueueEnded<A>(pub A);

/// Closes the queue when the last clone is dropped.
struct Handle<A> {
    home: Domain,
    queue: Arc<Queue<A>>,
    when_full: WhenFull<A>,
}

impl<A> Drop for Handle<A> {
    fn drop(&mut self) {
        self.queue.close();
    }
}

impl<A, R> RemoteFunc<A, R>
where
    A: Args + Send + 'static,
    R: FromOCaml + Send + 'static,
{
    /// Returns a queue of at most `capacity` calls of this function. Any thread.
    ///
    /// # Errors
    /// Fails if the function's domain has terminated.
    ///
    /// # Panics
    /// `capacity` is 0.
    pub fn queue(
        &self,
        capacity: usize,
        when_full: WhenFull<A>,
    ) -> Result<CallQueue<A>, DomainTerminated<()>> {
        assert!(capacity > 0, "a queue of calls needs room for one");
        let home = self.domain().clone();
        let queue = Arc::new(Queue::new(home.id(), capacity));
        let (function, calls) = (self.clone(), Calls(queue.clone()));
        let calling = home
            .spawn(move || async move {
                while let Some(args) = calls.next().await {
                    let outcome = match function.call(args) {
                        Ok(call) => call.await,
                        // The domain terminates.
                        Err(_) => return,
                    };
                    if let Err(failure) = outcome {
                        return calls.0.end(Some(failure));
                    }
                }
                calls.0.end(None);
            })
            .map_err(|refused| DomainTerminated {
                domain: refused.domain,
                work: (),
            })?;
        calling.detach();
        let handle = Arc::new(Handle {
            home,
            queue,
            when_full,
        });
        Ok(CallQueue { handle })
    }
}

impl<A: Send + 'static> CallQueue<A> {
    /// Queues a call. If the queue is full, makes room as its [`WhenFull`] says. Any thread, never blocks.
    ///
    /// # Errors
    /// Fails with the arguments if no more calls are made.
    pub fn push(&self, args: A) -> Result<(), QueueEnded<A>> {
        let queue = &self.handle.queue;
        let mut args = args;
        loop {
            match queue.push(args) {
                Ok(()) => return Ok(()),
                Err(Refused::Ended(args)) => return Err(QueueEnded(args)),
                Err(Refused::Full(refused)) => args = refused,
            }
            // Outside of the lock: destructors and merging are code of the user's.
            match self.handle.when_full {
                WhenFull::DropOldest => drop(queue.take_oldest()),
                WhenFull::Merge(merge) => {
                    if let Some(mut last) = queue.take_last() {
                        merge(last.call(), args);
                        // It was accepted before.
                        return last.put_back().map_err(QueueEnded);
                    }
                }
            }
        }
    }

    /// Queues a call, and waits while the queue is full. Dropping the future before it is ready drops the arguments.
    ///
    /// # Errors
    /// Fails with the arguments if no more calls are made.
    pub async fn send(&self, args: A) -> Result<(), QueueEnded<A>> {
        let mut args = Some(args);
        poll_fn(|cx| {
            let queue = &self.handle.queue;
            match queue.poll_push(cx, args.take().expect("it is sent once")) {
                Ok(()) => Poll::Ready(Ok(())),
                Err(Refused::Ended(refused)) => Poll::Ready(Err(QueueEnded(refused))),
                Err(Refused::Full(refused)) => {
                    args = Some(refused);
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Closes the queue, and waits until the calls that are queued have been made.
    ///
    /// # Errors
    /// Returns the failure of a call, such as the exception that it raised, or that the domain has terminated. Only one caller
    /// gets the failure.
    pub async fn finish(&self) -> Result<(), RemoteError> {
        let queue = &self.handle.queue;
        queue.close();
        poll_fn(|cx| queue.poll_ended(cx)).await
    }

    /// Returns the domain that the function runs on.
    pub fn domain(&self) -> &Domain {
        &self.handle.home
    }
}

impl<A> Clone for CallQueue<A> {
    fn clone(&self) -> Self {
        CallQueue {
            handle: self.handle.clone(),
        }
    }
}

impl<A> fmt::Debug for CallQueue<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallQueue")
            .field("domain", &self.handle.home.id())
            .finish_non_exhaustive()
    }
}

impl<A> fmt::Debug for WhenFull<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WhenFull::DropOldest => "DropOldest",
            WhenFull::Merge(_) => "Merge",
        })
    }
}

// ---- the queue

/// Arguments of calls. The lock is never held while code of the user's runs.
struct Queue<A> {
    state: Mutex<State<A>>,
    domain: u64,
    capacity: usize,
}

struct State<A> {
    calls: VecDeque<A>,
    /// The number of calls that were taken to merge others into them. They come back.
    merging: usize,
    is_closed: bool,
    /// The task that makes the calls.
    caller: Option<Waker>,
    /// Those that wait for room.
    senders: Vec<Waker>,
    ended: Ended,
    /// Those that wait for the end.
    finishing: Vec<Waker>,
}

/// Whether the task that makes the calls has ended.
enum Ended {
    NotYet,
    /// With a failure, unless that was returned already.
    Yes(Option<RemoteError>),
}

enum Refused<A> {
    Full(A),
    Ended(A),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<A> Queue<A> {
    fn new(domain: u64, capacity: usize) -> Self {
        Queue {
            domain,
            state: Mutex::new(State {
                calls: VecDeque::new(),
                merging: 0,
                is_closed: false,
                caller: None,
                senders: Vec::new(),
                ended: Ended::NotYet,
                finishing: Vec::new(),
            }),
            capacity,
        }
    }

    fn push(&self, args: A) -> Result<(), Refused<A>> {
        let mut state = lock(&self.state);
        let caller = self.push_locked(&mut state, args)?;
        drop(state);
        wake_each(caller);
        Ok(())
    }

    /// Ends the merging of a call, which is put back whether or not there is room. Fails if the calls have ended.
    fn put_back(&self, args: Option<A>) -> Result<(), A> {
        let mut state = lock(&self.state);
        state.merging -= 1;
        // It may have waited for this call, the last one.
        let caller = state.caller.take();
        let refused = match matches!(state.ended, Ended::Yes(_)) {
            true => args,
            false => {
                state.calls.extend(args);
                None
            }
        };
        drop(state);
        wake_each(caller);
        refused.map_or(Ok(()), Err)
    }

    /// Like [`push`](Self::push). If the queue is full, wakes the task later.
    fn poll_push(&self, cx: &Context<'_>, args: A) -> Result<(), Refused<A>> {
        let waker = cx.waker().clone();
        let mut state = lock(&self.state);
        let pushed = self.push_locked(&mut state, args);
        if let Err(Refused::Full(_)) = pushed {
            add(&mut state.senders, waker);
        }
        drop(state);
        wake_each(pushed?);
        Ok(())
    }

    /// Returns the waker of the task that makes the calls.
    fn push_locked(&self, state: &mut State<A>, args: A) -> Result<Option<Waker>, Refused<A>> {
        if state.is_closed {
            Err(Refused::Ended(args))
        } else if state.calls.len() >= self.capacity {
            Err(Refused::Full(args))
        } else {
            state.calls.push_back(args);
            Ok(state.caller.take())
        }
    }

    fn take_oldest(&self) -> Option<A> {
        lock(&self.state).calls.pop_front()
    }

    fn take_last(&self) -> Option<Merging<'_, A>> {
        let mut state = lock(&self.state);
        let call = state.calls.pop_back()?;
        state.merging += 1;
        Some(Merging {
            queue: self,
            call: Some(call),
        })
    }

    /// Takes the next call, which makes room. Ready with `None` when the queue is closed and no call is left.
    fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<A>> {
        let waker = cx.waker().clone();
        let mut state = lock(&self.state);
        let next = match state.calls.pop_front() {
            Some(args) => Poll::Ready(Some(args)),
            None if state.is_closed && state.merging == 0 => Poll::Ready(None),
            None => {
                state.caller = Some(waker);
                Poll::Pending
            }
        };
        // There is room, also if code of the user's has panicked after it had made some.
        let senders = mem::take(&mut state.senders);
        drop(state);
        wake_each(senders);
        next
    }

    /// Accepts no more calls.
    fn close(&self) {
        let mut state = lock(&self.state);
        state.is_closed = true;
        let wakers = (state.caller.take(), mem::take(&mut state.senders));
        drop(state);
        wake_each(wakers.0);
        wake_each(wakers.1);
    }

    /// Ends the queue, unless it has ended. No more calls are made.
    fn end(&self, failure: Option<RemoteError>) {
        let mut state = lock(&self.state);
        if matches!(state.ended, Ended::Yes(_)) {
            return;
        }
        state.is_closed = true;
        state.ended = Ended::Yes(failure);
        let (left, senders) = (mem::take(&mut state.calls), mem::take(&mut state.senders));
        let finishing = mem::take(&mut state.finishing);
        drop(state);
        wake_each(senders);
        wake_each(finishing);
        drop_each(left);
    }

    /// Ready when the queue has ended, with its failure if that was not returned already.
    fn poll_ended(&self, cx: &Context<'_>) -> Poll<Result<(), RemoteError>> {
        let waker = cx.waker().clone();
        let mut state = lock(&self.state);
        match &mut state.ended {
            Ended::Yes(failure) => Poll::Ready(failure.take().map_or(Ok(()), Err)),
            Ended::NotYet => {
                add(&mut state.finishing, waker);
                Poll::Pending
            }
        }
    }
}

/// The last call of a queue, while another one is merged into it. It is lost if that panics.
struct Merging<'a, A> {
    queue: &'a Queue<A>,
    call: Option<A>,
}

impl<A> Merging<'_, A> {
    fn call(&mut self) -> &mut A {
        self.call.as_mut().expect("it was not put back")
    }

    fn put_back(mut self) -> Result<(), A> {
        let call = self.call.take();
        let queue = self.queue;
        std::mem::forget(self);
        queue.put_back(call)
    }
}

impl<A> Drop for Merging<'_, A> {
    fn drop(&mut self) {
        let _ = self.queue.put_back(None);
    }
}

fn add(wakers: &mut Vec<Waker>, waker: Waker) {
    if !wakers.iter().any(|other| other.will_wake(&waker)) {
        wakers.push(waker);
    }
}

/// A waker is code of users, which may panic.
fn wake_each(wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        catch_and_discard(|| waker.wake());
    }
}

/// The end of the queue of the task that makes the calls. When that ends, the queue does.
struct Calls<A>(Arc<Queue<A>>);

impl<A> Calls<A> {
    async fn next(&self) -> Option<A> {
        poll_fn(|cx| self.0.poll_next(cx)).await
    }
}

impl<A> Drop for Calls<A> {
    fn drop(&mut self) {
        let domain = self.0.domain;
        let terminated = JoinError::DomainTerminated { domain };
        self.0.end(Some(terminated.into()));
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use futures_lite::future;
    use futures_lite::future::poll_once;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn new(capacity: usize) -> (Arc<Queue<u32>>, Calls<u32>) {
        let queue = Arc::new(Queue::new(0, capacity));
        (queue.clone(), Calls(queue))
    }

    fn next(calls: &Calls<u32>) -> Option<Option<u32>> {
        future::block_on(poll_once(calls.next()))
    }

    fn is_full(pushed: Result<(), Refused<u32>>) -> bool {
        matches!(pushed, Err(Refused::Full(_)))
    }

    #[test]
    fn calls_are_taken_in_order() {
        let (queue, calls) = new(2);
        assert_eq!(next(&calls), None, "it waits");
        assert!(queue.push(1).is_ok() && queue.push(2).is_ok() && is_full(queue.push(3)));
        assert_eq!((next(&calls), next(&calls)), (Some(Some(1)), Some(Some(2))));
        assert_eq!(next(&calls), None);
    }

    #[test]
    fn room_is_made_at_either_end() {
        let (queue, calls) = new(2);
        assert!(queue.push(1).is_ok() && queue.push(2).is_ok());
        assert_eq!(queue.take_oldest(), Some(1));
        assert!(queue.push(3).is_ok());
        assert_eq!(queue.take_last().unwrap().call(), &3);
        assert_eq!(next(&calls), Some(Some(2)));
    }

    #[test]
    fn a_sender_that_waits_is_woken_when_there_is_room() {
        let (queue, calls) = new(1);
        assert!(queue.push(1).is_ok());
        let (wakes, waker) = counting();
        let cx = Context::from_waker(&waker);
        for _ in 0..3 {
            assert!(is_full(queue.poll_push(&cx, 2)));
        }
        assert_eq!(lock(&queue.state).senders.len(), 1, "once");
        assert_eq!(next(&calls), Some(Some(1)));
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1, "woken once");
        assert_eq!(Arc::strong_count(&wakes), 2, "and dropped");
        assert!(queue.poll_push(&cx, 2).is_ok());
        assert_eq!(next(&calls), Some(Some(2)));
    }

    /// Returns a waker, and what it shares with its clones.
    fn counting() -> (Arc<Wakes>, Waker) {
        let wakes = Arc::new(Wakes::default());
        (wakes.clone(), Waker::from(wakes))
    }

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl std::task::Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_closed_queue_hands_out_its_calls_and_takes_no_more() {
        let (queue, calls) = new(2);
        assert!(queue.push(1).is_ok());
        queue.close();
        assert!(matches!(queue.push(2), Err(Refused::Ended(2))));
        assert_eq!((next(&calls), next(&calls)), (Some(Some(1)), Some(None)));
    }

    #[test]
    fn a_call_that_was_accepted_may_return_to_a_closed_queue() {
        let (queue, calls) = new(1);
        assert!(queue.push(1).is_ok());
        let last = queue.take_last().unwrap();
        queue.close();
        assert_eq!(next(&calls), None, "it waits for the last call");
        assert!(last.put_back().is_ok());
        assert_eq!((next(&calls), next(&calls)), (Some(Some(1)), Some(None)));
    }

    #[test]
    fn a_call_that_returns_to_a_full_queue_makes_no_room() {
        let queue = Arc::new(Queue::new(0, 1));
        assert!(queue.push(1).is_ok());
        let last = queue.take_last().unwrap();
        assert!(queue.push(2).is_ok());
        assert!(last.put_back().is_ok());
        assert!(is_full(queue.push(3)));
        let calls = Calls(queue.clone());
        assert_eq!((next(&calls), next(&calls)), (Some(Some(2)), Some(Some(1))));
        assert!(queue.push(3).is_ok());
    }

    #[test]
    fn a_queue_may_end_while_a_call_is_merged() {
        let (queue, calls) = new(1);
        assert!(queue.push(1).is_ok());
        let last = queue.take_last().unwrap();
        drop(calls);
        assert_eq!(last.put_back(), Err(1));
    }

    #[test]
    fn the_queue_does_not_wait_for_a_call_that_was_lost_in_a_panic() {
        let (queue, calls) = new(1);
        assert!(queue.push(1).is_ok());
        let last = queue.take_last().unwrap();
        queue.close();
        let (wakes, waker) = counting();
        let cx = &mut Context::from_waker(&waker);
        assert!(queue.poll_next(cx).is_pending());
        drop(last);
        assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
        assert_eq!(next(&calls), Some(None));
    }

    #[test]
    fn everybody_waits_for_the_end_and_one_gets_the_failure() {
        let queue = Arc::new(Queue::<u32>::new(7, 1));
        let calls = Calls(queue.clone());
        let (wakes, waker) = counting();
        let cx = Context::from_waker(&waker);
        assert!(queue.poll_ended(&cx).is_pending() && queue.poll_ended(&cx).is_pending());
        drop(calls);
        assert_eq!(Arc::strong_count(&wakes), 2, "it was woken, and dropped");
        match queue.poll_ended(&cx) {
            Poll::Ready(Err(e)) => assert!(e.to_string().contains('7'), "{e}"),
            _ => panic!("the domain has terminated"),
        }
        assert!(matches!(queue.poll_ended(&cx), Poll::Ready(Ok(()))));
    }

    #[test]
    fn the_queue_ends_with_the_task() {
        let (queue, calls) = new(2);
        assert!(queue.push(1).is_ok());
        drop(calls);
        assert!(matches!(queue.push(2), Err(Refused::Ended(2))));
        assert!(queue.take_oldest().is_none());
    }
}
