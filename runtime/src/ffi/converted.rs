//! Results on their way to OCaml.

use crate::ffi::runtime::RawValue;
use ocaml::Value;

/// A result in OCaml.
pub(crate) enum Converted {
    /// An OCaml `int`, `bool` or `unit`, which needs no root.
    Word(RawValue),
    /// Anything.
    Value(Value),
}

impl Converted {
    /// The value, good until the next allocation or callback.
    ///
    /// # Safety
    /// A domain's lock is held.
    pub(crate) unsafe fn raw(&self) -> RawValue {
        match self {
            Converted::Word(raw) => *raw,
            Converted::Value(value) => value.raw().0,
        }
    }
}
