//! A difference between an OCaml type and a Rust type.

use crate::model::Place;
use std::fmt::Write as _;

/// A difference within an argument or a result.
#[derive(Debug, Clone)]
pub struct Mismatch {
    /// Where, from the outside: `element of the list`, `field age of person`.
    pub path: Vec<String>,
    /// What differs.
    pub what: What,
    /// In OCaml.
    pub here: String,
    /// In Rust.
    pub in_rust: String,
    /// What is missing, or what to do.
    pub hint: String,
    /// Where the Rust type is defined, if the difference is in its definition.
    pub place: Option<Place>,
}

/// What differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The whole type.
    Type,
    /// The names of the fields of the type with this name, or of its constructors.
    Has(String, &'static str),
}

/// The argument or the result that has a [`Mismatch`].
#[derive(Debug, Clone, Copy)]
pub enum Subject {
    /// Counted from 1.
    Argument(usize),
    Result,
}

impl Mismatch {
    /// Returns `true` if the whole type of the argument or the result differs.
    pub fn is_whole(&self) -> bool {
        self.path.is_empty() && self.what == What::Type
    }

    /// Returns the text of the difference. `rust` is the type as Rust writes it, `place` the one of the function.
    pub fn message(&self, subject: Subject, rust: &str, place: &Place) -> String {
        let mut text = match subject {
            Subject::Argument(number) => format!("argument {number}"),
            Subject::Result if self.is_whole() => "returns".to_owned(),
            Subject::Result => "result".to_owned(),
        };
        if !self.path.is_empty() {
            text += ": ";
            text += &self.path.join(", ");
        }
        match (&self.what, subject) {
            (What::Type, Subject::Result) if self.is_whole() => {}
            (What::Type, _) => text += " is",
            (What::Has(name, parts), _) => {
                let separator = if self.path.is_empty() { ": " } else { ", " };
                let _ = write!(text, "{separator}{name} has the {parts}");
            }
        }
        let _ = write!(text, " {} here, {}", self.here, self.in_rust);
        if self.is_whole() && !["", "()", self.in_rust.as_str()].contains(&rust) {
            let _ = write!(text, " ({rust})");
        }
        let place = self.place.as_ref().unwrap_or(place);
        let _ = write!(text, " in Rust ({place})");
        if !self.hint.is_empty() {
            let _ = write!(text, ": {}", self.hint);
        }
        text
    }
}
