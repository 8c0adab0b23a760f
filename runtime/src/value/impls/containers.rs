//! Options, results, boxes, arrays and lists.

use crate::base::panic::{Each, drop_each};
use crate::value::conversion_error::{ConversionError, Place};
use crate::value::nesting::Level;
use crate::value::read::{FromOCaml, Source};
use crate::value::types::Type;
use crate::value::write::{ToOCaml, Writer};
use std::collections::LinkedList;

// SAFETY: the conversion is the value's.
unsafe impl<T: ToOCaml + ?Sized> ToOCaml for &T {
    const TYPE: &'static Type = T::TYPE;
    const DROPS_PLAINLY: bool = true;

    #[inline]
    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        let _level = Level::enter()?;
        (**self).to_ocaml(writer)
    }
}

/// An element of what has entered a level already.
pub(super) struct Element<'a, T: ?Sized>(pub(super) &'a T);

// SAFETY: the conversion is the value's.
unsafe impl<T: ToOCaml + ?Sized> ToOCaml for Element<'_, T> {
    const TYPE: &'static Type = T::TYPE;
    const DROPS_PLAINLY: bool = true;

    #[inline(always)]
    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        self.0.to_ocaml(writer)
    }
}

// ---- options and results

// SAFETY: `None` is the constant 0, and `Some` a block of tag 0 with one field, which is copied.
unsafe impl<T: FromOCaml> FromOCaml for Option<T> {
    const TYPE: &'static Type = &Type::Option(T::TYPE);

    #[inline]
    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        if value.is_immediate() {
            return match value.int()? {
                0 => Ok(None),
                _ => Err(ConversionError::new("expected an option")),
            };
        }
        let fields = value.fields(0, 1, "an option")?;
        fields.get(0, Place::Content("Some")).map(Some)
    }
}

// SAFETY: `None` is the constant 0, and `Some` a block of tag 0 with one field.
unsafe impl<T: ToOCaml> ToOCaml for Option<T> {
    const TYPE: &'static Type = &Type::Option(T::TYPE);
    const DROPS_PLAINLY: bool = T::DROPS_PLAINLY;

    fn bytes(&self) -> usize {
        self.as_ref().map_or(0, T::bytes)
    }

    #[inline(always)]
    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        match self {
            None => Ok(writer.immediate(0)),
            Some(content) => {
                let mut block = writer.begin(0, 1)?;
                writer.field(&mut block, Place::Content("Some"), content)?;
                writer.end(block)
            }
        }
    }
}

// SAFETY: `Ok` is a block of tag 0, and `Error` of tag 1, with one field, which is copied.
unsafe impl<T: FromOCaml, E: FromOCaml> FromOCaml for Result<T, E> {
    const TYPE: &'static Type = &Type::Result(T::TYPE, E::TYPE);

    #[inline]
    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        let tag = value.tag()?;
        let fields = value.fields(tag, 1, "a result")?;
        match tag {
            0 => fields.get(0, Place::Content("Ok")).map(Ok),
            1 => fields.get(0, Place::Content("Error")).map(Err),
            _ => Err(ConversionError::new("expected a result")),
        }
    }
}

// SAFETY: `Ok` is a block of tag 0, and `Error` of tag 1, with one field.
unsafe impl<T: ToOCaml, E: ToOCaml> ToOCaml for Result<T, E> {
    const TYPE: &'static Type = &Type::Result(T::TYPE, E::TYPE);
    const DROPS_PLAINLY: bool = T::DROPS_PLAINLY && E::DROPS_PLAINLY;

    fn bytes(&self) -> usize {
        self.as_ref().map_or_else(E::bytes, T::bytes)
    }

    #[inline(always)]
    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        match self {
            Ok(content) => {
                let mut block = writer.begin(0, 1)?;
                writer.field(&mut block, Place::Content("Ok"), content)?;
                writer.end(block)
            }
            Err(content) => {
                let mut block = writer.begin(1, 1)?;
                writer.field(&mut block, Place::Content("Error"), content)?;
                writer.end(block)
            }
        }
    }
}

// ---- boxes

// SAFETY: the conversion is the content's.
unsafe impl<T: FromOCaml> FromOCaml for Box<T> {
    const TYPE: &'static Type = T::TYPE;

    #[inline]
    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        let _level = Level::enter()?;
        T::from_ocaml(value).map(Box::new)
    }
}

// SAFETY: the conversion is the content's.
unsafe impl<T: ToOCaml> ToOCaml for Box<T> {
    const TYPE: &'static Type = T::TYPE;
    const DROPS_PLAINLY: bool = T::DROPS_PLAINLY;

    fn bytes(&self) -> usize {
        T::bytes(self)
    }

    #[inline]
    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        let _level = Level::enter()?;
        (**self).to_ocaml(writer)
    }
}

// ---- arrays

/// Reads an array, or `bytes`.
#[inline]
fn read_vec<T: FromOCaml>(value: Source<'_>) -> Result<Vec<T>, ConversionError> {
    if T::IS_BYTE {
        let bytes = value.string()?.to_vec();
        let mut bytes = std::mem::ManuallyDrop::new(bytes);
        // SAFETY: `T` is `u8`, by the contract of `IS_BYTE`. The vector that these are the parts of is not used again.
        return Ok(unsafe {
            Vec::from_raw_parts(bytes.as_mut_ptr().cast(), bytes.len(), bytes.capacity())
        });
    }
    let _level = Level::enter()?;
    let (len, elements) = value.array()?;
    let mut read = Each(Vec::with_capacity(len));
    for i in 0..len {
        read.0.push(elements.get(i, Place::Element(i))?);
    }
    Ok(read.take())
}

/// Writes an array, or `bytes`.
#[inline(always)]
fn write_slice<T: ToOCaml, W: Writer>(
    slice: &[T],
    writer: &mut W,
) -> Result<W::Value, ConversionError> {
    if T::IS_BYTE {
        // SAFETY: `T` is `u8`, by the contract of `IS_BYTE`.
        let bytes = unsafe { std::slice::from_raw_parts(slice.as_ptr().cast(), slice.len()) };
        return writer.string(bytes);
    }
    let _level = Level::enter()?;
    writer.array(slice.iter())
}

// SAFETY: an array or `bytes` is read, and each element is copied.
unsafe impl<T: FromOCaml> FromOCaml for Vec<T> {
    const TYPE: &'static Type = if T::IS_BYTE {
        &Type::Bytes
    } else {
        &Type::Array(T::TYPE)
    };

    #[inline]
    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        read_vec(value)
    }
}

// SAFETY: as for `Vec`.
unsafe impl<T: FromOCaml> FromOCaml for Box<[T]> {
    const TYPE: &'static Type = <Vec<T> as FromOCaml>::TYPE;

    #[inline]
    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        read_vec(value).map(Vec::into_boxed_slice)
    }
}

// SAFETY: as for `Vec`.
unsafe impl<T: FromOCaml, const N: usize> FromOCaml for [T; N] {
    const TYPE: &'static Type = <Vec<T> as FromOCaml>::TYPE;

    #[inline]
    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        read_vec(value)?.try_into().map_err(|v: Vec<T>| {
            let found = v.len();
            drop_each(v);
            ConversionError::new(format!("expected {N} elements, and there are {found}"))
        })
    }
}

// SAFETY: an array or `bytes` is written.
unsafe impl<T: ToOCaml> ToOCaml for [T] {
    const TYPE: &'static Type = if T::IS_BYTE {
        &Type::Bytes
    } else {
        &Type::Array(T::TYPE)
    };

    #[inline(always)]
    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        write_slice(self, writer)
    }
}

macro_rules! arrays_to_ocaml {
    ($([$($n:tt)*] $t:ty),+) => {$(
        // SAFETY: an array or `bytes` is written.
        unsafe impl<T: ToOCaml $($n)*> ToOCaml for $t {
            const TYPE: &'static Type = <[T] as ToOCaml>::TYPE;
            const DROPS_PLAINLY: bool = T::DROPS_PLAINLY;

            #[inline(always)]
            fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
                write_slice(self, writer)
            }
        }
    )+};
}

arrays_to_ocaml!([] Vec<T>, [] Box<[T]>, [, const N: usize] [T; N]);

// ---- lists

/// An OCaml list. (A `Vec` is an array.)
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        List(Vec::new())
    }
}

impl<T> std::ops::Deref for List<T> {
    type Target = Vec<T>;

    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T> std::ops::DerefMut for List<T> {
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.0
    }
}

impl<T> From<Vec<T>> for List<T> {
    fn from(elements: Vec<T>) -> Self {
        List(elements)
    }
}

impl<T> From<List<T>> for Vec<T> {
    fn from(list: List<T>) -> Self {
        list.0
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        List(elements.into_iter().collect())
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Reads a list into whatever collects its elements in order, which runs no code of users'.
#[inline]
pub(super) fn read_list<T: FromOCaml>(
    value: Source<'_>,
    mut push: impl FnMut(T),
) -> Result<(), ConversionError> {
    let _level = Level::enter()?;
    for (i, element) in value.list().enumerate() {
        let element = element.and_then(T::from_ocaml);
        push(element.map_err(|e| e.at(Place::Element(i)))?);
    }
    Ok(())
}

// SAFETY: a list is read, and each element is copied.
unsafe impl<T: FromOCaml> FromOCaml for List<T> {
    const TYPE: &'static Type = &Type::List(T::TYPE);

    #[inline]
    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        let mut list = Each(Vec::new());
        read_list(value, |element| list.0.push(element))?;
        Ok(List(list.take()))
    }
}

// SAFETY: a list is read, and each element is copied.
unsafe impl<T: FromOCaml> FromOCaml for LinkedList<T> {
    const TYPE: &'static Type = &Type::List(T::TYPE);

    #[inline]
    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        let mut list = Each(LinkedList::new());
        read_list(value, |element| list.0.push_back(element))?;
        Ok(list.take())
    }
}

macro_rules! lists_to_ocaml {
    ($($t:ty),+) => {$(
        // SAFETY: a list is written.
        unsafe impl<T: ToOCaml> ToOCaml for $t {
            const TYPE: &'static Type = &Type::List(T::TYPE);
            const DROPS_PLAINLY: bool = T::DROPS_PLAINLY;

            #[inline(always)]
            fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
                let _level = Level::enter()?;
                writer.list(self.iter().map(Element))
            }
        }
    )+};
}

lists_to_ocaml!(List<T>, LinkedList<T>);
