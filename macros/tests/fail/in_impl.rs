//! What a method cannot be, and what an `impl` cannot be.

use ocaml_lwt_interop::{Opaque, OpaqueType, func};

#[derive(OpaqueType)]
pub struct Counter;

#[func]
impl Counter {
    pub fn by_mutable_reference(&mut self) {}

    pub fn by_value(self) {}

    pub fn by_type(self: Box<Self>) {}

    pub fn by_borrow(&self, _other: &Self) {}

    #[func(sync)]
    pub async fn waits(&self) {}

    #[func(raise)]
    pub fn raises_nothing(&self) {}

    #[func(tokio)]
    fn private(&self) {}

    #[func(slowly)]
    pub fn unknown(&self) {}

    pub fn borrows(&self) -> &'static [u8] {
        b""
    }

    pub fn takes(&self, #[ocaml(lable)] _x: isize, #[ocaml(optional)] _y: isize, #[ocaml(optional)] _z: Option<isize>) {}

    pub fn many(&self) -> Vec<Self> {
        Vec::new()
    }

    pub fn pattern(&self, #[ocaml(label)] (_a, _b): (isize, isize), #[ocaml(positional, label)] _c: isize) {}
}

#[func(tokio)]
impl Counter {
    pub fn one(&self) {}
}

#[func]
impl Counter {
    fn nothing_public(&self) {}
}

#[func]
impl Default for Counter {
    fn default() -> Self {
        Counter
    }
}

pub struct Wrapper<T>(T);

#[func]
impl<T> Wrapper<T> {
    pub fn generic(&self) {}
}

#[func]
impl Wrapper<isize> {
    pub fn special(&self) {}
}

pub struct Nameless;

#[func]
impl Nameless {
    pub fn nameless(&self) {}
}

#[func(sync)]
pub fn nameless(_one: Opaque<Nameless>) {}

#[derive(OpaqueType)]
pub struct Parametric<T>(T);

impl Counter {
    #[func]
    pub fn by_reference(&self) -> isize {
        1
    }

    #[func(sync)]
    pub fn makes_one() -> Option<Self> {
        None
    }
}

fn main() {}
