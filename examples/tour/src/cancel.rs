//! Is cancelled by OCaml.

use ocaml_lwt_interop::func;
use std::time::Duration;

struct Connection;

impl Drop for Connection {
    fn drop(&mut self) {
        println!("Rust closes the connection");
    }
}

/// Waits for `seconds` with a connection open.
#[func]
pub async fn cancel_wait(seconds: f64) {
    let _connection = Connection;
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}
