//! Which Rust type each abstract OCaml type stands for.

use super::declared::External;
use crate::model::{Definition, Id};
use std::collections::HashMap;

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
