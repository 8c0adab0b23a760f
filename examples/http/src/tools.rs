//! Functions of Rust's libraries for the handlers.

use crate::Error;
use ocaml_lwt_interop::{Bytes, func};
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::Duration;

static SLEEPERS: AtomicIsize = AtomicIsize::new(0);

/// Counts a timer until it is dropped, which is when it has fired or is cancelled.
struct Sleeper;

impl Sleeper {
    fn new() -> Sleeper {
        SLEEPERS.fetch_add(1, Ordering::Relaxed);
        Sleeper
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        SLEEPERS.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits for a timer of tokio's, for `seconds`. Cancelling the promise stops the timer.
#[func(name = "tools_sleep")]
pub async fn sleep(seconds: Duration) {
    let _sleeper = Sleeper::new();
    tokio::time::sleep(seconds).await
}

/// Returns the number of such timers that run, on all domains.
#[func(sync)]
pub fn sleepers() -> isize {
    SLEEPERS.load(Ordering::Relaxed)
}

/// Returns the JSON document without blanks, or what is wrong with it.
#[func(sync)]
pub fn compact_json(text: Bytes) -> Result<String, String> {
    let value: serde_json::Value = serde_json::from_slice(&text).map_err(|e| e.to_string())?;
    Ok(value.to_string())
}

/// Returns 32 random hexadecimal digits, which cannot be guessed.
#[func(sync, raise)]
pub fn random_name() -> Result<String, Error> {
    Ok(format!(
        "{:016x}{:016x}",
        getrandom::u64()?,
        getrandom::u64()?
    ))
}

/// Panics with a message.
#[func]
pub async fn panic(message: String) {
    panic!("{message}")
}
