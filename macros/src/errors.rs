//! The errors of one item.

use quote::ToTokens;
use syn::{Error, Result};

/// All errors of a function or of a type, so that one compilation reports them all.
#[derive(Default)]
pub struct Errors(pub Option<Error>);

impl Errors {
    pub fn add(&mut self, error: Error) {
        match &mut self.0 {
            Some(all) => all.combine(error),
            None => self.0 = Some(error),
        }
    }

    pub fn add_some(&mut self, error: Option<Error>) {
        if let Some(error) = error {
            self.add(error);
        }
    }

    pub fn at(&mut self, tokens: impl ToTokens, message: &str) {
        self.add(Error::new_spanned(tokens, message));
    }

    /// Returns the value, or `None` if it is an error.
    pub fn take<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.add(error)).ok()
    }
}
