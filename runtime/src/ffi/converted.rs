//! OCaml values that Rust has made, until they are handed over.

use crate::ffi::root::Root;
use crate::ffi::runtime::{self as ffi, RawValue};
use crate::ffi::token::RuntimeToken;

/// A Rust value after its conversion to OCaml.
pub(crate) enum Converted {
    /// An OCaml `int`, `bool`, `unit` or other constant, which needs no root.
    Immediate(Immediate),
    /// Any value.
    Rooted(Root),
}

/// An OCaml value that is no block. The collector neither moves nor frees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Immediate(RawValue);

impl Converted {
    /// Roots a value, unless it is no block.
    ///
    /// # Safety
    /// A domain's lock is held, and the value is valid now.
    #[inline]
    pub(crate) unsafe fn new(value: RawValue) -> Self {
        match ffi::is_block(value) {
            // SAFETY: this function's contract.
            true => Converted::Rooted(unsafe { Root::new(value) }),
            false => Converted::Immediate(Immediate(value)),
        }
    }

    /// Returns the value, valid until the next allocation or callback.
    #[inline]
    pub(crate) fn raw(&self, token: &RuntimeToken<'_>) -> RawValue {
        match self {
            Converted::Immediate(immediate) => immediate.0,
            Converted::Rooted(root) => root.raw(token),
        }
    }
}
