//! Options that do not exist, are incomplete, or cannot be combined.

use ocaml_lwt_interop::func;

#[func(parallel)]
pub fn unknown() {}

#[func(sync = true)]
pub fn with_a_value() {}

#[func("symbol")]
pub fn a_string() {}

#[func(raise, raise)]
pub fn raise_twice() {}

#[func(tokio, raise, tokio)]
pub fn tokio_twice() {}

#[func(name = "a_name", name = "another_name")]
pub fn name_twice() {}

#[func(sync, tokio)]
pub fn sync_and_tokio() {}

#[func(blocking, sync)]
pub fn blocking_and_sync() {}

#[func(name)]
pub fn no_name() {}

#[func(name = greeting)]
pub fn name_without_quotes() {}

#[func]
#[func(sync, name = "at_once")]
pub fn exported_twice() {}

fn main() {}
