//! Application of OCaml closures by the loop.

use crate::bridge::promise::PromiseFuture;
use crate::domain::core::Core;
use crate::ffi::batch::Request;
use crate::ffi::converted::rooted;
use crate::ffi::root::{Closure, Root};
use crate::ffi::token::RuntimeToken;
use ocaml::{FromValue, ToValue, Value};
use std::task::Waker;

/// The arguments of an OCaml function: a tuple of up to seven values that convert. `()` is the one
/// argument `()`.
pub trait Args {
    /// Returns the values, in order.
    fn to_values(&self, rt: &ocaml::Runtime) -> Vec<Value>;
}

impl Args for () {
    fn to_values(&self, rt: &ocaml::Runtime) -> Vec<Value> {
        vec![().to_value(rt)]
    }
}

macro_rules! args {
    ($($t:ident $n:tt),+) => {
        impl<$($t: ToValue),+> Args for ($($t,)+) {
            fn to_values(&self, rt: &ocaml::Runtime) -> Vec<Value> {
                vec![$(rooted(rt, self.$n.to_value(rt))),+]
            }
        }
    };
}

args!(A 0);
args!(A 0, B 1);
args!(A 0, B 1, C 2);
args!(A 0, B 1, C 2, D 3);
args!(A 0, B 1, C 2, D 3, E 4);
args!(A 0, B 1, C 2, D 3, E 4, F 5);
args!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);

/// Requests that the loop apply a closure that returns a promise. Returns a future of the promise's
/// outcome. Each of the values is rooted, or is not moved by the collector.
pub(crate) fn apply<R: FromValue + 'static>(
    token: &RuntimeToken<'_>,
    core: &Core,
    closure: &Root<Closure>,
    values: &[Value],
) -> PromiseFuture<R> {
    let key = core.add_wait(Waker::noop().clone());
    core.request(token, key, Request::Apply(closure, values));
    PromiseFuture::waiting(key)
}
