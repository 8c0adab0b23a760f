//! Resolving the calls that OCaml waits for, whatever their outcome.

use crate::base::panic::{catch_and_discard, catch_unwind};
use crate::base::slot_map::Key;
use crate::domain::core::Core;
use crate::ffi::batch::Request;
use crate::ffi::callbacks::Callbacks;
use crate::ffi::token::RuntimeToken;
use crate::value::convert::into_ocaml;
use crate::value::exception::Failure;
use ocaml::ToValue;

/// Converts the outcome and queues it for the loop. If the call was resolved before, the outcome is
/// dropped, without being converted. A conversion that panics, or for which OCaml has no memory, rejects
/// the promise.
pub(crate) fn resolve<T: ToValue + 'static>(
    core: &Core,
    token: &RuntimeToken<'_>,
    key: Key,
    outcome: Result<T, Failure>,
) {
    if !core.complete_call(key) {
        return catch_and_discard(|| drop(outcome));
    }
    // The value is dropped inside: its destructor may panic as well.
    let converted = outcome.and_then(|value| {
        catch_unwind(move || into_ocaml(token, value)).unwrap_or_else(|e| Err(Failure::Panic(e)))
    });
    match converted {
        Ok(value) => core.request(token, key, Request::Fulfill(value)),
        Err(failure) => {
            let exn = failure.to_exception(token, Callbacks::registered(token));
            core.request(token, key, Request::Reject(&exn));
        }
    }
}
