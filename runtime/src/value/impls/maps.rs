//! Maps and sets: association lists and lists. A key that comes twice is an error.

use crate::base::panic::{Each, catch_and_discard};
use crate::ffi::token::without_token;
use crate::value::conversion_error::{ConversionError, Place};
use crate::value::impls::containers::{Element, read_list};
use crate::value::nesting::Level;
use crate::value::read::{FromOCaml, Source};
use crate::value::types::Type;
use crate::value::write::{ToOCaml, Writer};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, Hash};
use std::mem::needs_drop;

/// Inserts the elements of a list, in order. `insert` returns `false` for one that is there already, and runs code of
/// users', such as `Hash`, which must not use OCaml: the values that are being read would move.
fn read_into<T: FromOCaml, C: Default + IntoIterator>(
    value: Source<'_>,
    mut insert: impl FnMut(&mut C, T) -> bool,
) -> Result<C, ConversionError> {
    let mut elements = Each(Vec::new());
    read_list(value, |element| elements.0.push(element))?;
    without_token(|| {
        let mut rest = Each(elements.take().into_iter());
        let mut all = Each(C::default());
        for i in 0.. {
            let Some(element) = rest.0.next() else {
                break;
            };
            if !insert(&mut all.0, element) {
                let e = ConversionError::new("this key is there twice");
                return Err(e.at(Place::Element(i)));
            }
        }
        Ok(all.take())
    })
}

/// Returns `true` if the insertion into a map has replaced no value. The destructor of one may panic.
#[inline]
fn is_new<V>(replaced: Option<V>) -> bool {
    let Some(value) = replaced else {
        return true;
    };
    catch_and_discard(|| drop(value));
    false
}

macro_rules! from_ocaml {
    ([$($generics:tt)*] $t:ty, $element:ty, $insert:expr) => {
        // SAFETY: a list is read, and each element is copied. Code of users' gets no token.
        unsafe impl<$($generics)*> FromOCaml for $t {
            const TYPE: &'static Type = &Type::List(<$element as FromOCaml>::TYPE);

            fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
                read_into(value, $insert)
            }
        }
    };
}

from_ocaml!([K: FromOCaml + Ord, V: FromOCaml] BTreeMap<K, V>, (K, V), |map: &mut BTreeMap<K, V>, (k, v)| {
    is_new(map.insert(k, v))
});
from_ocaml!(
    [K: FromOCaml + Hash + Eq, V: FromOCaml, S: BuildHasher + Default] HashMap<K, V, S>, (K, V),
    |map: &mut HashMap<K, V, S>, (k, v)| is_new(map.insert(k, v))
);
from_ocaml!([T: FromOCaml + Ord] BTreeSet<T>, T, BTreeSet::insert);
from_ocaml!([T: FromOCaml + Hash + Eq, S: BuildHasher + Default] HashSet<T, S>, T, HashSet::insert);

macro_rules! to_ocaml {
    ([$($generics:tt)*] $t:ty, $element:ty, $plain:expr, |$all:ident| $elements:expr) => {
        // SAFETY: a list is written.
        unsafe impl<$($generics)*> ToOCaml for $t {
            const TYPE: &'static Type = &Type::List(<$element as ToOCaml>::TYPE);
            const DROPS_PLAINLY: bool = <$element as ToOCaml>::DROPS_PLAINLY && $plain;

            fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
                let _level = Level::enter()?;
                let $all = self;
                writer.list($elements)
            }
        }
    };
}

to_ocaml!([K: ToOCaml, V: ToOCaml] BTreeMap<K, V>, (K, V), true, |map| {
    map.iter().map(|(k, v)| (Element(k), Element(v)))
});
to_ocaml!([T: ToOCaml] BTreeSet<T>, T, true, |set| set.iter().map(Element));
// They have no iterator that begins at the end. A hasher may have a destructor of the user's.
to_ocaml!(
    [K: ToOCaml, V: ToOCaml, S] HashMap<K, V, S>, (K, V), !needs_drop::<S>(),
    |map| map.iter().map(|(k, v)| (Element(k), Element(v))).collect::<Vec<_>>().iter().map(Element)
);
to_ocaml!(
    [T: ToOCaml, S] HashSet<T, S>, T, !needs_drop::<S>(),
    |set| set.iter().map(Element).collect::<Vec<_>>().iter().map(Element)
);
