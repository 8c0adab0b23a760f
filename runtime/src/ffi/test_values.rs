//! The OCaml runtime without an OCaml program, and values of any shape, for unit tests and fuzz targets.

use crate::ffi::heap::{self, Boxed, Tag};
use crate::ffi::root::Root;
use crate::ffi::runtime::{self as ffi, RawValue};
use crate::ffi::token::RuntimeToken;
use std::sync::OnceLock;
use std::thread::{self, ThreadId};

unsafe extern "C" {
    fn caml_gc_compaction(unit: RawValue) -> RawValue;
    fn caml_ba_alloc(flags: i32, dimensions: i32, data: *mut u8, sizes: *const isize) -> RawValue;
}

/// Runs `f` with OCaml values on the calling thread. All calls in a process are on one thread.
pub(crate) fn with_ocaml_here<R>(f: impl FnOnce(&RuntimeToken<'_>) -> R) -> R {
    static OWNER: OnceLock<ThreadId> = OnceLock::new();
    let owner = OWNER.get_or_init(|| {
        let arguments = [c"test".as_ptr().cast(), std::ptr::null()];
        // SAFETY: the arguments end with a null pointer, and the runtime is started once.
        unsafe { ocaml_sys::caml_startup(arguments.as_ptr()) };
        thread::current().id()
    });
    assert_eq!(*owner, thread::current().id(), "OCaml's thread");
    // SAFETY: this thread has started the runtime, and holds the lock of its domain until the process ends.
    f(&unsafe { RuntimeToken::assume_locked() })
}

/// A collection.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Collection {
    Minor,
    Full,
    /// Moves values of the major heap, too.
    Compacting,
}

/// Collects, so that values move or are found dead.
pub(crate) fn collect(_token: &RuntimeToken<'_>, collection: Collection) {
    // SAFETY: the token proves the lock.
    unsafe {
        match collection {
            Collection::Minor => ocaml_sys::caml_gc_minor(ffi::UNIT),
            Collection::Full => ocaml_sys::caml_gc_full_major(ffi::UNIT),
            Collection::Compacting => _ = caml_gc_compaction(ffi::UNIT),
        }
    }
}

/// What a value is, for who makes values of any shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Immediate,
    /// A block of so many values.
    Block(usize),
    /// A block of something else.
    Other,
}

/// Returns what a value is.
pub(crate) fn kind(token: &RuntimeToken<'_>, value: &Root) -> Kind {
    let value = value.raw(token);
    // SAFETY: the value was just read from its root, and only a block is looked into.
    unsafe {
        match ffi::is_block(value) {
            false => Kind::Immediate,
            true if heap::has_fields(ffi::tag(value)) && !is_closure(value) => {
                Kind::Block(ffi::size(value))
            }
            true => Kind::Other,
        }
    }
}

/// # Safety
/// The value is a valid block.
unsafe fn is_closure(block: RawValue) -> bool {
    // SAFETY: by this function's contract it is a block.
    matches!(unsafe { ffi::tag(block) }, heap::CLOSURE | heap::INFIX)
}

/// The tag of what OCaml's runtime does not look into.
const ABSTRACT: Tag = 251;

/// Makes a block of these values, at least one. The tag is that of a constructor, of an object, or of a lazy value.
pub(crate) fn block(token: &RuntimeToken<'_>, tag: Tag, fields: &[&Root]) -> Root {
    assert!(
        heap::has_fields(tag) && !matches!(tag, 244 | 245 | heap::CLOSURE | heap::INFIX),
        "tag {tag}"
    );
    // SAFETY: the token proves the lock. The values are read from their roots after the block has been allocated, and
    // `initialize` does not allocate on the OCaml heap. Each field exists, and holds `()` before.
    unsafe {
        let block = heap::alloc_block(fields.len(), tag).expect("OCaml has memory");
        for (i, field) in fields.iter().enumerate() {
            heap::initialize(block, i, field.raw(token));
        }
        Root::new(block)
    }
}

/// Overwrites a field of a [`Kind::Block`].
pub(crate) fn set_field(token: &RuntimeToken<'_>, block: &Root, index: usize, value: &Root) {
    assert!(matches!(kind(token, block), Kind::Block(size) if index < size));
    // SAFETY: the token proves the lock, and the values were just read from their roots. The block has the field.
    unsafe {
        let field = ocaml_sys::field(block.raw(token), index);
        ocaml_sys::caml_modify(field, value.raw(token));
    }
}

/// Makes a block that OCaml does not look into.
pub(crate) fn abstract_block(_token: &RuntimeToken<'_>, size: usize) -> Root {
    // SAFETY: the token proves the lock. The collector looks at no field of such a block, and each is initialised.
    unsafe { Root::new(heap::alloc_block(size, ABSTRACT).expect("OCaml has memory")) }
}

/// Returns a function: `Stdlib.do_at_exit`, which each OCaml program has.
pub(crate) fn closure(_token: &RuntimeToken<'_>) -> Root {
    // SAFETY: the token proves the lock. The name is the standard library's, and the value is a root of OCaml's.
    unsafe {
        let named = ocaml_sys::caml_named_value(c"Pervasives.do_at_exit".as_ptr().cast());
        Root::new(*named)
    }
}

/// The kinds of a Bigarray, and the bytes of an element of each: `enum caml_ba_kind`.
const BIGARRAY_BYTES: [usize; 13] = [4, 8, 1, 1, 2, 2, 4, 8, 8, 8, 8, 16, 1];

/// Makes a Bigarray of zeros, with at most 3 dimensions. `kind` is taken modulo the number of kinds.
pub(crate) fn bigarray(
    _token: &RuntimeToken<'_>,
    kind: usize,
    is_fortran: bool,
    dimensions: &[usize],
) -> Root {
    let kind = kind % BIGARRAY_BYTES.len();
    let bytes = BIGARRAY_BYTES[kind] * dimensions.iter().product::<usize>();
    let sizes: Vec<isize> = dimensions.iter().map(|&n| n as isize).collect();
    let flags = kind as i32 | (i32::from(is_fortran) << 8);
    // SAFETY: the token proves the lock, and nothing allocates until the array is rooted. OCaml allocates so much memory,
    // which is overwritten before anyone reads it. Its address is the first field of the array, which follows the
    // operations.
    unsafe {
        let array = caml_ba_alloc(
            flags,
            sizes.len() as i32,
            std::ptr::null_mut(),
            sizes.as_ptr(),
        );
        let data = ffi::field(array, 1) as *mut u8;
        data.write_bytes(0, bytes);
        Root::new(array)
    }
}

/// Whether two roots hold the same value, which may be the same block.
pub(crate) fn is_same(token: &RuntimeToken<'_>, a: &Root, b: &Root) -> bool {
    a.raw(token) == b.raw(token)
}

/// Whether two values are represented alike, down to the last bit. One of them is not cyclic. Of two custom blocks that
/// are not numbers only the kind is compared.
pub(crate) fn is_alike(token: &RuntimeToken<'_>, a: &Root, b: &Root) -> bool {
    // SAFETY: the values were just read from their roots, and nothing allocates.
    unsafe { are_alike(a.raw(token), b.raw(token)) }
}

/// # Safety
/// The values are valid, and one of them is not cyclic.
unsafe fn are_alike(a: RawValue, b: RawValue) -> bool {
    // SAFETY: by this function's contract the values are valid. Only blocks are looked into, and only fields that they
    // have. What they have in fields with values is valid as well.
    unsafe {
        if !ffi::is_block(a) || !ffi::is_block(b) || a == b {
            return a == b;
        }
        let (tag, size) = (ffi::tag(a), ffi::size(a));
        if (tag, size) != (ffi::tag(b), ffi::size(b)) {
            return false;
        }
        let compared = match tag {
            heap::CUSTOM if !is_number(a) => 1,
            _ => size,
        };
        (0..compared).all(|i| match (ffi::field(a, i), ffi::field(b, i)) {
            (a, b) if heap::has_fields(tag) => are_alike(a, b),
            (a, b) => a == b,
        })
    }
}

/// # Safety
/// The value is valid.
unsafe fn is_number(value: RawValue) -> bool {
    let kinds = [Boxed::Int32, Boxed::Int64, Boxed::Nativeint];
    // SAFETY: this function's contract.
    kinds
        .iter()
        .any(|kind| unsafe { heap::is_boxed(value, *kind) })
}
