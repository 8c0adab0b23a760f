use ocaml_lwt_interop::func;
use std::time::Duration;

/// Greets after a delay.
#[func]
pub async fn greet(name: String, milliseconds: u32) -> String {
    tokio::time::sleep(Duration::from_millis(milliseconds.into())).await;
    format!("hello {name}")
}

/// Returns the number of characters.
#[func(sync)]
pub fn characters(text: String) -> usize {
    text.chars().count()
}
