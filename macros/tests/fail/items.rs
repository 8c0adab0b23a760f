//! Only functions can be exported.

use ocaml_lwt_interop::func;

#[func]
pub struct Config;

#[func]
pub trait Greets {
    fn greet(&self);
}

#[func]
pub const LIMIT: isize = 1;

#[func]
pub mod module {}

#[func]
impl Empty {}

pub struct Empty;

pub trait Speaks {
    #[func]
    fn speak();
}

fn main() {}
