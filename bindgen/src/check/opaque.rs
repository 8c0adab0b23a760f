//! Which Rust type each abstract OCaml type stands for.

use super::declared::{Body, External, Implementation, Is, Node, TypeId, Unit};
use crate::model::{Definition, Id};
use std::collections::HashMap;

/// The definitions of types that are abstract for other modules.
pub struct Implementations<'a>(HashMap<&'a str, (&'a Unit, &'a Implementation)>);

impl<'a> Implementations<'a> {
    pub fn new(units: &'a [Unit]) -> Self {
        let of_unit = |unit: &'a Unit| {
            let entry = move |implementation: &'a Implementation| {
                (implementation.name.as_str(), (unit, implementation))
            };
            unit.implementations.iter().map(entry)
        };
        Implementations(units.iter().flat_map(of_unit).collect())
    }

    /// Returns the name of the abstract type that the abstract type `name` is in its own module, or what else it is
    /// and where.
    pub fn resolve(&self, mut name: &'a str) -> Result<&'a str, String> {
        // No type is its own, but the files may be of different times.
        for _ in 0..=self.0.len() {
            let Some((unit, implementation)) = self.0.get(name) else {
                break;
            };
            let what = match &implementation.is {
                Is::New(what) => what.clone(),
                Is::Type(ty) => match abstract_name(unit, *ty) {
                    Some("") => break,
                    Some(own_name) => {
                        name = own_name;
                        continue;
                    }
                    None => unit.text(*ty),
                },
            };
            let Implementation { file, line, .. } = implementation;
            return Err(format!("{what} ({file}:{line})"));
        }
        Ok(name)
    }
}

/// Returns the full name of a type that is abstract, or `""` if it may be.
fn abstract_name(unit: &Unit, ty: TypeId) -> Option<&str> {
    match unit.node(unit.head(ty)) {
        Node::Constructor {
            body: Body::Unknown { .. },
            ..
        } => Some(""),
        Node::Constructor {
            name,
            body: Body::Abstract,
            ..
        } => Some(name),
        _ => None,
    }
}

/// What the externals that have been checked say about abstract types.
#[derive(Debug, Default)]
pub struct Opaques {
    /// By the full name of the OCaml type.
    uses: HashMap<String, Use>,
}

/// The first use of an abstract type.
#[derive(Debug)]
struct Use {
    id: Id,
    /// The Rust type and where it is.
    rust: String,
    /// The external and where it is.
    external: String,
}

impl Opaques {
    /// Records that an abstract OCaml type stands for a Rust type. Returns what contradicts it.
    pub fn add(
        &mut self,
        name: &str,
        shown: &str,
        definition: &Definition,
        external: &External,
    ) -> Result<(), String> {
        let rust = format!("{} ({})", definition.id, definition.place);
        match self.uses.get(name) {
            None => {
                self.uses.insert(
                    name.to_owned(),
                    Use {
                        id: definition.id.clone(),
                        rust,
                        external: format!(
                            "{} ({}:{})",
                            external.name, external.file, external.line
                        ),
                    },
                );
                Ok(())
            }
            Some(first) if first.id == definition.id => Ok(()),
            Some(first) => Err(format!(
                "{shown} stands for the Rust type {rust} here, and for {} in {}: declare an abstract type for each",
                first.rust, first.external
            )),
        }
    }
}
