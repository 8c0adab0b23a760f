//! What `lwt-interop-externals` writes: externals with the structure of their types.

mod text;

use super::rust_type::Level;
use serde::Deserialize;
use std::path::PathBuf;
use text::Text;

/// The version of the format.
pub const FORMAT: u32 = 1;

#[derive(Debug, Deserialize)]
pub struct Output {
    pub format: u32,
    /// The folders in which there is no file.
    pub empty: Vec<PathBuf>,
    pub problems: Vec<Problem>,
    pub units: Vec<Unit>,
}

/// A file that cannot be read.
#[derive(Debug, Deserialize)]
pub struct Problem {
    pub file: String,
    pub message: String,
}

/// A file with externals.
#[derive(Debug, Deserialize)]
pub struct Unit {
    /// A [`TypeId`] is an index.
    types: Vec<Node>,
    pub externals: Vec<External>,
    pub implementations: Vec<Implementation>,
}

/// What a type is in its own module, if that is not abstract as for other modules.
#[derive(Debug, Deserialize)]
pub struct Implementation {
    /// The full name.
    pub name: String,
    pub file: String,
    pub line: u32,
    #[serde(flatten)]
    pub is: Is,
}

#[derive(Debug, Deserialize)]
pub enum Is {
    #[serde(rename = "type")]
    Type(TypeId),
    /// A type that is no other one: `a record`.
    #[serde(rename = "what")]
    New(String),
}

/// A type of a [`Unit`].
pub type TypeId = usize;

#[derive(Debug, Deserialize)]
pub struct External {
    /// As the compiler has recorded it: relative to the root of the project.
    pub file: String,
    pub line: u32,
    pub name: String,
    pub symbol: String,
    /// Empty if native code calls `symbol`, too.
    pub native_symbol: String,
    pub noalloc: bool,
    /// It has the attribute `[@@ocaml_lwt.unchecked]`.
    #[serde(default)]
    pub unchecked: bool,
    pub arguments: Vec<Value>,
    pub result: Value,
}

/// An argument or the result of an external.
#[derive(Debug, Deserialize)]
pub struct Value {
    #[serde(default)]
    pub label: String,
    pub representation: Representation,
    #[serde(rename = "type")]
    pub ty: TypeId,
}

/// How native code passes a value to C.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Representation {
    /// As an OCaml value.
    Boxed,
    Unboxed,
    Untagged,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Node {
    Variable {
        name: String,
    },
    Tuple {
        items: Vec<TypeId>,
    },
    Arrow {
        /// Empty, `name` or `?name`.
        label: String,
        argument: TypeId,
        result: TypeId,
    },
    Constructor {
        /// As it is written in the unit.
        path: String,
        /// The same for all units; empty if the type belongs to a functor's parameter or to an expression.
        name: String,
        arguments: Vec<TypeId>,
        body: Body,
    },
    Polymorphic {
        tags: Vec<Tag>,
        bound: Bound,
    },
    Other {
        text: String,
        what: String,
    },
}

/// Which tags values of a polymorphic variant have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// `[ ... ]`
    Exact,
    /// `[> ... ]`
    Lower,
    /// `[< ... ]`
    Upper,
}

/// The definition of a type constructor, applied to its arguments.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Body {
    Predefined,
    Alias {
        of: TypeId,
    },
    Abstract,
    Record {
        unboxed: bool,
        fields: Vec<Field>,
    },
    Variant {
        unboxed: bool,
        constructors: Vec<Constructor>,
    },
    Special {
        what: String,
    },
    Unknown {
        reason: String,
    },
}

impl Body {
    /// Returns the only field of a type that is represented by it.
    pub fn unboxed(&self) -> Option<TypeId> {
        let arguments = match self {
            Body::Record {
                unboxed: true,
                fields,
            } => return fields.first().map(|field| field.ty),
            Body::Variant {
                unboxed: true,
                constructors,
            } => &constructors.first()?.arguments,
            _ => return None,
        };
        match arguments {
            Arguments::Positional(types) => types.first().copied(),
            Arguments::Record(fields) => fields.first().map(|field| field.ty),
        }
    }
}

#[derive(Debug, Deserialize)]
pub struct Field {
    pub name: String,
    #[serde(rename = "type")]
    pub ty: TypeId,
}

#[derive(Debug, Deserialize)]
pub struct Constructor {
    pub name: String,
    #[serde(flatten)]
    pub arguments: Arguments,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arguments {
    #[serde(rename = "arguments")]
    Positional(Vec<TypeId>),
    #[serde(rename = "fields")]
    Record(Vec<Field>),
}

#[derive(Debug, Deserialize)]
pub struct Tag {
    pub name: String,
    pub arguments: Vec<TypeId>,
}

/// A type of OCaml's libraries, or of ours, that conversions know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standard {
    Promise,
    Stream,
    Handle,
    Channel,
    Uchar,
    Array1,
    Result,
}

impl Standard {
    /// Returns the type with this full name.
    fn named(name: &str) -> Option<Self> {
        // A module of a library has its name with two underscores, unless its interface was not found.
        match name {
            "Lwt.t" => Some(Self::Promise),
            "Lwt_interop__Stream.t" | "Lwt_interop.Stream.t" => Some(Self::Stream),
            "Lwt_interop__Handle.t" | "Lwt_interop.Handle.t" => Some(Self::Handle),
            "Lwt_interop__Channel.t" | "Lwt_interop.Channel.t" => Some(Self::Channel),
            "Stdlib__Uchar.t" | "Stdlib.Uchar.t" => Some(Self::Uchar),
            "Stdlib__Bigarray.Array1.t" | "Stdlib.Bigarray.Array1.t" => Some(Self::Array1),
            "Stdlib.result" => Some(Self::Result),
            _ => None,
        }
    }

    /// Returns `true` if the type with this full name belongs to one of OCaml's libraries, or is a standard one.
    pub fn is_of_library(name: &str) -> bool {
        name.starts_with("Stdlib") || Self::named(name).is_some()
    }
}

impl Unit {
    /// Returns the description of a type.
    ///
    /// # Panics
    ///
    /// Panics if there is none, which [`Unit::is_complete`] excludes.
    pub fn node(&self, ty: TypeId) -> &Node {
        &self.types[ty]
    }

    /// Returns the standard type that this type constructor is, with its arguments.
    pub fn standard(&self, ty: TypeId) -> Option<(Standard, &[TypeId])> {
        match self.node(self.head(ty)) {
            Node::Constructor {
                name, arguments, ..
            } => Some((Standard::named(name)?, arguments)),
            _ => None,
        }
    }

    /// Follows abbreviations, up to a standard type or a type that has no other name.
    pub fn head(&self, mut ty: TypeId) -> TypeId {
        // No abbreviation is its own, but the file may be damaged.
        for _ in 0..self.types.len() {
            match self.node(ty) {
                Node::Constructor {
                    name,
                    body: Body::Alias { of },
                    ..
                } if Standard::named(name).is_none() => ty = *of,
                _ => break,
            }
        }
        ty
    }

    /// Returns the name and the arguments of a type that OCaml predefines.
    pub fn predefined(&self, ty: TypeId) -> Option<(&str, &[TypeId])> {
        match self.node(self.head(ty)) {
            Node::Constructor {
                name,
                arguments,
                body: Body::Predefined,
                ..
            } => Some((name, arguments)),
            _ => None,
        }
    }

    /// Returns `true` if each type that the unit mentions has a description.
    pub fn is_complete(&self) -> bool {
        let count = self.types.len();
        let known = |ty: &TypeId| *ty < count;
        let known_fields = |fields: &[Field]| fields.iter().all(|field| known(&field.ty));
        let complete = |node: &Node| match node {
            Node::Variable { .. } | Node::Other { .. } => true,
            Node::Tuple { items } => items.iter().all(known),
            Node::Arrow {
                argument, result, ..
            } => known(argument) && known(result),
            Node::Polymorphic { tags, .. } => {
                tags.iter().all(|tag| tag.arguments.iter().all(known))
            }
            Node::Constructor {
                arguments, body, ..
            } => {
                arguments.iter().all(known)
                    && match body {
                        Body::Alias { of } => known(of),
                        Body::Record { fields, .. } => known_fields(fields),
                        Body::Variant { constructors, .. } => {
                            constructors
                                .iter()
                                .all(|constructor| match &constructor.arguments {
                                    Arguments::Positional(types) => types.iter().all(known),
                                    Arguments::Record(fields) => known_fields(fields),
                                })
                        }
                        _ => true,
                    }
            }
        };
        let known_implementation = |implementation: &Implementation| match &implementation.is {
            Is::Type(ty) => known(ty),
            Is::New(_) => true,
        };
        self.types.iter().all(complete)
            && self.implementations.iter().all(known_implementation)
            && self.externals.iter().all(|external| {
                known(&external.result.ty)
                    && external
                        .arguments
                        .iter()
                        .all(|argument| known(&argument.ty))
            })
    }

    /// Shows a type as OCaml does.
    pub fn text(&self, ty: TypeId) -> String {
        Text::new(self, ty, Level::Arrow).to_string()
    }

    /// Shows the whole type of an external.
    pub fn signature(&self, external: &External) -> String {
        let mut text = String::new();
        for argument in &external.arguments {
            text += &Text::argument(self, &argument.label, argument.ty);
            text += " -> ";
        }
        text + &self.text(external.result.ty)
    }

    /// Shows the components of a tuple, or the arguments of a constructor.
    pub fn product(&self, types: &[TypeId]) -> String {
        let text = |ty: &TypeId| Text::new(self, *ty, Level::Argument).to_string();
        types.iter().map(text).collect::<Vec<_>>().join(" * ")
    }
}
