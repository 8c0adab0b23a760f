//! Bigarrays: their layout in C, and those whose memory Rust owns.
//!
//! The layout is that of `caml/bigarray.h`, which C libraries are built with, too.

use crate::ffi::heap::CUSTOM;
use crate::ffi::root::Root;
use crate::ffi::runtime::{self as ffi, RawValue};
use crate::ffi::token::{RuntimeToken, assert_no_conversion};
use crate::ffi::weight::alloc_custom;
use ocaml_sys::custom_operations;
use std::ffi::CStr;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering, fence};

/// `struct caml_ba_array`, with one dimension.
#[repr(C)]
struct Array {
    data: *mut u8,
    dimensions: isize,
    /// The kind, and the flags below.
    flags: isize,
    /// What the array shares with its sub-arrays.
    proxy: *mut Proxy,
    /// The first dimension, if there is one.
    dimension: isize,
}

/// `struct caml_ba_proxy`: the count of the arrays on one memory. OCaml adds to the count when it makes a sub-array.
#[repr(C)]
struct Proxy {
    count: AtomicUsize,
    data: *mut u8,
    /// Nobody reads it but who frees the memory: here it is the size of all that the owner has allocated.
    size: usize,
}

const KIND_MASK: isize = 0xff;
/// `CAML_BA_LAYOUT_MASK`: the array has the layout of Fortran.
const FORTRAN: isize = 0x100;
/// `CAML_BA_MAPPED_FILE`: neither is the memory OCaml's own, nor does it outlive the process's arrays.
const MAPPED: isize = 0x400;

/// The names of `enum caml_ba_kind`, in its order.
const KINDS: [&str; 14] = [
    "float32",
    "float64",
    "int8_signed",
    "int8_unsigned",
    "int16_signed",
    "int16_unsigned",
    "int32",
    "int64",
    "int",
    "nativeint",
    "complex32",
    "complex64",
    "char",
    "float16",
];

/// The kind of an array's elements, by its number in C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawKind(u8);

impl RawKind {
    pub(crate) const FLOAT32: Self = RawKind(0);
    pub(crate) const FLOAT64: Self = RawKind(1);
    pub(crate) const INT8_SIGNED: Self = RawKind(2);
    pub(crate) const INT8_UNSIGNED: Self = RawKind(3);
    pub(crate) const INT16_SIGNED: Self = RawKind(4);
    pub(crate) const INT16_UNSIGNED: Self = RawKind(5);
    pub(crate) const INT32: Self = RawKind(6);
    pub(crate) const INT64: Self = RawKind(7);
    pub(crate) const NATIVEINT: Self = RawKind(9);
    pub(crate) const CHAR: Self = RawKind(12);

    /// Returns the name of the value of the module `Bigarray`.
    pub(crate) fn name(self) -> &'static str {
        KINDS.get(self.0 as usize).copied().unwrap_or("unknown")
    }
}

unsafe extern "C" {
    fn caml_ba_compare(a: RawValue, b: RawValue) -> i32;
    fn caml_ba_hash(array: RawValue) -> isize;
    fn caml_ba_serialize(array: RawValue, size_32: *mut usize, size_64: *mut usize);
    fn caml_ba_deserialize(array: *mut std::ffi::c_void) -> usize;
    fn caml_ba_byte_size(array: *mut Array) -> usize;
}

/// The identifier of OCaml's own arrays: code of others knows an array by it, and data that was marshalled.
const IDENTIFIER: &CStr = c"_bigarr02";
/// The identifier of the arrays of `Unix.map_file`.
const IDENTIFIER_OF_MAPPED: &CStr = c"_bigarray";

/// Those of OCaml's own arrays, except for the finaliser. OCaml copies the pointer to them to sub-arrays.
static OPERATIONS: Operations = Operations(custom_operations {
    identifier: IDENTIFIER.as_ptr().cast(),
    finalize: Some(finalize),
    compare: Some(caml_ba_compare),
    hash: Some(caml_ba_hash),
    serialize: Some(caml_ba_serialize),
    deserialize: Some(caml_ba_deserialize),
    compare_ext: None,
    fixed_length: ptr::null(),
});

#[repr(transparent)]
struct Operations(custom_operations);

// SAFETY: the pointers in it are to static data, or null, and they are never written.
unsafe impl Sync for Operations {}

/// # Safety
/// The runtime calls it once for each array with `OPERATIONS`, when it frees the block.
unsafe extern "C" fn finalize(block: RawValue) {
    // SAFETY: `Memory::alloc` gave the array one reference to the memory, or OCaml, which made a sub-array, added one.
    // It is dropped once, here.
    unsafe {
        let head = NonNull::new_unchecked((*array(block)).proxy.cast());
        drop(Memory { head });
    }
}

/// # Safety
/// `block` is a custom block of a Bigarray.
unsafe fn array(block: RawValue) -> *mut Array {
    // SAFETY: by this function's contract the array follows the operations, which are field 0.
    unsafe { ocaml_sys::field(block, 1).cast() }
}

/// A reference to memory that Rust has allocated, and which arrays of OCaml may share. The last one to be dropped frees
/// it, on any thread, also within a collection.
pub(crate) struct Memory {
    head: NonNull<Head>,
}

/// The beginning of an [`Owned`].
#[repr(C)]
struct Head {
    /// The first field: OCaml has a pointer to it, which is one to the whole.
    proxy: Proxy,
    /// # Safety
    /// The pointer is that of the record itself, and nobody uses it afterwards.
    free: unsafe fn(NonNull<Head>),
}

#[repr(C)]
struct Owned<O> {
    head: Head,
    owner: O,
}

/// # Safety
/// See [`Head::free`]. It is the head of an `Owned<O>`.
unsafe fn free<O>(head: NonNull<Head>) {
    // SAFETY: by this function's contract it is the first field of an `Owned<O>`, which `Memory::new` put into a box.
    drop(unsafe { Box::from_raw(head.cast::<Owned<O>>().as_ptr()) });
}

impl Memory {
    /// Returns the first reference to the memory of `owner`, which begins at `data`. The collector learns that the owner
    /// keeps `size` bytes alive.
    ///
    /// # Safety
    /// The memory is there as long as the owner, wherever the owner is moved, and may be written to. The owner's
    /// destructor runs no code of users', uses no OCaml, and does not panic.
    pub(crate) unsafe fn new<O: Send + 'static>(owner: O, data: *mut u8, size: usize) -> Self {
        let owned = Box::new(Owned {
            head: Head {
                proxy: Proxy {
                    count: AtomicUsize::new(1),
                    data,
                    size,
                },
                free: free::<O>,
            },
            owner,
        });
        Memory {
            // SAFETY: a box is not null.
            head: unsafe { NonNull::new_unchecked(Box::into_raw(owned)).cast() },
        }
    }

    fn head(&self) -> &Head {
        // SAFETY: the record lives as long as there is a reference. OCaml changes nothing of it but the count, which is
        // atomic.
        unsafe { self.head.as_ref() }
    }

    /// Returns a new array on the whole memory, of `len` elements. May collect.
    ///
    /// # Safety
    /// The memory has so many elements of this kind, and is aligned for them.
    pub(crate) unsafe fn alloc(
        &self,
        _token: &RuntimeToken<'_>,
        kind: RawKind,
        len: usize,
    ) -> Root {
        assert_no_conversion();
        let Proxy { data, size, .. } = self.head().proxy;
        let shared = self.clone();
        // SAFETY: the operations are static, and those of an `Array`. The token proves the lock. The block has room for
        // the array, and is filled and rooted before anything else allocates: a collection within the call keeps the new
        // block. The array owns the reference `shared`.
        unsafe {
            let block = alloc_custom(&raw const OPERATIONS.0, size_of::<Array>(), size);
            array(block).write(Array {
                data,
                dimensions: 1,
                flags: isize::from(kind.0) | MAPPED,
                proxy: shared.head.as_ptr().cast(),
                dimension: len as isize,
            });
            std::mem::forget(shared);
            Root::new(block)
        }
    }
}

impl Clone for Memory {
    fn clone(&self) -> Self {
        // Nothing has to be seen with it: who clones has a reference. There is no overflow: arrays and clones would fill
        // the memory first, unless they are leaked.
        self.head().proxy.count.fetch_add(1, Ordering::Relaxed);
        Memory { head: self.head }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if self.head().proxy.count.fetch_sub(1, Ordering::Release) == 1 {
            // What others did to the memory was before they dropped their references.
            fence(Ordering::Acquire);
            let free = self.head().free;
            // SAFETY: this was the last reference.
            unsafe { free(self.head) }
        }
    }
}

// SAFETY: the owner is `Send`, and is dropped by whichever thread has the last reference, which the atomic count finds.
// The other fields of the record are not changed.
unsafe impl Send for Memory {}
// SAFETY: a shared reference reads fields that are not changed, and makes clones, which may be sent.
unsafe impl Sync for Memory {}

/// What an array of OCaml is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View {
    pub(crate) data: *mut u8,
    pub(crate) kind: RawKind,
    pub(crate) dimensions: usize,
    pub(crate) is_fortran: bool,
    /// The elements of an array of one dimension.
    pub(crate) len: usize,
}

/// Returns what a Bigarray is, or `None` if the value is none. Its memory does not move, and is there as long as the
/// value is reachable.
///
/// # Safety
/// A domain's lock is held and `value` is valid.
pub(crate) unsafe fn view(value: RawValue) -> Option<View> {
    // SAFETY: by this function's contract `value` is valid.
    unsafe {
        if !is_bigarray(value) {
            return None;
        }
        let array = array(value);
        let dimensions = (*array).dimensions as usize;
        let flags = (*array).flags;
        Some(View {
            data: (*array).data,
            kind: RawKind((flags & KIND_MASK) as u8),
            dimensions,
            is_fortran: flags & FORTRAN != 0,
            len: match dimensions {
                1 => (*array).dimension as usize,
                _ => 0,
            },
        })
    }
}

/// Returns `true` if the value is a Bigarray.
///
/// # Safety
/// A domain's lock is held and `value` is valid.
unsafe fn is_bigarray(value: RawValue) -> bool {
    // SAFETY: by this function's contract `value` is valid. A custom block begins with a pointer to its operations,
    // which have an identifier. That of Bigarrays says what follows.
    unsafe {
        if !(ffi::is_block(value) && ffi::tag(value) == CUSTOM) {
            return false;
        }
        let operations = ffi::field(value, 0) as *const custom_operations;
        if (*operations).identifier.is_null() {
            return false;
        }
        let identifier = CStr::from_ptr((*operations).identifier.cast());
        identifier == IDENTIFIER || identifier == IDENTIFIER_OF_MAPPED
    }
}

/// Returns the number of bytes of the elements of a Bigarray, and 0 if the value is none.
///
/// # Safety
/// A domain's lock is held and `value` is valid.
pub(crate) unsafe fn bytes(value: RawValue) -> usize {
    // SAFETY: by this function's contract `value` is valid. OCaml's function looks into the array and nothing else.
    unsafe {
        match is_bigarray(value) {
            true => caml_ba_byte_size(array(value)),
            false => 0,
        }
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_last_reference_frees_the_memory() {
        let witness = Arc::new(());
        let mut owner = (vec![1u8, 2, 3], witness.clone());
        let data = owner.0.as_mut_ptr();
        // SAFETY: a vector's memory stays where it is, and the destructors are those of the standard library.
        let memory = unsafe { Memory::new(owner, data, 3) };
        let others: Vec<_> = (0..4).map(|_| memory.clone()).collect();
        std::thread::scope(|scope| {
            for other in others {
                scope.spawn(move || drop(other));
            }
        });
        assert_eq!(Arc::strong_count(&witness), 2);
        assert_eq!(memory.head().proxy.count.load(Ordering::Relaxed), 1);
        // SAFETY: the memory has three bytes, and nobody else uses it.
        assert_eq!(unsafe { std::slice::from_raw_parts(data, 3) }, [1, 2, 3]);
        drop(memory);
        assert_eq!(Arc::strong_count(&witness), 1);
    }

    #[test]
    fn kinds_have_their_names() {
        assert_eq!(RawKind::NATIVEINT.name(), "nativeint");
        assert_eq!(RawKind::CHAR.name(), "char");
        assert_eq!(RawKind(200).name(), "unknown");
    }
}
