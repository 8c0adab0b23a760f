//! What Rust does for OCaml. The build declares these functions in the OCaml module `Rust`.

use ocaml_lwt_interop::func;
use std::error::Error;
use std::time::Duration;

/// Greets after a delay.
#[func(raise)]
pub async fn greet(name: String, milliseconds: u32) -> Result<String, Box<dyn Error>> {
    if name.is_empty() {
        return Err("the name is empty".into());
    }
    tokio::time::sleep(Duration::from_millis(milliseconds.into())).await;
    Ok(format!("hello {name}"))
}

#[cfg(test)]
mod tests {
    use super::greet;

    #[tokio::test]
    async fn names_are_greeted() {
        assert_eq!(greet("Rust".to_owned(), 1).await.unwrap(), "hello Rust");
    }

    #[tokio::test]
    async fn an_empty_name_is_an_error() {
        let error = greet(String::new(), 1).await.unwrap_err();
        assert_eq!(error.to_string(), "the name is empty");
    }
}
