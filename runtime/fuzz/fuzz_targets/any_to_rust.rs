#![no_main]

use libfuzzer_sys::fuzz_target;
use ocaml_lwt_interop::__fuzz::{any_to_rust, run};

fuzz_target!(|bytes: &[u8]| run(any_to_rust, bytes));
