//! Functions of plain numbers, and functions that return promises.

use crate::{Error, Int};
use futures_lite::future;
use ocaml_lwt_interop as renamed;
use ocaml_lwt_interop::{
    Nativeint, OCamlFunc, Promise, Rooted, RuntimeToken, TokenError, domain, func,
};

/// Returns the sum of numbers of every kind. Panics if it is 13.
#[func(sync, unboxed)]
pub fn numbers_sum(n: isize, f: f64, i: i32, j: i64, k: Nativeint) -> f64 {
    let sum = n as f64 + f + f64::from(i) + j as f64 + k.0 as f64;
    assert!(sum != 13., "thirteen");
    sum
}

/// Returns twice the number, which may not fit an `int`.
#[func(sync, unboxed)]
pub fn numbers_twice(n: isize) -> isize {
    n.wrapping_mul(2)
}

/// Returns the number. Panics if it is 13, which ends the process.
#[func(sync, noalloc)]
pub fn numbers_noalloc(n: isize) -> isize {
    assert!(n != 13, "thirteen");
    n
}

/// Adds 1 if the thread has a token. A `noalloc` function has none, since OCaml's state is not saved.
#[func(sync, noalloc)]
pub fn numbers_has_token(n: isize) -> isize {
    n + isize::from(domain::with_token(|_| ()).is_ok())
}

/// Calls a function, from a stub that has a token.
#[func(sync, raise)]
pub fn numbers_within(token: &RuntimeToken<'_>, f: OCamlFunc<(), Int>) -> Result<Int, Error> {
    Ok(f.call(token, ())?)
}

/// Uses the token that it is given.
#[func(sync)]
pub fn numbers_token(text: Rooted<String>, token: &RuntimeToken<'_>, n: usize) -> String {
    text.get(token).unwrap_or_default().repeat(n)
}

/// Exported through another name of the crate.
#[func(sync, crate = renamed)]
pub fn numbers_renamed(n: u8) -> u8 {
    n
}

/// Returns a promise that another thread fulfills, or panics.
#[func]
pub fn numbers_promise(n: Int) -> Promise<Int> {
    let (promise, resolver) = Promise::new().expect("OCaml calls it");
    assert!(n != 13, "thirteen");
    std::thread::spawn(move || resolver.resolve(n).is_ok());
    promise
}

/// Returns a promise, or fails.
#[func(raise)]
pub fn numbers_promise_or_error(n: Int) -> Result<Promise<Int>, TokenError> {
    match n {
        13 => Err(TokenError::NotADomainThread),
        _ => {
            let (promise, resolver) = Promise::new()?;
            std::thread::spawn(move || resolver.resolve(n).is_ok());
            Ok(promise)
        }
    }
}

/// Returns a promise after a yield. It is rejected if the number is 13.
#[func]
pub fn numbers_promise_later(n: Int) -> Promise<Int> {
    future::yield_now().await;
    let (promise, resolver) = Promise::new().expect("a task has a token");
    std::thread::spawn(move || match n {
        13 => resolver.reject("thirteen").is_ok(),
        _ => resolver.resolve(n).is_ok(),
    });
    promise
}
