//! Functions that return streams.

use futures_lite::{Stream, StreamExt, future, stream};
use ocaml_lwt_interop::{OpaqueType, func};
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

#[func(stream)]
pub fn plain(n: u32) -> impl Stream<Item = u32> {
    stream::iter(0..n)
}

#[func(stream)]
pub fn of_results(n: u32) -> impl Stream<Item = Result<u32, String>> {
    stream::iter((0..n).map(Ok))
}

#[func(stream, raise)]
pub fn elements_raise(n: u32) -> impl Stream<Item = Result<u32, std::io::Error>> {
    stream::iter((0..n).map(Ok))
}

#[func(stream, raise)]
pub fn call_raises(n: u32) -> Result<impl Stream<Item = String>, String> {
    match n {
        0 => Err("none".into()),
        n => Ok(stream::iter((0..n).map(|i| i.to_string()))),
    }
}

#[func(stream, raise)]
pub async fn both_raise(
    n: u32,
) -> Result<impl Stream<Item = Result<String, Box<dyn Error + Send + Sync>>> + Unpin, fmt::Error> {
    future::yield_now().await;
    Ok(stream::iter((0..n).map(|i| Ok(i.to_string()))))
}

#[func(stream)]
pub fn awaits(n: u32) -> Pin<Box<dyn Stream<Item = f64>>> {
    future::yield_now().await;
    stream::iter(0..n).map(f64::from).boxed_local()
}

#[func(stream, raise)]
pub fn named(n: u32) -> stream::Iter<std::vec::IntoIter<Result<u32, fmt::Error>>> {
    stream::iter(vec![Ok(n)])
}

#[func(stream, tokio)]
pub fn on_tokio(n: u32) -> impl Stream<Item = u32> {
    stream::iter(0..n)
}

#[func(stream, tokio, raise)]
pub async fn later_on_tokio(n: u32) -> Result<impl Stream<Item = u32>, fmt::Error> {
    future::yield_now().await;
    Ok(stream::iter(0..n))
}

#[derive(OpaqueType)]
pub struct Table(Vec<u32>);

#[func]
impl Table {
    #[func(stream)]
    pub fn rows(self: Arc<Self>) -> impl Stream<Item = u32> {
        stream::iter(0..self.0.len()).map(move |i| self.0[i])
    }

    #[func(stream)]
    pub fn copied(&self) -> impl Stream<Item = u32> + use<> {
        stream::iter(self.0.clone())
    }
}

fn main() {
    let rows = plain(3).map(|n| n + 1).collect::<Vec<_>>();
    assert_eq!(future::block_on(rows), [1, 2, 3]);
    assert_eq!(future::block_on(awaits(2)).size_hint(), (2, Some(2)));
}
