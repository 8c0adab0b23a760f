//! Streams, in both directions.

use crate::failures::Counted;
use crate::types::Panics;
use crate::{Error, Int};
use futures_lite::{Stream, StreamExt, future, stream};
use ocaml_lwt_interop::domain::with_token;
use ocaml_lwt_interop::{
    Any, Bytes, Channel, OCamlException, OCamlStream, OpaqueType, RemoteError, RemoteStream,
    Rooted, func,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::{Arc, Mutex};

/// Returns the numbers below `n`. Before each of them the stream is pending once, if `waits` says so.
#[func(stream)]
pub fn stream_numbers(tag: Int, n: Int, waits: bool) -> impl Stream<Item = Int> {
    numbers(tag, n, waits)
}

fn numbers(tag: Int, n: Int, waits: bool) -> impl Stream<Item = Int> {
    let start = (Counted::new(tag), 0);
    stream::unfold(start, move |(counted, i)| async move {
        if waits {
            future::yield_now().await;
        }
        (i < n).then_some((i, (counted, i + 1)))
    })
}

/// Returns the numbers below `n`, from a stream that tokio polls.
#[func(stream, tokio)]
pub fn stream_numbers_tokio(tag: Int, n: Int, waits: bool) -> impl Stream<Item = Int> {
    numbers(tag, n, waits)
}

/// Returns the numbers below `n`, later.
#[func(stream)]
pub async fn stream_numbers_later(tag: Int, n: Int) -> impl Stream<Item = Int> {
    future::yield_now().await;
    numbers(tag, n, false)
}

/// Returns the numbers below `n`, later, on tokio.
#[func(stream, tokio)]
pub async fn stream_numbers_later_tokio(tag: Int, n: Int) -> impl Stream<Item = Int> {
    future::yield_now().await;
    numbers(tag, n, false)
}

/// Returns the numbers below `n`, and then nothing for ever.
#[func(stream)]
pub fn stream_never(tag: Int, n: Int) -> impl Stream<Item = Int> {
    numbers(tag, n, false).chain(never(tag))
}

fn never(tag: Int) -> impl Stream<Item = Int> {
    let counted = Counted::new(tag);
    stream::pending().map(move |n| {
        let _counted = &counted;
        n
    })
}

/// Like [`stream_never`], on tokio.
#[func(stream, tokio)]
pub fn stream_never_tokio(tag: Int, n: Int) -> impl Stream<Item = Int> {
    numbers(tag, n, false).chain(never(tag))
}

/// Never has an element. [`stream_dropped_on`] has the domain that drops it.
#[func(stream)]
pub fn stream_records_drop(tag: Int) -> impl Stream<Item = Int> {
    let recorder = RecordsDrop(tag);
    stream::pending().map(move |n| {
        let _recorder = &recorder;
        n
    })
}

struct RecordsDrop(Int);

impl Drop for RecordsDrop {
    fn drop(&mut self) {
        let here = with_token(|token| token.domain_id() as Int).unwrap_or(-1);
        DROPPED_ON.lock().unwrap().insert(self.0, here);
    }
}

static DROPPED_ON: Mutex<BTreeMap<Int, Int>> = Mutex::new(BTreeMap::new());

/// Returns the domain that has dropped a stream, or -1 if that was a thread without a token.
#[func(sync)]
pub fn stream_dropped_on(tag: Int) -> Option<Int> {
    DROPPED_ON.lock().unwrap().remove(&tag)
}

/// Returns numbers without end.
#[func(stream)]
pub fn stream_endless() -> impl Stream<Item = Int> {
    stream::iter(0..)
}

static PRODUCED: AtomicIsize = AtomicIsize::new(0);

/// Returns blocks of bytes without end, from a stream that tokio polls, and counts the blocks.
#[func(stream, tokio)]
pub fn stream_blocks_tokio(bytes: Int) -> impl Stream<Item = Vec<u8>> {
    PRODUCED.store(0, Ordering::Relaxed);
    stream::repeat_with(move || {
        PRODUCED.fetch_add(1, Ordering::Relaxed);
        vec![0; bytes as usize]
    })
}

/// Returns the number of blocks that the last [`stream_blocks_tokio`] has produced.
#[func(sync)]
pub fn stream_blocks_produced() -> Int {
    PRODUCED.load(Ordering::Relaxed)
}

/// Returns `n` numbers, and then fails: with an error (0), a panic (1), a panic of the destructor (2), or a number that OCaml
/// does not have, after which there are others (3).
#[func(stream, raise)]
pub fn stream_fails(tag: Int, n: Int, how: Int) -> impl Stream<Item = Result<u64, Error>> {
    failing(tag, n, how).map(|result| result.map_err(Error::from))
}

/// Like [`stream_fails`], on tokio.
#[func(stream, tokio, raise)]
pub fn stream_fails_tokio(
    tag: Int,
    n: Int,
    how: Int,
) -> impl Stream<Item = Result<u64, &'static str>> {
    failing(tag, n, how)
}

fn failing(tag: Int, n: Int, how: Int) -> impl Stream<Item = Result<u64, &'static str>> {
    struct PanicsLater;
    impl Drop for PanicsLater {
        fn drop(&mut self) {
            panic!("in the stream's destructor")
        }
    }
    let counted = Counted::new(tag);
    let last = (how == 2).then(|| PanicsLater);
    let elements = stream::iter(0..n as u64).map(Ok);
    let after = stream::iter(0..if how == 3 { 5 } else { 1 }).map(move |i| {
        let _held = (&counted, &last);
        match (how, i) {
            (0, _) => Err("the stream's error"),
            (1, _) => panic!("in the stream"),
            (3, 2) => Ok(u64::MAX),
            _ => Ok(i),
        }
    });
    elements.chain(after)
}

/// Fails instead of returning a stream.
#[func(stream, raise)]
pub fn stream_refused() -> Result<impl Stream<Item = Int>, String> {
    let streams: Result<stream::Empty<Int>, _> = Err("no stream".to_owned());
    streams
}

/// Fails instead of returning a stream, later.
#[func(stream, raise)]
pub async fn stream_refused_later() -> Result<impl Stream<Item = Int>, String> {
    future::yield_now().await;
    let streams: Result<stream::Empty<Int>, _> = Err("no stream, later".to_owned());
    streams
}

/// Returns elements that OCaml keeps in flat arrays.
#[func(stream)]
pub fn stream_floats(n: Int) -> impl Stream<Item = f64> {
    stream::iter(0..n).map(|i| i as f64 / 2.0)
}

/// Returns bytes one by one, each an `int`.
#[func(stream)]
pub fn stream_bytes(bytes: Vec<u8>) -> impl Stream<Item = u8> {
    stream::iter(bytes)
}

/// Returns results, which are not raised.
#[func(stream)]
pub fn stream_results(n: Int) -> impl Stream<Item = Result<Int, String>> {
    stream::iter(0..n).map(|i| match i % 2 {
        0 => Ok(i),
        _ => Err(i.to_string()),
    })
}

/// A table whose rows are streamed.
#[derive(OpaqueType)]
pub struct Table(Vec<String>);

#[func]
impl Table {
    /// Creates a table of rows.
    pub fn create(rows: Vec<String>) -> Self {
        Table(rows)
    }

    /// Returns the rows.
    #[func(stream)]
    pub fn rows(self: Arc<Self>) -> impl Stream<Item = String> {
        stream::iter(0..self.0.len()).map(move |i| self.0[i].clone())
    }
}

// ---- OCaml's streams

/// Returns the sum of the elements.
#[func(raise)]
pub async fn stream_total(mut numbers: OCamlStream<Int>) -> Result<Int, OCamlException> {
    let mut total = 0;
    while let Some(n) = numbers.next().await {
        total += n?;
    }
    Ok(total)
}

/// Returns the first `n` elements, and drops the stream.
#[func(raise)]
pub async fn stream_first(numbers: OCamlStream<u8>, n: Int) -> Result<Vec<Int>, OCamlException> {
    let first: Vec<_> = numbers.take(n as usize).collect().await;
    first.into_iter().map(|n| n.map(Int::from)).collect()
}

/// Returns the elements up to the error, and its message.
#[func]
pub async fn stream_until_error(mut numbers: OCamlStream<u8>) -> (Vec<Int>, Option<String>) {
    let mut elements = Vec::new();
    while let Some(element) = numbers.next().await {
        match element {
            Ok(n) => elements.push(n.into()),
            Err(e) => {
                let message = Some(e.message().to_owned());
                // It has ended.
                assert!(numbers.next().await.is_none());
                return (elements, message);
            }
        }
    }
    (elements, None)
}

/// Returns the sum of floats.
#[func(raise)]
pub async fn stream_total_floats(mut numbers: OCamlStream<f64>) -> Result<f64, OCamlException> {
    numbers.try_fold(0.0, |sum, n| Ok(sum + n)).await
}

/// Returns the elements of a stream, doubled.
#[func(stream, raise)]
pub fn stream_doubled(
    numbers: OCamlStream<Int>,
) -> impl Stream<Item = Result<Int, OCamlException>> {
    numbers.map(|n| n.map(|n| 2 * n))
}

/// Returns the sum of the elements, which tokio reads.
#[func(raise)]
pub async fn stream_total_on_tokio(numbers: OCamlStream<Int>) -> Result<Int, Error> {
    let mut numbers = numbers.remote();
    let total = tokio::spawn(async move {
        let mut total = 0;
        while let Some(n) = numbers.next().await {
            total += n?;
        }
        Ok::<_, ocaml_lwt_interop::RemoteError>(total)
    });
    Ok(total.await??)
}

/// Reads `n` elements on tokio, and drops the stream there.
#[func(raise)]
pub async fn stream_first_on_tokio(numbers: OCamlStream<Int>, n: Int) -> Result<Vec<Int>, Error> {
    let numbers = numbers.remote();
    let first = tokio::spawn(numbers.take(n as usize).collect::<Vec<_>>());
    let first: Result<_, _> = first.await?.into_iter().collect();
    Ok(first?)
}

/// Passes a stream of this domain's on to tokio. Returns the number of elements, or the error, later: see
/// [`stream_count_of`].
#[func(sync)]
pub fn stream_count_on_tokio(tag: Int, numbers: OCamlStream<Int>) {
    let mut numbers = numbers.remote();
    let tokio = ocaml_lwt_interop::tokio_handle().expect("tokio runs");
    tokio.spawn(async move {
        let mut count = 0;
        let outcome = loop {
            match numbers.next().await {
                None => break Ok(count),
                Some(Ok(_)) => count += 1,
                Some(Err(e)) => break Err(e.to_string()),
            }
        };
        COUNTS.lock().unwrap().insert(tag, outcome);
    });
}

static COUNTS: Mutex<BTreeMap<Int, Result<Int, String>>> = Mutex::new(BTreeMap::new());

/// Returns the outcome of [`stream_count_on_tokio`], if there is one.
#[func(sync)]
pub fn stream_count_of(tag: Int) -> Option<Result<Int, String>> {
    COUNTS.lock().unwrap().remove(&tag)
}

/// Drops a stream without reading it.
#[func(sync)]
pub fn stream_dropped(numbers: OCamlStream<Int>) {
    drop(numbers);
}

/// Returns the sizes of the batches that OCaml gives.
#[func(raise)]
pub async fn stream_batches(
    mut stream: OCamlStream<Rooted<Any>>,
) -> Result<Vec<usize>, OCamlException> {
    let mut sizes = Vec::new();
    while let Some(first) = stream.next().await {
        first?;
        let (arrived, _) = stream.size_hint();
        sizes.push(1 + arrived);
        for _ in 0..arrived {
            stream.next().await.expect("it has arrived")?;
        }
    }
    Ok(sizes)
}

/// Blocks that tokio reads when OCaml says so.
#[derive(OpaqueType)]
pub struct Blocks(tokio::sync::Mutex<RemoteStream<Bytes>>);

#[func]
impl Blocks {
    /// Begins to read.
    pub fn read(blocks: RemoteStream<Bytes>) -> Self {
        Blocks(tokio::sync::Mutex::new(blocks))
    }

    /// Returns the size of the next block.
    #[func(tokio, raise)]
    pub async fn next(self: Arc<Self>) -> Result<Option<usize>, RemoteError> {
        let block = self.0.lock().await.next().await.transpose()?;
        Ok(block.map(|block| block.0.len()))
    }
}

/// Returns the contents of the channels of a stream, and the error that ends it.
#[func]
pub async fn stream_of_channels(
    mut channels: OCamlStream<Channel<u8>>,
) -> (Vec<Vec<Int>>, Option<String>) {
    let mut contents = Vec::new();
    while let Some(channel) = channels.next().await {
        match channel {
            Ok(channel) => contents.push(content(&channel)),
            Err(e) => return (contents, Some(e.message().to_owned())),
        }
    }
    (contents, None)
}

fn content(channel: &Channel<u8>) -> Vec<Int> {
    std::iter::from_fn(|| channel.try_recv().ok())
        .map(Int::from)
        .collect()
}

/// The same on tokio.
#[func(tokio)]
pub async fn stream_of_channels_on_tokio(
    mut channels: RemoteStream<Channel<u8>>,
) -> (Vec<Vec<Int>>, Option<String>) {
    let mut contents = Vec::new();
    while let Some(channel) = channels.next().await {
        match channel {
            Ok(channel) => contents.push(content(&channel)),
            Err(e) => return (contents, Some(e.to_string())),
        }
    }
    (contents, None)
}

/// Returns the number of elements: of channels, and of what panics when it is converted.
#[func(raise)]
pub async fn stream_that_panics(
    mut pairs: OCamlStream<(Channel<u8>, Option<Panics>)>,
) -> Result<Int, OCamlException> {
    let mut n = 0;
    while let Some(pair) = pairs.next().await {
        pair?;
        n += 1;
    }
    Ok(n)
}

/// The same on tokio.
#[func(tokio, raise)]
pub async fn stream_that_panics_on_tokio(
    mut pairs: RemoteStream<(Channel<u8>, Option<Panics>)>,
) -> Result<Int, RemoteError> {
    let mut n = 0;
    while let Some(pair) = pairs.next().await {
        pair?;
        n += 1;
    }
    Ok(n)
}

/// Sends the elements of the stream of each pair to its channel, and closes the channel.
#[func(raise)]
pub async fn stream_to_channels(
    mut pairs: OCamlStream<(OCamlStream<Int>, Channel<Int>)>,
) -> Result<(), OCamlException> {
    while let Some(pair) = pairs.next().await {
        stream_to_channel(pair?).await?;
    }
    Ok(())
}

/// Sends the elements of a stream to a channel, and closes the channel.
#[func(raise)]
pub async fn stream_to_channel(
    pair: (OCamlStream<Int>, Channel<Int>),
) -> Result<(), OCamlException> {
    let (mut stream, channel) = pair;
    while let Some(n) = stream.next().await {
        if channel.send(n?).await.is_err() {
            break;
        }
    }
    channel.close();
    Ok(())
}
