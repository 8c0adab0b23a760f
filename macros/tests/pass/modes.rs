//! Each option, on functions with and without `async`.
#![deny(warnings)]

use futures_lite::future;

#[ocaml_lwt_interop::func]
pub fn my_async_func() -> () {
    future::yield_now().await;
}

#[ocaml_lwt_interop::func]
pub async fn says_async() {
    future::yield_now().await;
}

#[ocaml_lwt_interop::func()]
pub fn awaits_nothing() -> bool {
    true
}

#[ocaml_lwt_interop::func(sync)]
pub fn in_the_call(a: isize, b: isize) -> isize {
    a + b
}

#[ocaml_lwt_interop::func(sync)]
pub const fn constant(a: isize) -> isize {
    a
}

#[ocaml_lwt_interop::func(tokio)]
pub fn on_tokio(name: String) -> String {
    future::yield_now().await;
    name
}

#[ocaml_lwt_interop::func(tokio)]
pub async fn on_tokio_async(name: String) -> String {
    future::yield_now().await;
    name
}

#[ocaml_lwt_interop::func(blocking)]
pub fn on_the_blocking_pool(name: String) -> String {
    name
}

#[ocaml_lwt_interop::func(name = "other_name_in_ocaml")]
pub fn named() {}

#[ocaml_lwt_interop::func(sync, name = "all_the_options", raise,)]
pub fn options_combine() -> Result<(), std::fmt::Error> {
    Ok(())
}

// A task of the domain need not be `Send`.
#[ocaml_lwt_interop::func]
pub fn keeps_what_cannot_move() -> isize {
    let shared = std::rc::Rc::new(1);
    future::yield_now().await;
    *shared
}

/// Rust code calls exported functions like any others.
fn main() {
    let runs = async {
        my_async_func().await;
        says_async().await;
        named().await;
        (on_tokio("a".to_owned()).await, on_tokio_async("b".to_owned()).await)
    };
    assert_eq!(future::block_on(runs), ("a".to_owned(), "b".to_owned()));
    assert!(future::block_on(awaits_nothing()));
    const TWO: isize = constant(2);
    assert_eq!(in_the_call(1, TWO), 3);
    assert_eq!(on_the_blocking_pool("c".to_owned()), "c");
    assert_eq!(options_combine(), Ok(()));
    assert_eq!(future::block_on(keeps_what_cannot_move()), 1);
}
