//! Streams, and what they are compared with.

use futures_lite::{Stream, StreamExt, stream};
use ocaml_lwt_interop::{OCamlException, OCamlStream, func};
use std::hint::black_box;
use std::thread;

/// Returns the numbers below `n`, which are ready.
#[func(stream)]
pub fn numbers(n: isize) -> impl Stream<Item = isize> {
    stream::iter(0..n)
}

/// Returns the numbers below `n`, from a thread of tokio's.
#[func(stream, tokio)]
pub fn numbers_tokio(n: isize) -> impl Stream<Item = isize> {
    stream::iter(0..n)
}

/// Returns an endless stream, which is pending.
#[func(stream)]
pub fn silent() -> impl Stream<Item = isize> {
    stream::pending()
}

/// Returns the number of elements.
#[func(raise)]
pub async fn count(mut numbers: OCamlStream<isize>) -> Result<isize, OCamlException> {
    let mut n = 0;
    while let Some(number) = numbers.next().await {
        black_box(number?);
        n += 1;
    }
    Ok(n)
}

/// Sends `n` numbers from one thread to another through crossbeam's bounded channel.
#[func(sync)]
pub fn crossbeam_channel(n: isize) {
    let (sender, receiver) = crossbeam_channel::bounded(128);
    let producer = thread::spawn(move || (0..n).try_for_each(|i| sender.send(i)));
    receiver.iter().for_each(|i| {
        black_box(i);
    });
    producer
        .join()
        .expect("it does not panic")
        .expect("all were received");
}
