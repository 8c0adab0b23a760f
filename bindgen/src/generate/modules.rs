//! The functions, and the modules that those of an `impl` are in.

use super::definitions::{Style, alias};
use super::error::GenerateError;
use super::externals::external;
use super::layout::{indent, join};
use super::select::Selection;
use super::{File, mentions};
use crate::model::{Body, Definition, Function, Id, Type};
use std::collections::{BTreeMap, BTreeSet};

/// The name of the type of a module.
const OWN_TYPE: &str = "t";

/// A function, or all functions of a module, in the order of the first ones.
enum Item<'a> {
    Function(&'a Function),
    Module(Module<'a>),
}

struct Module<'a> {
    name: &'a str,
    /// The abstract type whose functions it has.
    owner: Option<&'a Definition>,
    functions: Vec<&'a Function>,
}

fn grouped(selection: &Selection) -> Vec<Item<'_>> {
    let mut items: Vec<Item<'_>> = Vec::new();
    let mut modules: BTreeMap<&str, usize> = BTreeMap::new();
    for function in &selection.functions {
        if function.owner.is_empty() {
            items.push(Item::Function(function));
            continue;
        }
        let index = *modules.entry(&function.owner).or_insert(items.len());
        match items.get_mut(index) {
            Some(Item::Module(module)) => module.functions.push(function),
            _ => items.push(Item::Module(Module {
                name: &function.owner,
                owner: owner(selection, function),
                functions: vec![function],
            })),
        }
    }
    items
}

/// Returns the abstract type that a function is a method of.
fn owner<'a>(selection: &'a Selection, function: &Function) -> Option<&'a Definition> {
    let name = owner_name(function);
    let matches =
        |d: &&Definition| matches!(d.body, Body::Abstract) && type_name(&d.id.name) == name;
    let mut of_crate = selection
        .definitions
        .iter()
        .filter(|d| crate::model::krate(&d.id.module) == function.krate())
        .filter(matches);
    let mut same_module = of_crate.clone().filter(|d| d.id.module == function.module);
    // An `impl` may be in another module than its type.
    same_module
        .next()
        .or_else(|| match (of_crate.next(), of_crate.next()) {
            (only, None) => only,
            _ => None,
        })
}

/// Returns the Rust name of the type that a function is a method of: `Counter`, and `Store` of `dyn Store`.
fn owner_name(function: &Function) -> &str {
    let path = function.rust_name.rsplit_once("::");
    type_name(path.map_or(&*function.owner, |(ty, _)| ty))
}

/// Returns the name of a type or a trait: `Store` of `dyn stores::Store + Send`.
fn type_name(ty: &str) -> &str {
    let ty = ty.split(" + ").next().unwrap_or_default();
    ty.rsplit([' ', ':']).next().unwrap_or_default()
}

/// Fails if a module has the functions of two types, or hides a type that they mention.
pub fn check(selection: &Selection) -> Result<(), GenerateError> {
    for item in grouped(selection) {
        let Item::Module(module) = item else {
            continue;
        };
        let first = module.functions[0];
        for function in &module.functions {
            let same =
                function.krate() == first.krate() && owner_name(function) == owner_name(first);
            if !same {
                let at =
                    |f: &Function| format!("that of {}::{} ({})", f.module, owner_name(f), f.place);
                return Err(GenerateError::SameName {
                    what: "modules",
                    name: module.name.to_owned(),
                    first: at(first),
                    second: at(function),
                    remedy: "give one of the Rust types another name",
                    crates_differ: function.krate() != first.krate(),
                });
            }
            let mut hidden = None;
            mentions::in_function(function, &mut |id| {
                let definition = selection.definitions.iter().find(|d| d.id == *id);
                let is_hidden = |d: &&Definition| d.name == OWN_TYPE && !module.is_own(&d.id);
                hidden = hidden.or(definition.filter(is_hidden));
            });
            if let (Some(hidden), Some(_)) = (hidden, module.owner) {
                return Err(GenerateError::HiddenByModule {
                    name: hidden.name.clone(),
                    module: module.name.to_owned(),
                    place: hidden.place.clone(),
                });
            }
        }
    }
    Ok(())
}

/// Returns the text of functions and modules.
pub fn items(selection: &Selection, file: File, style: Style<'_>) -> Vec<String> {
    let taken = selection.definitions.iter().map(|d| d.name.clone());
    let taken: BTreeSet<String> = taken.collect();
    let mut top_level = Results(taken.clone());
    let mut items = Vec::new();
    for item in grouped(selection) {
        match item {
            Item::Function(function) => items.extend(top_level.function(function, style)),
            Item::Module(module) => {
                let mut inside = Results(taken.clone());
                inside.0.insert(OWN_TYPE.to_owned());
                items.push(module.text(file, inside, style));
            }
        }
    }
    items
}

impl Module<'_> {
    fn is_own(&self, id: &Id) -> bool {
        self.owner.is_some_and(|owner| owner.id == *id)
    }

    fn text(&self, file: File, mut results: Results, style: Style<'_>) -> String {
        let names = |id: &Id| match self.is_own(id) {
            true => OWN_TYPE.to_owned(),
            false => (style.names)(id),
        };
        let inside = Style {
            names: &names,
            docs: style.docs,
            width: style.width - 2,
        };
        let mut items = Vec::new();
        if let Some(owner) = self.owner {
            // A type that has the name itself would be its own abbreviation.
            let keyword = match owner.name == OWN_TYPE {
                true => "type nonrec",
                false => "type",
            };
            items.push(format!("{keyword} {OWN_TYPE} = {}", owner.name));
        }
        for function in &self.functions {
            items.extend(results.function(function, inside));
        }
        let opening = match file {
            File::Mli => format!("module {} : sig", self.name),
            File::Ml | File::DocumentedMl => format!("module {} = struct", self.name),
        };
        format!("{opening}\n{}\nend", indent(&join(&items), 2))
    }
}

/// The names of types that new ones must not hide.
struct Results(BTreeSet<String>);

impl Results {
    /// Returns the external, after the type of its result if that needs one.
    fn function(&mut self, function: &Function, style: Style<'_>) -> Vec<String> {
        let Type::Function(..) = function.result else {
            return vec![external(function, &function.name, None, style)];
        };
        let mut name = format!("{}_result", function.name);
        while !self.0.insert(name.clone()) {
            name.push('_');
        }
        let mut result = alias(&format!("type {name}"), &function.result, style);
        let doc = format!("The function that `{}` returns.", function.name);
        if let Some(comment) = style.comment(&doc, 0) {
            result = format!("{result}\n{comment}");
        }
        vec![
            result,
            external(function, &function.name, Some(&name), style),
        ]
    }
}
