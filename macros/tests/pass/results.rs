//! A `Result` is a `result`, or with `raise` an exception.
#![deny(warnings)]

use ocaml_lwt_interop::{OCamlException, func};
use std::error::Error;

#[func]
pub fn a_result(ok: bool) -> Result<String, String> {
    if ok { Ok("yes".to_owned()) } else { Err("no".to_owned()) }
}

#[func(sync)]
pub fn a_result_at_once() -> Result<isize, ()> {
    Err(())
}

#[func(raise)]
pub fn raises() -> Result<String, std::io::Error> {
    Ok(String::new())
}

#[func(raise)]
pub fn raises_an_alias() -> std::io::Result<()> {
    Ok(())
}

#[func(raise, sync)]
pub fn raises_a_string() -> Result<(), String> {
    Err("why".to_owned())
}

#[func(raise)]
pub fn raises_a_box() -> Result<(), Box<dyn Error>> {
    Err("why".into())
}

#[func(raise)]
pub fn raises_again(e: ocaml_lwt_interop::Rooted) -> Result<(), OCamlException> {
    let _ = e;
    Ok(())
}

#[func(raise, tokio)]
pub fn raises_from_tokio() -> Result<(), String> {
    Ok(())
}

#[func(raise, blocking)]
pub fn raises_from_the_pool() -> Result<(), std::io::Error> {
    Ok(())
}

fn main() {
    assert_eq!(a_result_at_once(), Err(()));
    assert_eq!(raises_a_string().unwrap_err(), "why");
}
