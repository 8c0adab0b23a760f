//! OCaml functions that Rust calls.

use crate::base::error::TokenError;
use crate::base::not_send::NotSend;
use crate::bridge::apply::{applied, apply, apply_now};
use crate::bridge::promise::PromiseFuture;
use crate::bridge::remote::{Kind, RemoteFunc};
use crate::domain::Domain;
use crate::domain::context::with_entered;
use crate::ffi::root::Closure;
use crate::ffi::token::RuntimeToken;
use crate::value::application::Args;
use crate::value::declare::{DeclaredKind, from_ocaml, to_ocaml};
use crate::value::exception::OCamlException;
use crate::value::kept::Kept;
use crate::value::read::FromOCaml;
use crate::value::types::Type;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// An OCaml function that Rust calls as a function: `OCamlFunc<(i64, String), bool>` is
/// `int64 -> string -> bool`.
///
/// It is not `Send`: it runs on the domain that it came from. Other threads call it as a [`RemoteFunc`]. Clones are
/// cheap.
pub struct OCamlFunc<A, R> {
    closure: Arc<Kept<Closure>>,
    _type: NotSend<(A, R)>,
}

impl<A: Args, R: FromOCaml + 'static> OCamlFunc<A, R> {
    /// Calls the function at once, from a Rust frame: an effect that it performs without a handler of its
    /// own is `Effect.Unhandled`. Functions that perform effects, or return promises, are called with
    /// [`OCamlAsyncFunc`].
    ///
    /// # Errors
    /// The exception that the function raised; `Invalid_argument` if an argument or the result does not convert;
    /// `Out_of_memory` if OCaml has no memory for the arguments.
    pub fn call(&self, token: &RuntimeToken<'_>, args: A) -> Result<R, OCamlException> {
        let application = applied(token, self.closure.root(), &args)?;
        apply_now(token, &application)
    }
}

/// An OCaml function that returns a promise: `OCamlAsyncFunc<(String,), i64>` is
/// `string -> int64 Lwt.t`.
///
/// The domain's Lwt loop calls it, not the Rust frame that asks for the call: it may perform effects.
/// It is not `Send`: it runs on the domain that it came from. Other threads call it as a
/// [`RemoteFunc`]. Clones are cheap.
pub struct OCamlAsyncFunc<A, R> {
    closure: Arc<Kept<Closure>>,
    _type: NotSend<(A, R)>,
}

impl<A: Args, R: FromOCaml + 'static> OCamlAsyncFunc<A, R> {
    /// Requests that the loop call the function, and returns a future of its promise's outcome. The
    /// function is called even if the future is dropped. An exception that the function raises, or that
    /// rejects its promise, is the future's error. So is `Invalid_argument` if an argument does not convert, and
    /// `Out_of_memory` if OCaml has no memory for the arguments: then the function is not called.
    ///
    /// # Errors
    /// There is no executor here: see [`with_token`](crate::domain::with_token).
    pub fn call(&self, args: A) -> Result<PromiseFuture<R>, TokenError> {
        with_entered(
            |core, token| match applied(token, self.closure.root(), &args) {
                Ok(application) => apply(token, core, &application),
                Err(exn) => PromiseFuture::failed(exn),
            },
        )
    }
}

macro_rules! functions {
    ($name:ident, $kind:expr, $result_type:expr) => {
        impl<A, R> $name<A, R> {
            /// Returns the function for callers on other threads.
            ///
            /// # Errors
            /// There is no executor here: see [`with_token`](crate::domain::with_token).
            pub fn remote(&self) -> Result<RemoteFunc<A, R>, TokenError> {
                with_entered(|core, _| {
                    let home = Domain::from_shared(core.shared.clone());
                    RemoteFunc::new(home, self.closure.clone(), $kind)
                })
            }
        }

        impl<A, R> Clone for $name<A, R> {
            fn clone(&self) -> Self {
                $name {
                    closure: self.closure.clone(),
                    _type: PhantomData,
                }
            }
        }

        impl<A, R> fmt::Debug for $name<A, R> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }

        from_ocaml!([A: Args, R: FromOCaml] $name<A, R>, &Type::Function(A::TYPES, $result_type), |source| Ok($name {
            closure: Arc::new(Kept::new(Closure::root(source)?)),
            _type: PhantomData,
        }));
        to_ocaml!([A: Args, R: FromOCaml] $name<A, R>, <Self as FromOCaml>::TYPE, |f, writer| {
            Ok(writer.kept(f.closure.root().as_any()))
        });
    };
}

functions!(OCamlFunc, Kind::Plain, R::TYPE);
functions!(OCamlAsyncFunc, Kind::Async, &Type::Promise(R::TYPE));
