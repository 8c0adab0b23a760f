//! Generic functions cannot be exported: a symbol stands for a single function.

use ocaml_lwt_interop::func;

#[func(sync)]
pub fn of_a_type<T: Copy>(_value: T) {}

#[func(sync)]
pub fn of_a_lifetime<'a>(_value: isize) -> &'a str {
    ""
}

#[func(sync)]
pub fn of_a_number<const N: usize>(_value: [u8; N]) {}

#[func(sync)]
pub fn with_where(_value: String)
where
    String: Clone,
{
}

fn main() {}
