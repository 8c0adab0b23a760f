//! Compares an OCaml type with a Rust type.

mod definitions;

use super::declared::{External, Node, Standard, TypeId, Unit};
use super::mismatch::{Mismatch, What};
use super::opaque::{Implementations, Opaques};
use super::rust_type;
use super::symbols::Symbols;
use crate::model::{Exports, Id, Kind, Place, Type};
use std::collections::HashSet;

const FLAT: &str =
    "an array of floats has another representation than other arrays; declare an Obj.t array";

/// The state that all comparisons share.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub exports: &'a Exports,
    pub symbols: &'a Symbols<'a>,
    pub implementations: &'a Implementations<'a>,
}

/// The comparison of one argument or result.
pub struct Comparison<'a> {
    scope: Scope<'a>,
    unit: &'a Unit,
    external: &'a External,
    opaques: &'a mut Opaques,
    /// What is being compared, or has been: types that contain themselves are equal if no difference is found.
    assumed: HashSet<(TypeId, &'a Id)>,
    path: Vec<String>,
    place: Option<Place>,
    mismatches: Vec<Mismatch>,
    /// Complete messages.
    others: Vec<String>,
}

/// What a [`Comparison`] has found.
pub struct Differences {
    pub mismatches: Vec<Mismatch>,
    /// Messages that say all.
    pub others: Vec<String>,
}

impl<'a> Comparison<'a> {
    /// Compares a type of an external with one of its function.
    pub fn run(
        scope: Scope<'a>,
        unit: &'a Unit,
        external: &'a External,
        opaques: &'a mut Opaques,
        ocaml: TypeId,
        rust: &'a Type,
    ) -> Differences {
        let mut comparison = Comparison {
            scope,
            unit,
            external,
            opaques,
            assumed: HashSet::new(),
            path: Vec::new(),
            place: None,
            mismatches: Vec::new(),
            others: Vec::new(),
        };
        comparison.types(ocaml, rust);
        Differences {
            mismatches: comparison.mismatches,
            others: comparison.others,
        }
    }

    fn types(&mut self, ocaml: TypeId, rust: &'a Type) {
        let equal = match rust_type::head(self.scope.exports, rust) {
            Type::Any | Type::Unchecked => true,
            Type::Named(id) => return self.named(ocaml, id, rust),
            Type::Unit => self.is_predefined(ocaml, "unit"),
            Type::Bool => self.is_predefined(ocaml, "bool"),
            Type::Int => self.is_predefined(ocaml, "int"),
            Type::Char => self.is_predefined(ocaml, "char"),
            Type::Float => self.is_predefined(ocaml, "float"),
            Type::Int32 => self.is_predefined(ocaml, "int32"),
            Type::Int64 => self.is_predefined(ocaml, "int64"),
            Type::Nativeint => self.is_predefined(ocaml, "nativeint"),
            Type::String => self.is_predefined(ocaml, "string"),
            Type::Bytes => self.is_predefined(ocaml, "bytes"),
            Type::Exn => self.is_predefined(ocaml, "exn"),
            Type::Uchar => self.is_standard(ocaml, Standard::Uchar),
            Type::Handle => self.is_standard(ocaml, Standard::Handle),
            Type::Array(of) => match self.unit.predefined(ocaml) {
                Some(("array", [element])) => return self.array(*element, of),
                _ => false,
            },
            Type::List(of) => match self.unit.predefined(ocaml) {
                Some(("list", [element])) => {
                    return self.within("element of the list", *element, of);
                }
                _ => false,
            },
            Type::Option(of) => match self.unit.predefined(ocaml) {
                Some(("option", [value])) => {
                    return self.within("value of the option", *value, of);
                }
                _ => false,
            },
            Type::Promise(of) => match self.unit.standard(ocaml) {
                Some((Standard::Promise, [value])) => {
                    return self.within("value of the promise", *value, of);
                }
                _ => false,
            },
            Type::Stream(of) => match self.unit.standard(ocaml) {
                Some((Standard::Stream, [element])) => {
                    return self.within("element of the stream", *element, of);
                }
                _ => false,
            },
            Type::Channel(of) => match self.unit.standard(ocaml) {
                Some((Standard::Channel, [element])) => {
                    return self.within("element of the channel", *element, of);
                }
                _ => false,
            },
            Type::Result(ok, error) => match self.unit.standard(ocaml) {
                Some((Standard::Result, &[own_ok, own_error])) => {
                    self.within("Ok of the result", own_ok, ok);
                    return self.within("Error of the result", own_error, error);
                }
                _ => false,
            },
            Type::Tuple(types) => match self.unit.node(self.unit.head(ocaml)) {
                Node::Tuple { items } if items.len() == types.len() => {
                    for (i, (item, ty)) in items.iter().zip(types).enumerate() {
                        self.within(&format!("component {} of the tuple", i + 1), *item, ty);
                    }
                    return;
                }
                _ => false,
            },
            Type::Function(arguments, result) => {
                return self.function(ocaml, rust, arguments, result);
            }
            Type::Bigarray(kind) => self.is_bigarray(ocaml, *kind),
        };
        if !equal {
            self.differ(ocaml, rust, "");
        }
    }

    fn is_predefined(&self, ocaml: TypeId, name: &str) -> bool {
        matches!(self.unit.predefined(ocaml), Some((found, [])) if found == name)
    }

    /// Returns `true` if the values of a type are floats: of `float` itself, or of a type that is one in another name.
    fn is_float(&self, ocaml: TypeId) -> bool {
        let mut ty = ocaml;
        // A type may contain itself.
        for _ in 0..100 {
            if self.is_predefined(ty, "float") {
                return true;
            }
            let Node::Constructor { body, .. } = self.unit.node(self.unit.head(ty)) else {
                return false;
            };
            match body.unboxed() {
                Some(content) => ty = content,
                None => return false,
            }
        }
        false
    }

    fn is_standard(&self, ocaml: TypeId, standard: Standard) -> bool {
        matches!(self.unit.standard(ocaml), Some((found, _)) if found == standard)
    }

    /// Returns `true` if a type has this name in OCaml's module `Bigarray`.
    fn is_of_bigarray(&self, ocaml: TypeId, name: &str) -> bool {
        match self.unit.node(self.unit.head(ocaml)) {
            Node::Constructor { name: full, .. } => full
                .strip_prefix("Stdlib__Bigarray.")
                .or_else(|| full.strip_prefix("Stdlib.Bigarray."))
                .is_some_and(|found| found == name),
            _ => false,
        }
    }

    fn is_bigarray(&self, ocaml: TypeId, kind: Kind) -> bool {
        let Some((Standard::Array1, &[element, own_kind, layout])) = self.unit.standard(ocaml)
        else {
            return false;
        };
        let (element_name, kind_name) = kind.names();
        let is_char = kind == Kind::Int8Unsigned && self.is_predefined(element, "char");
        (is_char || self.is_predefined(element, element_name))
            && self.is_of_bigarray(own_kind, kind_name)
            && self.is_of_bigarray(layout, "c_layout")
    }

    fn array(&mut self, element: TypeId, of: &'a Type) {
        let is_any = matches!(
            rust_type::head(self.scope.exports, of),
            Type::Any | Type::Unchecked
        );
        let is_variable = matches!(
            self.unit.node(self.unit.head(element)),
            Node::Variable { .. }
        );
        if is_any && (is_variable || self.is_float(element)) {
            self.at("element of the array", |this| {
                this.differ(element, of, FLAT)
            });
        } else {
            self.within("element of the array", element, of);
        }
    }

    fn function(&mut self, ocaml: TypeId, rust: &'a Type, arguments: &'a [Type], result: &'a Type) {
        const UNIT: &[Type] = &[Type::Unit];
        let arguments = if arguments.is_empty() {
            UNIT
        } else {
            arguments
        };
        let mut own_arguments = Vec::new();
        let mut own_result = ocaml;
        while let Node::Arrow {
            argument, result, ..
        } = self.unit.node(self.unit.head(own_result))
        {
            if own_arguments.len() == arguments.len() {
                break;
            }
            own_arguments.push(*argument);
            own_result = *result;
        }
        if own_arguments.len() < arguments.len() {
            return self.differ(ocaml, rust, "");
        }
        for (i, (own, ty)) in own_arguments.iter().zip(arguments).enumerate() {
            self.within(&format!("argument {} of the function", i + 1), *own, ty);
        }
        self.within("result of the function", own_result, result);
    }

    /// Compares parts of the types.
    fn within(&mut self, step: &str, ocaml: TypeId, rust: &'a Type) {
        self.at(step, |this| this.types(ocaml, rust));
    }

    fn at(&mut self, step: &str, compare: impl FnOnce(&mut Self)) {
        self.path.push(step.to_owned());
        compare(self);
        self.path.pop();
    }

    /// Adds that two types differ.
    fn differ(&mut self, ocaml: TypeId, rust: &Type, hint: &str) {
        let (here, in_rust) = (
            self.unit.text(ocaml),
            rust_type::text(self.scope.exports, rust),
        );
        let hint = match hint.is_empty() {
            true => self.obstacle(ocaml),
            false => hint.to_owned(),
        };
        self.add(What::Type, here, in_rust, &hint);
    }

    fn add(&mut self, what: What, here: String, in_rust: String, hint: &str) {
        self.mismatches.push(Mismatch {
            path: self.path.clone(),
            what,
            here,
            in_rust,
            hint: hint.to_owned(),
            place: self.place.clone(),
        });
    }
}
