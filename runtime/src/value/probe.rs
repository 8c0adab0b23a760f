//! Conversions to find out what OCaml has to prepare, whose results are not used.
//!
//! A value within which OCaml has to prepare something is converted several times. A stream that was converted in vain must
//! not be closed: it is converted again.

use std::cell::Cell;

thread_local! {
    static PROBING: Cell<bool> = const { Cell::new(false) };
}

struct End;

impl Drop for End {
    fn drop(&mut self) {
        PROBING.set(false);
    }
}

/// Calls `convert`, whose result is not used. Streams in it do not keep the OCaml streams.
pub(crate) fn probe<R>(convert: impl FnOnce() -> R) -> R {
    PROBING.set(true);
    let _end = End;
    convert()
}

/// Returns `true` within [`probe`].
pub(crate) fn is_probing() -> bool {
    PROBING.get()
}
