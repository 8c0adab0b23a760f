//! Application of OCaml closures by the loop.

use crate::bridge::promise::PromiseFuture;
use crate::domain::core::Core;
use crate::ffi::batch::Request;
use crate::ffi::converted::rooted;
use crate::ffi::root::{Closure, Root};
use crate::ffi::token::RuntimeToken;
use crate::value::convert::{is_small, protected};
use crate::value::exception::OCamlException;
use ocaml::{FromValue, ToValue, Value};
use std::task::Waker;

/// The arguments of an OCaml function: a tuple of up to seven values that convert. `()` is the one
/// argument `()`. Other types cannot implement it.
pub trait Args: sealed::Sealed {
    /// Adds the values, in order. OCaml may raise meanwhile: then those that were added are dropped.
    fn add_to(&self, rt: &ocaml::Runtime, values: &mut Vec<Value>);

    /// Returns `true` if OCaml certainly has memory for the values.
    #[doc(hidden)]
    fn are_small(&self) -> bool {
        false
    }
}

mod sealed {
    /// Private, so that no other crate implements [`Args`](super::Args): memory safety depends on the number
    /// of values, and on each being rooted.
    pub trait Sealed {}
}

impl sealed::Sealed for () {}

impl Args for () {
    fn add_to(&self, rt: &ocaml::Runtime, values: &mut Vec<Value>) {
        values.push(().to_value(rt));
    }

    fn are_small(&self) -> bool {
        true
    }
}

macro_rules! args {
    ($($t:ident $n:tt),+) => {
        impl<$($t: ToValue),+> sealed::Sealed for ($($t,)+) {}

        impl<$($t: ToValue),+> Args for ($($t,)+) {
            fn add_to(&self, rt: &ocaml::Runtime, values: &mut Vec<Value>) {
                $(values.push(rooted(rt, self.$n.to_value(rt)));)+
            }

            fn are_small(&self) -> bool {
                $(is_small(&self.$n))&&+
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

/// The number of arguments that most functions have at most.
const FEW: usize = 8;

/// Converts the arguments of a function. Fails with `Out_of_memory` if OCaml has none for them.
pub(crate) fn to_values<A: Args>(
    token: &RuntimeToken<'_>,
    args: &A,
) -> Result<Vec<Value>, OCamlException> {
    let mut values = Vec::with_capacity(FEW);
    if args.are_small() {
        args.add_to(token.runtime(), &mut values);
    } else {
        protected(token, || args.add_to(token.runtime(), &mut values))?;
    }
    Ok(values)
}

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
