//! Awaits a Lwt promise.

use ocaml_lwt_interop::{OCamlException, Promise, func};

/// Returns the length of the promised string. `?` returns the exception if the promise is rejected.
#[func(raise)]
pub async fn promise_length(text: Promise<String>) -> Result<isize, OCamlException> {
    let text = text.await?;
    Ok(text.len() as isize)
}
