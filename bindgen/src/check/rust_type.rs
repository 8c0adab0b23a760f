//! Shows the types of Rust functions as OCaml writes them.

use crate::model::{Arguments, Body, Constructor, Exports, Field, Function, Id, Type};

/// How strongly a type expression binds, from the weakest.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub enum Level {
    Arrow,
    Tuple,
    Argument,
}

/// Follows newtypes.
pub fn head<'a>(exports: &'a Exports, mut ty: &'a Type) -> &'a Type {
    // No newtype contains itself, but the archive may be damaged.
    for _ in 0..=exports.definitions.len() {
        match ty {
            Type::Named(id) => match exports.definitions.get(id).map(|d| &d.body) {
                Some(Body::Alias(of)) => ty = of,
                _ => return ty,
            },
            _ => return ty,
        }
    }
    ty
}

/// Shows a type. Newtypes are shown as what they contain.
pub fn text(exports: &Exports, ty: &Type) -> String {
    Shown::new(exports).at(ty, Level::Arrow)
}

/// Shows the components of a tuple, or the arguments of a constructor.
pub fn product(exports: &Exports, types: &[Type]) -> String {
    Shown::new(exports).product(types)
}

/// Shows the whole type of a function.
pub fn signature(exports: &Exports, function: &Function) -> String {
    let arguments: Vec<_> = function.arguments.iter().map(|a| &a.ty).collect();
    // OCaml counts only the arrows outside of parentheses as arguments of an external.
    Shown::new(exports).arrows(&arguments, &function.result, Level::Tuple)
}

/// Shows the names of the fields of a record.
pub fn names(fields: &[Field]) -> String {
    let names: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
    format!("{{ {} }}", names.join("; "))
}

struct Shown<'a> {
    exports: &'a Exports,
    /// Within a polymorphic variant, others are shown by their names: one may contain itself.
    within_polymorphic: bool,
}

impl<'a> Shown<'a> {
    fn new(exports: &'a Exports) -> Self {
        Shown {
            exports,
            within_polymorphic: false,
        }
    }

    fn at(&self, ty: &Type, level: Level) -> String {
        let (own, text) = match head(self.exports, ty) {
            Type::Tuple(types) => (Level::Tuple, self.product(types)),
            Type::Function(arguments, result) => {
                let arguments: Vec<_> = arguments.iter().collect();
                (Level::Arrow, self.arrows(&arguments, result, Level::Arrow))
            }
            ty => (Level::Argument, self.simple(ty)),
        };
        if own < level {
            format!("({text})")
        } else {
            text
        }
    }

    /// Shows a type that is neither a tuple nor a function.
    fn simple(&self, ty: &Type) -> String {
        let apply = |ty: &Type, constructor: &str| self.at(ty, Level::Argument) + " " + constructor;
        let name = match ty {
            Type::Array(t) => return apply(t, "array"),
            Type::List(t) => return apply(t, "list"),
            Type::Option(t) => return apply(t, "option"),
            Type::Promise(t) => return apply(t, "Lwt.t"),
            Type::Stream(t) => return apply(t, "Lwt_interop.Stream.t"),
            Type::Channel(t) => return apply(t, "Lwt_interop.Channel.t"),
            Type::Result(ok, error) => {
                let (ok, error) = (self.at(ok, Level::Arrow), self.at(error, Level::Arrow));
                return format!("({ok}, {error}) result");
            }
            Type::Bigarray(kind) => {
                let (element, kind) = kind.names();
                return format!(
                    "({element}, Bigarray.{kind}, Bigarray.c_layout) Bigarray.Array1.t"
                );
            }
            Type::Named(id) => return self.named(id),
            Type::Unit => "unit",
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Char => "char",
            Type::Uchar => "Uchar.t",
            Type::Float => "float",
            Type::Int32 => "int32",
            Type::Int64 => "int64",
            Type::Nativeint => "nativeint",
            Type::String => "string",
            Type::Bytes => "bytes",
            Type::Exn => "exn",
            Type::Handle => "Lwt_interop.Handle.t",
            Type::Any | Type::Unchecked => "Obj.t",
            Type::Tuple(_) | Type::Function(..) => unreachable!("`at` shows them"),
        };
        name.to_owned()
    }

    fn named(&self, id: &Id) -> String {
        match self.exports.definitions.get(id) {
            Some(definition) => match &definition.body {
                Body::Polymorphic(tags) if !self.within_polymorphic => self.polymorphic(tags),
                _ => definition.name.clone(),
            },
            None => id.name.clone(),
        }
    }

    fn polymorphic(&self, tags: &[Constructor]) -> String {
        let within = Shown {
            within_polymorphic: true,
            ..*self
        };
        let tag = |tag: &Constructor| match &tag.arguments {
            Arguments::Positional(types) if types.is_empty() => format!("`{}", tag.name),
            Arguments::Positional(types) => format!("`{} of {}", tag.name, within.product(types)),
            Arguments::Record(fields) => format!("`{} of {}", tag.name, names(fields)),
        };
        let tags: Vec<_> = tags.iter().map(tag).collect();
        format!("[ {} ]", tags.join(" | "))
    }

    fn product(&self, types: &[Type]) -> String {
        let texts: Vec<_> = types
            .iter()
            .map(|ty| self.at(ty, Level::Argument))
            .collect();
        texts.join(" * ")
    }

    fn arrows(&self, arguments: &[&Type], result: &Type, level: Level) -> String {
        let mut text: String = match arguments {
            [] => "unit -> ".to_owned(),
            arguments => arguments
                .iter()
                .map(|t| self.at(t, Level::Tuple) + " -> ")
                .collect(),
        };
        text += &self.at(result, level);
        text
    }
}
