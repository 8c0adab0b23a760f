//! Descriptions of OCaml types, as constant data: what declarations, signatures and errors are made from.

#[doc(hidden)]
pub mod encode;

use std::fmt;

/// An OCaml type.
///
/// It is built at compile time: [`ToOCaml::TYPE`](crate::ToOCaml::TYPE) and
/// [`FromOCaml::TYPE`](crate::FromOCaml::TYPE). [`Display`](fmt::Display) writes it as OCaml does:
/// `(string * int option) list`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Type {
    /// `unit`
    Unit,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `char`
    Char,
    /// `Uchar.t`
    Uchar,
    /// `float`
    Float,
    /// `int32`
    Int32,
    /// `int64`
    Int64,
    /// `nativeint`
    Nativeint,
    /// `string`
    String,
    /// `bytes`
    Bytes,
    /// `exn`
    Exn,
    /// `Lwt_interop.Handle.t`
    Handle,
    /// Any value at all, `Obj.t`.
    Any,
    /// A value that Rust converts without a check: see [`Unchecked`](crate::Unchecked).
    Unchecked,
    /// `t array`
    Array(&'static Type),
    /// `t list`
    List(&'static Type),
    /// `t option`
    Option(&'static Type),
    /// `t Lwt.t`
    Promise(&'static Type),
    /// `t Lwt_interop.Stream.t`
    Stream(&'static Type),
    /// `t Lwt_interop.Channel.t`
    Channel(&'static Type),
    /// `(ok, error) result`
    Result(&'static Type, &'static Type),
    /// `a * b * c`
    Tuple(&'static [&'static Type]),
    /// `a -> b -> result`
    Function(&'static [&'static Type], &'static Type),
    /// `(_, kind, Bigarray.c_layout) Bigarray.Array1.t`
    Bigarray(Kind),
    /// A type that the program defines.
    Named(DefinitionRef),
}

/// The kind of the elements of a Bigarray.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// `Bigarray.int8_signed_elt`
    Int8Signed,
    /// `Bigarray.int8_unsigned_elt`, and also `char` as an argument
    Int8Unsigned,
    /// `Bigarray.int16_signed_elt`
    Int16Signed,
    /// `Bigarray.int16_unsigned_elt`
    Int16Unsigned,
    /// `Bigarray.int32_elt`
    Int32,
    /// `Bigarray.int64_elt`
    Int64,
    /// `Bigarray.nativeint_elt`
    Nativeint,
    /// `Bigarray.float32_elt`
    Float32,
    /// `Bigarray.float64_elt`
    Float64,
}

impl Kind {
    /// Returns the type of the elements in OCaml, and the kind: `int` and `int8_signed_elt`.
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Kind::Int8Signed => ("int", "int8_signed_elt"),
            Kind::Int8Unsigned => ("int", "int8_unsigned_elt"),
            Kind::Int16Signed => ("int", "int16_signed_elt"),
            Kind::Int16Unsigned => ("int", "int16_unsigned_elt"),
            Kind::Int32 => ("int32", "int32_elt"),
            Kind::Int64 => ("int64", "int64_elt"),
            Kind::Nativeint => ("nativeint", "nativeint_elt"),
            Kind::Float32 => ("float", "float32_elt"),
            Kind::Float64 => ("float", "float64_elt"),
        }
    }
}

/// The names of a type that a Rust crate defines for OCaml.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeName {
    /// The name in OCaml: `snake_case`.
    pub ocaml: &'static str,
    /// The name in Rust.
    pub rust: &'static str,
    /// The Rust module that defines it, such as `my_crate::shapes`.
    pub module: &'static str,
}

/// A type that a Rust crate defines for OCaml.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Definition {
    /// The names.
    pub name: TypeName,
    /// The Rust file and the line.
    pub place: (&'static str, u32),
    /// The documentation, without the comment's marks.
    pub doc: &'static str,
    /// What it is.
    pub body: Body,
}

/// A reference to a [`Definition`], which may refer back to it. It equals another one if the definitions have the same name.
#[derive(Clone, Copy)]
pub struct DefinitionRef(
    // The compiler evaluates what the references in a constant refer to, so that types that contain each other would be a
    // cycle. It does not look behind a pointer.
    *const Definition,
);

// SAFETY: it is a `&'static Definition`, which may be sent, because a definition may be shared: it is constant data.
unsafe impl Send for DefinitionRef {}
// SAFETY: as above.
unsafe impl Sync for DefinitionRef {}

impl DefinitionRef {
    /// Refers to a definition, which is a `static` if it may refer back.
    pub const fn new(definition: &'static Definition) -> Self {
        DefinitionRef(definition)
    }

    /// Returns the definition.
    pub const fn get(self) -> &'static Definition {
        // SAFETY: `new` has made the pointer from such a reference.
        unsafe { &*self.0 }
    }
}

impl PartialEq for DefinitionRef {
    fn eq(&self, other: &Self) -> bool {
        self.get().name == other.get().name
    }
}

impl Eq for DefinitionRef {}

impl fmt::Debug for DefinitionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().name.fmt(f)
    }
}

/// What a [`Definition`] defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Body {
    /// Another name for a type.
    Alias(&'static Type),
    /// `{ x : float; y : float }`
    Record(&'static [Field]),
    /// `Leaf | Node of tree * tree`
    Variant(&'static [Constructor]),
    /// `` [ `On | `Off of int ] ``
    PolymorphicVariant(&'static [Constructor]),
    /// A Rust value that OCaml keeps, in an [`Opaque`](crate::Opaque).
    Abstract,
}

/// A field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The name in OCaml.
    pub name: &'static str,
    /// The documentation.
    pub doc: &'static str,
    /// The type.
    pub ty: &'static Type,
}

/// A constructor of a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Constructor {
    /// The name in OCaml.
    pub name: &'static str,
    /// The documentation.
    pub doc: &'static str,
    /// The arguments.
    pub arguments: Arguments,
}

/// The arguments of a constructor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Arguments {
    /// None, or one after the other: `A`, `A of int * string`.
    Positional(&'static [&'static Type]),
    /// `A of { x : int; y : string }`
    Record(&'static [Field]),
}

/// The exceptions of a Rust error type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceptions {
    /// The name in Rust.
    pub rust_name: &'static str,
    /// The Rust module that defines it. OCaml registers an exception under the name of the crate and its own:
    /// `my_crate.Closed`.
    pub module: &'static str,
    /// The Rust file and the line.
    pub place: (&'static str, u32),
    /// The documentation.
    pub doc: &'static str,
    /// The exceptions.
    pub constructors: &'static [Constructor],
}

/// A function that Rust exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// The symbol.
    pub symbol: &'static str,
    /// The OCaml module that has it, such as `Counter`, or `""`.
    pub owner: &'static str,
    /// The name in OCaml, within its module.
    pub name: &'static str,
    /// The name in Rust, within its module: `greet`, `Counter::next`.
    pub rust_name: &'static str,
    /// The documentation.
    pub doc: &'static str,
    /// The Rust module that defines it.
    pub module: &'static str,
    /// The Rust file and the line.
    pub place: (&'static str, u32),
    /// How the body runs.
    pub mode: Mode,
    /// Whether an `Err` is raised.
    pub raises: bool,
    /// Whether there is a stub that takes and returns plain numbers.
    pub unboxed: bool,
    /// Whether that stub may be `[@@noalloc]`.
    pub noalloc: bool,
    /// The arguments. A function without arguments is applied to `()`.
    pub arguments: &'static [Argument],
    /// What it returns in OCaml, promises included.
    pub result: &'static Type,
    /// What it returns in Rust.
    pub rust_result: &'static str,
}

/// How the body of a [`Function`] runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As a task of the calling domain.
    Async,
    /// Within the call.
    Sync,
    /// On tokio's worker threads.
    Tokio,
    /// On tokio's blocking pool.
    Blocking,
    /// Within the call, which returns the promise that the function returns.
    Promise,
}

/// An argument of a [`Function`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument {
    /// The name, or `""` if it is a pattern.
    pub name: &'static str,
    /// How OCaml code passes it.
    pub label: Label,
    /// The type in OCaml.
    pub ty: &'static Type,
    /// The type in Rust.
    pub rust: &'static str,
}

/// How OCaml code passes an [`Argument`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// By its position.
    None,
    /// `~name`
    Labelled(&'static str),
    /// `?name`, for an option.
    Optional(&'static str),
}

impl Type {
    /// Whether OCaml represents it as `float`, so that records and arrays of it are flat.
    pub const fn is_float(&self) -> bool {
        match self {
            Type::Float => true,
            Type::Named(definition) => match &definition.get().body {
                Body::Alias(ty) => ty.is_float(),
                _ => false,
            },
            _ => false,
        }
    }
}

/// How strongly a type expression binds, from the weakest.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Level {
    Arrow,
    Tuple,
    Argument,
}

impl Type {
    fn write(&self, f: &mut fmt::Formatter<'_>, level: Level) -> fmt::Result {
        let own = match self {
            Type::Function(..) => Level::Arrow,
            Type::Tuple(_) => Level::Tuple,
            _ => Level::Argument,
        };
        if own < level {
            f.write_str("(")?;
        }
        match self {
            Type::Unit => f.write_str("unit")?,
            Type::Bool => f.write_str("bool")?,
            Type::Int => f.write_str("int")?,
            Type::Char => f.write_str("char")?,
            Type::Uchar => f.write_str("Uchar.t")?,
            Type::Float => f.write_str("float")?,
            Type::Int32 => f.write_str("int32")?,
            Type::Int64 => f.write_str("int64")?,
            Type::Nativeint => f.write_str("nativeint")?,
            Type::String => f.write_str("string")?,
            Type::Bytes => f.write_str("bytes")?,
            Type::Exn => f.write_str("exn")?,
            Type::Handle => f.write_str("Lwt_interop.Handle.t")?,
            Type::Any | Type::Unchecked => f.write_str("Obj.t")?,
            Type::Array(t) => t.apply(f, "array")?,
            Type::List(t) => t.apply(f, "list")?,
            Type::Option(t) => t.apply(f, "option")?,
            Type::Promise(t) => t.apply(f, "Lwt.t")?,
            Type::Stream(t) => t.apply(f, "Lwt_interop.Stream.t")?,
            Type::Channel(t) => t.apply(f, "Lwt_interop.Channel.t")?,
            Type::Result(ok, error) => {
                f.write_str("(")?;
                ok.write(f, Level::Arrow)?;
                f.write_str(", ")?;
                error.write(f, Level::Arrow)?;
                f.write_str(") result")?;
            }
            Type::Tuple(types) => {
                for (i, t) in types.iter().enumerate() {
                    f.write_str(if i > 0 { " * " } else { "" })?;
                    t.write(f, Level::Argument)?;
                }
            }
            Type::Function(arguments, result) => {
                for t in *arguments {
                    t.write(f, Level::Tuple)?;
                    f.write_str(" -> ")?;
                }
                result.write(f, Level::Arrow)?;
            }
            Type::Bigarray(kind) => {
                let (element, kind) = kind.names();
                write!(
                    f,
                    "({element}, Bigarray.{kind}, Bigarray.c_layout) Bigarray.Array1.t"
                )?;
            }
            Type::Named(definition) => f.write_str(definition.get().name.ocaml)?,
        }
        if own < level {
            f.write_str(")")?;
        }
        Ok(())
    }

    /// Writes `t constructor`.
    fn apply(&self, f: &mut fmt::Formatter<'_>, constructor: &str) -> fmt::Result {
        self.write(f, Level::Argument)?;
        write!(f, " {constructor}")
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, Level::Arrow)
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;

    #[test]
    fn types_are_shown_as_ocaml_writes_them() {
        const PAIR: Type = Type::Tuple(&[&Type::String, &Type::Option(&Type::Int)]);
        const FUNCTION: Type = Type::Function(&[&PAIR, &Type::Unit], &Type::Promise(&PAIR));
        let shown = [
            (PAIR, "string * int option"),
            (Type::List(&PAIR), "(string * int option) list"),
            (
                Type::Channel(&PAIR),
                "(string * int option) Lwt_interop.Channel.t",
            ),
            (
                Type::Tuple(&[&PAIR, &Type::Char]),
                "(string * int option) * char",
            ),
            (
                Type::Result(&PAIR, &Type::Exn),
                "(string * int option, exn) result",
            ),
            (
                FUNCTION,
                "string * int option -> unit -> (string * int option) Lwt.t",
            ),
            (
                Type::Function(&[&FUNCTION], &FUNCTION),
                "(string * int option -> unit -> (string * int option) Lwt.t) -> \
                 string * int option -> unit -> (string * int option) Lwt.t",
            ),
            (
                Type::Bigarray(Kind::Float32),
                "(float, Bigarray.float32_elt, Bigarray.c_layout) Bigarray.Array1.t",
            ),
        ];
        for (ty, text) in shown {
            assert_eq!(ty.to_string(), text);
        }
    }

    #[test]
    fn an_alias_of_float_is_float() {
        const NAME: TypeName = TypeName {
            ocaml: "score",
            rust: "Score",
            module: "m",
        };
        static SCORE: Definition =
            Definition::new(NAME, ("m.rs", 1), "", Body::Alias(&Type::Float));
        const { assert!(Type::Named(DefinitionRef::new(&SCORE)).is_float()) };
        const { assert!(!Type::Int64.is_float()) };
    }
}
