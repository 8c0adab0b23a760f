//! What may be wrong with a result: a promise or an error that the declaration has forgotten.

use super::Check;
use crate::check::declared::{Standard, TypeId};
use crate::check::mismatch::{Mismatch, What};
use crate::check::rust_type;
use crate::model::{Mode, Type};

/// The hint for a forgotten `Lwt.t`.
pub const ASYNC: &str = "the function is asynchronous";
const PROMISE: &str = "the function returns a promise";
const SYNC: &str = "the function is synchronous";
const RAISES: &str = "the function raises its errors, because it has the option raise";
const RESULT: &str =
    "the function returns its errors; declare a result, or add the option raise to #[func]";

impl Check<'_> {
    /// Replaces the differences of the result by one of the whole type, if that explains them.
    pub(super) fn result(&self, mismatches: &mut Vec<Mismatch>) {
        if mismatches.is_empty() {
            return;
        }
        let (own, rust) = (self.external.result.ty, &self.function.result);
        let (own_value, value) = match (self.promised(own), promised(self.head(rust))) {
            (None, Some(_)) => {
                let hint = match self.function.mode {
                    Mode::Promise | Mode::Sync => PROMISE,
                    Mode::Async | Mode::Tokio | Mode::Blocking => ASYNC,
                };
                return self.replace(mismatches, hint);
            }
            (Some(_), None) => return self.replace(mismatches, SYNC),
            (Some(own), Some(value)) => (own, value),
            (None, None) => (own, rust),
        };
        let is_result = matches!(self.head(value), Type::Result(..));
        match self.is_result(own_value) {
            true if !is_result && self.function.raises => self.replace(mismatches, RAISES),
            false if is_result => self.replace(mismatches, RESULT),
            _ => {
                let is_content = |m: &Mismatch| m.path.len() == 1 && m.what == What::Type;
                let whole = self.promised(own).is_some() && mismatches.iter().all(is_content);
                if let (true, [mismatch]) = (whole, mismatches.as_slice()) {
                    let hint = mismatch.hint.clone();
                    self.replace(mismatches, &hint);
                }
            }
        }
    }

    fn head<'a>(&'a self, rust: &'a Type) -> &'a Type {
        rust_type::head(self.scope.exports, rust)
    }

    /// Returns the type of a promise's value.
    fn promised(&self, ty: TypeId) -> Option<TypeId> {
        match self.unit.standard(ty) {
            Some((Standard::Promise, &[value])) => Some(value),
            _ => None,
        }
    }

    fn is_result(&self, ty: TypeId) -> bool {
        matches!(self.unit.standard(ty), Some((Standard::Result, _)))
    }

    fn replace(&self, mismatches: &mut Vec<Mismatch>, hint: &str) {
        *mismatches = vec![Mismatch {
            path: Vec::new(),
            what: What::Type,
            here: self.unit.text(self.external.result.ty),
            in_rust: rust_type::text(self.scope.exports, &self.function.result),
            hint: hint.to_owned(),
            place: None,
        }];
    }
}

fn promised(ty: &Type) -> Option<&Type> {
    match ty {
        Type::Promise(value) => Some(value),
        _ => None,
    }
}
