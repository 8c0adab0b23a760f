//! Calls OCaml functions: one that returns a promise, and one that returns a value.

use ocaml_lwt_interop::{OCamlAsyncFunc, OCamlFunc, domain, func};
use std::error::Error;

/// Applies `f` to each word, one after the other, and joins the results with `join`.
#[func(raise)]
pub async fn callback_fold(
    words: Vec<String>,
    f: OCamlAsyncFunc<(String,), String>,
    join: OCamlFunc<(String, String), String>,
) -> Result<String, Box<dyn Error>> {
    let mut all = String::new();
    for word in words {
        let word = f.call((word,))?.await?;
        // A function without a promise runs at once, which takes the right to use the OCaml runtime.
        all = domain::with_token(|token| join.call(token, (all, word)))??;
    }
    Ok(all)
}
