//! Without `self` or `Self` only the compiler can see that a function is in an `impl`.

pub struct Counter;

impl Counter {
    #[ocaml_lwt_interop::func(sync)]
    pub fn associated() {}
}

fn main() {}
