//! Without `self` or `Self` it is for the compiler to see that this is no free function.

pub struct Counter;

impl Counter {
    #[ocaml_lwt_interop::func(sync)]
    pub fn associated() {}
}

fn main() {}
