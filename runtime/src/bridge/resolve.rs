//! Settling the calls that OCaml waits for, whatever became of them.

use crate::base::panic::{catch_and_discard, catch_unwind};
use crate::base::slot_map::Key;
use crate::domain::core::Core;
use crate::ffi::batch::Kind;
use crate::ffi::callbacks::Callbacks;
use crate::ffi::token::RuntimeToken;
use crate::value::convert::to_ocaml;
use crate::value::exception::Failure;
use ocaml::ToValue;

/// Converts the outcome and queues it for the loop. If the call was settled before, the
/// outcome is dropped, without being converted. A conversion that panics rejects the promise.
pub(crate) fn resolve<T: ToValue + 'static>(
    local: &Core,
    token: &RuntimeToken<'_>,
    key: Key,
    outcome: Result<T, Failure>,
) {
    if !local.complete_call(key) {
        return catch_and_discard(|| drop(outcome));
    }
    // The value is dropped inside: its destructor may panic as well.
    let converted = outcome
        .and_then(|value| catch_unwind(move || to_ocaml(token, &value)).map_err(Failure::Panic));
    // SAFETY: the token proves the lock; value and exception are rooted until they are stored, or
    // cannot move.
    unsafe {
        match converted {
            Ok(value) => local.request(key, Kind::Resolve, value.raw()),
            Err(failure) => {
                let callbacks = Callbacks::get().expect("calls are made once OCaml has registered");
                let exn = failure.to_exception(token, callbacks);
                local.request(key, Kind::Reject, exn.get());
            }
        }
    }
}
