//! Asks the loop to apply an OCaml closure.

use crate::bridge::promise::PromiseFuture;
use crate::domain::core::Core;
use crate::ffi::batch::Kind;
use crate::ffi::runtime as ffi;
use crate::ffi::token::RuntimeToken;
use crate::value::rooted::Rooted;
use ocaml::{FromValue, ToValue, Value};
use std::task::Waker;

/// The arguments of an OCaml function: a tuple of up to seven values that convert. `()` is
/// the one argument `()`.
pub trait Args {
    /// The values, in order.
    fn to_values(&self, rt: &ocaml::Runtime) -> Vec<Value>;
}

impl Args for () {
    fn to_values(&self, _rt: &ocaml::Runtime) -> Vec<Value> {
        vec![Value::Raw(ffi::UNIT)]
    }
}

macro_rules! args {
    ($($t:ident $n:tt),+) => {
        impl<$($t: ToValue),+> Args for ($($t,)+) {
            fn to_values(&self, rt: &ocaml::Runtime) -> Vec<Value> {
                vec![$(self.$n.to_value(rt)),+]
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

/// Asks the loop to apply a closure that returns a promise, and returns what waits for that. Each of
/// the values is rooted, or cannot move.
pub(crate) fn apply<R: FromValue + 'static>(
    token: &RuntimeToken<'_>,
    local: &Core,
    closure: &Rooted,
    values: &[Value],
) -> PromiseFuture<R> {
    let key = local.add_wait(Waker::noop().clone());
    // SAFETY: the token proves the lock. The block is made last, its fields are read
    // from their roots, and it is stored before anything allocates.
    unsafe {
        let block = ffi::alloc_tuple(1 + values.len());
        ffi::store_field(block, 0, closure.raw(token));
        for (i, v) in values.iter().enumerate() {
            ffi::store_field(block, 1 + i, v.raw().0);
        }
        local.request(key, Kind::Apply, block);
    }
    PromiseFuture::waiting(key)
}
