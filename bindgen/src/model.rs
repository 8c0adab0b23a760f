//! What an archive exports, as its descriptors say.

use std::collections::BTreeMap;
use std::fmt;

/// All that an archive describes.
#[derive(Debug, Default, Clone)]
pub struct Exports {
    /// The functions, sorted by symbol.
    pub functions: Vec<Function>,
    /// The definitions of types, by the Rust type.
    pub definitions: BTreeMap<Id, Definition>,
    /// The types that are exceptions, sorted by the Rust type.
    pub exceptions: Vec<Exceptions>,
}

/// The path of a Rust type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// The module: `my_crate::shapes`.
    pub module: String,
    /// The name: `Point`.
    pub name: String,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}", self.module, self.name)
    }
}

/// A file and a line of Rust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub file: String,
    pub line: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// How the body of a function runs.
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

/// An exported function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// The symbol of the boxed native stub. See [`Symbol`] for the others.
    pub symbol: String,
    /// The OCaml module that it belongs to, such as `Counter`, or `""`.
    pub owner: String,
    /// The name in OCaml, within its module.
    pub name: String,
    /// The path in Rust, within `module`: `greet`, `Counter::next`.
    pub rust_name: String,
    pub doc: String,
    /// The Rust module that defines it.
    pub module: String,
    pub place: Place,
    pub mode: Mode,
    /// An `Err` of its result is raised.
    pub raises: bool,
    /// It has a stub for unboxed numbers.
    pub unboxed: bool,
    /// The unboxed stub may be called as `[@@noalloc]`.
    pub noalloc: bool,
    /// The hash of the types of arguments and result, with all that they are made of.
    pub hash: u64,
    /// Without any, the function is applied to `()`.
    pub arguments: Vec<Argument>,
    /// What it returns in OCaml, promises included.
    pub result: Type,
    /// What it returns in Rust.
    pub rust_result: String,
}

/// The largest number of arguments that OCaml's bytecode passes one by one.
pub const MAX_BYTECODE_ARGUMENTS: usize = 5;

/// Which C function of a Rust function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Symbol {
    /// Native code calls it, and bytecode if there are few arguments.
    Native,
    /// Bytecode calls it, if there are more than [`MAX_BYTECODE_ARGUMENTS`].
    Bytecode,
    /// It takes and returns unboxed numbers.
    Unboxed,
}

impl Function {
    /// Returns the crate that defines it.
    pub fn krate(&self) -> &str {
        krate(&self.module)
    }

    /// Returns the symbol of one of its C functions.
    pub fn symbol(&self, which: Symbol) -> String {
        match which {
            Symbol::Native => self.symbol.clone(),
            Symbol::Bytecode => format!("{}_bytecode", self.symbol),
            Symbol::Unboxed => format!("{}_unboxed", self.symbol),
        }
    }

    /// Returns the symbol whose name has the hash of the signature, as generated declarations name it.
    pub fn hashed_symbol(&self, which: Symbol) -> String {
        format!("{}__s{}", self.symbol(which), self.hash)
    }

    /// Returns `true` if bytecode needs a C function of its own.
    pub fn has_bytecode_symbol(&self) -> bool {
        self.arguments.len() > MAX_BYTECODE_ARGUMENTS
    }
}

/// Returns the crate of a module's path.
pub fn krate(module: &str) -> &str {
    module.split("::").next().unwrap_or_default()
}

/// An argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Argument {
    /// The name in Rust, or `""` if it is a pattern.
    pub name: String,
    pub label: Label,
    pub ty: Type,
    /// The type in Rust.
    pub rust: String,
}

/// How OCaml code passes an argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// By its position.
    None,
    /// `~name`
    Labelled(String),
    /// `?name`; the type is an option.
    Optional(String),
}

/// The definition of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    pub id: Id,
    /// The name in OCaml.
    pub name: String,
    pub doc: String,
    pub place: Place,
    /// The hash of its structure.
    pub hash: u64,
    pub body: Body,
}

/// What a [`Definition`] defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Another name for a type.
    Alias(Type),
    /// `{ x : float; y : float }`
    Record(Vec<Field>),
    /// `Leaf | Node of tree * tree`
    Variant(Vec<Constructor>),
    /// `` [ `On | `Off of int ] ``
    Polymorphic(Vec<Constructor>),
    /// A Rust value that OCaml keeps.
    Abstract,
}

/// A field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub doc: String,
    pub ty: Type,
}

/// A constructor of a variant, or an exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constructor {
    pub name: String,
    pub doc: String,
    pub arguments: Arguments,
}

/// The arguments of a constructor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arguments {
    Positional(Vec<Type>),
    Record(Vec<Field>),
}

/// The exceptions of a Rust error type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceptions {
    pub id: Id,
    pub doc: String,
    pub place: Place,
    pub exceptions: Vec<Exception>,
}

/// An exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// The name under which Rust looks it up: OCaml registers it with `Callback.register`.
    pub registered: String,
    pub constructor: Constructor,
}

/// An OCaml type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    Unit,
    Bool,
    Int,
    Char,
    Uchar,
    Float,
    Int32,
    Int64,
    Nativeint,
    String,
    Bytes,
    Exn,
    /// `Lwt_interop.Handle.t`
    Handle,
    /// Any value at all.
    Any,
    /// A value that Rust converts without a check.
    Unchecked,
    Array(Box<Type>),
    List(Box<Type>),
    Option(Box<Type>),
    Promise(Box<Type>),
    /// `t Lwt_interop.Stream.t`
    Stream(Box<Type>),
    /// `t Lwt_interop.Channel.t`
    Channel(Box<Type>),
    /// Of the value and the error.
    Result(Box<Type>, Box<Type>),
    Tuple(Vec<Type>),
    Function(Vec<Type>, Box<Type>),
    /// `(_, kind, Bigarray.c_layout) Bigarray.Array1.t`
    Bigarray(Kind),
    /// A type that a crate defines; a key of [`Exports::definitions`].
    Named(Id),
}

/// The kind of the elements of a Bigarray.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Int8Signed,
    /// Also of `char` as an argument.
    Int8Unsigned,
    Int16Signed,
    Int16Unsigned,
    Int32,
    Int64,
    Nativeint,
    Float32,
    Float64,
}

impl Kind {
    /// Returns the OCaml type of the elements and the kind: `int` and `int8_signed_elt`.
    pub fn names(self) -> (&'static str, &'static str) {
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
