//! A table of things in flight, whose keys are never mistaken for one another.

/// Names an entry of a [`Slots`] table. A key that is used after its entry was
/// removed finds nothing, even if the place has been taken again.
///
/// As an OCaml `int` it is `generation << 32 | index`: 30 bits and 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key(u64);

const GENERATION_MASK: u32 = 0x3fff_ffff;

impl Key {
    fn new(index: u32, generation: u32) -> Self {
        Key(u64::from(generation) << 32 | u64::from(index))
    }

    fn index(self) -> usize {
        self.0 as u32 as usize
    }

    fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// The key as an OCaml `int`; never negative.
    pub(crate) fn to_int(self) -> isize {
        self.0 as isize
    }

    /// The key that [`Key::to_int`] gave.
    pub(crate) fn from_int(i: isize) -> Self {
        Key(i as u64)
    }
}

#[derive(Debug)]
enum Slot<T> {
    Free { next: u32 },
    Full(T),
}

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    slot: Slot<T>,
}

/// A growable table with generation-checked keys. Insertion and removal take
/// constant time; the place freed last is used first.
#[derive(Debug)]
pub(crate) struct Slots<T> {
    entries: Vec<Entry<T>>,
    free: u32,
    len: usize,
}

const NONE: u32 = u32::MAX;

impl<T> Slots<T> {
    pub(crate) const fn new() -> Self {
        Slots {
            entries: Vec::new(),
            free: NONE,
            len: 0,
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn insert(&mut self, value: T) -> Key {
        self.len += 1;
        if self.free == NONE {
            let index = u32::try_from(self.entries.len()).expect("fewer than 2^32 entries");
            assert_ne!(index, NONE, "fewer than 2^32 entries");
            self.entries.push(Entry {
                generation: 0,
                slot: Slot::Full(value),
            });
            return Key::new(index, 0);
        }
        let index = self.free;
        let entry = &mut self.entries[index as usize];
        let Slot::Free { next } = entry.slot else {
            unreachable!("the free list holds free slots")
        };
        self.free = next;
        entry.slot = Slot::Full(value);
        Key::new(index, entry.generation)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.entries.get_mut(key.index()) {
            Some(Entry {
                generation,
                slot: Slot::Full(value),
            }) if *generation == key.generation() => Some(value),
            _ => None,
        }
    }

    /// Takes the entry out. `None` if it was removed before.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get_mut(key)?;
        let entry = &mut self.entries[key.index()];
        entry.generation = (entry.generation + 1) & GENERATION_MASK;
        let old = std::mem::replace(&mut entry.slot, Slot::Free { next: self.free });
        self.free = key.index() as u32;
        self.len -= 1;
        match old {
            Slot::Full(value) => Some(value),
            Slot::Free { .. } => unreachable!("checked above"),
        }
    }

    /// Takes every entry out.
    pub(crate) fn drain(&mut self) -> Vec<T> {
        let keys: Vec<Key> = self
            .entries
            .iter()
            .enumerate()
            .filter(|(_, e)| matches!(e.slot, Slot::Full(_)))
            .map(|(i, e)| Key::new(i as u32, e.generation))
            .collect();
        keys.into_iter().filter_map(|k| self.remove(k)).collect()
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn a_stale_key_finds_nothing() {
        let mut s = Slots::new();
        let a = s.insert("a");
        assert_eq!(s.remove(a), Some("a"));
        let b = s.insert("b");
        assert_eq!(a.index(), b.index());
        assert_eq!(s.remove(a), None);
        assert_eq!(s.get_mut(b), Some(&mut "b"));
    }

    #[test]
    fn keys_survive_the_trip_through_an_ocaml_int() {
        let k = Key::new(u32::MAX - 1, GENERATION_MASK);
        assert!(k.to_int() >= 0);
        assert!(k.to_int() < 1 << 62, "fits 63 bits");
        assert_eq!(Key::from_int(k.to_int()), k);
    }

    proptest! {
        /// Against a map: the same entries are found, whatever the order.
        #[test]
        fn behaves_like_a_map(ops in proptest::collection::vec((any::<bool>(), any::<usize>()), 0..200)) {
            let mut slots = Slots::new();
            let mut model: HashMap<Key, usize> = HashMap::new();
            let mut ever: Vec<Key> = Vec::new();
            for (insert, n) in ops {
                if insert || ever.is_empty() {
                    let k = slots.insert(n);
                    prop_assert!(model.insert(k, n).is_none());
                    ever.push(k);
                } else {
                    let k = ever[n % ever.len()];
                    prop_assert_eq!(slots.remove(k), model.remove(&k));
                }
                prop_assert_eq!(slots.len(), model.len());
            }
            let mut rest = slots.drain();
            let mut expected: Vec<usize> = model.into_values().collect();
            rest.sort();
            expected.sort();
            prop_assert_eq!(rest, expected);
        }
    }
}
