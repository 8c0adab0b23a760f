//! `#[func(stream, tokio)]`: the stream is polled on tokio, and its elements wait in a channel for the domain.

use super::{Started, started};
use crate::base::panic::{CatchUnwind, Panic};
use crate::base::pipe::{Interrupted, Received, pipe};
use crate::entry::call::{Outcome, shared_tokio};
use crate::value::exception::Failure;
use futures_core::Stream;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::task::JoinHandle;

fn interrupted(why: Interrupted) -> Failure {
    match why {
        Interrupted::Panicked(panic) => Failure::Panic(panic),
        Interrupted::Dropped => Failure::message("tokio's runtime has been shut down"),
    }
}

/// The elements of a stream that tokio polls, as OCaml gets them. Dropping it drops the stream, on tokio.
pub struct ElementsOnTokio<T, O> {
    received: Received<T>,
    outcome: O,
}

/// Makes the stream of a function that returns one, which tokio polls from now on. `weigh` returns the number of bytes of an
/// element.
pub fn elements_on_tokio<S, T, O>(
    stream: S,
    weigh: fn(&S::Item) -> usize,
    outcome: O,
) -> ElementsOnTokio<S::Item, O>
where
    S: Stream + Send + 'static,
    S::Item: Send,
    O: Fn(S::Item) -> Outcome<T>,
{
    let (producer, received) = pipe(stream, weigh);
    shared_tokio().spawn(producer);
    ElementsOnTokio { received, outcome }
}

impl<T, A, O: Fn(T) -> Outcome<A>> Stream for ElementsOnTokio<T, O> {
    type Item = Outcome<A>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Outcome<A>>> {
        let this = &mut *self;
        let received = Pin::new(&mut this.received).poll_next(cx);
        received.map(|element| {
            element.map(|element| match element {
                Ok(element) => (this.outcome)(element),
                Err(why) => Outcome(Err(interrupted(why))),
            })
        })
    }
}

// The elements are not pinned.
impl<T, O> Unpin for ElementsOnTokio<T, O> {}

/// A future that tokio runs. Dropping it drops the future, on tokio.
pub struct OnTokio<T>(JoinHandle<Result<T, Panic>>);

impl<T> Future for OnTokio<T> {
    type Output = Outcome<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let joined = Pin::new(&mut self.0).poll(cx);
        joined.map(|joined| {
            let output = joined.map_err(|_| interrupted(Interrupted::Dropped));
            Outcome(output.and_then(|output| output.map_err(Failure::Panic)))
        })
    }
}

impl<T> Drop for OnTokio<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Makes the stream of a function that returns a future of one, which tokio runs from now on.
#[expect(clippy::type_complexity, reason = "a closure has no name")]
pub fn started_on_tokio<F, M, S>(
    future: F,
    make: M,
) -> Started<OnTokio<F::Output>, impl Fn(Outcome<F::Output>) -> Outcome<S>, S>
where
    F: Future + Send + 'static,
    F::Output: Send,
    M: Fn(F::Output) -> Outcome<S>,
{
    let task = shared_tokio().spawn(CatchUnwind::new(Box::pin(future)));
    started(OnTokio(task), move |output: Outcome<F::Output>| {
        output.and_then(&make)
    })
}
