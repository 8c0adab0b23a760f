//! Conversion of Rust values to OCaml.
//!
//! A value is first measured. One that fits the largest block of the minor heap, with all that it holds, is one
//! allocation, which is divided into its blocks: no root, no barrier, and no collection in between. A larger one is a
//! rooted block whose fields are made one after the other, each in this way. Of an array or a list, as many elements as
//! fit are one allocation. The promise of a call that is ready at once is part of its value's ([`Form`]).

use crate::ffi::converted::Converted;
use crate::ffi::heap::{self, Boxed, Chunk, OutOfMemory, YoungBlock};
use crate::ffi::root::Root;
use crate::ffi::runtime::{self as ffi, RawValue};
use crate::ffi::token::{RuntimeToken, assert_no_conversion};
use crate::value::conversion_error::{ConversionError, Place};
use crate::value::types::Type;

/// A Rust type whose values convert to OCaml.
///
/// Derive it for records and variants: [`ToOCaml`](macro@crate::ToOCaml). `doc/types.md` has the types that convert.
///
/// # Safety
/// For who implements it by hand:
///
/// - What `to_ocaml` writes is a value of the OCaml type that `TYPE` describes.
/// - It writes the same each time that it is called with the same value.
/// - It does not use the OCaml runtime in another way than through the writer, nor runs code that may.
/// - If the type converts from OCaml, too, both impls describe the same representation.
/// - `IS_BYTE` is `true` for `u8` alone. `DROPS_PLAINLY` is `true` only if the destructor runs no code of users'.
///
/// The impl answers for each use of the writer, also where it passes it on: the tag that a block begins with is that of
/// a record or constructor, or [`FLOATS`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not convert to OCaml",
    label = "no conversion to OCaml",
    note = "derive `ocaml_lwt_interop::ToOCaml` for a type of your own; doc/types.md has the types that convert"
)]
pub unsafe trait ToOCaml {
    /// The OCaml type.
    const TYPE: &'static Type;

    #[doc(hidden)]
    const IS_BYTE: bool = false;

    /// Whether the destructor runs no code of users', so that a value is still where it was in the OCaml heap after
    /// the Rust value has been dropped.
    #[doc(hidden)]
    const DROPS_PLAINLY: bool = false;

    /// Returns the number of bytes that the value takes in OCaml: a stream limits what its batches hold. What does not
    /// convert, and memory outside of OCaml's heap, counts as nothing.
    #[doc(hidden)]
    fn bytes(&self) -> usize {
        weigh(self)
    }

    /// Writes the value.
    ///
    /// # Errors
    /// It has no equal in OCaml, such as 2^62 as an `int`; or OCaml has no memory for it.
    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError>;
}

/// What [`ToOCaml::to_ocaml`] writes to. A block is begun, then each of its fields is written, and then it is ended.
pub trait Writer: sealed::Sealed<Out = Self::Value> + Sized {
    /// A value that has been written.
    type Value;
    /// A block whose fields are being written.
    type Block;

    /// Writes an `int`, or a constant constructor.
    ///
    /// # Errors
    /// It does not fit 63 bits.
    #[inline(always)]
    fn int(&mut self, n: isize) -> Result<Self::Value, ConversionError> {
        match n << 1 >> 1 == n {
            true => Ok(self.immediate(n)),
            false => Err(ConversionError::does_not_fit(n, "int, which has 63 bits")),
        }
    }

    /// Writes `()`, `false`, `[]`, `None` or another constant constructor: the number must fit 63 bits.
    #[doc(hidden)]
    fn immediate(&mut self, n: isize) -> Self::Value;

    /// Writes a `float`.
    fn float(&mut self, f: f64) -> Result<Self::Value, ConversionError>;

    /// Writes a `string` or `bytes`.
    fn string(&mut self, bytes: &[u8]) -> Result<Self::Value, ConversionError>;

    /// Writes an `int32`.
    fn int32(&mut self, n: i32) -> Result<Self::Value, ConversionError>;

    /// Writes an `int64`.
    fn int64(&mut self, n: i64) -> Result<Self::Value, ConversionError>;

    /// Writes a `nativeint`.
    fn nativeint(&mut self, n: isize) -> Result<Self::Value, ConversionError>;

    /// Begins a block of so many fields. The tag is 0 for a record, tuple or array, the number of a constructor with
    /// arguments, and [`FLOATS`] for a record or array of floats alone.
    fn begin(&mut self, tag: u8, size: usize) -> Result<Self::Block, ConversionError>;

    /// Writes the next field of a block.
    fn field<T: ToOCaml + ?Sized>(
        &mut self,
        block: &mut Self::Block,
        place: Place,
        value: &T,
    ) -> Result<(), ConversionError>;

    /// Ends a block.
    fn end(&mut self, block: Self::Block) -> Result<Self::Value, ConversionError>;

    /// Writes an array.
    #[inline(always)]
    fn array<'a, T: ToOCaml + 'a>(
        &mut self,
        elements: impl ExactSizeIterator<Item = &'a T> + Clone,
    ) -> Result<Self::Value, ConversionError> {
        let tag = if T::TYPE.is_float() { FLOATS } else { 0 };
        let mut block = self.begin(tag, elements.len())?;
        for (i, element) in elements.enumerate() {
            self.field(&mut block, Place::Element(i), element)?;
        }
        self.end(block)
    }

    /// Writes a list. The iterator is cloned several times: one that owns what it iterates over copies that each time.
    fn list<T: ToOCaml>(
        &mut self,
        elements: impl DoubleEndedIterator<Item = T> + ExactSizeIterator + Clone,
    ) -> Result<Self::Value, ConversionError>;
}

/// The tag of a record or an array of floats alone, which OCaml keeps flat.
pub const FLOATS: u8 = heap::DOUBLE_ARRAY;

/// The fields of a cell of a list.
const CELL: usize = 2;

pub(crate) mod sealed {
    use super::{ConversionError, Root, RuntimeToken};

    /// What conversions of this crate's own need, too. No other crate implements it: memory safety depends on it.
    pub trait Sealed {
        /// A value that has been written.
        type Out;

        /// Writes a value that is kept already.
        fn kept(&mut self, value: &Root) -> Self::Out;

        /// Writes a value that allocates for itself.
        fn other(
            &mut self,
            make: impl FnOnce(&RuntimeToken<'_>) -> Result<Root, ConversionError>,
        ) -> Result<Self::Out, ConversionError>;
    }
}
pub(crate) use sealed::Sealed;

impl From<OutOfMemory> for ConversionError {
    fn from(_: OutOfMemory) -> Self {
        ConversionError::out_of_memory()
    }
}

// ---- the size

/// Counts the words that a value takes. If `IN_CHUNK`, fails with `TOO_LARGE` if they are more than a chunk has, or if the
/// value allocates for itself.
struct Measure<const IN_CHUNK: bool> {
    words: usize,
}

impl<const IN_CHUNK: bool> Measure<IN_CHUNK> {
    #[inline(always)]
    fn add(&mut self, fields: usize) -> Result<(), ConversionError> {
        if IN_CHUNK && fields >= heap::MAX_CHUNK {
            return Err(ConversionError::TOO_LARGE);
        }
        self.words += fields + 1;
        match IN_CHUNK && self.words > heap::MAX_CHUNK {
            false => Ok(()),
            true => Err(ConversionError::TOO_LARGE),
        }
    }
}

impl<const IN_CHUNK: bool> Sealed for Measure<IN_CHUNK> {
    type Out = ();

    fn kept(&mut self, _: &Root) {}

    fn other(
        &mut self,
        _: impl FnOnce(&RuntimeToken<'_>) -> Result<Root, ConversionError>,
    ) -> Result<(), ConversionError> {
        match IN_CHUNK {
            false => Ok(()),
            true => Err(ConversionError::TOO_LARGE),
        }
    }
}

impl<const IN_CHUNK: bool> Writer for Measure<IN_CHUNK> {
    type Value = ();
    /// Whether it is a block of floats.
    type Block = bool;

    #[inline(always)]
    fn immediate(&mut self, _: isize) {}

    #[inline(always)]
    fn float(&mut self, _: f64) -> Result<(), ConversionError> {
        self.add(1)
    }

    #[inline(always)]
    fn string(&mut self, bytes: &[u8]) -> Result<(), ConversionError> {
        self.add(heap::string_words(bytes.len()))
    }

    #[inline(always)]
    fn int32(&mut self, _: i32) -> Result<(), ConversionError> {
        self.add(heap::BOXED_WORDS)
    }

    #[inline(always)]
    fn int64(&mut self, _: i64) -> Result<(), ConversionError> {
        self.add(heap::BOXED_WORDS)
    }

    #[inline(always)]
    fn nativeint(&mut self, _: isize) -> Result<(), ConversionError> {
        self.add(heap::BOXED_WORDS)
    }

    #[inline(always)]
    fn begin(&mut self, tag: u8, size: usize) -> Result<bool, ConversionError> {
        // An empty block is static.
        if size > 0 {
            self.add(size)?;
        }
        Ok(tag == FLOATS)
    }

    #[inline(always)]
    fn field<T: ToOCaml + ?Sized>(
        &mut self,
        is_flat: &mut bool,
        place: Place,
        value: &T,
    ) -> Result<(), ConversionError> {
        match is_flat {
            true => value.to_ocaml(&mut Number(None)).map(drop),
            false => value.to_ocaml(self),
        }
        .map_err(|e| e.at(place))
    }

    #[inline(always)]
    fn end(&mut self, _: bool) -> Result<(), ConversionError> {
        Ok(())
    }

    #[inline(always)]
    fn list<T: ToOCaml>(
        &mut self,
        elements: impl DoubleEndedIterator<Item = T> + ExactSizeIterator + Clone,
    ) -> Result<(), ConversionError> {
        for (i, element) in elements.enumerate() {
            self.add(CELL)?;
            element
                .to_ocaml(self)
                .map_err(|e| e.at(Place::Element(i)))?;
        }
        Ok(())
    }
}

/// Returns the number of bytes that a value takes in OCaml.
fn weigh<T: ToOCaml + ?Sized>(value: &T) -> usize {
    let mut measure = Measure::<false> { words: 0 };
    // What is refused is refused when it is converted.
    let _ = value.to_ocaml(&mut measure);
    measure.words * size_of::<RawValue>()
}

// ---- a field of a block of floats

/// Takes the number of what is a `float`. Without a token, which measuring has not, it may be another number.
struct Number<'a>(Option<&'a RuntimeToken<'a>>);

/// The panic of a conversion whose type is `float`, and which writes something else.
const NO_FLOAT: &str = "a conversion whose TYPE is float must write a float";

impl Sealed for Number<'_> {
    type Out = f64;

    fn kept(&mut self, value: &Root) -> f64 {
        // SAFETY: the token proves the lock, and the value was just read from its root. What is kept as a type whose
        // `TYPE` is `float` is a float.
        self.0
            .map_or(0.0, |token| unsafe { heap::float_val(value.raw(token)) })
    }

    fn other(
        &mut self,
        _: impl FnOnce(&RuntimeToken<'_>) -> Result<Root, ConversionError>,
    ) -> Result<f64, ConversionError> {
        panic!("{NO_FLOAT}")
    }
}

impl Writer for Number<'_> {
    type Value = f64;
    type Block = std::convert::Infallible;

    fn immediate(&mut self, _: isize) -> f64 {
        panic!("{NO_FLOAT}")
    }

    #[inline(always)]
    fn float(&mut self, f: f64) -> Result<f64, ConversionError> {
        Ok(f)
    }

    fn string(&mut self, _: &[u8]) -> Result<f64, ConversionError> {
        panic!("{NO_FLOAT}")
    }

    fn int32(&mut self, _: i32) -> Result<f64, ConversionError> {
        panic!("{NO_FLOAT}")
    }

    fn int64(&mut self, _: i64) -> Result<f64, ConversionError> {
        panic!("{NO_FLOAT}")
    }

    fn nativeint(&mut self, _: isize) -> Result<f64, ConversionError> {
        panic!("{NO_FLOAT}")
    }

    fn begin(&mut self, _: u8, _: usize) -> Result<Self::Block, ConversionError> {
        panic!("{NO_FLOAT}")
    }

    fn field<T: ToOCaml + ?Sized>(
        &mut self,
        block: &mut Self::Block,
        _: Place,
        _: &T,
    ) -> Result<(), ConversionError> {
        match *block {}
    }

    fn end(&mut self, block: Self::Block) -> Result<f64, ConversionError> {
        match block {}
    }

    fn list<T: ToOCaml>(
        &mut self,
        _: impl DoubleEndedIterator<Item = T> + ExactSizeIterator,
    ) -> Result<f64, ConversionError> {
        panic!("{NO_FLOAT}")
    }
}

// ---- a value that fits a chunk

/// Writes a value that has been measured into a chunk.
struct Fill<'a> {
    chunk: Chunk,
    token: &'a RuntimeToken<'a>,
}

impl Fill<'_> {
    /// Writes a list that begins with `head`.
    #[inline(always)]
    fn cell<T: ToOCaml>(&mut self, head: &T, tail: RawValue) -> Result<RawValue, ConversionError> {
        let mut cell = self.chunk.block(CELL, 0);
        cell.push(head.to_ocaml(self)?);
        cell.push(tail);
        Ok(cell.finish())
    }
}

/// The panic of a value that did not allocate for itself when it was measured.
const HAS_CHANGED: &str = "a value has changed while it was converted";

impl Sealed for Fill<'_> {
    type Out = RawValue;

    #[inline(always)]
    fn kept(&mut self, value: &Root) -> RawValue {
        value.raw(self.token)
    }

    fn other(
        &mut self,
        _: impl FnOnce(&RuntimeToken<'_>) -> Result<Root, ConversionError>,
    ) -> Result<RawValue, ConversionError> {
        panic!("{HAS_CHANGED}")
    }
}

/// A block that is being filled, and whether it is one of floats.
struct FillBlock {
    block: YoungBlock,
    is_flat: bool,
}

impl Writer for Fill<'_> {
    type Value = RawValue;
    type Block = FillBlock;

    #[inline(always)]
    fn immediate(&mut self, n: isize) -> RawValue {
        ffi::int(n)
    }

    #[inline(always)]
    fn float(&mut self, f: f64) -> Result<RawValue, ConversionError> {
        Ok(self.chunk.float(f))
    }

    #[inline(always)]
    fn string(&mut self, bytes: &[u8]) -> Result<RawValue, ConversionError> {
        Ok(self.chunk.string(bytes))
    }

    #[inline(always)]
    fn int32(&mut self, n: i32) -> Result<RawValue, ConversionError> {
        Ok(self.chunk.boxed(Boxed::Int32, n.into()))
    }

    #[inline(always)]
    fn int64(&mut self, n: i64) -> Result<RawValue, ConversionError> {
        Ok(self.chunk.boxed(Boxed::Int64, n))
    }

    #[inline(always)]
    fn nativeint(&mut self, n: isize) -> Result<RawValue, ConversionError> {
        Ok(self.chunk.boxed(Boxed::Nativeint, n as i64))
    }

    #[inline(always)]
    fn begin(&mut self, tag: u8, size: usize) -> Result<FillBlock, ConversionError> {
        Ok(FillBlock {
            block: self.chunk.block(size, tag),
            is_flat: tag == FLOATS,
        })
    }

    #[inline(always)]
    fn field<T: ToOCaml + ?Sized>(
        &mut self,
        block: &mut FillBlock,
        place: Place,
        value: &T,
    ) -> Result<(), ConversionError> {
        let word = match block.is_flat {
            true => value
                .to_ocaml(&mut Number(Some(self.token)))
                .map(|f| f.to_bits() as RawValue),
            false => value.to_ocaml(self),
        };
        block.block.push(word.map_err(|e| e.at(place))?);
        Ok(())
    }

    #[inline(always)]
    fn end(&mut self, block: FillBlock) -> Result<RawValue, ConversionError> {
        Ok(block.block.finish())
    }

    #[inline(always)]
    fn list<T: ToOCaml>(
        &mut self,
        elements: impl DoubleEndedIterator<Item = T> + ExactSizeIterator + Clone,
    ) -> Result<RawValue, ConversionError> {
        let mut list = ffi::int(0);
        let last = elements.len().wrapping_sub(1);
        for (i, element) in elements.rev().enumerate() {
            let cell = self.cell(&element, list);
            list = cell.map_err(|e| e.at(Place::Element(last - i)))?;
        }
        Ok(list)
    }
}

// ---- a value that does not

/// Writes a value whose parts are allocated one after the other.
struct Build<'a> {
    token: &'a RuntimeToken<'a>,
}

impl Sealed for Build<'_> {
    type Out = RawValue;

    fn kept(&mut self, value: &Root) -> RawValue {
        value.raw(self.token)
    }

    fn other(
        &mut self,
        make: impl FnOnce(&RuntimeToken<'_>) -> Result<Root, ConversionError>,
    ) -> Result<RawValue, ConversionError> {
        Ok(make(self.token)?.raw(self.token))
    }
}

/// A block some of whose fields hold `()`, or 0 if it is one of floats.
struct BuildBlock {
    root: Root,
    size: usize,
    written: usize,
    is_flat: bool,
}

impl Build<'_> {
    /// Writes a small value, unrooted.
    fn small(&self, words: usize, make: impl FnOnce(&mut Chunk) -> RawValue) -> RawValue {
        // SAFETY: the token proves the lock.
        make(&mut unsafe { Chunk::alloc(words) })
    }
}

impl Writer for Build<'_> {
    type Value = RawValue;
    type Block = BuildBlock;

    fn immediate(&mut self, n: isize) -> RawValue {
        ffi::int(n)
    }

    fn float(&mut self, f: f64) -> Result<RawValue, ConversionError> {
        Ok(self.small(2, |chunk| chunk.float(f)))
    }

    fn string(&mut self, bytes: &[u8]) -> Result<RawValue, ConversionError> {
        // SAFETY: the token proves the lock.
        Ok(unsafe { heap::alloc_string(bytes)? })
    }

    fn int32(&mut self, n: i32) -> Result<RawValue, ConversionError> {
        let words = heap::BOXED_WORDS + 1;
        Ok(self.small(words, |chunk| chunk.boxed(Boxed::Int32, n.into())))
    }

    fn int64(&mut self, n: i64) -> Result<RawValue, ConversionError> {
        let words = heap::BOXED_WORDS + 1;
        Ok(self.small(words, |chunk| chunk.boxed(Boxed::Int64, n)))
    }

    fn nativeint(&mut self, n: isize) -> Result<RawValue, ConversionError> {
        let words = heap::BOXED_WORDS + 1;
        Ok(self.small(words, |chunk| chunk.boxed(Boxed::Nativeint, n as i64)))
    }

    fn begin(&mut self, tag: u8, size: usize) -> Result<BuildBlock, ConversionError> {
        assert!(
            heap::has_fields(tag) || tag == FLOATS,
            "{tag} is not the tag of a record or constructor"
        );
        // SAFETY: the token proves the lock, and the tag is one of those that are allowed. Nothing allocates until the
        // block is rooted.
        let root = unsafe { Root::new(heap::alloc_block(size, tag)?) };
        Ok(BuildBlock {
            root,
            size,
            written: 0,
            is_flat: tag == FLOATS,
        })
    }

    #[inline]
    fn field<T: ToOCaml + ?Sized>(
        &mut self,
        block: &mut BuildBlock,
        place: Place,
        value: &T,
    ) -> Result<(), ConversionError> {
        assert!(block.written < block.size, "{HAS_CHANGED}");
        if block.is_flat {
            let f = value
                .to_ocaml(&mut Number(Some(self.token)))
                .map_err(|e| e.at(place))?;
            // SAFETY: the block was just read from its root, is one of doubles, and has the field.
            unsafe { heap::set_float(block.root.raw(self.token), block.written, f) };
        } else {
            let field = write(self.token, value).map_err(|e| e.at(place))?;
            // SAFETY: the token proves the lock. The block is read from its root after the value was made, and
            // nothing allocates in between. It has the field, which holds `()`.
            unsafe { heap::initialize(block.root.raw(self.token), block.written, field) };
        }
        block.written += 1;
        Ok(())
    }

    fn end(&mut self, block: BuildBlock) -> Result<RawValue, ConversionError> {
        assert!(block.written == block.size, "{HAS_CHANGED}");
        Ok(block.root.raw(self.token))
    }

    #[inline]
    fn array<'a, T: ToOCaml + 'a>(
        &mut self,
        elements: impl ExactSizeIterator<Item = &'a T> + Clone,
    ) -> Result<RawValue, ConversionError> {
        let tag = if T::TYPE.is_float() { FLOATS } else { 0 };
        let mut block = self.begin(tag, elements.len())?;
        let mut rest = elements;
        while block.written < block.size && !block.is_flat {
            if !self.some_fields(&mut block, &mut rest)? {
                self.next_field(&mut block, &mut rest)?;
            }
        }
        while block.written < block.size {
            self.next_field(&mut block, &mut rest)?;
        }
        self.end(block)
    }

    fn list<T: ToOCaml>(
        &mut self,
        elements: impl DoubleEndedIterator<Item = T> + ExactSizeIterator + Clone,
    ) -> Result<RawValue, ConversionError> {
        // SAFETY: the token proves the lock, and an empty list is no block.
        let mut list: Root = unsafe { Root::new(ffi::int(0)) };
        let mut left = elements.len();
        let mut rest = elements.rev();
        while left > 0 {
            let longer = match some_cells(self.token, &mut rest, &mut left, &list)? {
                Some(longer) => longer,
                None => {
                    let element = rest.next().expect(HAS_CHANGED);
                    left -= 1;
                    let longer = large_cell(self.token, &element, &list);
                    longer.map_err(|e| e.at(Place::Element(left)))?
                }
            };
            // SAFETY: the token proves the lock, and nothing has allocated since the cells were made.
            list = unsafe { Root::new(longer) };
        }
        Ok(list.raw(self.token))
    }
}

impl Build<'_> {
    /// Writes the next field of an array.
    #[inline]
    fn next_field<'a, T: ToOCaml + 'a>(
        &mut self,
        block: &mut BuildBlock,
        rest: &mut impl Iterator<Item = &'a T>,
    ) -> Result<(), ConversionError> {
        let element = rest.next().expect(HAS_CHANGED);
        let place = Place::Element(block.written);
        self.field(block, place, element)
    }
}

// The following are functions of their own, so that what they need is not on the stack below the parts of a large value.

impl Build<'_> {
    /// Writes as many of the next fields of an array as fit one chunk. Returns whether there is one.
    #[inline]
    fn some_fields<'a, T: ToOCaml + 'a>(
        &mut self,
        block: &mut BuildBlock,
        rest: &mut (impl Iterator<Item = &'a T> + Clone),
    ) -> Result<bool, ConversionError> {
        let first = block.written;
        let fitting = Fitting::new(0, rest.clone());
        let fitting = fitting.map_err(|(i, e)| e.at(Place::Element(first + i)))?;
        if fitting.count == 0 {
            return Ok(false);
        }
        let mut fill = fitting.fill(self.token);
        // Nothing allocates until the chunk is filled.
        let array = block.root.raw(self.token);
        for element in rest.take(fitting.count) {
            let value = element.to_ocaml(&mut fill);
            let value = value.map_err(|e| e.at(Place::Element(block.written)))?;
            assert!(block.written < block.size, "{HAS_CHANGED}");
            // SAFETY: the token proves the lock. The array was read from its root after the chunk was allocated. It has
            // the field, which holds `()`, and the value was made just now.
            unsafe { heap::initialize(array, block.written, value) };
            block.written += 1;
        }
        debug_assert!(fill.chunk.is_used_up());
        Ok(true)
    }
}

/// Returns a list that begins with as many of the next elements, from the end, as fit one chunk, unrooted. `None` says
/// that there is none.
#[inline]
fn some_cells<T: ToOCaml>(
    token: &RuntimeToken<'_>,
    rest: &mut (impl Iterator<Item = T> + Clone),
    left: &mut usize,
    tail: &Root,
) -> Result<Option<RawValue>, ConversionError> {
    let last = left.wrapping_sub(1);
    let at = |i: usize, e: ConversionError| e.at(Place::Element(last.wrapping_sub(i)));
    let fitting = Fitting::new(CELL + 1, rest.clone()).map_err(|(i, e)| at(i, e))?;
    if fitting.count == 0 {
        return Ok(None);
    }
    let mut fill = fitting.fill(token);
    // Nothing allocates until the chunk is filled.
    let mut list = tail.raw(token);
    for (i, element) in rest.take(fitting.count).enumerate() {
        list = fill.cell(&element, list).map_err(|e| at(i, e))?;
    }
    debug_assert!(fill.chunk.is_used_up());
    *left = left.checked_sub(fitting.count).expect(HAS_CHANGED);
    Ok(Some(list))
}

/// As many elements as fit one chunk together.
struct Fitting {
    count: usize,
    words: usize,
}

impl Fitting {
    /// Measures the first of these elements, each of which takes `more` words besides. There are none if the first alone
    /// does not fit. An error is that of an element, whose number it comes with.
    #[inline(always)]
    fn new<T: ToOCaml>(
        more: usize,
        elements: impl Iterator<Item = T>,
    ) -> Result<Self, (usize, ConversionError)> {
        let mut measure = Measure::<true> { words: 0 };
        let mut fitting = Fitting { count: 0, words: 0 };
        for element in elements {
            measure.words += more;
            match element.to_ocaml(&mut measure) {
                Ok(()) if measure.words <= heap::MAX_CHUNK => {}
                Ok(()) => break,
                Err(e) if e.is_too_large() => break,
                Err(e) => return Err((fitting.count, e)),
            }
            fitting.count += 1;
            fitting.words = measure.words;
        }
        Ok(fitting)
    }

    /// Returns the writer for these elements. May collect.
    #[inline(always)]
    fn fill<'a>(&self, token: &'a RuntimeToken<'a>) -> Fill<'a> {
        Fill {
            // SAFETY: the token proves the lock.
            chunk: unsafe { Chunk::alloc(self.words) },
            token,
        }
    }
}

/// Returns a list that begins with a value that does not fit a chunk, unrooted.
fn large_cell<T: ToOCaml>(
    token: &RuntimeToken<'_>,
    head: &T,
    tail: &Root,
) -> Result<RawValue, ConversionError> {
    // SAFETY: the token proves the lock, and nothing allocates between the making of a value and its root, or between
    // reading it from the root and the end of the cell.
    unsafe {
        let head: Root = Root::new(write(token, head)?);
        let mut cell = Chunk::alloc(CELL + 1).block(CELL, 0);
        cell.push(head.raw(token));
        cell.push(tail.raw(token));
        Ok(cell.finish())
    }
}

/// Whether a conversion returns the OCaml value, or a fulfilled promise of it.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    /// The OCaml value.
    Value,
    /// A promise that is fulfilled with the value, as `Lwt.return` allocates it: two nested blocks of one field. Only if
    /// `Callbacks::returns_nested`.
    Fulfilled,
}

impl Form {
    /// Returns the number of words, headers included, that the promise takes in addition to the value.
    #[inline(always)]
    const fn words(self) -> usize {
        match self {
            Form::Value => 0,
            Form::Fulfilled => 2 * BLOCK,
        }
    }

    /// Returns the value, or a promise of it that is allocated in `chunk`, which has [`words`](Self::words) left.
    #[inline(always)]
    fn make(self, chunk: &mut Chunk, value: RawValue) -> RawValue {
        let mut nest = |value| {
            let mut block = chunk.block(1, 0);
            block.push(value);
            block.finish()
        };
        match self {
            Form::Value => value,
            Form::Fulfilled => {
                let state = nest(value);
                nest(state)
            }
        }
    }

    /// Returns the value, or a new promise of it, unrooted. May collect.
    #[inline]
    pub(crate) fn of(self, token: &RuntimeToken<'_>, value: &Converted) -> RawValue {
        // SAFETY: the token proves the lock. Nothing allocates until the chunk is full.
        let mut chunk = unsafe { Chunk::alloc(self.words()) };
        self.make(&mut chunk, value.raw(token))
    }
}

/// The words of a block of one field.
const BLOCK: usize = 2;

/// Converts a value, unrooted: valid until the next allocation or callback. May collect.
#[inline]
pub(crate) fn write<T: ToOCaml + ?Sized>(
    token: &RuntimeToken<'_>,
    value: &T,
) -> Result<RawValue, ConversionError> {
    write_here(token, value, Form::Value)
}

/// [`write`], or a fulfilled promise of the value if `form` says so. Always inlined, into a stub that converts one value.
#[inline(always)]
pub(crate) fn write_here<T: ToOCaml + ?Sized>(
    token: &RuntimeToken<'_>,
    value: &T,
    form: Form,
) -> Result<RawValue, ConversionError> {
    assert_no_conversion();
    match measure(value) {
        Ok(words) if words <= heap::MAX_CHUNK - form.words() => fill(token, value, words, form),
        Err(e) if !e.is_too_large() => Err(e),
        _ => {
            let value = value.to_ocaml(&mut Build { token })?;
            match form {
                Form::Value => Ok(value),
                // SAFETY: the token proves the lock, and nothing has allocated since the value was made.
                Form::Fulfilled => Ok(form.of(token, &unsafe { Converted::new(value) })),
            }
        }
    }
}

/// Returns the words that a value takes. Fails with `TOO_LARGE` if it does not fit a chunk.
#[inline(always)]
fn measure<T: ToOCaml + ?Sized>(value: &T) -> Result<usize, ConversionError> {
    let mut measure = Measure::<true> { words: 0 };
    value.to_ocaml(&mut measure)?;
    Ok(measure.words)
}

/// Converts a value that takes so many words, unrooted.
#[inline(always)]
fn fill<T: ToOCaml + ?Sized>(
    token: &RuntimeToken<'_>,
    value: &T,
    words: usize,
    form: Form,
) -> Result<RawValue, ConversionError> {
    let mut fill = Fill {
        // SAFETY: the token proves the lock.
        chunk: unsafe { Chunk::alloc(words + form.words()) },
        token,
    };
    let value = value.to_ocaml(&mut fill)?;
    let value = form.make(&mut fill.chunk, value);
    debug_assert!(fill.chunk.is_used_up());
    Ok(value)
}

/// Converts a value, and roots it unless it is no block.
#[inline]
pub(crate) fn write_root<T: ToOCaml + ?Sized>(
    token: &RuntimeToken<'_>,
    value: &T,
) -> Result<Root, ConversionError> {
    let value = write(token, value)?;
    // SAFETY: the token proves the lock, and nothing has allocated since the value was made.
    Ok(unsafe { Root::new(value) })
}
