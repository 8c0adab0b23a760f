//! The stub has no more rights than other callers: this function is unsafe to call where the
//! instructions may be missing.

#[ocaml_lwt_interop::func(sync)]
#[target_feature(enable = "avx2")]
pub fn wide() {}

fn main() {}
