//! Application of OCaml closures by the loop.

use crate::bridge::promise::PromiseFuture;
use crate::domain::core::Core;
use crate::ffi::batch::Request;
use crate::ffi::callbacks;
use crate::ffi::root::{Application, Closure, Root};
use crate::ffi::token::RuntimeToken;
use crate::value::application::{Args, application};
use crate::value::exception::OCamlException;
use crate::value::read::FromOCaml;
use crate::value::rooted::read_root;
use std::task::Waker;

/// Converts the arguments of a function. Fails if one does not convert.
pub(crate) fn applied<A: Args>(
    token: &RuntimeToken<'_>,
    closure: &Root<Closure>,
    args: &A,
) -> Result<Root<Application>, OCamlException> {
    application(token, closure, args).map_err(|e| OCamlException::from_conversion(token, e))
}

/// Requests that the loop apply a closure that returns a promise. Returns a future of the promise's
/// outcome.
pub(crate) fn apply<R: FromOCaml + 'static>(
    token: &RuntimeToken<'_>,
    core: &Core,
    application: &Root<Application>,
) -> PromiseFuture<R> {
    let key = core.add_wait(Waker::noop().clone());
    core.request(token, key, Request::Apply(application));
    PromiseFuture::waiting(key)
}

/// Applies a closure that returns no promise, at once.
pub(crate) fn apply_now<R: FromOCaml>(
    token: &RuntimeToken<'_>,
    application: &Root<Application>,
) -> Result<R, OCamlException> {
    match callbacks::apply(token, application) {
        Ok(value) => {
            read_root(token, &value).map_err(|e| OCamlException::from_conversion(token, e))
        }
        Err(exn) => Err(OCamlException::from_root(token, exn)),
    }
}
