//! Channels that Rust and OCaml share.

use crate::Int;
use futures_lite::StreamExt;
use ocaml_lwt_interop::{Channel, FromOCaml, ToOCaml, func};
use std::collections::VecDeque;

/// Returns a channel of numbers.
#[func(sync)]
pub fn channel_of_rust(capacity: usize) -> Channel<Int> {
    Channel::new(capacity)
}

/// Uses the channel from now on.
#[func(sync)]
pub fn channel_share(channel: Channel<Int>) -> usize {
    channel.len()
}

/// Uses the channel from now on. Its elements are pairs.
#[func(sync)]
pub fn channel_share_pairs(channel: Channel<(Int, Int)>) -> usize {
    channel.len()
}

/// Uses a channel of small numbers.
#[func(sync)]
pub fn channel_share_bytes(channel: Channel<u8>) -> usize {
    channel.len()
}

/// Uses a channel of floats.
#[func(sync)]
pub fn channel_share_floats(channel: Channel<f64>) -> usize {
    channel.len()
}

/// Returns a channel of numbers that may be larger than OCaml's.
#[func(sync)]
pub fn channel_of_large_numbers() -> Channel<usize> {
    let channel = Channel::new(10);
    for n in [1, usize::MAX, 2, usize::MAX - 1, 3] {
        assert!(channel.try_send(n).is_ok());
    }
    channel.close();
    channel
}

/// Two channels within other values.
#[derive(FromOCaml, ToOCaml)]
pub struct ChannelPair {
    /// May be missing.
    pub first: Option<Channel<Int>>,
    /// May be many.
    pub others: Vec<Channel<Int>>,
}

/// Uses the channels, and returns the sum of their lengths.
#[func(sync)]
pub fn channel_share_nested(before: String, pair: ChannelPair, after: String) -> usize {
    assert_eq!((before.as_str(), after.as_str()), ("before", "after"));
    pair.first
        .iter()
        .chain(&pair.others)
        .map(Channel::len)
        .sum()
}

/// Sends the numbers from 0 on, on a tokio task, and closes the channel.
#[func(tokio)]
pub async fn channel_send_numbers(channel: Channel<Int>, count: Int, batch: usize) {
    let mut items = VecDeque::new();
    for n in 0..count {
        items.push_back(n);
        if items.len() >= batch && channel.send_all(&mut items).await.is_err() {
            return;
        }
    }
    let _ = channel.send_all(&mut items).await;
    channel.close();
}

/// Receives until the channel is closed. Returns the sum, or -1 if the numbers are not in order.
#[func(tokio)]
pub async fn channel_sum_in_order(channel: Channel<Int>) -> Int {
    let (mut sum, mut last) = (0, -1);
    let mut numbers = channel.stream();
    while let Some(n) = numbers.next().await {
        if n <= last {
            return -1;
        }
        (sum, last) = (sum + n, n);
    }
    sum
}

/// The same as a task of the domain, in batches.
#[func]
pub async fn channel_sum_here(channel: Channel<Int>) -> Int {
    let (mut sum, mut last) = (0, -1);
    let mut items = Vec::new();
    while channel.recv_many(&mut items, 7).await > 0 {
        for n in items.drain(..) {
            if n <= last {
                return -1;
            }
            (sum, last) = (sum + n, n);
        }
    }
    sum
}

/// Receives one number.
#[func]
pub async fn channel_recv(channel: Channel<Int>) -> Option<Int> {
    channel.recv().await
}

/// Sends one number. Returns `false` if the channel is closed.
#[func]
pub async fn channel_send(channel: Channel<Int>, n: Int) -> bool {
    channel.send(n).await.is_ok()
}

/// Sends the numbers below `count` with `forward`, on tokio, which closes the channel. Returns `false` if OCaml has closed it.
#[func(tokio)]
pub async fn channel_forward(channel: Channel<Int>, count: Int) -> bool {
    let numbers = futures_util::stream::iter(0..count).map(Ok);
    futures_util::StreamExt::forward(numbers, channel.sink())
        .await
        .is_ok()
}

/// The same as a task of the domain.
#[func]
pub async fn channel_forward_here(channel: Channel<Int>, count: Int) -> bool {
    let numbers = futures_util::stream::iter(0..count).map(Ok);
    futures_util::StreamExt::forward(numbers, channel.sink())
        .await
        .is_ok()
}

/// Uses a channel of channels from now on.
#[func(sync)]
pub fn channel_share_channels(channels: Channel<Channel<Int>>) -> usize {
    channels.len()
}

/// Receives channels until there are no more, and sends the number of each to it.
#[func]
pub async fn channel_number_channels(channels: Channel<Channel<Int>>) {
    let mut n = 0;
    while let Some(channel) = channels.recv().await {
        let _ = channel.send(n).await;
        n += 1;
    }
}

/// A channel that may be within itself.
#[derive(FromOCaml, ToOCaml)]
pub struct Ouroboros {
    /// Perhaps itself.
    pub inner: Channel<Ouroboros>,
}

/// Uses the channel, and those in it.
#[func(sync)]
pub fn channel_share_ouroboros(channel: Channel<Ouroboros>) -> usize {
    channel.len()
}
