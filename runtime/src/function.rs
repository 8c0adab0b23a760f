//! OCaml functions that Rust calls.

use crate::batch::Kind;
use crate::error::TokenError;
use crate::exception::OCamlException;
use crate::ffi::{self, Root};
use crate::local::Local;
use crate::owned::assert_owned;
use crate::promise::PromiseFuture;
use crate::remote::RemoteFunc;
use crate::rooted::{Homebound, Rooted};
use crate::token::{RuntimeToken, with_token};
use ocaml::{FromValue, ToValue, Value};
use std::fmt;
use std::marker::PhantomData;
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

/// An OCaml function that Rust calls as a function: `OCamlFunc<(i64, String), bool>` is
/// `int64 -> string -> bool`.
///
/// It is not `Send`: it runs on the domain that it came from.
pub struct OCamlFunc<A, R> {
    closure: Rooted,
    _type: Homebound<(A, R)>,
}

impl<A: Args, R: FromValue + 'static> OCamlFunc<A, R> {
    /// Calls it, here and now, from a Rust frame: an effect that it performs without a handler
    /// of its own is `Effect.Unhandled`. Functions that perform effects, or return promises, are
    /// called with [`OCamlAsyncFunc`].
    ///
    /// # Errors
    /// The exception that it raised.
    pub fn call(&self, token: &RuntimeToken<'_>, args: A) -> Result<R, OCamlException> {
        assert_owned::<R>();
        // Each value is rooted, or cannot move.
        let values = args.to_values(token.runtime());
        let mut raw: Vec<_> = values.iter().map(|v| v.raw().0).collect();
        // SAFETY: the token proves the lock; nothing has allocated since the raw values were
        // read; the type says how many arguments the closure takes.
        unsafe {
            match ffi::callback(self.closure.raw(token), &mut raw) {
                Ok(value) => {
                    let value = Value::Root(Root::new(value));
                    Ok(R::from_value(value))
                }
                Err(exn) => Err(OCamlException::from_raw(token, exn)),
            }
        }
    }
}

/// An OCaml function that returns a promise: `OCamlAsyncFunc<(String,), i64>` is
/// `string -> int64 Lwt.t`.
///
/// The domain's Lwt loop calls it, not the Rust frame that asks for it: it may perform effects.
/// It is not `Send`: it runs on the domain that it came from. Other threads call it as a
/// [`RemoteFunc`].
pub struct OCamlAsyncFunc<A, R> {
    closure: Rooted,
    _type: Homebound<(A, R)>,
}

impl<A: Args, R: FromValue + 'static> OCamlAsyncFunc<A, R> {
    /// Asks the loop to call it, and returns what waits for its promise. It is called even if
    /// that is dropped. An exception that it raises, or that rejects its promise, is the error.
    ///
    /// # Errors
    /// There is no executor here: see [`with_token`].
    pub fn call(&self, args: A) -> Result<PromiseFuture<R>, TokenError> {
        with_token(|token| {
            let local = token.local().expect("with_token never gives the lane's");
            let values = args.to_values(token.runtime());
            apply(token, local, &self.closure, &values)
        })
    }

    /// What other threads call it with.
    ///
    /// # Errors
    /// There is no executor here: see [`with_token`].
    pub fn remote(&self) -> Result<RemoteFunc<A, R>, TokenError> {
        with_token(|token| {
            let home = token.domain().expect("with_token never gives the lane's");
            let closure = Rooted::new(token, &self.closure.value(token));
            RemoteFunc::new(home, closure)
        })
    }
}

/// Asks the loop to apply a closure that returns a promise, and returns what waits for that. Each of
/// the values is rooted, or cannot move.
pub(crate) fn apply<R: FromValue + 'static>(
    token: &RuntimeToken<'_>,
    local: &Local,
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

macro_rules! conversions {
    ($name:ident) => {
        // SAFETY: the OCaml side declares the argument as such a function.
        unsafe impl<A, R> FromValue for $name<A, R> {
            fn from_value(value: Value) -> Self {
                $name {
                    closure: Rooted::from_value(value),
                    _type: PhantomData,
                }
            }
        }

        // SAFETY: the value is the function.
        unsafe impl<A, R> ToValue for $name<A, R> {
            fn to_value(&self, rt: &ocaml::Runtime) -> Value {
                self.closure.to_value(rt)
            }
        }

        impl<A, R> fmt::Debug for $name<A, R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

conversions!(OCamlFunc);
conversions!(OCamlAsyncFunc);
