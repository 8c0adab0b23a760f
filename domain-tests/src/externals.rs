//! Functions that `externals/wrong.ml` declares wrongly. They are never called.

use crate::Int;
use ocaml_lwt_interop::{Bytes, FromOCaml, Opaque, OpaqueType, ToOCaml, func};

#[func]
pub fn wrong_welcome(name: String, times: Int) -> String {
    name.repeat(times.unsigned_abs())
}

#[func(sync)]
pub fn wrong_total(numbers: Vec<Int>) -> Int {
    numbers.iter().sum()
}

#[func(sync)]
pub fn wrong_text_length(text: String) -> usize {
    text.len()
}

#[func(sync)]
pub fn wrong_byte_length(text: Bytes) -> usize {
    text.0.len()
}

#[func(sync)]
pub fn wrong_halve(number: f64) -> f64 {
    number / 2.
}

/// A record.
#[derive(FromOCaml, ToOCaml)]
#[ocaml(name = "wrong_person")]
pub struct Person {
    name: String,
    age: Int,
}

#[func(sync)]
pub fn wrong_birthday(person: Person) -> Person {
    let age = person.age + 1;
    Person { age, ..person }
}

/// A variant.
#[derive(FromOCaml)]
pub enum Shade {
    Clear,
    Named(String),
    Dark,
}

#[func(sync)]
pub fn wrong_describe(shade: Shade) -> String {
    match shade {
        Shade::Clear => "clear".to_owned(),
        Shade::Named(name) => name,
        Shade::Dark => "dark".to_owned(),
    }
}

#[func(sync)]
pub fn wrong_nickname(name: Option<String>) -> String {
    name.unwrap_or_default()
}

#[func]
pub fn wrong_attempt(succeeds: bool) -> Result<Int, String> {
    succeeds.then_some(1).ok_or_else(String::new)
}

#[func(raise)]
pub fn wrong_attempt_or_raise(succeeds: bool) -> Result<Int, String> {
    succeeds.then_some(1).ok_or_else(String::new)
}

/// An opaque type.
#[derive(OpaqueType)]
pub struct Engine;

/// Another one.
#[derive(OpaqueType)]
pub struct Wing;

#[func(sync)]
pub fn wrong_engine() -> Opaque<Engine> {
    Opaque::new(Engine)
}

#[func(sync)]
pub fn wrong_start(engine: Opaque<Engine>) -> Int {
    let _ = engine;
    1
}

#[func(sync)]
pub fn wrong_fly(wing: Opaque<Wing>) -> Int {
    let _ = wing;
    1
}

#[func]
pub fn wrong_pause() {
    futures_lite::future::yield_now().await;
}
