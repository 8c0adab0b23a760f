//! Blocks of the OCaml heap: making them without a root for each, and looking into them.
//!
//! What makes blocks here neither raises nor runs OCaml code: it collects at most, which moves values.

use crate::ffi::runtime::{self as ffi, RawValue};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

/// The tag of a block.
pub(crate) type Tag = u8;

pub(crate) use ocaml_sys::{CLOSURE, CUSTOM, DOUBLE, DOUBLE_ARRAY, INFIX, STRING};

/// The first tag of blocks whose content the collector does not look at.
const NO_SCAN: Tag = ocaml_sys::NO_SCAN;

/// The largest tag of a constructor with arguments: `Obj.last_non_constant_constructor_tag`. Tuples, records and arrays have
/// tag 0.
pub(crate) const LAST_CONSTRUCTOR: Tag = 243;

/// The fields of the largest block that is allocated in the minor heap (`Max_young_wosize`).
pub(crate) const MAX_YOUNG: usize = 256;

/// The fields of the largest block that a header can have.
const MAX_SIZE: usize = (1 << 54) - 1;

const _: () = assert!(
    cfg!(all(target_pointer_width = "64", target_endian = "little")),
    "blocks are laid out as on 64-bit little-endian machines"
);

/// The words of the largest [`Chunk`]: the largest young block with its header.
pub(crate) const MAX_CHUNK: usize = MAX_YOUNG + 1;

pub(crate) const WORD: usize = size_of::<RawValue>();

/// The bits of a header below those of the size.
const TAG_AND_COLOUR: usize = 0x3ff;

unsafe extern "C" {
    /// Allocates in the major heap, and leaves the fields as they are. Returns 0 if there is no memory. It does not
    /// collect.
    fn caml_alloc_shr_noexc(size: usize, tag: usize) -> RawValue;
    static caml_int32_ops: ocaml_sys::custom_operations;
    static caml_int64_ops: ocaml_sys::custom_operations;
    static caml_nativeint_ops: ocaml_sys::custom_operations;
}

/// OCaml has no memory for a large block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutOfMemory;

/// A number that OCaml keeps in a custom block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Boxed {
    Int32,
    Int64,
    Nativeint,
}

impl Boxed {
    /// The first field of such a block.
    fn operations(self) -> RawValue {
        let operations = match self {
            Boxed::Int32 => &raw const caml_int32_ops,
            Boxed::Int64 => &raw const caml_int64_ops,
            Boxed::Nativeint => &raw const caml_nativeint_ops,
        };
        operations.expose_provenance() as RawValue
    }
}

/// The fields of a string of so many bytes: at least one byte of padding follows them.
pub(crate) const fn string_words(len: usize) -> usize {
    len / WORD + 1
}

/// The fields of a boxed number: its operations and the number.
pub(crate) const BOXED_WORDS: usize = 2;

/// Part of the minor heap, to be divided into blocks before anything else allocates.
pub(crate) struct Chunk {
    /// Where the next header goes.
    next: *mut RawValue,
    end: *mut RawValue,
    colour: usize,
}

impl Chunk {
    /// Allocates so many words, headers included: none, or 2 to [`MAX_CHUNK`]. May collect.
    ///
    /// # Safety
    /// The domain's lock is held. Nothing allocates on the OCaml heap from then on until the chunk is used no more.
    #[inline]
    pub(crate) unsafe fn alloc(words: usize) -> Self {
        if words == 0 {
            return Chunk {
                next: ptr::null_mut(),
                end: ptr::null_mut(),
                colour: 0,
            };
        }
        assert!((2..=MAX_CHUNK).contains(&words), "a block of {words} words");
        // SAFETY: the lock is held, by this function's contract. The size is that of a young block. Its header is in
        // the word before its first field.
        unsafe {
            let block = ocaml_sys::caml_alloc_small(words - 1, 0);
            let next = ocaml_sys::field(block, 0).sub(1);
            Chunk {
                next,
                end: next.add(words),
                colour: next.read() as usize & TAG_AND_COLOUR,
            }
        }
    }

    /// Takes a block of so many fields, at least one, which the caller fills before anything allocates.
    ///
    /// # Panics
    /// So many words are not left.
    #[inline(always)]
    fn take(&mut self, size: usize, tag: Tag) -> RawValue {
        let left = (self.end as usize - self.next as usize) / WORD;
        assert!(
            size >= 1 && size < left,
            "a value has changed while it was converted"
        );
        // SAFETY: the words from `next` to `end` are ours: the block that they come from is young and has not been
        // filled. There are enough for the block and its header, which is the first.
        unsafe {
            let header = size << 10 | self.colour | tag as usize;
            self.next.write(header as RawValue);
            let fields = self.next.add(1);
            self.next = fields.add(size);
            fields as RawValue
        }
    }

    /// Returns a block to fill.
    #[inline(always)]
    pub(crate) fn block(&mut self, size: usize, tag: Tag) -> YoungBlock {
        let value = match size {
            0 => empty(),
            _ => self.take(size, tag),
        };
        YoungBlock {
            value,
            size,
            filled: 0,
        }
    }

    #[inline(always)]
    pub(crate) fn float(&mut self, f: f64) -> RawValue {
        let block = self.take(1, DOUBLE);
        // SAFETY: the block has one field, of the size of a double.
        unsafe { (block as *mut f64).write(f) };
        block
    }

    #[inline(always)]
    pub(crate) fn string(&mut self, bytes: &[u8]) -> RawValue {
        let size = string_words(bytes.len());
        let block = self.take(size, STRING);
        // SAFETY: the block has room for the bytes and at least one more.
        unsafe { fill_string(block, size, bytes) };
        block
    }

    #[inline(always)]
    pub(crate) fn boxed(&mut self, kind: Boxed, n: i64) -> RawValue {
        let block = self.take(BOXED_WORDS, CUSTOM);
        // SAFETY: the block has two fields: the operations, and a number that is not a value.
        unsafe {
            ocaml_sys::field(block, 0).write(kind.operations());
            ocaml_sys::field(block, 1).write(n as RawValue);
        }
        block
    }

    /// Whether all words have been taken.
    pub(crate) fn is_used_up(&self) -> bool {
        self.next == self.end
    }
}

/// A block of a [`Chunk`] that is being filled.
pub(crate) struct YoungBlock {
    value: RawValue,
    size: usize,
    filled: usize,
}

impl YoungBlock {
    /// Fills the next field with a word: a value, or the bits of a double in a block of doubles.
    ///
    /// # Panics
    /// All fields are filled.
    #[inline(always)]
    pub(crate) fn push(&mut self, word: RawValue) {
        assert!(
            self.filled < self.size,
            "a value has changed while it was converted"
        );
        // SAFETY: the block has the field. It is young, so nobody needs to be told.
        unsafe { ocaml_sys::field(self.value, self.filled).write(word) };
        self.filled += 1;
    }

    /// Returns the block.
    ///
    /// # Panics
    /// A field has not been filled.
    #[inline(always)]
    pub(crate) fn finish(self) -> RawValue {
        assert!(
            self.filled == self.size,
            "a value has changed while it was converted"
        );
        self.value
    }
}

/// Returns the block without fields, which is static.
#[inline]
fn empty() -> RawValue {
    // SAFETY: with size 0 it returns a static block, and allocates nothing.
    unsafe { ocaml_sys::caml_alloc(0, 0) }
}

/// # Safety
/// `block` is a new string of so many words, which has room for the bytes and at least one more.
#[inline(always)]
unsafe fn fill_string(block: RawValue, words: usize, bytes: &[u8]) {
    // SAFETY: by this function's contract the bytes fit, and the last word exists: it holds those that do not fill a
    // word, zeros, and in the last byte the number of the zeros before it.
    unsafe {
        let start = block as *mut u8;
        let last = start.add((words - 1) * WORD);
        last.cast::<RawValue>().write(0);
        ptr::copy_nonoverlapping(bytes.as_ptr(), start, bytes.len());
        start
            .add(words * WORD - 1)
            .write((words * WORD - 1 - bytes.len()) as u8);
    }
}

/// Allocates a block of any size whose fields are `()`, or 0 if the tag is [`DOUBLE_ARRAY`]. May collect. Unrooted.
///
/// # Safety
/// The domain's lock is held. The tag is that of an ordinary block, or `DOUBLE_ARRAY`.
pub(crate) unsafe fn alloc_block(size: usize, tag: Tag) -> Result<RawValue, OutOfMemory> {
    let fill = match tag {
        DOUBLE_ARRAY => 0,
        _ => ffi::UNIT,
    };
    // SAFETY: the lock is held, by this function's contract. The block has so many fields, and is filled before
    // anything allocates.
    unsafe {
        let block = match size {
            0 => return Ok(empty()),
            1..=MAX_YOUNG => Chunk::alloc(size + 1).take(size, tag),
            _ => alloc_major(size, tag)?,
        };
        let fields = ocaml_sys::field(block, 0);
        for i in 0..size {
            fields.add(i).write(fill);
        }
        Ok(block)
    }
}

/// Allocates a string of any size. May collect. Unrooted.
///
/// # Safety
/// The domain's lock is held.
pub(crate) unsafe fn alloc_string(bytes: &[u8]) -> Result<RawValue, OutOfMemory> {
    let words = string_words(bytes.len());
    // SAFETY: the lock is held, by this function's contract. The block has room for the bytes and one more, and is
    // filled before anything allocates.
    unsafe {
        let block = match words {
            1..=MAX_YOUNG => Chunk::alloc(words + 1).take(words, STRING),
            _ => alloc_major(words, STRING)?,
        };
        fill_string(block, words, bytes);
        Ok(block)
    }
}

/// Allocates a block in the major heap, whose fields the caller fills before anything allocates.
///
/// # Safety
/// The domain's lock is held.
pub(super) unsafe fn alloc_major(size: usize, tag: Tag) -> Result<RawValue, OutOfMemory> {
    // The runtime does not check the size here, and computes the number of bytes from it.
    if size > MAX_SIZE {
        return Err(OutOfMemory);
    }
    // SAFETY: the lock is held, by this function's contract.
    match unsafe { caml_alloc_shr_noexc(size, tag as usize) } {
        0 => Err(OutOfMemory),
        block => Ok(block),
    }
}

/// Allocates a `float` in the major heap. Does not collect. Unrooted.
///
/// # Safety
/// The domain's lock is held.
pub(crate) unsafe fn alloc_float(f: f64) -> Result<RawValue, OutOfMemory> {
    // SAFETY: the lock is held, by this function's contract. The block has one field, of the size of a double.
    unsafe {
        let block = alloc_major(1, DOUBLE)?;
        (block as *mut f64).write(f);
        Ok(block)
    }
}

/// Fills a field that holds `()`.
///
/// # Safety
/// The domain's lock is held, `block` is a valid block of values with a field `index`, which still holds `()`, and
/// `value` is valid.
#[inline]
pub(crate) unsafe fn initialize(block: RawValue, index: usize, value: RawValue) {
    // SAFETY: by this function's contract the field exists, holds no block, and the value is valid. If that is no block
    // either, the collector need not be told.
    unsafe {
        match ffi::is_block(value) {
            true => ocaml_sys::caml_initialize(ocaml_sys::field(block, index), value),
            false => ocaml_sys::field(block, index).write(value),
        }
    }
}

/// Fills a field of a block of doubles.
///
/// # Safety
/// `block` is a valid block of doubles with a field `index`.
#[inline]
pub(crate) unsafe fn set_float(block: RawValue, index: usize, f: f64) {
    // SAFETY: by this function's contract the field exists.
    unsafe { (block as *mut f64).add(index).write(f) }
}

/// A number that looks like an OCaml `float` to who reads it, on the stack: what an array of doubles has instead.
#[repr(C)]
pub(crate) struct FakeFloat {
    header: usize,
    value: f64,
}

impl FakeFloat {
    pub(crate) fn new(value: f64) -> Self {
        FakeFloat {
            header: 1 << 10 | DOUBLE as usize,
            value,
        }
    }

    /// Returns the value, which must not be stored.
    pub(crate) fn raw(&self) -> RawValue {
        let start = ptr::from_ref(self).expose_provenance();
        (start + std::mem::offset_of!(FakeFloat, value)) as RawValue
    }
}

// ---- looking into blocks

/// Returns the number in an OCaml `float`.
///
/// # Safety
/// `value` is a valid `float`.
#[inline(always)]
pub(crate) unsafe fn float_val(value: RawValue) -> f64 {
    // SAFETY: by this function's contract it is a block that holds a double.
    unsafe { *(value as *const f64) }
}

/// Returns the number in a field of a block of doubles.
///
/// # Safety
/// `value` is a valid block of doubles with a field `index`.
#[inline(always)]
pub(crate) unsafe fn float_field(value: RawValue, index: usize) -> f64 {
    // SAFETY: by this function's contract the field exists. Another domain may write to it: hence an atomic load.
    let field = unsafe { AtomicU64::from_ptr((value as *mut u64).add(index)) };
    f64::from_bits(field.load(Ordering::Relaxed))
}

/// Returns the bytes of an OCaml string, which must not be used once anything has allocated.
///
/// # Safety
/// `value` is a valid string or `bytes`. No one writes to it while the slice is used.
#[inline(always)]
pub(crate) unsafe fn string_bytes<'a>(value: RawValue) -> &'a [u8] {
    // SAFETY: by this function's contract it is a string: its last byte is the number of the bytes before it, from
    // the end of the content on.
    unsafe {
        let last = ffi::size(value) * WORD - 1;
        let start = value as *const u8;
        let len = last - *start.add(last) as usize;
        std::slice::from_raw_parts(start, len)
    }
}

/// Returns the number in a boxed number.
///
/// # Safety
/// `value` is a valid boxed number of this kind.
#[inline(always)]
pub(crate) unsafe fn boxed_val(value: RawValue, kind: Boxed) -> i64 {
    // SAFETY: by this function's contract the number is field 1.
    unsafe {
        match kind {
            Boxed::Int32 => i64::from(ocaml_sys::field(value, 1).cast::<i32>().read()),
            Boxed::Int64 | Boxed::Nativeint => ocaml_sys::field(value, 1).read() as i64,
        }
    }
}

/// Whether a value is a boxed number of this kind.
///
/// # Safety
/// `value` is valid.
pub(crate) unsafe fn is_boxed(value: RawValue, kind: Boxed) -> bool {
    // SAFETY: by this function's contract the value is valid; only a block is looked into.
    unsafe {
        ffi::is_block(value)
            && ffi::tag(value) == CUSTOM
            && ffi::field(value, 0) == kind.operations()
    }
}

/// Whether the collector looks at the fields of blocks with this tag.
pub(crate) const fn has_fields(tag: Tag) -> bool {
    tag < NO_SCAN
}
