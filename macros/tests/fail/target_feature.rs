//! A function with target features is unsafe to call where the instructions may be missing, also
//! for the stub.

#[ocaml_lwt_interop::func(sync)]
#[target_feature(enable = "avx2")]
pub fn wide() {}

fn main() {}
