//! A table of things in flight, whose keys are never mistaken for one another.

use crate::base::counters;

/// Names an entry of a [`SlotMap`] table. A key that is used after its entry was
/// removed finds nothing, even if the place has been taken again: no key is ever
/// given out twice.
///
/// As an OCaml `int` it is `generation << 32 | index`: 30 bits and 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key(u64);

/// A place that was taken this many times and once more is not used again.
const LAST_GENERATION: u32 = 0x3fff_ffff;

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

/// A growable table with generation-checked keys. Insertion and removal take
/// constant time; the place freed last is used first. A place whose generations are
/// used up stays empty, which costs its memory: a few bytes for 2^30 insertions.
/// What is in it counts in [`Totals::slots`](crate::metrics::Totals::slots).
#[derive(Debug)]
pub(crate) struct SlotMap<T> {
    slots: Vec<Slot<T>>,
    /// Apart from the slots, which they would pad.
    generations: Vec<u32>,
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

    pub(crate) fn insert(&mut self, value: T) -> Key {
        let key = self.next_key();
        self.fill(key, value);
        key
    }

    /// Inserts what is made with its key.
    pub(crate) fn insert_with(&mut self, make: impl FnOnce(Key) -> T) -> &mut T {
        let key = self.next_key();
        let value = make(key);
        self.fill(key, value)
    }

    /// The key that the next value is inserted under.
    fn next_key(&mut self) -> Key {
        if self.free == NONE {
            let index = u32::try_from(self.slots.len()).expect("fewer than 2^32 entries");
            assert_ne!(index, NONE, "fewer than 2^32 entries");
            self.slots.push(Slot::Free { next: NONE });
            self.generations.push(0);
            self.free = index;
        }
        Key::new(self.free, self.generations[self.free as usize])
    }

    fn fill(&mut self, key: Key, value: T) -> &mut T {
        let slot = &mut self.slots[key.index()];
        let Slot::Free { next } = *slot else {
            unreachable!("the free list holds free slots")
        };
        self.free = next;
        self.len += 1;
        counters::count(|t| &t.slots_taken, 1);
        *slot = Slot::Full(value);
        match slot {
            Slot::Full(value) => value,
            Slot::Free { .. } => unreachable!("just filled"),
        }
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        if self.generations.get(key.index()) != Some(&key.generation()) {
            return None;
        }
        match &mut self.slots[key.index()] {
            Slot::Full(value) => Some(value),
            Slot::Free { .. } => None,
        }
    }

    /// Takes the entry out. `None` if it was removed before.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get_mut(key)?;
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
            Slot::Free { .. } => unreachable!("checked above"),
        }
    }

    /// Takes every entry out.
    pub(crate) fn drain(&mut self) -> Vec<T> {
        let keys: Vec<Key> = (self.slots.iter().zip(&self.generations).enumerate())
            .filter(|(_, (slot, _))| matches!(slot, Slot::Full(_)))
            .map(|(i, (_, generation))| Key::new(i as u32, *generation))
            .collect();
        keys.into_iter().filter_map(|k| self.remove(k)).collect()
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

    /// A table whose free places have served this often already, and the first keys to them.
    fn worn(places: usize, generation: u32) -> (SlotMap<usize>, Vec<Key>) {
        let mut slots = SlotMap::new();
        let keys: Vec<Key> = (0..places).map(|_| slots.insert(0)).collect();
        for key in &keys {
            slots.remove(*key);
        }
        slots.generations.fill(generation);
        (slots, keys)
    }

    #[test]
    fn a_place_whose_generations_are_used_up_is_not_used_again() {
        let (mut s, first) = worn(1, LAST_GENERATION);
        let last = s.insert(1);
        assert_eq!((last.index(), last.generation()), (0, LAST_GENERATION));
        assert_eq!(s.remove(last), Some(1));
        assert_eq!(s.remove(last), None);
        assert_eq!(s.remove(first[0]), None);
        let next = s.insert(2);
        assert_eq!(next.index(), 1, "a place of its own");
        assert_eq!(s.get_mut(last), None);
        assert_eq!(s.drain(), [2]);
    }

    /// A table beside a map of what is in it, and every key there ever was.
    #[derive(Default)]
    struct Model {
        present: HashMap<Key, usize>,
        ever: Vec<Key>,
    }

    impl Model {
        fn insert(&mut self, slots: &mut SlotMap<usize>, value: usize) {
            let key = slots.insert(value);
            assert!(!self.ever.contains(&key), "given out twice: {key:?}");
            self.ever.push(key);
            self.present.insert(key, value);
        }

        fn remove(&mut self, slots: &mut SlotMap<usize>, key: Key) {
            assert_eq!(slots.remove(key), self.present.remove(&key));
        }

        /// Every key finds its own entry, or nothing.
        fn check(&self, slots: &mut SlotMap<usize>) {
            assert_eq!(slots.len(), self.present.len());
            for key in &self.ever {
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

    /// Every sequence of `LENGTH` operations: insert, drain, remove any key there ever was. A
    /// place has `left` generations left at the start.
    #[test]
    fn every_short_history_behaves_like_a_map() {
        const LENGTH: usize = 7;
        fn histories(so_far: &mut Vec<usize>, places: usize, left: u32) -> usize {
            let (mut slots, ever) = worn(places, LAST_GENERATION - left);
            let mut model = Model {
                ever,
                ..Model::default()
            };
            for (i, op) in so_far.iter().enumerate() {
                match op {
                    0 => model.insert(&mut slots, i),
                    1 => model.drain(&mut slots),
                    n => {
                        let key = model.ever[n - 2];
                        model.remove(&mut slots, key);
                    }
                }
            }
            model.check(&mut slots);
            if so_far.len() == LENGTH {
                return 1;
            }
            (0..model.ever.len() + 2)
                .map(|op| {
                    so_far.push(op);
                    let tried = histories(so_far, places, left);
                    so_far.pop();
                    tried
                })
                .sum()
        }
        let mut tried = 0;
        for places in 0..3 {
            for left in 0..2 {
                tried += histories(&mut Vec::new(), places, left);
            }
        }
        assert!(tried > 100_000, "{tried} histories");
    }

    proptest! {
        /// Against a map: the same entries are found, whatever the order, and however worn the
        /// places are at the start.
        #[test]
        fn behaves_like_a_map(
            places in 0..4usize,
            left in 0..3u32,
            ops in proptest::collection::vec((0..8u8, any::<usize>()), 0..200),
        ) {
            let (mut slots, ever) = worn(places, LAST_GENERATION - left);
            let mut model = Model { ever, ..Model::default() };
            for (op, n) in ops {
                match op {
                    0 if n % 16 == 0 => model.drain(&mut slots),
                    0..=3 => model.insert(&mut slots, n),
                    _ if model.ever.is_empty() => model.insert(&mut slots, n),
                    _ => {
                        let key = model.ever[n % model.ever.len()];
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
