//! Custom blocks: OCaml values that own a Rust value.

use crate::ffi::heap::{MAX_YOUNG, WORD};
use crate::ffi::root::Root;
use crate::ffi::runtime::{self as ffi, RawValue};
use crate::ffi::token::{RuntimeToken, assert_no_conversion};
use crate::ffi::weight::alloc_custom;
use ocaml_sys::custom_operations;
use std::ffi::CStr;
use std::ptr;

/// A kind of custom block that owns a `T`, which is a reference that may be shared. OCaml refuses to compare and to
/// marshal such blocks, and all have the same hash.
///
/// It has to be a `static`, and not a `const`: the address of its operations identifies its blocks.
#[repr(C)]
pub(crate) struct Custom<T: 'static> {
    /// The first field, so that the runtime's pointer to it is one to the whole.
    operations: custom_operations,
    finalize: fn(T),
}

// SAFETY: the pointers in it are to static data, or null, and they are never written.
unsafe impl<T: Send + Sync> Sync for Custom<T> {}

impl<T: Clone + Send + Sync + 'static> Custom<T> {
    /// Defines a kind. `finalize` is given the content of a block that OCaml has collected. It runs
    /// within a collection, on whichever domain sweeps: it must not use the OCaml runtime, nor run code
    /// of the user's, nor panic. Nor may the clone of a `T`.
    pub(crate) const fn new(identifier: &'static CStr, finalize: fn(T)) -> Self {
        Custom {
            operations: custom_operations {
                identifier: identifier.as_ptr().cast(),
                finalize: Some(Self::collected),
                compare: None,
                hash: None,
                serialize: None,
                deserialize: None,
                compare_ext: None,
                fixed_length: ptr::null(),
            },
            finalize,
        }
    }

    /// # Safety
    /// The runtime calls it once for each block of a `Custom<T>`, when it frees the block.
    unsafe extern "C" fn collected(block: RawValue) {
        // SAFETY: field 0 of a custom block points to its operations. They name this function, so they
        // are the first field of a `Custom<T>`, which is static. The content is read once, here.
        unsafe {
            let kind = ffi::field(block, 0) as *const Self;
            ((*kind).finalize)(Self::content(block).read());
        }
    }

    /// Returns the location of the content of a block.
    ///
    /// # Safety
    /// `block` is a valid block that [`alloc`](Self::alloc) made with a `Custom<T>`.
    unsafe fn content(block: RawValue) -> *mut T {
        // SAFETY: the content follows the operations, which are field 0.
        unsafe { ocaml_sys::field(block, 1).cast() }
    }

    /// Returns the pointer that identifies the blocks of this kind. It may be used for the whole of `self`.
    fn operations(&self) -> *const custom_operations {
        ptr::from_ref(self).cast()
    }

    /// Returns a new block that owns `content`, which keeps `weight` bytes outside of OCaml's heap alive. May collect.
    pub(crate) fn alloc(
        &'static self,
        _token: &RuntimeToken<'_>,
        content: T,
        weight: usize,
    ) -> Root {
        assert_no_conversion();
        // SAFETY: the operations are static, and their finaliser takes a `T`. The token proves the lock. The block is
        // small, has room for the content, is aligned for it, and is filled and rooted before anything else allocates: a
        // collection within the call keeps the new block.
        unsafe {
            const {
                assert!(align_of::<T>() <= align_of::<RawValue>());
                assert!(size_of::<T>() < MAX_YOUNG * WORD, "a small block");
            }
            let block = alloc_custom(self.operations(), size_of::<T>(), weight);
            Self::content(block).write(content);
            Root::new(block)
        }
    }

    /// Returns the content of a block, or `None` if the value is not a block of this kind.
    ///
    /// # Safety
    /// A domain's lock is held and `value` is valid.
    pub(crate) unsafe fn get(&self, value: RawValue) -> Option<T> {
        // SAFETY: by this function's contract `value` is valid. Its operations show that `alloc` made
        // it, so it has a content. Cloning that neither allocates on the OCaml heap nor runs OCaml code,
        // so the block does not move meanwhile.
        unsafe {
            let made_here = ffi::is_block(value)
                && ffi::tag(value) == ocaml_sys::CUSTOM
                && ffi::field(value, 0) == self.operations() as RawValue;
            made_here.then(|| (*Self::content(value)).clone())
        }
    }

    /// Like [`get`](Self::get), for a field of a value that OCaml gave the tag of objects.
    ///
    /// # Safety
    /// A domain's lock is held and `value` is valid.
    pub(crate) unsafe fn get_field(&self, value: RawValue, index: usize) -> Option<T> {
        // SAFETY: by this function's contract `value` is valid, and it was seen to have the field.
        unsafe {
            let has_field = ffi::is_block(value)
                && ffi::tag(value) == ocaml_sys::OBJECT
                && ffi::size(value) > index;
            has_field.then(|| self.get(ffi::field(value, index)))?
        }
    }

    /// Lends the content of a block.
    ///
    /// # Safety
    /// A domain's lock is held, `block` is a valid block of this kind, and it stays reachable and is not
    /// moved while the reference is used: nothing allocates on the OCaml heap.
    pub(crate) unsafe fn borrow<'a>(&self, block: RawValue) -> &'a T {
        // SAFETY: by this function's contract the block is of this kind and stays where it is.
        unsafe { &*Self::content(block) }
    }
}
