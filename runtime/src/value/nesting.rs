//! A bound for the depth of values, whose conversion recurses.

use crate::value::conversion_error::ConversionError;
use std::cell::Cell;

/// How many boxes, arrays, lists and maps may be inside each other.
pub const MAX_NESTING: u32 = 1_000;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// One level deeper, until it is dropped.
pub(crate) struct Level(());

impl Level {
    /// # Errors
    /// The value is nested too deeply. A cyclic value is.
    #[inline]
    pub(crate) fn enter() -> Result<Self, ConversionError> {
        let depth = DEPTH.get();
        if depth == MAX_NESTING {
            return Err(too_deep());
        }
        DEPTH.set(depth + 1);
        Ok(Level(()))
    }
}

#[cold]
fn too_deep() -> ConversionError {
    ConversionError::new(format!(
        "the value is cyclic, or nested more than {MAX_NESTING} levels deep; pass deep structures as a flat array"
    ))
}

impl Drop for Level {
    #[inline]
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}
