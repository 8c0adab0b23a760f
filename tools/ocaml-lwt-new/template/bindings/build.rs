//! Sets what the symbols of the exported functions begin with, because a program may have several packages with a function
//! of one name.

fn main() {
    println!("cargo::rustc-env=OCAML_LWT_PREFIX={{module}}");
    println!("cargo::rerun-if-changed=build.rs");
}
