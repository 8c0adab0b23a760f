//! Names that are not C identifiers, or that are reserved.

use ocaml_lwt_interop::func;

#[func(name = "")]
pub fn empty() {}

#[func(name = "two words")]
pub fn two_words() {}

#[func(name = "1st")]
pub fn first() {}

#[func]
pub fn größe() {}

#[func]
pub fn read() {}

#[func]
pub fn pthread_create() {}

#[func(sync)]
pub fn sqrt(x: f64) -> f64 {
    x
}

#[func(name = "malloc")]
pub fn allocate() {}

#[func(name = "main")]
pub fn start() {}

#[func]
pub fn caml_alloc() {}

#[func]
pub fn lwt_unix_read_job() {}

#[func]
pub fn rust_eh_personality() {}

#[func]
pub fn _hidden() {}

#[func]
#[unsafe(no_mangle)]
pub fn exports_itself() {}

#[func]
#[unsafe(export_name = "other")]
pub fn exports_itself_as() {}

fn main() {}
