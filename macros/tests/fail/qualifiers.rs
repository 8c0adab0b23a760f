//! Qualifiers before `fn`.

use ocaml_lwt_interop::func;

#[func(sync)]
pub unsafe fn is_unsafe() {}

#[func(sync)]
pub extern "C" fn has_an_abi() {}

#[func(sync)]
pub async fn sync_async() {}

#[func(blocking)]
pub async fn blocking_async() {}

#[func]
pub const fn const_async() {}

fn main() {}
