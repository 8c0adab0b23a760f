use ocaml_lwt_interop::func;
use std::error::Error;
use std::future::pending;
use std::sync::Mutex;

/// Waits for something that never happens.
#[func]
pub async fn wait_for_ever() {
    pending().await
}

/// Locks a mutex twice, which blocks the thread for ever.
#[func]
pub async fn lock_twice() {
    let mutex = Mutex::new(());
    let _first = mutex.lock();
    let _second = mutex.lock();
}

/// Panics.
#[func]
pub async fn index_out_of_bounds() -> isize {
    let numbers = [1, 2, 3];
    let index = std::hint::black_box(3);
    numbers[index]
}

/// Fails.
#[func(raise)]
pub async fn parse_nothing() -> Result<isize, Box<dyn Error>> {
    Ok("".parse::<isize>()?)
}
