//! Any number of arguments, of any type that converts, bound by any pattern.
#![deny(warnings)]

use ocaml::Int;
use ocaml_lwt_interop::{OCamlAsyncFunc, OCamlFunc, func};

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

#[derive(ocaml::FromValue, ocaml::ToValue)]
pub struct Config {
    pub retries: Int,
    pub host: Option<String>,
}

#[func]
pub fn derived(config: Config) -> (Int, Vec<Config>) {
    (config.retries, vec![config])
}

#[func]
pub fn a_value(value: ocaml::Value) -> ocaml::Value {
    value
}

// The arguments of a callback may be borrowed.
#[func(sync)]
pub fn callbacks(_f: OCamlFunc<(&'static str,), bool>, _g: OCamlAsyncFunc<(Int,), Int>) {}

mod other {
    #[derive(ocaml::FromValue)]
    pub struct Raw {
        pub bytes: Vec<u8>,
    }
}

// Only `ocaml::Raw` is a raw value.
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
