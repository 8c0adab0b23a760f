use ocaml_lwt_interop::{Promise, func};
use std::error::Error;
use std::time::Duration;
use tokio::time::{sleep, timeout};

struct Connection(String);

impl Drop for Connection {
    fn drop(&mut self) {
        println!("{} is closed", self.0);
    }
}

/// Waits for a reply that never comes.
#[func]
pub async fn request(name: String) {
    let _connection = Connection(name);
    std::future::pending().await
}

/// Waits for a promise, but not for long.
#[func(raise)]
pub async fn wait_briefly(promise: Promise<()>) -> Result<(), Box<dyn Error>> {
    // Without `cancel_on_drop` the promise would remain pending after the timeout.
    let promise = promise.into_future().cancel_on_drop();
    timeout(Duration::from_millis(10), promise).await??;
    Ok(())
}

/// Closes the connection in good order when `stop` is resolved.
#[func(raise)]
pub async fn serve(name: String, stop: Promise<()>) -> Result<(), Box<dyn Error>> {
    let connection = Connection(name);
    stop.await?;
    println!("{} sends its last message", connection.0);
    sleep(Duration::from_millis(1)).await;
    Ok(())
}
