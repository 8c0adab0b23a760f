//! Bigarrays, whose memory Rust and OCaml share.

use crate::ffi::bigarray::{Memory, RawKind};
use crate::value::conversion_error::ConversionError;
use crate::value::kept::Kept;
use crate::value::read::{FromOCaml, Source};
use crate::value::types::{Kind, Type};
use crate::value::write::{ToOCaml, Writer};
use bytes::{Bytes, BytesMut};
use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

/// A Bigarray of one dimension, in C layout: memory that Rust and OCaml share. It is not copied on its way, in either
/// direction. In OCaml it is a `Bigarray.Array1.t`:
///
/// ```
/// use ocaml_lwt_interop::{Bigarray, func};
///
/// #[func(sync)]
/// pub fn samples(count: u32) -> Bigarray<f64> {
///     Bigarray::from(vec![0.5; count as usize])
/// }
///
/// #[func(tokio)]
/// pub async fn peak(samples: Bigarray<f64>) -> f64 {
///     samples.to_vec().into_iter().fold(f64::MIN, f64::max)
/// }
/// ```
///
/// ```ocaml
/// open Bigarray
///
/// external samples : int -> (float, float64_elt, c_layout) Array1.t = "samples"
/// external peak : (float, float64_elt, c_layout) Array1.t -> float Lwt.t = "peak"
/// ```
///
/// The memory is there as long as one of the two languages has a reference to it, sub-arrays included. An array that
/// OCaml made, and which Rust gives back, is the same OCaml value. One that Rust made is a new Bigarray on the same
/// memory each time that OCaml is given it. OCaml's collector counts that memory.
///
/// A clone is one more reference to the same memory. Any thread may use it, without a token.
///
/// # Concurrent use
/// OCaml code and other threads may write to the memory at any time. The methods read and write each element with a
/// relaxed atomic access: what they read of an element was written by someone, and is never put together of two
/// writes; but of several elements some may be older than others. They copy one element at a time, which for bytes is
/// some times slower than `memcpy`; [`as_slice`](Self::as_slice) is for who knows that nobody writes.
///
/// # Errors
/// An argument that is not a Bigarray of one dimension, in C layout and of this kind, is `Invalid_argument` in OCaml.
/// (`Bigarray<u8>` also takes arrays of `char`.) So is one whose elements are not aligned, as `Unix.map_file` can make
/// with an odd `pos`.
pub struct Bigarray<T> {
    /// Aligned for a `T`, and valid for `len` of them while there is the owner.
    data: NonNull<T>,
    len: usize,
    owner: Owner,
}

#[derive(Clone)]
enum Owner {
    /// Rust has allocated the memory.
    Rust(Memory),
    /// An array of OCaml has.
    OCaml(Arc<Kept>),
}

// SAFETY: the owner may be sent, dropped and shared by any thread. The elements are numbers, which are accessed
// atomically, or by unsafe code that vouches for its accesses.
unsafe impl<T: BigarrayElement> Send for Bigarray<T> {}
// SAFETY: as above: a shared reference allows no other accesses.
unsafe impl<T: BigarrayElement> Sync for Bigarray<T> {}

/// The type of the elements of a [`Bigarray`].
///
/// | Rust | `Bigarray` |
/// |---|---|
/// | `i8`, `u8` | `int8_signed`, `int8_unsigned` (and `char`, from OCaml) |
/// | `i16`, `u16` | `int16_signed`, `int16_unsigned` |
/// | `i32`, `i64`, `isize` | `int32`, `int64`, `nativeint` |
/// | `f32`, `f64` | `float32`, `float64` |
pub trait BigarrayElement: sealed::Element {
    /// The kind in OCaml.
    const KIND: Kind;
}

mod sealed {
    use super::RawKind;
    use std::fmt;

    pub trait Element: Copy + Send + Sync + fmt::Debug + 'static {
        /// The kind in C.
        #[allow(private_interfaces)]
        const RAW_KIND: RawKind;

        /// # Safety
        /// The pointer is aligned, and valid for reads. All accesses of other threads are atomic.
        unsafe fn load(from: *mut Self) -> Self;

        /// # Safety
        /// The pointer is aligned, and valid for writes. All accesses of other threads are atomic.
        unsafe fn store(self, to: *mut Self);
    }
}

macro_rules! elements {
    ($($t:ty: $kind:ident, $raw_kind:ident, $atomic:ty, $load:expr, $store:expr;)+) => {$(
        impl BigarrayElement for $t {
            const KIND: Kind = Kind::$kind;
        }

        impl sealed::Element for $t {
            #[allow(private_interfaces)]
            const RAW_KIND: RawKind = RawKind::$raw_kind;

            #[inline(always)]
            unsafe fn load(from: *mut Self) -> Self {
                const { assert!(size_of::<$t>() == size_of::<$atomic>()) }
                // SAFETY: by this function's contract the location can be read, is aligned, and is accessed atomically
                // only. The atomic type has the same size, and its alignment is its size, as for all of these types.
                $load(unsafe { <$atomic>::from_ptr(from.cast()) }.load(Ordering::Relaxed))
            }

            #[inline(always)]
            unsafe fn store(self, to: *mut Self) {
                // SAFETY: as in `load`; by this function's contract the location can be written.
                unsafe { <$atomic>::from_ptr(to.cast()) }.store($store(self), Ordering::Relaxed);
            }
        }
    )+};
}

elements!(
    i8: Int8Signed, INT8_SIGNED, AtomicU8, |n| n as i8, |n| n as u8;
    u8: Int8Unsigned, INT8_UNSIGNED, AtomicU8, |n| n, |n| n;
    i16: Int16Signed, INT16_SIGNED, AtomicU16, |n| n as i16, |n| n as u16;
    u16: Int16Unsigned, INT16_UNSIGNED, AtomicU16, |n| n, |n| n;
    i32: Int32, INT32, AtomicU32, |n| n as i32, |n| n as u32;
    i64: Int64, INT64, AtomicU64, |n| n as i64, |n| n as u64;
    isize: Nativeint, NATIVEINT, AtomicU64, |n| n as isize, |n| n as u64;
    f32: Float32, FLOAT32, AtomicU32, f32::from_bits, f32::to_bits;
    f64: Float64, FLOAT64, AtomicU64, f64::from_bits, f64::to_bits;
);

impl<T: BigarrayElement> Bigarray<T> {
    /// Returns the number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns `true` if there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns a copy of the elements.
    pub fn to_vec(&self) -> Vec<T> {
        // SAFETY: the element is within the array, which is aligned, and is accessed atomically.
        let load = |i| unsafe { T::load(self.data.as_ptr().add(i)) };
        (0..self.len).map(load).collect()
    }

    /// Returns an element, or `None` if there is no such element.
    pub fn get(&self, i: usize) -> Option<T> {
        // SAFETY: the element is within the array, which is aligned, and is accessed atomically.
        (i < self.len).then(|| unsafe { T::load(self.data.as_ptr().add(i)) })
    }

    /// Writes an element.
    ///
    /// # Panics
    /// There is no such element.
    #[track_caller]
    pub fn set(&self, i: usize, element: T) {
        assert!(
            i < self.len,
            "element {i} of a Bigarray of {} elements",
            self.len
        );
        // SAFETY: the element is within the array, which is aligned, and is accessed atomically.
        unsafe { element.store(self.data.as_ptr().add(i)) }
    }

    /// Copies the elements from `offset` on to `target`, as many as it has.
    ///
    /// # Panics
    /// The array has fewer elements.
    #[track_caller]
    pub fn copy_to_slice(&self, offset: usize, target: &mut [T]) {
        let source = self.range(offset, target.len());
        for (i, element) in target.iter_mut().enumerate() {
            // SAFETY: the element is within the range, which is aligned, and is accessed atomically.
            *element = unsafe { T::load(source.add(i)) };
        }
    }

    /// Overwrites the elements from `offset` on with those of `source`.
    ///
    /// # Panics
    /// The array has fewer elements.
    #[track_caller]
    pub fn copy_from_slice(&self, offset: usize, source: &[T]) {
        let target = self.range(offset, source.len());
        for (i, element) in source.iter().enumerate() {
            // SAFETY: the element is within the range, which is aligned, and is accessed atomically.
            unsafe { element.store(target.add(i)) }
        }
    }

    /// Returns a pointer to so many elements.
    #[track_caller]
    fn range(&self, offset: usize, count: usize) -> *mut T {
        let is_within = offset <= self.len && count <= self.len - offset;
        assert!(
            is_within,
            "{count} elements from element {offset} on of a Bigarray of {} elements",
            self.len
        );
        // SAFETY: the offset is within the array.
        unsafe { self.data.as_ptr().add(offset) }
    }

    /// Lends the elements.
    ///
    /// # Safety
    /// While the slice is used, nobody writes to the memory: no OCaml code, on any domain, that has the array or one
    /// that shares its memory; and no Rust code that has a clone.
    pub unsafe fn as_slice(&self) -> &[T] {
        // SAFETY: the memory is there as long as `self`, aligned, and has so many elements. By this function's contract
        // nobody writes to it.
        unsafe { std::slice::from_raw_parts(self.data.as_ptr(), self.len) }
    }

    /// Returns a pointer to the elements, which is valid as long as there is this array, or a clone, or the OCaml value.
    ///
    /// Who accesses them through it without atomic operations must know that nobody else writes to them meanwhile, nor,
    /// if it writes, reads them.
    pub fn as_mut_ptr(&self) -> *mut T {
        self.data.as_ptr()
    }
}

impl<T> Clone for Bigarray<T> {
    fn clone(&self) -> Self {
        Bigarray {
            data: self.data,
            len: self.len,
            owner: self.owner.clone(),
        }
    }
}

impl<T: BigarrayElement> fmt::Debug for Bigarray<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bigarray")
            .field("kind", &T::KIND)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

impl<T: BigarrayElement> From<Vec<T>> for Bigarray<T> {
    /// Makes an array of the vector's memory, without a copy.
    fn from(mut elements: Vec<T>) -> Self {
        let data = NonNull::from(elements.as_mut_slice()).cast::<T>();
        let len = elements.len();
        let size = elements.capacity() * size_of::<T>();
        // SAFETY: the memory of a vector stays where it is until the vector is dropped, which runs no code of users',
        // as the elements are numbers. Nobody uses the vector itself any more.
        let memory = unsafe { Memory::new(elements, data.as_ptr().cast(), size) };
        Bigarray {
            data,
            len,
            owner: Owner::Rust(memory),
        }
    }
}

impl From<BytesMut> for Bigarray<u8> {
    /// Makes an array of the bytes' memory, without a copy.
    fn from(mut bytes: BytesMut) -> Self {
        let data = NonNull::from(&mut *bytes).cast::<u8>();
        let (len, size) = (bytes.len(), bytes.capacity());
        // SAFETY: a `BytesMut` is alone with its bytes, which stay where they are until it is dropped. It has allocated
        // them itself, so that runs no code of users'. Nobody uses it any more.
        let memory = unsafe { Memory::new(bytes, data.as_ptr(), size) };
        Bigarray {
            data,
            len,
            owner: Owner::Rust(memory),
        }
    }
}

impl From<Bytes> for Bigarray<u8> {
    /// Makes an array of the bytes' memory, if nobody else has a reference to it. Otherwise copies the bytes once: OCaml
    /// may write to an array, and `Bytes` that are shared, static, or of an owner of their own must not change.
    fn from(bytes: Bytes) -> Self {
        match bytes.try_into_mut() {
            Ok(bytes) => bytes.into(),
            Err(shared) => shared.to_vec().into(),
        }
    }
}

// SAFETY: what is kept is a Bigarray of this kind, as is checked; its memory does not move.
unsafe impl<T: BigarrayElement> FromOCaml for Bigarray<T> {
    const TYPE: &'static Type = &Type::Bigarray(T::KIND);

    fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
        let expected = |found: &dyn fmt::Display| {
            let expected = <Self as FromOCaml>::TYPE;
            ConversionError::new(format!("expected {expected}, found {found}"))
        };
        let Some(view) = value.bigarray() else {
            return Err(expected(&"a value that is no Bigarray"));
        };
        if view.dimensions != 1 {
            let found = format!("a Bigarray of {} dimensions", view.dimensions);
            return Err(expected(&found));
        }
        if view.is_fortran {
            return Err(expected(&"a Bigarray in Fortran layout"));
        }
        let is_char = view.kind == RawKind::CHAR && T::RAW_KIND == RawKind::INT8_UNSIGNED;
        if view.kind != T::RAW_KIND && !is_char {
            return Err(expected(&format!("a Bigarray of {}", view.kind.name())));
        }
        let data = match view.len {
            0 => NonNull::dangling(),
            _ => NonNull::new(view.data.cast()).ok_or_else(|| expected(&"one without memory"))?,
        };
        if !data.is_aligned() {
            return Err(expected(&"a Bigarray that is not aligned for its elements"));
        }
        Ok(Bigarray {
            data,
            len: view.len,
            owner: Owner::OCaml(Arc::new(Kept::new(value.root()?))),
        })
    }
}

// SAFETY: what is written is a Bigarray of this kind.
unsafe impl<T: BigarrayElement> ToOCaml for Bigarray<T> {
    const TYPE: &'static Type = &Type::Bigarray(T::KIND);
    const DROPS_PLAINLY: bool = true;

    fn bytes(&self) -> usize {
        self.len * size_of::<T>()
    }

    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        match &self.owner {
            Owner::OCaml(array) => Ok(writer.kept(array.root())),
            Owner::Rust(memory) => writer.other(|token| {
                // SAFETY: the memory has so many elements of this kind, and is aligned for them: see `data`.
                Ok(unsafe { memory.alloc(token, T::RAW_KIND, self.len) })
            }),
        }
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn elements_are_read_and_written() {
        let array = Bigarray::from(vec![1.5f64, -0.0, f64::NAN, 4.0]);
        assert_eq!((array.len(), array.is_empty()), (4, false));
        assert_eq!(array.get(0), Some(1.5));
        assert_eq!(array.get(4), None);
        array.set(3, 5.0);
        array.copy_from_slice(1, &[2.5, 3.5]);
        assert_eq!(array.clone().to_vec(), [1.5, 2.5, 3.5, 5.0]);
        let mut some = [0.0; 2];
        array.copy_to_slice(2, &mut some);
        assert_eq!(some, [3.5, 5.0]);
        // SAFETY: nobody writes.
        assert_eq!(unsafe { array.as_slice() }, [1.5, 2.5, 3.5, 5.0]);
    }

    #[test]
    fn each_type_keeps_its_extremes() {
        fn check<T: BigarrayElement + PartialEq>(elements: &[T]) {
            let array = Bigarray::from(elements.to_vec());
            assert_eq!(array.to_vec(), elements);
            for (i, element) in elements.iter().enumerate() {
                array.set(i, *element);
                assert_eq!(array.get(i), Some(*element));
            }
        }
        check(&[i8::MIN, -1, i8::MAX]);
        check(&[u8::MIN, u8::MAX]);
        check(&[i16::MIN, -1, i16::MAX]);
        check(&[u16::MIN, u16::MAX]);
        check(&[i32::MIN, -1, i32::MAX]);
        check(&[i64::MIN, -1, i64::MAX]);
        check(&[isize::MIN, -1, isize::MAX]);
        check(&[f32::MIN, f32::MIN_POSITIVE, f32::INFINITY]);
        check(&[f64::MIN, f64::MIN_POSITIVE, f64::INFINITY]);
    }

    #[test]
    fn ranges_are_checked() {
        let array = Bigarray::from(vec![1u16, 2, 3]);
        let mut empty = [];
        array.copy_to_slice(3, &mut empty);
        array.copy_from_slice(3, &[]);
        let fails: [&dyn Fn(); 5] = [
            &|| array.set(3, 1),
            &|| array.copy_to_slice(2, &mut [0; 2]),
            &|| array.copy_to_slice(4, &mut []),
            &|| array.copy_from_slice(usize::MAX, &[1]),
            &|| array.copy_from_slice(1, &[1; 3]),
        ];
        for f in fails {
            assert!(catch_unwind(AssertUnwindSafe(f)).is_err());
        }
        assert_eq!(array.to_vec(), [1, 2, 3]);
        assert!(Bigarray::<i64>::from(Vec::new()).to_vec().is_empty());
    }

    #[test]
    fn bytes_are_copied_only_if_they_are_shared() {
        let check = |bytes: Bytes, copies: bool| {
            let (start, content) = (bytes.as_ptr(), bytes.to_vec());
            let array = Bigarray::from(bytes);
            assert_eq!(array.as_mut_ptr().cast_const() != start, copies);
            assert_eq!(array.to_vec(), content);
        };
        let unique = || Bytes::from(b"some bytes".to_vec());
        check(unique(), false);
        let end = unique().slice(3..);
        check(end, false);
        let shared = unique();
        check(shared.clone(), true);
        check(Bytes::from_static(b"static"), true);
        check(Bytes::from_owner(vec![1, 2, 3]), true);
        assert_eq!(shared, unique());
        let mut half = BytesMut::from(&b"two halves"[..]);
        let start = half.split_to(4);
        let array = Bigarray::from(start);
        array.set(0, b'T');
        assert_eq!((&*array.to_vec(), &*half), (&b"Two "[..], &b"halves"[..]));
    }

    #[test]
    fn concurrent_accesses_see_whole_elements() {
        let array = Bigarray::from(vec![0i64; 64]);
        std::thread::scope(|scope| {
            for n in [-1, 0x0101_0101_0101_0101] {
                let array = array.clone();
                scope.spawn(move || array.copy_from_slice(0, &[n; 64]));
            }
            for _ in 0..50 {
                let is_whole = |n: &i64| [0, -1, 0x0101_0101_0101_0101].contains(n);
                assert!(array.to_vec().iter().all(is_whole));
            }
        });
    }
}
