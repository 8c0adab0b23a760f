//! A bound for the depth of values, whose conversion recurses.

use crate::value::conversion_error::ConversionError;
use std::cell::Cell;

/// How many boxes, arrays, lists and maps may be inside each other. It is fewer for types so large that their
/// conversion would need more than 1 MiB of stack.
pub const MAX_NESTING: u32 = 1_000;

/// How many bytes of stack a conversion may use. Threads have 2 MiB or more.
const MAX_STACK: usize = 1 << 20;

#[derive(Clone, Copy)]
struct Depth {
    levels: u32,
    /// An address on the stack where the first level is.
    start: usize,
}

thread_local! {
    static DEPTH: Cell<Depth> = const { Cell::new(Depth { levels: 0, start: 0 }) };
}

/// One level deeper, until it is dropped.
pub(crate) struct Level(());

impl Level {
    /// # Errors
    /// The value is nested too deeply. A cyclic value is.
    #[inline]
    pub(crate) fn enter() -> Result<Self, ConversionError> {
        let mut depth = DEPTH.get();
        let here = std::ptr::from_ref(&depth).addr();
        if depth.levels == 0 {
            depth.start = here;
        } else if depth.levels == MAX_NESTING || here.abs_diff(depth.start) > MAX_STACK {
            return Err(too_deep());
        }
        depth.levels += 1;
        DEPTH.set(depth);
        Ok(Level(()))
    }
}

#[cold]
fn too_deep() -> ConversionError {
    ConversionError::new(format!(
        "the value is cyclic, or nested more than {MAX_NESTING} levels deep, or takes more than {} KiB of stack; pass \
         deep structures as a flat array",
        MAX_STACK / 1024
    ))
}

impl Drop for Level {
    #[inline]
    fn drop(&mut self) {
        let mut depth = DEPTH.get();
        depth.levels -= 1;
        DEPTH.set(depth);
    }
}
