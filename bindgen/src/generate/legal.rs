//! Makes the names legal, and rejects what OCaml would reject.

use super::error::GenerateError;
use super::names;
use super::select::Selection;
use crate::model::{Arguments, Body, Constructor, Field, Label, Place, Type, krate};
use std::collections::{BTreeMap, BTreeSet};

const RENAME: &str = "set another name for one of them with #[ocaml(name = \"...\")]";
const RENAME_FUNCTION: &str = "give one of the Rust functions another name";

/// Makes the names of a selection legal. Fails if one cannot be.
pub fn legalize(selection: &mut Selection) -> Result<(), GenerateError> {
    let first = |path: &String| path.split('.').next().unwrap_or_default().to_owned();
    let modules: BTreeSet<String> = selection.elsewhere.values().map(first).collect();
    let all = selection.definitions.iter_mut();
    for definition in all.chain(&mut selection.foreign) {
        let at = At {
            owner: format!("type `{}`", definition.id.name),
            place: &definition.place,
        };
        at.lowercase(&mut definition.name, "the", RENAMED)?;
        let is_foreign = selection.elsewhere.contains_key(&definition.id);
        if names::hides_type(&definition.name) && !is_foreign {
            return Err(GenerateError::HidesType {
                name: definition.name.clone(),
                place: definition.place.clone(),
            });
        }
        match &mut definition.body {
            Body::Record(fields) => at.fields(fields)?,
            Body::Variant(constructors) => {
                for constructor in constructors {
                    at.constructor(constructor)?;
                }
            }
            Body::Polymorphic(constructors) => {
                for constructor in constructors {
                    at.tag(constructor)?;
                }
            }
            Body::Alias(_) | Body::Abstract => {}
        }
        if let Body::Variant(all) | Body::Polymorphic(all) = &definition.body {
            if all.is_empty() {
                return Err(at.contradiction("it is a variant without constructors"));
            }
        }
    }
    for exceptions in &mut selection.exceptions {
        let at = At {
            owner: format!("error `{}`", exceptions.id.name),
            place: &exceptions.place,
        };
        for exception in &mut exceptions.exceptions {
            at.constructor(&mut exception.constructor)?;
        }
    }
    for function in &mut selection.functions {
        let at = At {
            owner: format!("function `{}`", function.rust_name),
            place: &function.place,
        };
        at.lowercase(&mut function.name, "the", RENAMED_FUNCTION)?;
        if !function.owner.is_empty() && !names::is_capitalized(&function.owner) {
            return Err(at.illegal("the module of the", &function.owner, RENAMED_MODULE));
        }
        if names::hides_module(&function.owner) || modules.contains(&function.owner) {
            return Err(GenerateError::HidesModule {
                name: function.owner.clone(),
                place: function.place.clone(),
            });
        }
        for argument in &mut function.arguments {
            match &mut argument.label {
                Label::None => {}
                Label::Labelled(label) => at.lowercase(label, "a label of the", RENAMED_LABEL)?,
                Label::Optional(label) => {
                    at.lowercase(label, "a label of the", RENAMED_LABEL)?;
                    if !matches!(argument.ty, Type::Option(_)) {
                        return Err(at.contradiction(&format!(
                            "the argument `{label}` is optional, but its type is no `Option`"
                        )));
                    }
                }
            }
        }
    }
    Ok(())
}

const RENAMED: &str = "set another with #[ocaml(name = \"...\")], of ASCII letters, digits and `_`";
const RENAMED_FUNCTION: &str = "give the Rust function another, of ASCII letters, digits and `_`";
const RENAMED_MODULE: &str = "give the Rust type another, of ASCII letters, digits and `_`";
const RENAMED_LABEL: &str =
    "set another with #[ocaml(label = \"...\")], of ASCII letters, digits and `_`";

/// Where names are in the Rust sources.
struct At<'a> {
    /// Such as ``type `Point` ``.
    owner: String,
    place: &'a Place,
}

impl At<'_> {
    fn illegal(&self, part: &str, name: &str, remedy: &'static str) -> GenerateError {
        GenerateError::Name {
            what: format!("{part} {}", self.owner),
            name: name.to_owned(),
            place: self.place.clone(),
            remedy,
        }
    }

    fn contradiction(&self, what: &str) -> GenerateError {
        GenerateError::Contradiction {
            what: format!("the {}: {what}", self.owner),
            place: self.place.clone(),
        }
    }

    fn lowercase(
        &self,
        name: &mut String,
        part: &str,
        remedy: &'static str,
    ) -> Result<(), GenerateError> {
        match names::lowercase(name) {
            Some(legal) => *name = legal,
            None => return Err(self.illegal(part, name, remedy)),
        }
        Ok(())
    }

    fn fields(&self, fields: &mut [Field]) -> Result<(), GenerateError> {
        if fields.is_empty() {
            return Err(self.contradiction("it is a record without fields"));
        }
        fields
            .iter_mut()
            .try_for_each(|field| self.lowercase(&mut field.name, "a field of the", RENAMED))
    }

    fn constructor(&self, constructor: &mut Constructor) -> Result<(), GenerateError> {
        if !names::is_capitalized(&constructor.name) {
            return Err(self.illegal("a constructor of the", &constructor.name, RENAMED));
        }
        match &mut constructor.arguments {
            Arguments::Positional(_) => Ok(()),
            Arguments::Record(fields) => self.fields(fields),
        }
    }

    fn tag(&self, constructor: &Constructor) -> Result<(), GenerateError> {
        if !names::is_tag(&constructor.name) {
            return Err(self.illegal("a constructor of the", &constructor.name, RENAMED));
        }
        match constructor.arguments {
            Arguments::Positional(_) => Ok(()),
            Arguments::Record(_) => Err(self.contradiction(&format!(
                "the constructor `{}` of a polymorphic variant has named fields",
                constructor.name
            ))),
        }
    }
}

/// Fails if two types, two exceptions, or two functions of a module have the same name.
pub fn distinct(selection: &Selection) -> Result<(), GenerateError> {
    let mut types = Names::new("types", RENAME);
    for definition in &selection.definitions {
        let module = &definition.id.module;
        types.add(&definition.name, module, &|| {
            format!("{} ({})", definition.id, definition.place)
        })?;
    }
    let mut exceptions = Names::new("exceptions", RENAME);
    for of_type in &selection.exceptions {
        for exception in &of_type.exceptions {
            exceptions.add(&exception.constructor.name, &of_type.id.module, &|| {
                format!("one of {} ({})", of_type.id, of_type.place)
            })?;
        }
    }
    let mut functions: BTreeMap<&str, Names<'_>> = BTreeMap::new();
    for function in &selection.functions {
        let names = functions.entry(&function.owner);
        let names = names.or_insert_with(|| Names::new("functions", RENAME_FUNCTION));
        names.add(&function.name, &function.module, &|| {
            let (module, name) = (&function.module, &function.rust_name);
            format!("{module}::{name} ({})", function.place)
        })?;
    }
    Ok(())
}

/// Names that are taken.
struct Names<'a> {
    what: &'static str,
    remedy: &'static str,
    /// The crate of the item that has each name, and where that is.
    taken: BTreeMap<&'a str, (&'a str, String)>,
}

impl<'a> Names<'a> {
    fn new(what: &'static str, remedy: &'static str) -> Self {
        Names {
            what,
            remedy,
            taken: BTreeMap::new(),
        }
    }

    fn add(
        &mut self,
        name: &'a str,
        module: &'a str,
        item: &dyn Fn() -> String,
    ) -> Result<(), GenerateError> {
        let krate = krate(module);
        match self.taken.insert(name, (krate, item())) {
            None => Ok(()),
            Some((first_crate, first)) => Err(GenerateError::SameName {
                what: self.what,
                name: name.to_owned(),
                first,
                second: item(),
                remedy: self.remedy,
                crates_differ: first_crate != krate,
            }),
        }
    }
}
