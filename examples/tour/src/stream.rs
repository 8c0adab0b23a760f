//! Streams, each way.

use futures_lite::{Stream, StreamExt, stream};
use ocaml_lwt_interop::{OCamlException, OCamlStream, func};
use std::time::Duration;

/// Returns the Fibonacci numbers that fit 32 bits, one every millisecond.
#[func(stream)]
pub fn stream_fibonacci() -> impl Stream<Item = u32> {
    stream::unfold((0u32, 1u32), |(a, b)| async move {
        tokio::time::sleep(Duration::from_millis(1)).await;
        Some((a, (b, a.checked_add(b)?)))
    })
}

/// Returns the longest of the words.
#[func(raise)]
pub async fn stream_longest(mut words: OCamlStream<String>) -> Result<String, OCamlException> {
    let mut longest = String::new();
    while let Some(word) = words.next().await {
        let word = word?;
        if word.len() > longest.len() {
            longest = word;
        }
    }
    Ok(longest)
}
