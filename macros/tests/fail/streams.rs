//! Functions that cannot return streams.

use futures_lite::{Stream, StreamExt, stream};
use ocaml_lwt_interop::func;
use std::rc::Rc;

#[func(stream)]
pub fn nothing() {}

#[func(stream)]
pub fn no_element() -> impl Stream {
    stream::iter([1])
}

#[func(stream)]
pub fn not_raised() -> Result<impl Stream<Item = u32>, String> {
    Ok(stream::iter([1]))
}

#[func(stream, raise)]
pub fn nothing_to_raise() -> impl Stream<Item = u32> {
    stream::iter([1])
}

#[func(stream, blocking)]
pub fn blocking() -> impl Stream<Item = u32> {
    stream::iter([1])
}

#[func(sync, stream)]
pub fn within() -> impl Stream<Item = u32> {
    stream::iter([1])
}

#[func(stream)]
pub fn does_not_convert() -> impl Stream<Item = Rc<u32>> {
    stream::iter([Rc::new(1)])
}

#[func(stream, tokio)]
pub fn not_send() -> impl Stream<Item = u32> {
    let n = Rc::new(1);
    stream::iter([1]).map(move |m| m + *n)
}

fn main() {}
