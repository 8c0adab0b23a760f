//! A body that is not async cannot await.

use futures_lite::future;
use ocaml_lwt_interop::func;

#[func(sync)]
pub fn in_the_call() {
    future::yield_now().await;
}

#[func(blocking)]
pub fn in_the_pool() -> bool {
    let later = async { future::yield_now().await };
    if true {
        later.await;
    }
    true
}

fn main() {}
