//! A token, and what is borrowed from it, cannot outlive its closure. `runtime/tests/threads.rs` tests
//! that it is not `Send`.

use ocaml_lwt_interop::domain::{self, with_token};
use ocaml_lwt_interop::RuntimeToken;
use std::cell::RefCell;

thread_local! {
    static KEPT: RefCell<Option<&'static RuntimeToken<'static>>> = const { RefCell::new(None) };
}

pub fn kept() {
    let _ = with_token(|token| KEPT.with_borrow_mut(|kept| *kept = Some(token)));
}

pub fn leaked() {
    let _ = with_token(|token| Box::leak(Box::new(token)));
}

pub fn in_a_future() {
    let _ = with_token(|token| async move { token.domain_id() });
}

pub fn in_a_local_task() {
    let _ = with_token(|token| domain::spawn_local(async move { token.domain_id() }));
}

fn main() {}
