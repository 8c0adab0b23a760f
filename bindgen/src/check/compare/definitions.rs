//! Compares the types that a Rust crate defines: records, variants, polymorphic variants and opaque values.

use super::Comparison;
use crate::check::declared::{self, Bound, Node, Standard, Tag, TypeId};
use crate::check::mismatch::What;
use crate::check::rust_type;
use crate::model::{Arguments, Body, Constructor, Definition, Exports, Field, Id, Type};

const UNBOXED: &str = "[@@unboxed] changes the representation; remove it";
const FLAT: &str = "a record of floats alone has another representation than other records";
const OPEN: &str = "a type with > or < does not fix its constructors; write [ ... ]";
const NAMELESS: &str =
    "this type is a functor's parameter, or belongs to an expression; declare it in a module";

impl<'a> Comparison<'a> {
    /// Compares a type with the definition of a Rust type.
    pub(super) fn named(&mut self, ocaml: TypeId, id: &'a Id, rust: &Type) {
        let Some(definition) = self.scope.exports.definitions.get(id) else {
            let hint = "the archive does not describe this Rust type";
            return self.differ(ocaml, rust, hint);
        };
        let head = self.unit.head(ocaml);
        if !self.assumed.insert((head, id)) {
            return;
        }
        let problem = match &definition.body {
            Body::Alias(of) => return self.types(ocaml, of),
            Body::Record(fields) => self.record(head, definition, fields),
            Body::Variant(constructors) => self.variant(head, definition, constructors),
            Body::Polymorphic(constructors) => self.polymorphic(head, definition, constructors),
            Body::Abstract => self.opaque(head, definition),
        };
        if let Err(hint) = problem {
            self.differ(ocaml, rust, &hint);
        }
    }

    /// Compares parts of a definition. Differences are at its place.
    fn inside(&mut self, definition: &Definition, compare: impl FnOnce(&mut Self)) {
        let place = self.place.replace(definition.place.clone());
        compare(self);
        self.place = place;
    }

    fn record(
        &mut self,
        ocaml: TypeId,
        definition: &Definition,
        fields: &'a [Field],
    ) -> Result<(), String> {
        let Some((
            path,
            declared::Body::Record {
                unboxed,
                fields: own,
            },
        )) = self.declaration(ocaml)
        else {
            return Err(String::new());
        };
        if *unboxed {
            return Err(UNBOXED.to_owned());
        }
        let found = self.mismatches.len();
        self.inside(definition, |this| this.fields(path, own, fields));
        let is_flat = own.iter().all(|own| self.is_float(own.ty));
        let is_flat_in_rust = fields
            .iter()
            .all(|field| is_float(self.scope.exports, &field.ty));
        match self.mismatches.len() == found && is_flat != is_flat_in_rust {
            true => Err(FLAT.to_owned()),
            false => Ok(()),
        }
    }

    /// Compares the fields of a record, or of the constructor `of`.
    fn fields(&mut self, of: &str, own: &[declared::Field], fields: &'a [Field]) {
        if !own
            .iter()
            .map(|f| &f.name)
            .eq(fields.iter().map(|f| &f.name))
        {
            let here = field_names(own);
            let what = What::Has(of.to_owned(), "fields");
            return self.add(what, here, rust_type::names(fields), "");
        }
        for (own, field) in own.iter().zip(fields) {
            self.within(&format!("field {} of {of}", field.name), own.ty, &field.ty);
        }
    }

    fn variant(
        &mut self,
        ocaml: TypeId,
        definition: &Definition,
        constructors: &'a [Constructor],
    ) -> Result<(), String> {
        let Some((
            path,
            declared::Body::Variant {
                unboxed,
                constructors: own,
            },
        )) = self.declaration(ocaml)
        else {
            return Err(String::new());
        };
        if *unboxed {
            return Err(UNBOXED.to_owned());
        }
        let own_names: Vec<_> = own.iter().map(|c| c.name.as_str()).collect();
        let names: Vec<_> = constructors.iter().map(|c| c.name.as_str()).collect();
        self.inside(definition, |this| {
            if own_names == names {
                for (own, constructor) in own.iter().zip(constructors) {
                    let of = format!("constructor {} of {path}", constructor.name);
                    this.constructor(&of, &own.arguments, &constructor.arguments);
                }
            } else {
                let what = What::Has(path.to_owned(), "constructors");
                this.add(what, own_names.join(" | "), names.join(" | "), "");
            }
        });
        Ok(())
    }

    /// Compares the arguments of the constructor `of`.
    fn constructor(&mut self, of: &str, own: &declared::Arguments, arguments: &'a Arguments) {
        match (own, arguments) {
            (declared::Arguments::Record(own), Arguments::Record(fields)) => {
                self.fields(of, own, fields);
            }
            (declared::Arguments::Positional(own), Arguments::Positional(types))
                if own.len() == types.len() =>
            {
                for (i, (own, ty)) in own.iter().zip(types).enumerate() {
                    match types.len() {
                        1 => self.within(of, *own, ty),
                        _ => self.within(&format!("argument {} of {of}", i + 1), *own, ty),
                    }
                }
            }
            _ => {
                let here = match own {
                    declared::Arguments::Positional(types) if types.is_empty() => CONSTANT.into(),
                    declared::Arguments::Positional(types) => self.unit.product(types),
                    declared::Arguments::Record(fields) => field_names(fields),
                };
                let in_rust = match arguments {
                    Arguments::Positional(types) if types.is_empty() => CONSTANT.into(),
                    Arguments::Positional(types) => rust_type::product(self.scope.exports, types),
                    Arguments::Record(fields) => rust_type::names(fields),
                };
                self.at(of, |this| this.add(What::Type, here, in_rust, ""));
            }
        }
    }

    fn polymorphic(
        &mut self,
        ocaml: TypeId,
        definition: &Definition,
        constructors: &'a [Constructor],
    ) -> Result<(), String> {
        let Node::Polymorphic { tags, bound } = self.unit.node(ocaml) else {
            return Err(String::new());
        };
        let own_tag = |name: &str| tags.iter().find(|tag| tag.name == name);
        if *bound != Bound::Exact {
            return Err(OPEN.to_owned());
        }
        if tags.len() != constructors.len()
            || !constructors.iter().all(|c| own_tag(&c.name).is_some())
        {
            return Err(String::new());
        }
        self.inside(definition, |this| {
            for constructor in constructors {
                if let Some(tag) = own_tag(&constructor.name) {
                    this.tag(tag, constructor);
                }
            }
        });
        Ok(())
    }

    /// Compares a constructor of a polymorphic variant. Several arguments are a tuple.
    fn tag(&mut self, own: &Tag, constructor: &'a Constructor) {
        let Arguments::Positional(types) = &constructor.arguments else {
            return;
        };
        let of = format!("constructor `{}", own.name);
        match (own.arguments.as_slice(), types.as_slice()) {
            ([], []) => return,
            ([own], [ty]) => return self.within(&of, *own, ty),
            ([own], [_, _, ..]) => match self.unit.node(self.unit.head(*own)) {
                Node::Tuple { items } if items.len() == types.len() => {
                    for (i, (item, ty)) in items.iter().zip(types).enumerate() {
                        self.within(&format!("argument {} of {of}", i + 1), *item, ty);
                    }
                    return;
                }
                _ => {}
            },
            _ => {}
        }
        let here = match own.arguments.as_slice() {
            [] => CONSTANT.to_owned(),
            [own] => self.unit.text(*own),
            own => self.unit.product(own),
        };
        let in_rust = match types.as_slice() {
            [] => CONSTANT.to_owned(),
            types => rust_type::product(self.scope.exports, types),
        };
        self.at(&of, |this| this.add(What::Type, here, in_rust, ""));
    }

    fn opaque(&mut self, ocaml: TypeId, definition: &Definition) -> Result<(), String> {
        let remedy = format!(
            "the Rust value is opaque; declare an abstract type for it, as in type {}",
            definition.name
        );
        let Node::Constructor {
            path, name, body, ..
        } = self.unit.node(ocaml)
        else {
            return Err(remedy);
        };
        match body {
            // The reason says more.
            declared::Body::Unknown { .. } => return Err(String::new()),
            declared::Body::Abstract => {}
            _ => return Err(remedy),
        }
        if name.is_empty() {
            return Err(NAMELESS.to_owned());
        }
        let name = self
            .scope
            .implementations
            .resolve(name)
            .map_err(|what| format!("{path} is {what}, and {remedy}"))?;
        if Standard::is_of_library(name) {
            return Err(remedy);
        }
        if let Err(message) = self.opaques.add(name, path, definition, self.external) {
            if !self.others.contains(&message) {
                self.others.push(message);
            }
        }
        Ok(())
    }

    /// Returns the name and the definition of a type.
    fn declaration(&self, ocaml: TypeId) -> Option<(&'a str, &'a declared::Body)> {
        match self.unit.node(ocaml) {
            Node::Constructor { path, body, .. } => Some((path, body)),
            _ => None,
        }
    }

    /// Returns why OCaml's type is equal to no Rust type, if it is the type's own fault.
    pub(super) fn obstacle(&self, ocaml: TypeId) -> String {
        match self.unit.node(self.unit.head(ocaml)) {
            Node::Other { what, .. } => format!("it is {what}, which Rust does not have"),
            Node::Constructor { path, body, .. } => match body {
                declared::Body::Special { what } => {
                    format!("{path} is {what}, which Rust does not have")
                }
                declared::Body::Unknown { reason } => {
                    format!("{path} cannot be compared, because {reason}")
                }
                _ => String::new(),
            },
            _ => String::new(),
        }
    }
}

/// What a constructor without arguments is.
const CONSTANT: &str = "constant";

fn field_names(fields: &[declared::Field]) -> String {
    let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
    format!("{{ {} }}", names.join("; "))
}

fn is_float(exports: &Exports, ty: &Type) -> bool {
    matches!(rust_type::head(exports, ty), Type::Float)
}
