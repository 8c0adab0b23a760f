//! Functions of Rust's libraries for the handlers.

use crate::Error;
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

pub async fn sleep(duration: Duration) {
    let _sleeper = Sleeper::new();
    tokio::time::sleep(duration).await
}

pub fn sleepers() -> isize {
    SLEEPERS.load(Ordering::Relaxed)
}

pub fn compact_json(text: &[u8]) -> Result<String, String> {
    let value: serde_json::Value = serde_json::from_slice(text).map_err(|e| e.to_string())?;
    Ok(value.to_string())
}

pub fn random_name() -> Result<String, Error> {
    Ok(format!(
        "{:016x}{:016x}",
        getrandom::u64()?,
        getrandom::u64()?
    ))
}
