//! What is declared: what the chosen crates define, and the types of others that it mentions.

use super::error::GenerateError;
use super::names;
use super::{Options, mentions};
use crate::model::{Definition, Exceptions, Exports, Function, Id, Place, krate};
use std::collections::{BTreeMap, BTreeSet};

/// What is declared. It is a copy, whose names are then made legal.
#[derive(Debug)]
pub struct Selection {
    pub definitions: Vec<Definition>,
    pub functions: Vec<Function>,
    pub exceptions: Vec<Exceptions>,
    /// Types that other modules declare, with their names there.
    pub elsewhere: BTreeMap<Id, String>,
    /// Their definitions in Rust, unless they are trusted.
    pub foreign: Vec<Definition>,
}

/// Selects what is declared.
pub fn select(
    exports: &Exports,
    archive: &str,
    options: &Options,
) -> Result<Selection, GenerateError> {
    let crates = chosen_crates(exports, archive, options)?;
    let is_chosen = |module: &str| crates.contains(krate(module));
    let chosen_functions = exports.functions.iter().filter(|f| is_chosen(&f.module));
    let chosen_exceptions = exports
        .exceptions
        .iter()
        .filter(|e| is_chosen(&e.id.module));
    let mut reached = Reached {
        exports,
        archive,
        options,
        definitions: BTreeMap::new(),
        elsewhere: BTreeMap::new(),
        todo: exports
            .definitions
            .values()
            .filter(|d| is_chosen(&d.id.module))
            .collect(),
    };
    for definition in reached.todo.clone() {
        reached.definitions.insert(&definition.id, definition);
    }
    for function in chosen_functions.clone() {
        let mut ids = Vec::new();
        mentions::in_function(function, &mut |id| ids.push(id));
        let what = || format!("the function `{}`", function.rust_name);
        reached.reach(ids, &what, &function.place)?;
    }
    for exceptions in chosen_exceptions.clone() {
        let mut ids = Vec::new();
        mentions::in_exceptions(exceptions, &mut |id| ids.push(id));
        let what = || format!("the error `{}`", exceptions.id.name);
        reached.reach(ids, &what, &exceptions.place)?;
    }
    while let Some(definition) = reached.todo.pop() {
        let mut ids = Vec::new();
        mentions::in_body(&definition.body, &mut |id| ids.push(id));
        let what = || format!("the type `{}`", definition.id.name);
        reached.reach(ids, &what, &definition.place)?;
    }
    reached.complete_elsewhere();
    Ok(Selection {
        definitions: reached.definitions.into_values().cloned().collect(),
        functions: chosen_functions.cloned().collect(),
        exceptions: chosen_exceptions.cloned().collect(),
        foreign: reached
            .elsewhere
            .keys()
            .filter(|_| !options.trusts_externs)
            .filter_map(|id| exports.definitions.get(id).cloned())
            .collect(),
        elsewhere: reached.elsewhere,
    })
}

/// Returns the crates whose functions are declared. Fails if there are none.
pub fn chosen_crates<'a>(
    exports: &'a Exports,
    archive: &str,
    options: &'a Options,
) -> Result<BTreeSet<&'a str>, GenerateError> {
    let known = crates(exports);
    if known.is_empty() {
        return Err(GenerateError::Empty {
            archive: archive.to_owned(),
        });
    }
    for name in &options.crates {
        if options.externs.contains_key(name) {
            return Err(GenerateError::BothHereAndThere(name.clone()));
        }
        if !known.contains(&**name) {
            let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
            return Err(GenerateError::UnknownCrate {
                archive: archive.to_owned(),
                name: name.clone(),
                known: known.join(", "),
            });
        }
    }
    let is_chosen = |name: &&str| match &options.crates[..] {
        [] => !options.externs.contains_key(*name),
        crates => crates.iter().any(|chosen| chosen == name),
    };
    Ok(known.into_iter().filter(is_chosen).collect())
}

/// Returns the crates that an archive exports something of.
fn crates(exports: &Exports) -> BTreeSet<&str> {
    let functions = exports.functions.iter().map(|f| &*f.module);
    let definitions = exports.definitions.keys().map(|id| &*id.module);
    let exceptions = exports.exceptions.iter().map(|e| &*e.id.module);
    let modules = functions.chain(definitions).chain(exceptions);
    modules.map(krate).collect()
}

/// The types that have been reached so far.
struct Reached<'a> {
    exports: &'a Exports,
    archive: &'a str,
    options: &'a Options,
    definitions: BTreeMap<&'a Id, &'a Definition>,
    elsewhere: BTreeMap<Id, String>,
    /// Those whose types have not been reached.
    todo: Vec<&'a Definition>,
}

impl<'a> Reached<'a> {
    /// Returns the name of a type that another module declares.
    fn name_elsewhere(&self, definition: &Definition) -> Option<String> {
        let module = self.options.externs.get(krate(&definition.id.module))?;
        let name = names::lowercase(&definition.name);
        let name = name.as_ref().unwrap_or(&definition.name);
        Some(format!("{module}.{name}"))
    }

    /// Adds the types that those of other modules mention, as far as it is known where they are.
    fn complete_elsewhere(&mut self) {
        let exports = self.exports;
        let mut todo: Vec<Id> = self.elsewhere.keys().cloned().collect();
        while let Some(id) = todo.pop() {
            let Some(definition) = exports.definitions.get(&id) else {
                continue;
            };
            let mut ids = Vec::new();
            mentions::in_body(&definition.body, &mut |id| ids.push(id));
            for id in ids {
                let named = exports.definitions.get(id);
                if let Some(name) = named.and_then(|d| self.name_elsewhere(d)) {
                    if self.elsewhere.insert(id.clone(), name).is_none() {
                        todo.push(id.clone());
                    }
                }
            }
        }
    }

    fn reach(
        &mut self,
        ids: Vec<&'a Id>,
        what: &dyn Fn() -> String,
        place: &Place,
    ) -> Result<(), GenerateError> {
        for id in ids {
            let Some(definition) = self.exports.definitions.get(id) else {
                return Err(GenerateError::NoDefinition {
                    archive: self.archive.to_owned(),
                    id: Box::new(id.clone()),
                    what: what(),
                    place: place.clone(),
                });
            };
            if self.definitions.contains_key(id) {
                continue;
            }
            if let Some(name) = self.name_elsewhere(definition) {
                self.elsewhere.insert(id.clone(), name);
                continue;
            }
            self.definitions.insert(id, definition);
            self.todo.push(definition);
        }
        Ok(())
    }
}
