//! Settling the calls that OCaml waits for, whatever became of them.

use crate::batch::Kind;
use crate::callbacks::Callbacks;
use crate::convert::to_ocaml;
use crate::exception::Failure;
use crate::local::Local;
use crate::panic::{contain, contain_quietly};
use crate::slots::Key;
use crate::token::RuntimeToken;
use ocaml::ToValue;

/// Converts the outcome and queues it for the loop. If the call was settled before, the
/// outcome is dropped, without being converted. A conversion that panics rejects the promise.
pub(crate) fn settle<T: ToValue + 'static>(
    local: &Local,
    token: &RuntimeToken<'_>,
    key: Key,
    outcome: Result<T, Failure>,
) {
    if !local.complete_call(key) {
        return contain_quietly(|| drop(outcome));
    }
    // The value is dropped inside: its destructor may panic as well.
    let converted =
        outcome.and_then(|value| contain(move || to_ocaml(token, &value)).map_err(Failure::Panic));
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
