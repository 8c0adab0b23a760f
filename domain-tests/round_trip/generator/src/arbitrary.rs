//! OCaml expressions of the type `Arbitrary.t`.

use crate::rust_type::RustType;
use ocaml_lwt_bindgen::model::{
    Arguments, Body, Constructor, Definition, Exports, Field, Id, Type,
};
use std::collections::BTreeMap;

/// Writes expressions, and collects the definitions of the types that they mention.
pub struct Arbitraries<'a> {
    exports: &'a Exports,
    /// The functions that definitions have become.
    functions: BTreeMap<&'a Id, String>,
}

impl<'a> Arbitraries<'a> {
    pub fn new(exports: &'a Exports) -> Self {
        Arbitraries {
            exports,
            functions: BTreeMap::new(),
        }
    }

    /// Returns the functions that the expressions call.
    pub fn definitions(&self) -> String {
        let functions: Vec<_> = self.functions.values().map(String::as_str).collect();
        match functions.is_empty() {
            true => String::new(),
            false => format!("let rec {}", functions.join("and ")),
        }
    }

    /// Returns the values of an OCaml type that a Rust type accepts.
    pub fn of(&mut self, ty: &'a Type, rust: &RustType) -> String {
        let inner = rust.argument(0);
        match ty {
            Type::Unit => "unit".into(),
            Type::Bool => "bool".into(),
            Type::Int => int(&rust.head),
            Type::Char => "char".into(),
            Type::Uchar => "uchar".into(),
            Type::Float => match &*rust.head {
                "f32" => "float32",
                "Duration" => "duration",
                "SystemTime" => "time",
                _ => "float",
            }
            .into(),
            Type::Int32 => "int32".into(),
            Type::Int64 if rust.head == "u64" => "positive_int64".into(),
            Type::Int64 => "int64".into(),
            Type::Nativeint => "nativeint".into(),
            Type::String => match &*rust.head {
                "Bytes" | "PathBuf" | "OsString" | "Path" | "OsStr" => "byte_string",
                _ => "text",
            }
            .into(),
            Type::Bytes => format!("(bytes{} ())", length(rust)),
            Type::Any | Type::Unchecked => "any".into(),
            Type::Array(ty) => format!("(array{} {})", length(rust), self.of(ty, inner)),
            Type::List(ty) => match (&*rust.head, &**ty) {
                ("BTreeMap" | "HashMap", Type::Tuple(pair)) => {
                    let key = self.of(&pair[0], inner);
                    let value = self.of(&pair[1], rust.argument(1));
                    format!("(map {key} {value})")
                }
                ("BTreeSet" | "HashSet", ty) => format!("(set {})", self.of(ty, inner)),
                (_, ty) => format!("(list {})", self.of(ty, inner)),
            },
            Type::Option(ty) => format!("(option {})", self.of(ty, inner)),
            Type::Result(ok, error) => {
                let (ok, error) = (self.of(ok, inner), self.of(error, rust.argument(1)));
                format!("(result {ok} {error})")
            }
            Type::Tuple(types) => self.tuple(types, rust),
            Type::Bigarray(kind) => {
                let (_, name) = kind.names();
                format!("bigarray_{}", name.trim_end_matches("_elt"))
            }
            Type::Named(id) => {
                let definition = &self.exports.definitions[id];
                self.define(definition);
                format!("(delay {})", definition.name)
            }
            Type::Exn
            | Type::Handle
            | Type::Promise(_)
            | Type::Stream(_)
            | Type::Channel(_)
            | Type::Function(..) => {
                panic!("values of the type {ty:?} are generated only as an argument")
            }
        }
    }

    /// Returns the values of a tuple.
    pub fn tuple(&mut self, types: &'a [Type], rust: &RustType) -> String {
        let types = types.iter().enumerate();
        let parts: Vec<_> = types.map(|(i, ty)| self.of(ty, rust.argument(i))).collect();
        product(&parts, "", |names| format!("({})", names.join(", ")))
    }

    fn define(&mut self, definition: &'a Definition) {
        if self.functions.contains_key(&definition.id) {
            return;
        }
        // A type may contain itself.
        self.functions.insert(&definition.id, String::new());
        let name = &definition.name;
        let body = match &definition.body {
            Body::Alias(ty) => self.of(ty, &RustType::default()),
            Body::Record(fields) => self.record(fields, &format!(" : Rust.{name}"), ""),
            Body::Variant(constructors) => self.variant(constructors, name, ""),
            Body::Polymorphic(constructors) => self.variant(constructors, name, "`"),
            Body::Abstract => format!("opaque {}", self.maker(&definition.id)),
        };
        let function = format!("{name} () : Rust.{name} t = named {name:?} ({body})\n\n");
        self.functions.insert(&definition.id, function);
    }

    /// Returns a function that makes a value of an abstract type.
    fn maker(&self, id: &Id) -> String {
        let makes = |result: &Type| matches!(result, Type::Named(made) if made == id);
        let mut functions = self.exports.functions.iter();
        let maker = functions.find(|f| f.arguments.is_empty() && makes(&f.result));
        let maker = maker.unwrap_or_else(|| panic!("no function () -> {id} makes a value"));
        format!("Rust.{}", maker.name)
    }

    fn record(&mut self, fields: &'a [Field], annotation: &str, constructor: &str) -> String {
        let parts: Vec<_> = fields
            .iter()
            .map(|field| self.of(&field.ty, &RustType::default()))
            .collect();
        product(&parts, annotation, |names| {
            let fields = fields.iter().zip(names);
            let fields: Vec<_> = fields
                .map(|(field, name)| format!("{} = {name}", field.name))
                .collect();
            format!("{constructor}{{ {} }}", fields.join("; "))
        })
    }

    fn variant(&mut self, constructors: &'a [Constructor], ty: &str, tick: &str) -> String {
        let cases = constructors.iter().map(|c| {
            let name = format!("{tick}{}", c.name);
            let case = |arbitrary: String, names: &str, value: String| {
                format!(
                    "Case {{ of_ = {arbitrary}; make = (fun {names} : Rust.{ty} -> {value}); \
                     get = (function ({value} : Rust.{ty}) -> Some {names} | _ -> None) }}"
                )
            };
            match &c.arguments {
                Arguments::Positional(types) if types.is_empty() => {
                    format!("Constant ({name} : Rust.{ty})")
                }
                Arguments::Positional(types) => {
                    let any = RustType::default();
                    let parts: Vec<_> = types.iter().map(|ty| self.of(ty, &any)).collect();
                    let names = names(parts.len());
                    case(
                        nested(&parts),
                        &pattern(&names),
                        format!("{name} ({})", names.join(", ")),
                    )
                }
                Arguments::Record(fields) => {
                    let any = RustType::default();
                    let parts: Vec<_> = fields.iter().map(|f| self.of(&f.ty, &any)).collect();
                    let names = names(parts.len());
                    let fields = fields.iter().zip(&names);
                    let fields: Vec<_> = fields
                        .map(|(f, name)| format!("{} = {name}", f.name))
                        .collect();
                    let value = format!("{name} {{ {} }}", fields.join("; "));
                    case(nested(&parts), &pattern(&names), value)
                }
            }
        });
        let cases: Vec<_> = cases.collect();
        format!("variant [ {} ]", cases.join(";\n      "))
    }
}

/// The integers that a Rust type accepts.
fn int(rust: &str) -> String {
    let (min, max) = match rust {
        "i8" => ("(-0x80)", "0x7F"),
        "i16" => ("(-0x8000)", "0x7FFF"),
        "u8" => ("0", "0xFF"),
        "u16" => ("0", "0xFFFF"),
        "u32" => ("0", "0xFFFF_FFFF"),
        "usize" => ("0", "max_int"),
        _ => ("min_int", "max_int"),
    };
    format!("(int ~min:{min} ~max:{max})")
}

fn length(rust: &RustType) -> String {
    match &rust.length {
        Some(length) => format!(" ~length:{length}"),
        None => String::new(),
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("x{i}")).collect()
}

/// Returns `(x0, (x1, x2))`.
fn pattern(names: &[String]) -> String {
    match names {
        [] => "()".into(),
        [one] => one.clone(),
        [first, rest @ ..] => format!("({first}, {})", pattern(rest)),
    }
}

/// Returns the values of the pairs of [`pattern`].
fn nested(parts: &[String]) -> String {
    match parts {
        [] => "unit".into(),
        [one] => one.clone(),
        [first, rest @ ..] => format!("(pair {first} {})", nested(rest)),
    }
}

/// Returns the values of a type that is isomorphic to pairs. `value` writes one from its parts.
fn product(parts: &[String], annotation: &str, value: impl FnOnce(&[String]) -> String) -> String {
    let names = names(parts.len());
    let value = value(&names);
    let pairs = pattern(&names);
    let parts = nested(parts);
    format!(
        "(isomorphic (fun {pairs}{annotation} -> {value}) (fun ({value}{annotation}) -> {pairs}) {parts})"
    )
}
