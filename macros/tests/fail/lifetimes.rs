//! Argument types that borrow without `&`.

use ocaml_lwt_interop::func;
use std::borrow::Cow;

pub struct Name<'a>(&'a str);

pub type Alias<'a> = &'a str;

#[func]
pub fn says_so(_name: Name<'_>) {}

#[func]
pub fn says_so_inside(_name: Vec<Cow<'_, str>>) {}

#[func(sync)]
pub fn does_not_say_so(_name: Name) {}

#[func(tokio)]
pub fn does_not_say_so_either(_name: Alias) {}

fn main() {}
