//! Methods and associated functions cannot be exported.

use ocaml_lwt_interop::func;

pub struct Counter;

impl Counter {
    #[func]
    pub fn by_reference(&self) -> isize {
        1
    }

    #[func(sync)]
    pub fn by_mutable_reference(&mut self) {}

    #[func(sync)]
    pub fn by_value(self) {}

    #[func(sync)]
    pub fn by_type(self: Box<Self>) {}

    #[func(sync)]
    pub fn makes_one() -> Option<Self> {
        None
    }

    #[func(sync)]
    pub fn takes_one(_one: Vec<Self>) {}
}

fn main() {}
