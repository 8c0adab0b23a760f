//! OCaml functions that Rust calls.

use crate::base::error::TokenError;
use crate::base::not_send::NotSend;
use crate::bridge::apply::{Args, apply, to_values};
use crate::bridge::promise::PromiseFuture;
use crate::bridge::remote::RemoteFunc;
use crate::domain::Domain;
use crate::domain::context::with_entered;
use crate::ffi::callbacks;
use crate::ffi::converted::{from_value, to_value};
use crate::ffi::root::Closure;
use crate::ffi::token::RuntimeToken;
use crate::value::exception::OCamlException;
use crate::value::kept::Kept;
use crate::value::probes::assert_owned;
use ocaml::FromValue;
use std::fmt;
use std::marker::PhantomData;

/// An OCaml function that Rust calls as a function: `OCamlFunc<(i64, String), bool>` is
/// `int64 -> string -> bool`.
///
/// It is not `Send`: it runs on the domain that it came from.
pub struct OCamlFunc<A, R> {
    closure: Kept<Closure>,
    _type: NotSend<(A, R)>,
}

impl<A: Args, R: FromValue + 'static> OCamlFunc<A, R> {
    /// Calls the function at once, from a Rust frame: an effect that it performs without a handler of its
    /// own is `Effect.Unhandled`. Functions that perform effects, or return promises, are called with
    /// [`OCamlAsyncFunc`].
    ///
    /// # Errors
    /// The exception that the function raised, or `Out_of_memory` if OCaml has none for the arguments.
    pub fn call(&self, token: &RuntimeToken<'_>, args: A) -> Result<R, OCamlException> {
        assert_owned::<R>();
        let values = to_values(token, &args)?;
        match callbacks::call(token, self.closure.root(), &values) {
            Ok(value) => Ok(R::from_value(value.into_value())),
            Err(exn) => Err(OCamlException::from_root(token, exn)),
        }
    }
}

/// An OCaml function that returns a promise: `OCamlAsyncFunc<(String,), i64>` is
/// `string -> int64 Lwt.t`.
///
/// The domain's Lwt loop calls it, not the Rust frame that asks for the call: it may perform effects.
/// It is not `Send`: it runs on the domain that it came from. Other threads call it as a
/// [`RemoteFunc`].
pub struct OCamlAsyncFunc<A, R> {
    closure: Kept<Closure>,
    _type: NotSend<(A, R)>,
}

impl<A: Args, R: FromValue + 'static> OCamlAsyncFunc<A, R> {
    /// Requests that the loop call the function, and returns a future of its promise's outcome. The
    /// function is called even if the future is dropped. An exception that the function raises, or that
    /// rejects its promise, is the future's error, and so is `Out_of_memory` if OCaml has none for the
    /// arguments: then the function is not called.
    ///
    /// # Errors
    /// There is no executor here: see [`with_token`](crate::domain::with_token).
    pub fn call(&self, args: A) -> Result<PromiseFuture<R>, TokenError> {
        with_entered(|core, token| match to_values(token, &args) {
            Ok(values) => apply(token, core, self.closure.root(), &values),
            Err(exn) => PromiseFuture::failed(exn),
        })
    }

    /// Returns the function for callers on other threads.
    ///
    /// # Errors
    /// There is no executor here: see [`with_token`](crate::domain::with_token).
    pub fn remote(&self) -> Result<RemoteFunc<A, R>, TokenError> {
        with_entered(|core, token| {
            let home = Domain::from_shared(core.shared.clone());
            RemoteFunc::new(home, Kept::new(self.closure.root().duplicate(token)))
        })
    }
}

macro_rules! conversions {
    ($name:ident) => {
        from_value!([A, R] $name<A, R>, |token, value| $name {
            closure: Kept::new(value.into_declared(token)),
            _type: PhantomData,
        });
        to_value!([A, R] $name<A, R>, |token, f| f.closure.root().duplicate(token).into_any());

        impl<A, R> fmt::Debug for $name<A, R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    };
}

conversions!(OCamlFunc);
conversions!(OCamlAsyncFunc);
