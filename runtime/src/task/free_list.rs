//! Memory of tasks that are done, for the next ones.

use crate::base::sync::{alloc, dealloc};
use std::alloc::{Layout, handle_alloc_error};
use std::cell::Cell;
use std::ptr::NonNull;

/// A block for each size that a task has had which is done. One domain's.
pub(crate) struct FreeList([Cell<*mut u8>; FreeList::SIZES]);

impl FreeList {
    const SIZES: usize = 32;
    /// What the allocator's own blocks grow by, and what it takes of each for itself.
    const STEP: usize = 16;
    const TAKEN: usize = 8;
    const LARGEST: usize = Self::size(Self::SIZES - 1);

    pub(crate) fn new() -> Self {
        FreeList([const { Cell::new(std::ptr::null_mut()) }; FreeList::SIZES])
    }

    /// Of the blocks at a place.
    const fn size(place: usize) -> usize {
        (place + 2) * Self::STEP - Self::TAKEN
    }

    /// The layout that a block is allocated with: what it would be rounded up to anyway.
    pub(crate) const fn layout(layout: Layout) -> Layout {
        if layout.align() > Self::STEP || layout.size() > Self::LARGEST {
            return layout;
        }
        let rounded = (layout.size() + Self::TAKEN).next_multiple_of(Self::STEP);
        let size = if rounded < 2 * Self::STEP {
            2 * Self::STEP
        } else {
            rounded
        } - Self::TAKEN;
        match Layout::from_size_align(size, Self::STEP) {
            Ok(rounded) => rounded,
            Err(_) => layout,
        }
    }

    #[inline]
    fn place(&self, layout: Layout) -> Option<&Cell<*mut u8>> {
        let has = layout.align() == Self::STEP && layout.size() <= Self::LARGEST;
        has.then(|| &self.0[(layout.size() + Self::TAKEN) / Self::STEP - 2])
    }

    /// A block of such a layout.
    #[inline]
    pub(crate) fn alloc(&self, layout: Layout) -> NonNull<u8> {
        let spare = self
            .place(layout)
            .map(|place| place.replace(std::ptr::null_mut()));
        spare
            .and_then(NonNull::new)
            .unwrap_or_else(|| Self::alloc_anew(layout))
    }

    #[cold]
    fn alloc_anew(layout: Layout) -> NonNull<u8> {
        // SAFETY: a task is not of size 0.
        let block = unsafe { alloc(layout) };
        NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout))
    }

    /// Gives up a block.
    ///
    /// # Safety
    /// [`alloc`](Self::alloc) gave it out for this layout, and nothing is left in it.
    #[inline]
    pub(crate) unsafe fn free(&self, block: *mut u8, layout: Layout) {
        match self.place(layout) {
            Some(place) if place.get().is_null() => place.set(block),
            // SAFETY: the caller's.
            _ => unsafe { dealloc(block, layout) },
        }
    }
}

impl Drop for FreeList {
    fn drop(&mut self) {
        for (i, block) in self.0.iter().enumerate() {
            let layout = Layout::from_size_align(Self::size(i), Self::STEP);
            let layout = layout.expect("it was a block's");
            if !block.get().is_null() {
                // SAFETY: it was allocated with this layout: it is at its place.
                unsafe { dealloc(block.get(), layout) };
            }
        }
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;

    /// A block is given out again for what it has the size and the alignment for, and is given back to
    /// the allocator as what it was allocated as.
    #[test]
    fn spare_blocks_fit_what_they_are_given_out_for() {
        for align in [1, 2, 4, 8, 16, 32, 64] {
            for size in 1..=600 {
                let free_list = FreeList::new();
                let asked = Layout::from_size_align(size, align).expect("a layout");
                let layout = FreeList::layout(asked);
                assert!(layout.size() >= size && layout.align() >= align);
                assert_eq!(FreeList::layout(layout), layout);
                let [first, second] = [(); 2].map(|()| free_list.alloc(layout));
                assert!(first != second && first.addr().get() % align == 0);
                for block in [first, second] {
                    // SAFETY: the block is ours, and has this size.
                    unsafe { block.write_bytes(0xa5, layout.size()) };
                }
                // There is place for one.
                for block in [first, second] {
                    // SAFETY: it was given out for this layout.
                    unsafe { free_list.free(block.as_ptr(), layout) };
                }
                if layout.size() <= 504 && align <= 16 {
                    let larger = FreeList::layout(
                        Layout::from_size_align(layout.size() + 1, 1).expect("one"),
                    );
                    let other = free_list.alloc(larger);
                    assert_ne!(other, first, "for another size");
                    // SAFETY: as above.
                    unsafe { free_list.free(other.as_ptr(), larger) };
                    let again = free_list.alloc(layout);
                    assert_eq!(again, first);
                    // SAFETY: as above.
                    unsafe { free_list.free(again.as_ptr(), layout) };
                }
            }
        }
    }
}
