//! A slot map: a table that makes a key for each entry, and never makes the same key twice.
//!
//! The tables of a domain, of calls, waits and tasks, are slot maps. The crates `slab`, `slotmap` and
//! `generational-arena` do not have what these need together:
//!
//! - OCaml holds a key as an immediate `int` of 63 bits, never negative.
//! - A key that OCaml still has never finds a later entry. `slab` reuses its keys, and generations that
//!   wrap around do so in the end: here a slot whose generations are used up is retired.
//! - The slot that was freed last is used first: it is in the cache.
//! - The entries of all tables are counted, for [`Totals::slots`](crate::metrics::Totals::slots).

use crate::base::counters;

/// The key of an entry of a [`SlotMap`]. Once the entry has been removed the key finds nothing, even if
/// the slot is in use again.
///
/// As an OCaml `int` it is `generation << 32 | index`: 30 bits and 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key(u64);

/// A slot of this generation is retired when it is freed.
const LAST_GENERATION: u32 = 0x3fff_ffff;

impl Key {
    fn new(index: u32, generation: u32) -> Self {
        Key(u64::from(generation) << 32 | u64::from(index))
    }

    /// Returns the index of the slot.
    pub(crate) fn index(self) -> usize {
        self.0 as u32 as usize
    }

    fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Returns the key as an OCaml `int`; never negative.
    pub(crate) fn to_int(self) -> isize {
        self.0 as isize
    }

    /// Returns the key that [`Key::to_int`] returned this for.
    pub(crate) fn from_int(i: isize) -> Self {
        Key(i as u64)
    }
}

#[derive(Debug)]
enum Slot<T> {
    Free { next: u32 },
    Full(T),
}

/// See the module's documentation. Insertion and removal take constant time. A slot that is retired
/// stays allocated: a few bytes for 2^30 insertions.
#[derive(Debug)]
pub(crate) struct SlotMap<T> {
    slots: Vec<Slot<T>>,
    /// The generation of each slot. In a vector of their own, since they would make the slots larger by
    /// their padding.
    generations: Vec<u32>,
    /// The index of the slot that was freed last, the first of a list; or `NONE`.
    free: u32,
    len: usize,
}

const NONE: u32 = u32::MAX;

impl<T> SlotMap<T> {
    pub(crate) const fn new() -> Self {
        SlotMap {
            slots: Vec::new(),
            generations: Vec::new(),
            free: NONE,
            len: 0,
        }
    }

    #[cfg(all(test, not(loom_model)))]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Returns the key of the entry that is inserted next.
    #[inline]
    pub(crate) fn next_key(&self) -> Key {
        match self.free {
            NONE => Key::new(self.slots.len() as u32, 0),
            free => Key::new(free, self.generations[free as usize]),
        }
    }

    /// Inserts an entry. Returns its key.
    pub(crate) fn insert(&mut self, value: T) -> Key {
        let key = self.take_key();
        self.fill(key, value);
        key
    }

    /// Inserts the entry that `make` returns for its key.
    #[inline]
    pub(crate) fn insert_with(&mut self, make: impl FnOnce(Key) -> T) -> &mut T {
        let key = self.take_key();
        let value = make(key);
        self.fill(key, value)
    }

    /// Returns the key of the next entry, for which there is a slot then.
    #[inline]
    fn take_key(&mut self) -> Key {
        if self.free == NONE {
            let index = u32::try_from(self.slots.len()).expect("fewer than 2^32 entries");
            assert_ne!(index, NONE, "fewer than 2^32 entries");
            self.slots.push(Slot::Free { next: NONE });
            self.generations.push(0);
            self.free = index;
        }
        self.next_key()
    }

    #[inline]
    fn fill(&mut self, key: Key, value: T) -> &mut T {
        let slot = &mut self.slots[key.index()];
        let Slot::Free { next } = *slot else {
            unreachable!("the free list has free slots only")
        };
        self.free = next;
        self.len += 1;
        counters::count(|t| &t.slots_taken, 1);
        *slot = Slot::Full(value);
        match slot {
            Slot::Full(value) => value,
            Slot::Free { .. } => unreachable!("it was just filled"),
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        if self.generations.get(key.index()) != Some(&key.generation()) {
            return None;
        }
        match &mut self.slots[key.index()] {
            Slot::Full(value) => Some(value),
            Slot::Free { .. } => None,
        }
    }

    /// Removes an entry. Returns `None` if it was removed before.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.remove_if(key, |_| true)
    }

    /// Removes an entry for which `condition` holds. Returns `None` if there is none, or it does not.
    #[inline]
    pub(crate) fn remove_if(&mut self, key: Key, condition: impl FnOnce(&T) -> bool) -> Option<T> {
        if !condition(self.get_mut(key)?) {
            return None;
        }
        let slot = &mut self.slots[key.index()];
        let old = std::mem::replace(slot, Slot::Free { next: self.free });
        if key.generation() < LAST_GENERATION {
            self.generations[key.index()] += 1;
            self.free = key.index() as u32;
        }
        self.len -= 1;
        counters::count(|t| &t.slots_freed, 1);
        match old {
            Slot::Full(value) => Some(value),
            Slot::Free { .. } => unreachable!("`get_mut` found it"),
        }
    }

    /// Removes an entry, the next one from `cursor` on. Returns `None` if the map is empty.
    ///
    /// With one cursor, to remove all entries takes time that is linear in the number of slots, in steps
    /// between which entries may be added and removed.
    pub(crate) fn remove_next(&mut self, cursor: &mut usize) -> Option<T> {
        while self.len > 0 {
            let rest = self.slots.get(*cursor..).unwrap_or_default();
            match rest.iter().position(|slot| matches!(slot, Slot::Full(_))) {
                Some(i) => {
                    let index = *cursor + i;
                    *cursor = index + 1;
                    let key = Key::new(index as u32, self.generations[index]);
                    return self.remove(key);
                }
                // Entries were added behind the cursor.
                None => *cursor = 0,
            }
        }
        None
    }
}

#[cfg(test)]
impl<T> SlotMap<T> {
    /// Removes all entries.
    pub(crate) fn drain(&mut self) -> Vec<T> {
        let mut cursor = 0;
        std::iter::from_fn(|| self.remove_next(&mut cursor)).collect()
    }
}

impl<T> Drop for SlotMap<T> {
    fn drop(&mut self) {
        counters::count(|t| &t.slots_freed, self.len as u64);
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn a_stale_key_finds_nothing() {
        let mut s = SlotMap::new();
        let a = s.insert("a");
        assert_eq!(s.remove(a), Some("a"));
        let b = s.insert("b");
        assert_eq!(a.index(), b.index());
        assert_eq!(s.remove(a), None);
        assert_eq!(s.get_mut(b), Some(&mut "b"));
    }

    #[test]
    fn keys_survive_the_trip_through_an_ocaml_int() {
        let k = Key::new(u32::MAX - 1, LAST_GENERATION);
        assert!(k.to_int() >= 0);
        assert!(k.to_int() < 1 << 62, "fits 63 bits");
        assert_eq!(Key::from_int(k.to_int()), k);
    }

    /// A slot map with free slots of this generation, and the first keys of the slots.
    fn worn(free: usize, generation: u32) -> (SlotMap<usize>, Vec<Key>) {
        let mut slots = SlotMap::new();
        let keys: Vec<Key> = (0..free).map(|_| slots.insert(0)).collect();
        for key in &keys {
            slots.remove(*key);
        }
        slots.generations.fill(generation);
        (slots, keys)
    }

    #[test]
    fn a_slot_whose_generations_are_used_up_is_retired() {
        let (mut s, first) = worn(1, LAST_GENERATION);
        let last = s.insert(1);
        assert_eq!((last.index(), last.generation()), (0, LAST_GENERATION));
        assert_eq!(s.remove(last), Some(1));
        assert_eq!(s.remove(last), None);
        assert_eq!(s.remove(first[0]), None);
        let next = s.insert(2);
        assert_eq!(next.index(), 1, "another slot");
        assert_eq!(s.get_mut(last), None);
        assert_eq!(s.drain(), [2]);
    }

    /// The expected entries of a slot map, and all keys that it has made.
    #[derive(Default)]
    struct Model {
        present: HashMap<Key, usize>,
        keys: Vec<Key>,
    }

    impl Model {
        fn insert(&mut self, slots: &mut SlotMap<usize>, value: usize) {
            let key = slots.insert(value);
            assert!(!self.keys.contains(&key), "made twice: {key:?}");
            self.keys.push(key);
            self.present.insert(key, value);
        }

        fn remove(&mut self, slots: &mut SlotMap<usize>, key: Key) {
            assert_eq!(slots.remove(key), self.present.remove(&key));
        }

        /// Every key finds its own entry, or nothing.
        fn check(&self, slots: &mut SlotMap<usize>) {
            assert_eq!(slots.len(), self.present.len());
            for key in &self.keys {
                assert_eq!(slots.get_mut(*key).copied(), self.present.get(key).copied());
            }
        }

        fn drain(&mut self, slots: &mut SlotMap<usize>) {
            let mut rest = slots.drain();
            let mut expected: Vec<usize> = self.present.drain().map(|(_, v)| v).collect();
            rest.sort();
            expected.sort();
            assert_eq!(rest, expected);
        }
    }

    /// Every sequence of `LENGTH` operations: insert, drain, and remove any key that was made. The free
    /// slots have `left` generations left at the start.
    #[test]
    fn every_short_history_behaves_like_a_map() {
        const LENGTH: usize = if cfg!(miri) { 4 } else { 7 };
        fn histories(so_far: &mut Vec<usize>, free: usize, left: u32) -> usize {
            let (mut slots, keys) = worn(free, LAST_GENERATION - left);
            let mut model = Model {
                keys,
                ..Model::default()
            };
            for (i, op) in so_far.iter().enumerate() {
                match op {
                    0 => model.insert(&mut slots, i),
                    1 => model.drain(&mut slots),
                    n => {
                        let key = model.keys[n - 2];
                        model.remove(&mut slots, key);
                    }
                }
            }
            model.check(&mut slots);
            if so_far.len() == LENGTH {
                return 1;
            }
            (0..model.keys.len() + 2)
                .map(|op| {
                    so_far.push(op);
                    let tried = histories(so_far, free, left);
                    so_far.pop();
                    tried
                })
                .sum()
        }
        let mut tried = 0;
        for free in 0..3 {
            for left in 0..2 {
                tried += histories(&mut Vec::new(), free, left);
            }
        }
        let expected = if cfg!(miri) { 100 } else { 100_000 };
        assert!(tried > expected, "{tried} histories");
    }

    proptest! {
        /// The same entries are found as in a map, after any operations and with any generations at the
        /// start.
        #[test]
        fn behaves_like_a_map(
            free in 0..4usize,
            left in 0..3u32,
            ops in proptest::collection::vec((0..8u8, any::<usize>()), 0..200),
        ) {
            let (mut slots, keys) = worn(free, LAST_GENERATION - left);
            let mut model = Model { keys, ..Model::default() };
            for (op, n) in ops {
                match op {
                    0 if n % 16 == 0 => model.drain(&mut slots),
                    0..=3 => model.insert(&mut slots, n),
                    _ if model.keys.is_empty() => model.insert(&mut slots, n),
                    _ => {
                        let key = model.keys[n % model.keys.len()];
                        model.remove(&mut slots, key);
                    }
                }
                prop_assert_eq!(slots.len(), model.present.len());
            }
            model.check(&mut slots);
            model.drain(&mut slots);
        }
    }
}
