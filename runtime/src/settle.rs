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
/// outcome is dropped. A conversion that panics rejects the promise.
pub(crate) fn settle<T: ToValue + 'static>(
    local: &Local,
    token: &RuntimeToken<'_>,
    key: Key,
    outcome: Result<T, Failure>,
) {
    let failure = match outcome {
        // Converting for nobody would be wasted; `complete_call` counts it all the same.
        Ok(value) if !local.has_call(key) => {
            contain_quietly(|| drop(value));
            // SAFETY: the token proves the lock; `()` is always valid, and is not used.
            unsafe { local.complete_call(key, Kind::Resolve, crate::ffi::UNIT) };
            return;
        }
        // The value is dropped inside: its destructor may panic as well.
        Ok(value) => match contain(move || to_ocaml(token, &value)) {
            Ok(value) => {
                // SAFETY: the token proves the lock; the value is rooted until it is stored.
                unsafe { local.complete_call(key, Kind::Resolve, value.raw()) };
                return;
            }
            Err(panic) => Failure::Panic(panic),
        },
        Err(failure) => failure,
    };
    let callbacks = Callbacks::get().expect("calls are made once OCaml has registered");
    // SAFETY: the token proves the lock; the exception is rooted until it is stored.
    unsafe {
        let exn = failure.to_exception(token, callbacks);
        local.complete_call(key, Kind::Reject, exn.get());
    }
}
