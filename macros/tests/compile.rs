//! Right uses of `#[func]` compile and run, and wrong uses fail with the errors in `fail/*.stderr`.
//!
//! After a change of messages, run `TRYBUILD=overwrite cargo test -p ocaml-lwt-interop-macros`, and
//! read the diff.

#[test]
fn right_and_wrong_uses() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/pass/*.rs");
    cases.compile_fail("tests/fail/*.rs");
}
