//! Any number of arguments, of any type that converts, bound by any pattern.
#![deny(warnings)]

use ocaml_lwt_interop::{
    FromOCaml, Nativeint, OCamlAsyncFunc, OCamlFunc, Promise, Rooted, RuntimeToken, ToOCaml, func,
};

type Int = isize;

#[func]
pub fn one(a: Int) -> Int {
    a
}

#[func]
pub fn five(a: Int, b: Int, c: Int, d: Int, e: Int) -> Int {
    a + b + c + d + e
}

#[func]
pub fn six(a: Int, b: Int, c: Int, d: Int, e: Int, f: Int) -> Int {
    a + b + c + d + e + f
}

#[func(sync)]
pub fn seven_in_the_call(a: Int, b: Int, c: Int, d: Int, e: Int, f: Int, g: Int) -> Int {
    a + b + c + d + e + f + g
}

#[func(sync)]
pub fn unit(_: ()) {}

#[func(sync)]
pub fn patterns((a, b): (u16, u16), mut name: String, _: Int, [c, ..]: [u8; 2]) -> String {
    name.push_str(&format!(" {a} {b} {c}"));
    name
}

#[func]
pub fn async_patterns((a, _): (u16, u16), mut name: String, _: Int) -> String {
    name += &a.to_string();
    name
}

#[func(blocking)]
pub fn blocking_patterns((a, _): (u16, u16), mut name: String, _: Int) -> String {
    name += &a.to_string();
    name
}

#[derive(FromOCaml, ToOCaml)]
pub struct Config {
    pub retries: Int,
    pub host: Option<String>,
}

#[func]
pub fn derived(config: Config) -> (Int, Vec<Config>) {
    (config.retries, vec![config])
}

#[func]
pub fn a_value(value: Rooted) -> Rooted {
    value
}

#[func(sync)]
pub fn with_the_token(n: Int, token: &RuntimeToken<'_>, value: Rooted<String>) -> String {
    value.get(token).unwrap_or_default().repeat(n as usize)
}

#[func(sync)]
pub fn with_nothing_but_the_token(_token: &ocaml_lwt_interop::RuntimeToken) {}

#[func(sync, unboxed)]
pub fn plain(n: isize, f: f64, i: i32, j: i64, k: Nativeint) -> f64 {
    (n + i as isize + j as isize + k.0) as f64 + f
}

#[func(sync, noalloc)]
pub fn plain_and_fast(n: isize) -> isize {
    n
}

mod renamed {
    pub use ocaml_lwt_interop as interop;
}

#[func(crate = renamed::interop)]
pub fn with_a_renamed_crate(text: String) -> Option<String> {
    Some(text)
}

#[func]
pub fn a_promise() -> Promise<Int> {
    Promise::new().expect("OCaml calls it").0
}

#[func(raise)]
pub fn a_promise_or_an_error() -> Result<Promise<Int>, ocaml_lwt_interop::TokenError> {
    Ok(Promise::new()?.0)
}

#[func]
pub fn a_promise_later() -> Promise<Int> {
    futures_lite::future::yield_now().await;
    Promise::new().expect("OCaml calls it").0
}

#[func(raise)]
pub async fn a_promise_or_an_error_later() -> Result<Promise<Int>, ocaml_lwt_interop::TokenError> {
    Ok(Promise::new()?.0)
}

// The arguments of a callback may be borrowed.
#[func(sync)]
pub fn callbacks(_f: OCamlFunc<(&'static str,), bool>, _g: OCamlAsyncFunc<(Int,), Int>) {}

mod other {
    #[derive(ocaml_lwt_interop::FromOCaml)]
    pub struct Raw {
        pub bytes: Vec<u8>,
    }
}

#[func(sync)]
pub fn another_raw(raw: other::Raw) -> Int {
    raw.bytes.len() as Int
}

#[func(sync)]
pub fn unused(#[allow(unused_variables)] a: Int) {}

#[func(sync)]
pub fn a_literal() -> &'static str {
    "static"
}

fn main() {
    assert_eq!(seven_in_the_call(1, 2, 3, 4, 5, 6, 7), 28);
    assert_eq!(patterns((1, 2), "a".to_owned(), 0, [3, 4]), "a 1 2 3");
    assert_eq!(blocking_patterns((1, 2), "a".to_owned(), 0), "a1");
    unit(());
}
