//! With the feature `standalone`, makes the OCaml runtime a library that Rust programs link.

use std::path::{Path, PathBuf};
use std::process::Command;

fn run(command: &mut Command) {
    let shown = format!("{command:?}");
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => panic!("{shown} failed: {status}"),
        Err(e) => {
            panic!("{shown} could not be run: {e}. Is OCaml installed? `make setup` does that")
        }
    }
}

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var_os("CARGO_FEATURE_STANDALONE").is_none() {
        return;
    }
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    let source = out.join("empty.ml");
    std::fs::write(&source, "").expect("OUT_DIR is writable");
    let object = out.join("empty_program.o");
    run(Command::new("ocamlfind")
        .args([
            "ocamlopt",
            "-package",
            "threads.posix",
            "-linkpkg",
            "-output-complete-obj",
            "-o",
        ])
        .args([&object, &source])
        .current_dir(&out));
    let library = Path::new("liblwt_interop_empty_program.a");
    let _ = std::fs::remove_file(out.join(library));
    run(Command::new("ar")
        .arg("rcs")
        .args([library, &object])
        .current_dir(&out));
    println!("cargo::rustc-link-search=native={}", out.display());
    // `-bundle`: a program that is linked gets it, a static library does not.
    println!("cargo::rustc-link-lib=static:-bundle=lwt_interop_empty_program");
    println!("cargo::rustc-link-lib=dylib=m");
}
