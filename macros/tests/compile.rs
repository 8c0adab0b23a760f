//! Right uses of `#[func]` compile and run, and wrong uses fail with the errors in `fail/*.stderr`.
//!
//! The texts are those of one version of Rust. With others, wrong uses only have to fail.
//!
//! After a change of messages, run `TRYBUILD=overwrite cargo test -p ocaml-lwt-interop-macros`, and
//! read the diff.

use std::ffi::OsStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// The version that has written the texts.
const VERSION: &str = "rustc 1.95.";

#[test]
fn right_and_wrong_uses() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/pass/*.rs");
    if has_written_the_texts() {
        cases.compile_fail("tests/fail/*.rs");
    } else {
        cases.compile_fail(without_texts().join("*.rs"));
        // The cases run now. If each one fails to compile, they write the texts of this version, and say so.
        let outcome = catch_unwind(AssertUnwindSafe(|| drop(cases)));
        let _ = fs::remove_dir_all("wip");
        let said = outcome.expect_err("there are no texts");
        let said = said.downcast_ref::<String>().expect("a text");
        assert!(said.starts_with("successfully created"), "{said}");
    }
}

fn has_written_the_texts() -> bool {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output();
    version.is_ok_and(|version| version.stdout.starts_with(VERSION.as_bytes()))
}

/// Returns a folder with the wrong uses, and without the texts.
fn without_texts() -> PathBuf {
    let copies = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fail");
    fs::create_dir_all(&copies).expect("the folder is made");
    for entry in fs::read_dir("tests/fail").expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        if path.extension() == Some(OsStr::new("rs")) {
            let name = path.file_name().expect("a file has a name");
            fs::copy(&path, copies.join(name)).expect("the file is copied");
        }
    }
    copies
}
