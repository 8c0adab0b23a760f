//! `panic = "abort"` does not compile, and the error says what to change.

use std::path::Path;
use std::process::Command;

/// The errors of the compiler for this crate. Without its dependencies there are others too.
fn errors(flags: &[&str]) -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let output = Command::new(rustc)
        .args([
            "--edition=2024",
            "--crate-type=lib",
            "--emit=metadata",
            "-o",
            "/dev/null",
        ])
        .args(flags)
        .arg(source)
        .output()
        .expect("rustc runs");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_profile_that_aborts_on_panics_is_an_error() {
    let text = "Remove `panic = \"abort\"` from the profile in Cargo.toml";
    assert!(!errors(&[]).contains(text));
    let aborting = errors(&["-Cpanic=abort"]);
    assert!(aborting.contains(text), "{aborting}");
}
