//! The memory of completed tasks, for the tasks that follow.

use std::alloc::{Layout, handle_alloc_error};
use std::cell::Cell;
use std::ptr::{NonNull, null_mut};

// loom's versions report leaks and double frees.
#[cfg(loom_model)]
use loom::alloc::{alloc, dealloc};
#[cfg(not(loom_model))]
use std::alloc::{alloc, dealloc};

/// At most one free block of each size class. Belongs to one domain.
pub(crate) struct FreeList([Cell<*mut u8>; FreeList::CLASSES]);

impl FreeList {
    const CLASSES: usize = 32;
    /// The distance between the sizes of the allocator's own blocks, and what it uses of each itself.
    const STEP: usize = 16;
    const OVERHEAD: usize = 8;
    const LARGEST: usize = Self::size(Self::CLASSES - 1);

    pub(crate) fn new() -> Self {
        FreeList([const { Cell::new(null_mut()) }; FreeList::CLASSES])
    }

    /// The size of the blocks of a class.
    const fn size(class: usize) -> usize {
        (class + 2) * Self::STEP - Self::OVERHEAD
    }

    /// The layout to allocate a block with: the size is what the allocator would round it up to.
    pub(crate) const fn layout(layout: Layout) -> Layout {
        if layout.align() > Self::STEP || layout.size() > Self::LARGEST {
            return layout;
        }
        let rounded = (layout.size() + Self::OVERHEAD).next_multiple_of(Self::STEP);
        let size = if rounded < 2 * Self::STEP {
            2 * Self::STEP
        } else {
            rounded
        } - Self::OVERHEAD;
        match Layout::from_size_align(size, Self::STEP) {
            Ok(rounded) => rounded,
            Err(_) => layout,
        }
    }

    /// The place of a free block with this layout, which [`layout`](Self::layout) returned. `None` if
    /// such blocks are not kept.
    #[inline]
    fn place(&self, layout: Layout) -> Option<&Cell<*mut u8>> {
        let kept = layout.align() == Self::STEP && layout.size() <= Self::LARGEST;
        kept.then(|| &self.0[(layout.size() + Self::OVERHEAD) / Self::STEP - 2])
    }

    /// Returns a block with this layout, which [`layout`](Self::layout) returned.
    #[inline]
    pub(crate) fn alloc(&self, layout: Layout) -> NonNull<u8> {
        let free = self.place(layout).map(|place| place.replace(null_mut()));
        free.and_then(NonNull::new)
            .unwrap_or_else(|| Self::alloc_anew(layout))
    }

    #[cold]
    fn alloc_anew(layout: Layout) -> NonNull<u8> {
        assert_ne!(layout.size(), 0);
        // SAFETY: the size is not 0.
        let block = unsafe { alloc(layout) };
        NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout))
    }

    /// Keeps a block for later, or frees it.
    ///
    /// # Safety
    /// [`alloc`](Self::alloc), of any free list, returned the block for this layout; it is not used
    /// any more.
    #[inline]
    pub(crate) unsafe fn free(&self, block: NonNull<u8>, layout: Layout) {
        match self.place(layout) {
            Some(place) if place.get().is_null() => place.set(block.as_ptr()),
            // SAFETY: the contract of this function is that of `dealloc`.
            _ => unsafe { Self::dealloc(block, layout) },
        }
    }

    /// Frees a block. Any thread.
    ///
    /// # Safety
    /// [`alloc`](Self::alloc), of any free list, returned the block for this layout; it is not used
    /// any more.
    pub(crate) unsafe fn dealloc(block: NonNull<u8>, layout: Layout) {
        // SAFETY: by the contract of this function the block was allocated by `alloc_anew`, with this
        // layout: a free list gives its blocks out for the layouts that they were allocated with.
        unsafe { dealloc(block.as_ptr(), layout) };
    }
}

impl Drop for FreeList {
    fn drop(&mut self) {
        for (class, block) in self.0.iter().enumerate() {
            let layout = Layout::from_size_align(Self::size(class), Self::STEP);
            let layout = layout.expect("the layout of a block");
            if let Some(block) = NonNull::new(block.get()) {
                // SAFETY: the block was freed to this list, at the place of this layout.
                unsafe { Self::dealloc(block, layout) };
            }
        }
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;

    /// A free block is given out for its own size and alignment only, and is deallocated with the
    /// layout that it was allocated with.
    #[test]
    fn free_blocks_are_given_out_for_their_own_layout() {
        let sizes = if cfg!(miri) { 37 } else { 1 };
        for align in [1, 2, 4, 8, 16, 32, 64] {
            for size in (1..=600).step_by(sizes) {
                let free_list = FreeList::new();
                let asked = Layout::from_size_align(size, align).expect("a layout");
                let layout = FreeList::layout(asked);
                assert!(layout.size() >= size && layout.align() >= align);
                assert_eq!(FreeList::layout(layout), layout);
                let [first, second] = [(); 2].map(|()| free_list.alloc(layout));
                assert!(first != second && first.addr().get() % align == 0);
                for block in [first, second] {
                    // SAFETY: the block has this size, and is not used elsewhere.
                    unsafe { block.write_bytes(0xa5, layout.size()) };
                }
                // The list keeps the first.
                for block in [first, second] {
                    // SAFETY: `alloc` returned the block for this layout.
                    unsafe { free_list.free(block, layout) };
                }
                if layout.size() <= 504 && align <= 16 {
                    let larger = Layout::from_size_align(layout.size() + 1, 1);
                    let larger = FreeList::layout(larger.expect("a layout"));
                    let other = free_list.alloc(larger);
                    assert_ne!(other, first, "for another size");
                    // SAFETY: `alloc` returned the block for the larger layout.
                    unsafe { free_list.free(other, larger) };
                    let again = free_list.alloc(layout);
                    assert_eq!(again, first);
                    // SAFETY: `alloc` returned the block for this layout.
                    unsafe { free_list.free(again, layout) };
                }
            }
        }
    }
}
