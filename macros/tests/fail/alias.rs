//! References behind aliases, which only the compiler can see.

use ocaml_lwt_interop::func;

type Text = &'static str;

#[func]
pub fn alias(text: Text) -> isize {
    text.len() as isize
}

#[func(sync)]
pub fn nested(text: Option<Text>) -> bool {
    text.is_some()
}

#[func(sync)]
pub fn in_a_tuple(pair: (u8, Vec<(Text, u8)>)) -> bool {
    pair.1.is_empty()
}

fn main() {}
