//! Resolving the calls that OCaml waits for, whatever their outcome.

use crate::base::panic::{catch_and_discard_cold, catch_unwind};
use crate::base::slot_map::Key;
use crate::domain::core::Core;
use crate::ffi::batch::Request;
use crate::ffi::callbacks::Callbacks;
use crate::ffi::token::RuntimeToken;
use crate::value::convert::to_ocaml;
use crate::value::exception::Failure;
use crate::value::types::Function;
use crate::value::write::ToOCaml;

/// Converts the outcome and queues it for the loop. If the call was resolved before, the outcome is
/// dropped, without being converted. A conversion that fails or panics, or for which OCaml has no memory, rejects the
/// promise. The error of a conversion names the function that was called, if there is one.
pub(crate) fn resolve<T: ToOCaml>(
    core: &Core,
    token: &RuntimeToken<'_>,
    key: Key,
    function: Option<&'static Function>,
    outcome: Result<T, Failure>,
) {
    if !core.complete_call(key) {
        return catch_and_discard_cold(|| drop(outcome));
    }
    // The value is dropped inside: its destructor may panic as well.
    let converted = outcome.and_then(|value| match catch_unwind(move || to_ocaml(token, value)) {
        Ok(converted) => converted.map_err(|e| match function {
            Some(function) => Failure::Conversion(e.of(function, None)),
            None => Failure::Conversion(e),
        }),
        Err(panic) => Err(Failure::Panic(panic)),
    });
    match converted {
        Ok(value) => core.request(token, key, Request::Fulfill(value)),
        Err(failure) => {
            let exn = failure.into_exception(token, Callbacks::registered(token));
            core.request(token, key, Request::Reject(&exn));
        }
    }
}
