//! Choices that bytes make. When there are no more bytes, all are 0: the simplest choice.

pub(super) struct Choices<'a> {
    bytes: &'a [u8],
    /// The parts of values that may still be chosen, so that values of parts that repeat others stay small.
    pub(super) parts: usize,
    /// Whether something was chosen that has no equal in OCaml.
    pub(super) may_be_refused: bool,
}

impl<'a> Choices<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Choices {
            bytes,
            parts: 4000,
            may_be_refused: false,
        }
    }

    pub(super) fn byte(&mut self) -> u8 {
        match self.bytes.split_first() {
            Some((first, rest)) => {
                self.bytes = rest;
                *first
            }
            None => 0,
        }
    }

    /// Chooses a number less than `n`, which is 256 at most.
    pub(super) fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == n - 1
    }

    pub(super) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        let i = self.below(from.len());
        from[i].clone()
    }

    pub(super) fn word(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// Chooses some bytes: few, or so many that they take more than one allocation.
    pub(super) fn bytes(&mut self) -> Vec<u8> {
        match self.byte() {
            n @ 0..=199 => (0..n % 24).map(|_| self.byte()).collect(),
            n => {
                let fill = self.byte();
                let size = usize::from(n - 200) * 64 + usize::from(fill % 16);
                let size = size.min(self.parts * 64);
                self.parts -= size / 64;
                (0..size).map(|i| fill.wrapping_add(i as u8)).collect()
            }
        }
    }

    pub(super) fn text(&mut self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// Chooses the size of a container, most often a small one, and takes that many parts.
    fn size(&mut self) -> usize {
        let size = match self.byte() {
            n @ 0..=239 => usize::from(n) % 6,
            n => usize::from(n - 240) * 40 + usize::from(self.byte() % 64),
        };
        let size = size.min(self.parts);
        self.parts -= size;
        size
    }

    /// Chooses some values. Of many, most repeat the first ones.
    pub(super) fn some<T: Clone>(&mut self, mut choose: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let size = self.size();
        // What has parts of its own counts them once more for each copy.
        let before = self.parts;
        let distinct: Vec<T> = (0..size.min(6)).map(|_| choose(self)).collect();
        let repeated = (before - self.parts).saturating_mul(size / 6);
        match repeated <= self.parts {
            true => {
                self.parts -= repeated;
                distinct.iter().cycle().take(size).cloned().collect()
            }
            false => distinct,
        }
    }
}
