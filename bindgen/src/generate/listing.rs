//! Single items, on one line each, for lists that people read.

use super::definitions::{self, Style};
use super::externals;
use crate::model::{Definition, Exception, Exports, Function, Id};

/// Shows items of an archive. Nothing is rejected: a type without a definition has its Rust name.
pub struct Listing<'a>(pub &'a Exports);

impl Listing<'_> {
    /// Returns the type of a function: `name:string -> int Lwt.t`.
    pub fn signature(&self, function: &Function) -> String {
        self.styled(|style| externals::signature(function, None, style))
    }

    /// Returns the definition of a type: `type point = { x : float; y : float }`.
    pub fn definition(&self, definition: &Definition) -> String {
        self.styled(|style| definitions::group(&[definition], style))
    }

    /// Returns the definition of an exception: `exception Closed`.
    pub fn exception(&self, exception: &Exception) -> String {
        self.styled(|style| definitions::exception(exception, "", style))
    }

    fn styled(&self, f: impl FnOnce(Style<'_>) -> String) -> String {
        let names = |id: &Id| match self.0.definitions.get(id) {
            Some(definition) => definition.name.clone(),
            None => id.to_string(),
        };
        f(Style {
            names: &names,
            docs: false,
            width: usize::MAX,
        })
    }
}
