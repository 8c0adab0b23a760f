//! Conversion of OCaml values to Rust.
//!
//! Nothing allocates on the OCaml heap meanwhile, so no value moves, and none is rooted but those that are kept.

use crate::ffi::bigarray;
use crate::ffi::custom::Custom;
use crate::ffi::footprint::footprint;
use crate::ffi::heap::{self, Boxed, FakeFloat};
use crate::ffi::root::{Any, Root};
use crate::ffi::runtime::{self as ffi, RawValue};
use crate::ffi::token::RuntimeToken;
use crate::value::conversion_error::{ConversionError, Place};
use crate::value::types::Type;
use std::marker::PhantomData;

/// A Rust type that OCaml values convert to. It owns its content: it does not point into the OCaml heap.
///
/// Derive it for records and variants: [`FromOCaml`](macro@crate::FromOCaml). `doc/types.md` has the types that
/// convert.
///
/// # Safety
/// For who implements it by hand:
///
/// - `from_ocaml` reads the value as the OCaml type that `TYPE` describes, and copies what it keeps.
/// - It does not use the OCaml runtime in another way than through the source, nor runs code that may: a collection
///   would move the value. After an error, no source is read again: what was converted before is dropped then, by
///   destructors that may use OCaml.
/// - The bytes of a string may change while they are read, by another domain that writes to `bytes`: they are copied
///   before anything is concluded from them.
/// - If the type converts to OCaml, too, both impls describe the same representation.
/// - `IS_BYTE` is `true` for `u8` alone.
///
/// The impl answers for each use of the source, also where it passes it on.
#[diagnostic::on_unimplemented(
    message = "OCaml values do not convert to `{Self}`",
    label = "no conversion from OCaml",
    note = "derive `ocaml_lwt_interop::FromOCaml` for a type of your own; doc/types.md has the types that convert",
    note = "a reference would point into the OCaml heap, where values move: take a `String`, a `Vec<T>`, or an `Opaque<T>` of a type that derives `OpaqueType`"
)]
pub unsafe trait FromOCaml: Sized {
    /// The OCaml type.
    const TYPE: &'static Type;

    #[doc(hidden)]
    const IS_BYTE: bool = false;

    /// Reads the value.
    ///
    /// # Errors
    /// It has no equal in Rust, such as 300 as a `u8`.
    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError>;
}

/// Whether values are checked to be of the shape that the declaration says.
///
/// A declaration that fits the Rust function makes that needless, but `Obj.magic` and an `external` that was written by
/// hand can pass anything.
const CHECKS: bool = cfg!(any(debug_assertions, feature = "checks"));

/// The field of a `Stream.t` that has the number of its domain. OCaml has the same: see `entry/facts.rs`.
pub(crate) const STREAM_HOME: usize = 0;

/// An OCaml value that is being converted: what [`FromOCaml::from_ocaml`] reads from.
///
/// With debug assertions, or the feature `checks`, its methods fail if the value is not of the type that they read. (A
/// value that is no value at all cannot be recognised.) Without, they read what is there.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    value: RawValue,
    /// Whether it is a [`FakeFloat`], which cannot be kept.
    is_fake: bool,
    _lock: PhantomData<&'a RuntimeToken<'a>>,
}

#[cold]
fn expected(what: &'static str) -> ConversionError {
    ConversionError::new(format!("expected {what}"))
}

impl<'a> Source<'a> {
    /// # Safety
    /// The value is valid until `'a` ends: nothing allocates on the OCaml heap. It is as OCaml's declaration says, which
    /// the type that is read fits; or values are checked, and it is any value.
    #[inline(always)]
    pub(crate) unsafe fn new(_token: &'a RuntimeToken<'_>, value: RawValue) -> Self {
        Source {
            value,
            is_fake: false,
            _lock: PhantomData,
        }
    }

    /// The contract of [`new`](Self::new) holds for parts of a value as well.
    #[inline(always)]
    fn part(self, value: RawValue) -> Self {
        Source {
            value,
            is_fake: false,
            ..self
        }
    }

    #[inline(always)]
    fn check(
        self,
        holds: impl FnOnce(RawValue) -> bool,
        what: &'static str,
    ) -> Result<(), ConversionError> {
        match CHECKS && !holds(self.value) {
            true => Err(expected(what)),
            false => Ok(()),
        }
    }

    /// Whether it is a block with this tag.
    fn has_tag(value: RawValue, tag: u8) -> bool {
        // SAFETY: a `Source` is valid, and only a block is looked into.
        ffi::is_block(value) && unsafe { ffi::tag(value) } == tag
    }

    /// Whether it is an `int` or a constant constructor. Otherwise it is a block.
    #[inline(always)]
    pub fn is_immediate(self) -> bool {
        !ffi::is_block(self.value)
    }

    /// Returns an `int`, or the number of a constant constructor.
    #[inline(always)]
    pub fn int(self) -> Result<isize, ConversionError> {
        self.check(|v| !ffi::is_block(v), "int")?;
        Ok(ffi::int_val(self.value))
    }

    /// Returns a `float`.
    #[inline(always)]
    pub fn float(self) -> Result<f64, ConversionError> {
        self.check(|v| Self::has_tag(v, heap::DOUBLE), "float")?;
        // SAFETY: the contract of `new`: it is a float.
        Ok(unsafe { heap::float_val(self.value) })
    }

    /// Returns a `string` or `bytes`, of which no more than a copy is to be kept.
    #[inline(always)]
    pub fn string(self) -> Result<&'a [u8], ConversionError> {
        self.check(|v| Self::has_tag(v, heap::STRING), "string")?;
        // SAFETY: the contract of `new`: it is a string, and nothing allocates until `'a` ends. Another domain that
        // writes to `bytes` meanwhile races with this copy in OCaml, too: doc/types.md.
        Ok(unsafe { heap::string_bytes(self.value) })
    }

    #[inline(always)]
    fn boxed(self, kind: Boxed, what: &'static str) -> Result<i64, ConversionError> {
        // SAFETY: the contract of `new`: it is valid, and of this kind.
        unsafe {
            self.check(|v| heap::is_boxed(v, kind), what)?;
            Ok(heap::boxed_val(self.value, kind))
        }
    }

    /// Returns an `int32`.
    #[inline(always)]
    pub fn int32(self) -> Result<i32, ConversionError> {
        Ok(self.boxed(Boxed::Int32, "int32")? as i32)
    }

    /// Returns an `int64`.
    #[inline(always)]
    pub fn int64(self) -> Result<i64, ConversionError> {
        self.boxed(Boxed::Int64, "int64")
    }

    /// Returns a `nativeint`.
    #[inline(always)]
    pub fn nativeint(self) -> Result<isize, ConversionError> {
        Ok(self.boxed(Boxed::Nativeint, "nativeint")? as isize)
    }

    /// Returns the tag of a block: the number of a constructor with arguments.
    #[inline(always)]
    pub fn tag(self) -> Result<u8, ConversionError> {
        self.check(ffi::is_block, "a constructor with arguments")?;
        // SAFETY: the contract of `new`: it is a block.
        Ok(unsafe { ffi::tag(self.value) })
    }

    /// Returns the fields of a record, tuple or constructor: a block with this tag, which is 0 but for constructors, and
    /// so many fields. `what` is what is expected: `"a pair"`.
    #[inline(always)]
    pub fn fields(
        self,
        tag: u8,
        size: usize,
        what: &'static str,
    ) -> Result<Fields<'a>, ConversionError> {
        self.check(
            |v| {
                // SAFETY: a `Source` is valid, and only a block is looked into.
                Self::has_tag(v, tag) && unsafe { ffi::size(v) } == size
            },
            what,
        )?;
        Ok(Fields {
            block: self,
            is_flat: false,
        })
    }

    /// Returns the fields of a record of floats alone.
    #[inline(always)]
    pub fn floats(self, size: usize, what: &'static str) -> Result<Fields<'a>, ConversionError> {
        self.check(
            |v| {
                // SAFETY: a `Source` is valid, and only a block is looked into.
                Self::has_tag(v, heap::DOUBLE_ARRAY) && unsafe { ffi::size(v) } == size
            },
            what,
        )?;
        Ok(Fields {
            block: self,
            is_flat: true,
        })
    }

    /// Returns the elements of an array, and their number.
    #[inline(always)]
    pub fn array(self) -> Result<(usize, Fields<'a>), ConversionError> {
        self.check(
            |v| {
                // SAFETY: a `Source` is valid, and only a block is looked into.
                let tag = |v| unsafe { ffi::tag(v) };
                ffi::is_block(v) && matches!(tag(v), 0 | heap::DOUBLE_ARRAY)
            },
            "array",
        )?;
        // SAFETY: the contract of `new`: it is an array, which is a block.
        let (size, tag) = unsafe { (ffi::size(self.value), ffi::tag(self.value)) };
        Ok((
            size,
            Fields {
                block: self,
                is_flat: tag == heap::DOUBLE_ARRAY,
            },
        ))
    }

    /// Returns the elements of a list.
    #[inline(always)]
    pub fn list(self) -> List<'a> {
        List {
            rest: self,
            seen: self.value,
            steps: 0,
            next_look: 8,
        }
    }

    /// Keeps the value.
    ///
    /// # Errors
    /// It is an element of an array of floats, and OCaml has no memory for a `float`.
    pub(crate) fn root(self) -> Result<Root<Any>, ConversionError> {
        let value = match self.is_fake {
            // SAFETY: the lock is held, and it is a number that looks like a float. What is made does not collect.
            true => unsafe { heap::alloc_float(heap::float_val(self.value))? },
            false => self.value,
        };
        // SAFETY: the contract of `new`: it is valid, and the lock is held.
        Ok(unsafe { Root::new(value) })
    }

    /// Keeps the value as a `K`.
    ///
    /// # Safety
    /// A value of the type that is read is a `K`, and is no float.
    pub(crate) unsafe fn root_as<K>(self) -> Root<K> {
        // SAFETY: the contract of `new`: it is valid, and the lock is held. That it is a `K` is this function's.
        unsafe { Root::new(self.value) }
    }

    /// Returns the number of bytes that the value takes, as far as that is known: see [`footprint`]. It is exact up to
    /// `enough`.
    pub(crate) fn bytes(self, enough: usize) -> usize {
        // SAFETY: a `Source` is valid, and the lock is held. A number that looks like a float has a header like one.
        unsafe { footprint(self.value, enough) }
    }

    /// Returns the content of a custom block, or `None` if it is none of this kind.
    pub(crate) fn custom<T: Clone + Send + Sync + 'static>(self, kind: &Custom<T>) -> Option<T> {
        // SAFETY: a `Source` is valid, and the lock is held.
        unsafe { kind.get(self.value) }
    }

    /// Returns the content of a custom block that is a field of an OCaml object.
    pub(crate) fn custom_field<T: Clone + Send + Sync + 'static>(
        self,
        kind: &Custom<T>,
        index: usize,
    ) -> Option<T> {
        // SAFETY: a `Source` is valid, and the lock is held.
        unsafe { kind.get_field(self.value, index) }
    }

    /// Returns what a Bigarray is, or `None` if it is none.
    pub(crate) fn bigarray(self) -> Option<bigarray::View> {
        // SAFETY: a `Source` is valid, and the lock is held.
        unsafe { bigarray::view(self.value) }
    }

    /// Returns the number of the domain of a `Stream.t`, which is its first field.
    pub(crate) fn stream_home(self) -> Result<isize, ConversionError> {
        self.check(
            |v| {
                // SAFETY: a `Source` is valid, and only a block is looked into, and the field of one that has some.
                Self::has_tag(v, 0)
                    && unsafe {
                        ffi::size(v) > STREAM_HOME && !ffi::is_block(ffi::field(v, STREAM_HOME))
                    }
            },
            "Lwt_interop.Stream.t",
        )?;
        // SAFETY: the contract of `new`: it is a stream, a record with this field, an `int`.
        Ok(ffi::int_val(unsafe { ffi::field(self.value, STREAM_HOME) }))
    }

    pub(crate) fn check_promise(self) -> Result<(), ConversionError> {
        if self.is_fake {
            return Err(expected("a promise"));
        }
        self.check(ffi::is_block, "a promise")
    }

    pub(crate) fn check_closure(self) -> Result<(), ConversionError> {
        if self.is_fake {
            return Err(expected("a function"));
        }
        self.check(
            |v| Self::has_tag(v, heap::CLOSURE) || Self::has_tag(v, heap::INFIX),
            "a function",
        )
    }
}

/// The fields of a block that is being converted.
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    block: Source<'a>,
    /// Whether it holds doubles.
    is_flat: bool,
}

impl Fields<'_> {
    /// Converts a field. `index` is less than the number of fields that [`Source::fields`] or [`Source::floats`] was
    /// given, or that [`Source::array`] has returned.
    #[inline(always)]
    pub fn get<T: FromOCaml>(&self, index: usize, place: Place) -> Result<T, ConversionError> {
        let block = self.block.value;
        let converted = match self.is_flat {
            true => {
                // SAFETY: it is a block of doubles, with this field.
                let float = FakeFloat::new(unsafe { heap::float_field(block, index) });
                T::from_ocaml(Source {
                    value: float.raw(),
                    is_fake: true,
                    ..self.block
                })
            }
            // SAFETY: it is a block with this field.
            false => T::from_ocaml(self.block.part(unsafe { ffi::field(block, index) })),
        };
        converted.map_err(|e| e.at(place))
    }
}

/// The elements of a list that is being converted. One that is cyclic ends with an error.
pub struct List<'a> {
    rest: Source<'a>,
    /// A cell that has been passed: whoever meets it again is in a circle. (R. P. Brent's method.)
    seen: RawValue,
    steps: usize,
    next_look: usize,
}

impl<'a> Iterator for List<'a> {
    type Item = Result<Source<'a>, ConversionError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let cell = self.rest;
        if cell.is_immediate() {
            let end = cell.part(ffi::int(0));
            self.rest = end;
            return (CHECKS && cell.value != end.value).then(|| Err(expected("list")));
        }
        if self.steps > 0 && cell.value == self.seen {
            self.rest = cell.part(ffi::int(0));
            return Some(Err(ConversionError::new("the list is cyclic")));
        }
        if self.steps == self.next_look {
            self.seen = cell.value;
            self.next_look *= 2;
        }
        self.steps += 1;
        if let Err(e) = cell.fields(0, 2, "list") {
            self.rest = cell.part(ffi::int(0));
            return Some(Err(e));
        }
        // SAFETY: the contract of `Source::new`: a list is an `int` or a block of two fields.
        let (head, tail) = unsafe { (ffi::field(cell.value, 0), ffi::field(cell.value, 1)) };
        self.rest = cell.part(tail);
        Some(Ok(cell.part(head)))
    }
}
