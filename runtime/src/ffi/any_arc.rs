//! A reference to a value of any type, sized or not.

use std::any::{TypeId, type_name};
use std::fmt;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::sync::Arc;

/// An `Arc` of a value whose type is known while the program runs. In contrast to `Arc<dyn Any>` it may be an
/// `Arc<dyn Trait>` of any trait, or an `Arc<[T]>`, and making one allocates nothing.
pub(crate) struct AnyArc {
    /// The pointer that `Arc::into_raw` returned: what `kind` is made for.
    words: Words,
    kind: &'static Kind,
}

/// A pointer, and the length or the table of methods that belongs to a pointer to an unsized value.
type Words = MaybeUninit<[*const (); 2]>;

/// What can be done with the words of one type. `TypeId` has no constant in the oldest Rust that is supported, so the
/// fields are functions, and two records of one type may exist.
struct Kind {
    id: fn() -> TypeId,
    name: fn() -> &'static str,
    /// # Safety
    /// The words are a live reference of the record's type.
    clone: unsafe fn(&Words),
    /// # Safety
    /// The words are a reference of the record's type, which is not used afterwards.
    drop: unsafe fn(Words),
}

struct Of<T: ?Sized>(PhantomData<T>);

impl<T: ?Sized + Send + Sync + 'static> Of<T> {
    const KIND: &'static Kind = &Kind {
        id: TypeId::of::<T>,
        name: type_name::<T>,
        clone: Self::clone,
        drop: Self::drop,
    };

    fn pack(reference: Arc<T>) -> Words {
        const {
            assert!(size_of::<*const T>() <= size_of::<Words>());
            assert!(align_of::<*const T>() <= align_of::<Words>());
        }
        let mut words = Words::uninit();
        // SAFETY: the words have room for the pointer, and are aligned for it.
        unsafe {
            words
                .as_mut_ptr()
                .cast::<*const T>()
                .write(Arc::into_raw(reference));
        }
        words
    }

    /// # Safety
    /// `pack` of the same `T` has made the words.
    unsafe fn pointer(words: &Words) -> *const T {
        // SAFETY: by this function's contract they begin with a pointer of this type.
        unsafe { words.as_ptr().cast::<*const T>().read() }
    }

    /// # Safety
    /// See [`Kind::clone`].
    unsafe fn clone(words: &Words) {
        // SAFETY: by this function's contract the pointer is that of a live `Arc<T>`.
        unsafe { Arc::increment_strong_count(Self::pointer(words)) }
    }

    /// # Safety
    /// See [`Kind::drop`].
    unsafe fn drop(words: Words) {
        // SAFETY: by this function's contract the pointer is that of a live `Arc<T>`, which is dropped once, here.
        drop(unsafe { Arc::from_raw(Self::pointer(&words)) });
    }
}

impl AnyArc {
    /// Returns the name of the value's type.
    pub(crate) fn type_name(&self) -> &'static str {
        (self.kind.name)()
    }

    /// Returns the reference if its type is `Arc<T>`, otherwise `self`.
    pub(crate) fn downcast<T: ?Sized + Send + Sync + 'static>(self) -> Result<Arc<T>, Self> {
        if (self.kind.id)() != TypeId::of::<T>() {
            return Err(self);
        }
        let this = std::mem::ManuallyDrop::new(self);
        // SAFETY: `words` are those that the `Of<U>::pack` of `kind` made, and `U` has the same id as `T`, so it is
        // the same type. `this` is not dropped, so the reference has one owner.
        Ok(unsafe { Arc::from_raw(Of::<T>::pointer(&this.words)) })
    }
}

impl<T: ?Sized + Send + Sync + 'static> From<Arc<T>> for AnyArc {
    fn from(reference: Arc<T>) -> Self {
        AnyArc {
            words: Of::pack(reference),
            kind: Of::<T>::KIND,
        }
    }
}

impl Clone for AnyArc {
    fn clone(&self) -> Self {
        // SAFETY: the words are a live reference of this kind.
        unsafe { (self.kind.clone)(&self.words) };
        AnyArc { ..*self }
    }
}

impl Drop for AnyArc {
    fn drop(&mut self) {
        // SAFETY: the words are a reference of this kind, and are used for the last time.
        unsafe { (self.kind.drop)(self.words) }
    }
}

// SAFETY: only an `Arc` of a value that is `Send` and `Sync` becomes an `AnyArc`, and such an `Arc` is `Send`. The kind
// is static data.
unsafe impl Send for AnyArc {}
// SAFETY: a shared reference gives no more than a clone of the `Arc`, which is `Sync`, and its type's name.
unsafe impl Sync for AnyArc {}

impl fmt::Debug for AnyArc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnyArc<{}>", self.type_name())
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;

    trait Shape: Send + Sync {
        fn sides(&self) -> usize;
    }

    struct Square(Arc<()>);

    impl Shape for Square {
        fn sides(&self) -> usize {
            4 * Arc::strong_count(&self.0).min(1)
        }
    }

    fn refuses<T: ?Sized + Send + Sync + 'static>(any: AnyArc) -> AnyArc {
        match any.downcast::<T>() {
            Ok(_) => panic!("it is an Arc<{}>", type_name::<T>()),
            Err(any) => any,
        }
    }

    /// The value is there until the last reference is dropped, and a wrong type gets none.
    fn round_trip<T: ?Sized + Send + Sync + 'static>(
        value: Arc<T>,
        witness: &Arc<()>,
        check: fn(&T),
    ) {
        let any = AnyArc::from(value);
        let clone = any.clone();
        assert_eq!(any.type_name(), type_name::<T>());
        let any = refuses::<String>(any);
        let any = refuses::<dyn Fn() + Send + Sync>(any);
        drop(clone);
        assert_eq!(Arc::strong_count(witness), 2);
        let value: Arc<T> = any.clone().downcast().expect("the same type");
        check(&value);
        assert_eq!(Arc::strong_count(&value), 2);
        drop(any);
        check(&value);
        drop(value);
        assert_eq!(Arc::strong_count(witness), 1);
    }

    #[test]
    fn a_reference_keeps_its_type() {
        let witness = Arc::new(());
        round_trip(Arc::new(Square(witness.clone())), &witness, |s| {
            assert_eq!(s.sides(), 4);
        });
        let shape: Arc<dyn Shape> = Arc::new(Square(witness.clone()));
        round_trip(shape, &witness, |s| assert_eq!(s.sides(), 4));
        let slice: Arc<[Option<Square>]> = Arc::new([None, Some(Square(witness.clone()))]);
        round_trip(slice, &witness, |s| assert_eq!(s.len(), 2));
    }

    #[test]
    fn traits_with_other_bounds_are_other_types() {
        let plain: Arc<dyn Shape> = Arc::new(Square(Arc::new(())));
        let any = AnyArc::from(plain);
        let any = refuses::<dyn Shape + Send>(any);
        let any = refuses::<Square>(any);
        assert!(any.downcast::<dyn Shape>().is_ok());
    }
}
