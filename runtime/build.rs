//! Sets `cfg(ocaml_5_5)` if OCaml is 5.5 or newer. With the feature `standalone`, makes the OCaml
//! runtime a library that Rust programs link.

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

/// Prints what `ocamlopt OPTION` prints, of the compiler that the crate ocaml-sys asks, too.
fn ocamlopt(option: &str) -> Option<String> {
    let program = std::env::var_os("OCAMLOPT").unwrap_or_else(|| "ocamlopt".into());
    let output = Command::new(program).arg(option).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// Returns major and minor version of `5.5.0+options`.
fn major_minor(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|part| part.parse().ok());
    Some((numbers.next()?, numbers.next()?))
}

/// Declares `cfg(ocaml_5_5)`, and sets it if it holds. Without OCaml it is not set: the crate
/// ocaml-sys fails with a message then.
fn set_version() {
    println!("cargo::rustc-check-cfg=cfg(ocaml_5_5)");
    for variable in ["OCAMLOPT", "OCAML_VERSION", "OPAM_SWITCH_PREFIX"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    // Another OCaml may be installed in the same place.
    if let Some(library) = ocamlopt("-where") {
        println!("cargo::rerun-if-changed={library}/Makefile.config");
    }
    let version = std::env::var("OCAML_VERSION").ok();
    let version = version.or_else(|| ocamlopt("-version")).unwrap_or_default();
    if major_minor(&version) >= Some((5, 5)) {
        println!("cargo::rustc-cfg=ocaml_5_5");
    }
}

/// The build script of domain-tests/loom calls it, too.
pub fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    set_version();
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
