//! A crate with strict lints and `forbid(unsafe_code)`, which allow everything that `#[func]` expands
//! to. Most of the test is that rustc and Clippy accept it.

#![forbid(unsafe_code)]
#![deny(
    missing_docs,
    unreachable_pub,
    unsafe_op_in_unsafe_fn,
    unused,
    clippy::all,
    clippy::pedantic,
    clippy::undocumented_unsafe_blocks,
    clippy::multiple_unsafe_ops_per_block
)]

use futures_lite::future;
type Int = isize;
use ocaml_lwt_interop::func;

/// The documentation's first example.
#[func]
pub fn my_async_func() -> () {
    future::yield_now().await;
}

/// Awaits nothing and does not consume its argument.
#[func]
pub fn greet(name: String) -> String {
    format!("hello {name}")
}

/// Returns no promise.
#[func(sync)]
#[must_use]
pub fn greet_at_once(name: String) -> String {
    format!("hello {name}")
}

/// Takes more arguments than bytecode passes one by one.
#[func(sync)]
#[must_use]
pub fn sum((a, ()): (Int, ()), b: Int, c: Int, d: Int, _: Int, _unused: Int, unit: ()) -> Int {
    let () = unit;
    a + b + c + d
}

/// Takes and returns a unit.
#[func(sync)]
pub fn unit(_: ()) {}

/// Fails with an exception.
///
/// # Errors
/// If `when` is true.
#[func(tokio, raise)]
pub fn fails(when: bool) -> std::io::Result<Vec<String>> {
    future::yield_now().await;
    if when {
        Err(std::io::Error::other("as requested"))
    } else {
        Ok(vec![])
    }
}

/// Fails with a `result`.
///
/// # Errors
/// Always.
#[func(blocking)]
pub fn fails_as_a_value() -> Result<(), &'static str> {
    Err("always")
}

mod private {
    #[ocaml_lwt_interop::func(sync, name = "from_a_private_module")]
    pub fn for_ocaml() {}
}

#[test]
fn functions_remain_functions() {
    future::block_on(my_async_func());
    assert_eq!(future::block_on(greet("a".to_owned())), "hello a");
    assert_eq!(greet_at_once("b".to_owned()), "hello b");
    assert_eq!(sum((1, ()), 2, 3, 4, 5, 6, ()), 10);
    unit(());
    assert!(future::block_on(fails(true)).is_err());
    assert_eq!(future::block_on(fails(false)).unwrap().len(), 0);
    assert_eq!(fails_as_a_value(), Err("always"));
    private::for_ocaml();
}
