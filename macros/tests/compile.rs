//! What the compiler says to right and to wrong uses of `#[func]`.
//!
//! After a change of messages: `TRYBUILD=overwrite cargo test -p ocaml-lwt-interop-macros`, and
//! read the difference.

#[test]
fn right_and_wrong_uses() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/pass/*.rs");
    cases.compile_fail("tests/fail/*.rs");
}
