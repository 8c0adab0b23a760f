//! Type expressions.

use crate::model::{Id, Type};
use std::fmt;

/// Names the types of Rust crates in OCaml.
pub type Names<'a> = dyn Fn(&Id) -> String + 'a;

/// How strongly a type expression binds, from the weakest.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub enum Level {
    /// `a -> b`
    Arrow,
    /// `a * b`
    Tuple,
    /// The argument of a type constructor.
    Argument,
}

/// Returns a type as OCaml code writes it, in parentheses if `level` needs them.
pub fn expression(ty: &Type, level: Level, names: &Names<'_>) -> String {
    Expression { ty, level, names }.to_string()
}

/// Returns the parts of an expression at which a line may be broken, and what separates them: `->`, `*` or nothing.
pub fn parts(ty: &Type, names: &Names<'_>) -> (Vec<String>, &'static str) {
    let all = |types: &[Type], level| -> Vec<String> {
        let part = |ty| expression(ty, level, names);
        types.iter().map(part).collect()
    };
    match ty {
        Type::Function(arguments, result) => {
            let mut parts = all(arguments, Level::Tuple);
            parts.push(expression(result, Level::Arrow, names));
            (parts, "->")
        }
        Type::Tuple(types) => (all(types, Level::Argument), "*"),
        _ => (vec![expression(ty, Level::Arrow, names)], ""),
    }
}

struct Expression<'a> {
    ty: &'a Type,
    level: Level,
    names: &'a Names<'a>,
}

impl<'a> Expression<'a> {
    fn of(&self, ty: &'a Type, level: Level) -> Self {
        Expression {
            ty,
            level,
            names: self.names,
        }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.ty {
            Type::Unit => f.write_str("unit"),
            Type::Bool => f.write_str("bool"),
            Type::Int => f.write_str("int"),
            Type::Char => f.write_str("char"),
            Type::Uchar => f.write_str("Uchar.t"),
            Type::Float => f.write_str("float"),
            Type::Int32 => f.write_str("int32"),
            Type::Int64 => f.write_str("int64"),
            Type::Nativeint => f.write_str("nativeint"),
            Type::String => f.write_str("string"),
            Type::Bytes => f.write_str("bytes"),
            Type::Exn => f.write_str("exn"),
            Type::Handle => f.write_str("Lwt_interop.Handle.t"),
            Type::Any | Type::Unchecked => f.write_str("Obj.t"),
            Type::Array(t) => write!(f, "{} array", self.of(t, Level::Argument)),
            Type::List(t) => write!(f, "{} list", self.of(t, Level::Argument)),
            Type::Option(t) => write!(f, "{} option", self.of(t, Level::Argument)),
            Type::Promise(t) => write!(f, "{} Lwt.t", self.of(t, Level::Argument)),
            Type::Stream(t) => {
                write!(f, "{} Lwt_interop.Stream.t", self.of(t, Level::Argument))
            }
            Type::Channel(t) => {
                let element = self.of(t, Level::Argument);
                write!(f, "{element} Lwt_interop.Channel.t")
            }
            Type::Result(ok, error) => {
                let ok = self.of(ok, Level::Arrow);
                write!(f, "({ok}, {}) result", self.of(error, Level::Arrow))
            }
            Type::Tuple(types) => {
                for (i, t) in types.iter().enumerate() {
                    f.write_str(if i > 0 { " * " } else { "" })?;
                    write!(f, "{}", self.of(t, Level::Argument))?;
                }
                Ok(())
            }
            Type::Function(arguments, result) => {
                for t in arguments {
                    write!(f, "{} -> ", self.of(t, Level::Tuple))?;
                }
                write!(f, "{}", self.of(result, Level::Arrow))
            }
            Type::Bigarray(kind) => {
                let (element, kind) = kind.names();
                write!(
                    f,
                    "({element}, Bigarray.{kind}, Bigarray.c_layout) Bigarray.Array1.t"
                )
            }
            Type::Named(id) => f.write_str(&(self.names)(id)),
        }
    }
}

impl fmt::Display for Expression<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own = match self.ty {
            Type::Function(..) => Level::Arrow,
            Type::Tuple(_) => Level::Tuple,
            _ => Level::Argument,
        };
        if own < self.level {
            f.write_str("(")?;
            self.write(f)?;
            return f.write_str(")");
        }
        self.write(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;

    fn boxed(ty: Type) -> Box<Type> {
        Box::new(ty)
    }

    #[test]
    fn parentheses_are_where_ocaml_needs_them() {
        let pair = || Type::Tuple(vec![Type::String, Type::Option(boxed(Type::Int))]);
        let function = || {
            Type::Function(
                vec![pair(), Type::Unit],
                boxed(Type::Promise(boxed(pair()))),
            )
        };
        let named = Type::Named(Id {
            module: "shapes".into(),
            name: "Point".into(),
        });
        let shown = [
            (pair(), "string * int option"),
            (Type::List(boxed(pair())), "(string * int option) list"),
            (
                Type::Tuple(vec![pair(), Type::Char]),
                "(string * int option) * char",
            ),
            (
                Type::Result(boxed(pair()), boxed(Type::Exn)),
                "(string * int option, exn) result",
            ),
            (
                Type::Result(boxed(function()), boxed(named)),
                "(string * int option -> unit -> (string * int option) Lwt.t, the point) result",
            ),
            (
                Type::Function(vec![function()], boxed(function())),
                "(string * int option -> unit -> (string * int option) Lwt.t) -> \
                 string * int option -> unit -> (string * int option) Lwt.t",
            ),
            (
                Type::Tuple(vec![function(), Type::Handle]),
                "(string * int option -> unit -> (string * int option) Lwt.t) * \
                 Lwt_interop.Handle.t",
            ),
            (
                Type::Bigarray(Kind::Float32),
                "(float, Bigarray.float32_elt, Bigarray.c_layout) Bigarray.Array1.t",
            ),
        ];
        for (ty, text) in shown {
            let name = |id: &Id| format!("the {}", id.name.to_lowercase());
            assert_eq!(expression(&ty, Level::Arrow, &name), text);
        }
    }
}
