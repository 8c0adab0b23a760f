#![no_main]

use libfuzzer_sys::fuzz_target;
use ocaml_lwt_interop::__fuzz::{run, to_ocaml_and_back};

fuzz_target!(|bytes: &[u8]| run(to_ocaml_and_back, bytes));
