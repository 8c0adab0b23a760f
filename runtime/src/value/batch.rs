//! Batches of a stream's elements: `'a batch` of `ocaml/lwt_interop/primitives.ml`, which is
//!
//! ```ocaml
//! type ending = More | Finished | Failed of exn
//! type 'a batch = { elements : 'a array; ending : ending }
//! ```

use crate::base::panic::{Each, catch_unwind};
use crate::base::pipe::BATCH_BYTES;
use crate::ffi::footprint::footprint;
use crate::ffi::heap::DOUBLE_ARRAY;
use crate::ffi::root::{Exn, Root};
use crate::ffi::runtime::{self as ffi, RawValue};
use crate::ffi::token::RuntimeToken;
use crate::value::conversion_error::{ConversionError, Place};
use crate::value::declare::Stored;
use crate::value::exception::Failure;
use crate::value::read::{FromOCaml, Source};
use crate::value::rooted::read_root;
use crate::value::types::Type;
use crate::value::types::encode::mentions_channel;
use crate::value::write::{ToOCaml, Writer, write_root};

/// What follows the elements of a batch.
pub(crate) enum Ending {
    /// There may be more elements.
    More,
    Finished,
    Failed(Root<Exn>),
}

/// The constructors of `ending`. OCaml has the same: see `entry/facts.rs`.
pub(crate) const ENDINGS: &str = "More=0 Finished=1 Failed=tag 0";
const MORE: isize = 0;
const FINISHED: isize = 1;
/// The number of a constructor with an argument.
const FAILED: u8 = 0;

/// The fields of `batch`. OCaml has the same: see `entry/facts.rs`.
pub(crate) const FIELDS: &str = "elements=0 ending=1";
const ELEMENTS: usize = 0;
const ENDING: usize = 1;

// SAFETY: it writes `ending`: the first two constructors are constant, and the third has an exception, which is kept.
unsafe impl ToOCaml for Ending {
    const TYPE: &'static Type = &Type::Any;

    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        match self {
            Ending::More => Ok(writer.immediate(MORE)),
            Ending::Finished => Ok(writer.immediate(FINISHED)),
            Ending::Failed(exn) => {
                let mut block = writer.begin(FAILED, 1)?;
                writer.field(&mut block, Place::Hidden, &Stored(exn.as_any()))?;
                writer.end(block)
            }
        }
    }
}

// SAFETY: it reads what is written above. An argument of `Failed` is an exception by its type.
unsafe impl FromOCaml for Ending {
    const TYPE: &'static Type = &Type::Any;

    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        if value.is_immediate() {
            return Ok(match value.int()? {
                MORE => Ending::More,
                _ => Ending::Finished,
            });
        }
        let fields = value.fields(FAILED, 1, "an ending")?;
        fields
            .get::<KeptExn>(0, Place::Hidden)
            .map(|exn| Ending::Failed(exn.0))
    }
}

/// An exception, as a field of another value.
struct KeptExn(Root<Exn>);

// SAFETY: it keeps a value that is an exception by its type, and no float.
unsafe impl FromOCaml for KeptExn {
    const TYPE: &'static Type = &Type::Exn;

    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        // SAFETY: an exception is read, which is a block and no float.
        Ok(KeptExn(unsafe { value.root_as() }))
    }
}

// ---- to OCaml

/// Converts a batch. Fails with the first element that does not convert, or whose conversion panics.
pub(crate) fn write_batch<T: ToOCaml>(
    token: &RuntimeToken<'_>,
    elements: &[T],
    ending: &Ending,
) -> Result<Root, Failure> {
    match catch_unwind(|| write_root(token, &Written { elements, ending })) {
        // Its place in a batch says nothing of its place in the stream.
        Ok(written) => written.map_err(|e| Failure::Conversion(e.without_outermost())),
        Err(panic) => Err(Failure::Panic(panic)),
    }
}

/// Returns the number of elements before the first that does not convert by itself.
pub(crate) fn count_converting<T: ToOCaml>(token: &RuntimeToken<'_>, elements: &[T]) -> usize {
    let converts = |element: &&T| matches!(catch_unwind(|| write_root(token, *element)), Ok(Ok(_)));
    elements.iter().take_while(converts).count()
}

/// A batch as OCaml gets it.
struct Written<'a, T> {
    elements: &'a [T],
    ending: &'a Ending,
}

// SAFETY: it writes the record `batch`: an array of values of the same type, and the ending.
unsafe impl<T: ToOCaml> ToOCaml for Written<'_, T> {
    const TYPE: &'static Type = &Type::Any;

    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        let mut block = writer.begin(0, 2)?;
        writer.field(&mut block, Place::Hidden, &Array(self.elements))?;
        writer.field(&mut block, Place::Hidden, self.ending)?;
        writer.end(block)
    }
}

/// An array, also of bytes, which a `Vec<u8>` is not.
struct Array<'a, T>(&'a [T]);

// SAFETY: it writes an array of values of the same type.
unsafe impl<T: ToOCaml> ToOCaml for Array<'_, T> {
    const TYPE: &'static Type = &Type::Any;

    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        writer.array(self.0.iter())
    }
}

// ---- from OCaml

/// Returns how many elements of an array a batch has, from the element `first` on, at most `max`: it ends with the element
/// with which it reaches [`BATCH_BYTES`].
///
/// # Safety
/// A domain's lock is held, and `elements` is a valid array, which has so many elements after `first`.
pub(crate) unsafe fn fitting(elements: RawValue, first: usize, max: usize) -> usize {
    // SAFETY: this function's contract. Nothing here allocates.
    unsafe {
        if ffi::tag(elements) == DOUBLE_ARRAY {
            return max;
        }
        let mut bytes = 0;
        for n in 0..max {
            bytes += footprint(ffi::field(elements, first + n), BATCH_BYTES);
            if bytes >= BATCH_BYTES {
                return n + 1;
            }
        }
    }
    max
}

/// An element, and the number of bytes that it takes in OCaml, as far as that is known.
pub(crate) struct Element<T> {
    pub(crate) value: T,
    pub(crate) bytes: usize,
}

// SAFETY: it is read by its own conversion.
unsafe impl<T: FromOCaml> FromOCaml for Element<T> {
    const TYPE: &'static Type = T::TYPE;

    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        // First: nothing is read after a conversion has failed.
        let bytes = value.bytes(BATCH_BYTES);
        let value = T::from_ocaml(value)?;
        Ok(Element { value, bytes })
    }
}

/// A batch that OCaml gave.
pub(crate) struct Batch<T> {
    elements: Elements<T>,
    ending: Ending,
}

enum Elements<T> {
    /// Those that convert, up to the first that does not, and its error.
    Read(Vec<Element<T>>, Option<ConversionError>),
    /// The array, if OCaml may have to prepare the elements.
    Unread(Root),
}

impl<T: FromOCaml> Batch<T> {
    /// Returns the elements that convert, and what follows them: `Err` if it is an element that does not.
    pub(crate) fn finish(
        self,
        token: &RuntimeToken<'_>,
    ) -> (Vec<Element<T>>, Result<Ending, ConversionError>) {
        let (elements, refused) = match self.elements {
            Elements::Read(elements, refused) => (elements, refused),
            Elements::Unread(array) => read_each(token, &array),
        };
        (elements, refused.map_or(Ok(self.ending), Err))
    }
}

/// Reads the elements of an array, each of which OCaml may have to prepare, up to the first that does not convert.
fn read_each<T: FromOCaml>(
    token: &RuntimeToken<'_>,
    array: &Root,
) -> (Vec<Element<T>>, Option<ConversionError>) {
    // SAFETY: the token proves the lock, and the value was just read from its root. It is an array.
    let (size, is_flat) = unsafe {
        let array = array.raw(token);
        (ffi::size(array), ffi::tag(array) == DOUBLE_ARRAY)
    };
    if is_flat {
        let refused = ConversionError::new("expected elements with channels, found floats");
        return (Vec::new(), Some(refused));
    }
    let mut elements = Each(Vec::with_capacity(size));
    for i in 0..size {
        // SAFETY: as above. The array has the field, and is not one of floats.
        let element: Root = unsafe { Root::new(ffi::field(array.raw(token), i)) };
        match read_root(token, &element) {
            Ok(element) => elements.0.push(element),
            Err(refused) => return (elements.take(), Some(refused)),
        }
    }
    (elements.take(), None)
}

// SAFETY: it reads the record `batch` with the conversions of its fields.
unsafe impl<T: FromOCaml> FromOCaml for Batch<T> {
    const TYPE: &'static Type = &Type::Any;

    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        let fields = value.fields(0, 2, "a batch")?;
        let ending = fields.get(ENDING, Place::Hidden)?;
        let elements = fields.get(ELEMENTS, Place::Hidden)?;
        Ok(Batch { elements, ending })
    }
}

// SAFETY: it keeps an array, or reads it up to the first element that does not convert, after which nothing is read.
unsafe impl<T: FromOCaml> FromOCaml for Elements<T> {
    const TYPE: &'static Type = &Type::Any;

    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        let (size, fields) = value.array()?;
        if const { mentions_channel(T::TYPE) } && size > 0 {
            return value.root().map(Elements::Unread);
        }
        let mut elements = Each(Vec::with_capacity(size));
        for i in 0..size {
            match fields.get(i, Place::Hidden) {
                Ok(element) => elements.0.push(element),
                Err(refused) => return Ok(Elements::Read(elements.take(), Some(refused))),
            }
        }
        Ok(Elements::Read(elements.take(), None))
    }
}
