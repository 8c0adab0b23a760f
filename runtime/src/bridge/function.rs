//! OCaml functions that Rust calls.

use crate::base::error::TokenError;
use crate::bridge::apply::{Args, apply};
use crate::bridge::promise::PromiseFuture;
use crate::bridge::remote::RemoteFunc;
use crate::domain::core::{self as local, with_token};
use crate::ffi::runtime::{self as ffi, Root};
use crate::ffi::token::RuntimeToken;
use crate::value::exception::OCamlException;
use crate::value::probes::assert_owned;
use crate::value::rooted::{NotSend, Rooted};
use ocaml::{FromValue, ToValue, Value};
use std::fmt;
use std::marker::PhantomData;

/// An OCaml function that Rust calls as a function: `OCamlFunc<(i64, String), bool>` is
/// `int64 -> string -> bool`.
///
/// It is not `Send`: it runs on the domain that it came from.
pub struct OCamlFunc<A, R> {
    closure: Rooted,
    _type: NotSend<(A, R)>,
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
    _type: NotSend<(A, R)>,
}

impl<A: Args, R: FromValue + 'static> OCamlAsyncFunc<A, R> {
    /// Asks the loop to call it, and returns what waits for its promise. It is called even if
    /// that is dropped. An exception that it raises, or that rejects its promise, is the error.
    ///
    /// # Errors
    /// There is no executor here: see [`with_token`].
    pub fn call(&self, args: A) -> Result<PromiseFuture<R>, TokenError> {
        with_token(|token| {
            let local = local::of(token).expect("with_token never gives the lane's");
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
