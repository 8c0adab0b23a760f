//! Which types are mentioned where.

use crate::model::{Arguments, Body, Constructor, Exceptions, Function, Id, Type};

/// Calls `f` with `ty` and all that it is made of.
fn each_type<'a>(ty: &'a Type, f: &mut dyn FnMut(&'a Type)) {
    f(ty);
    match ty {
        Type::Array(t)
        | Type::List(t)
        | Type::Option(t)
        | Type::Promise(t)
        | Type::Stream(t)
        | Type::Channel(t) => each_type(t, f),
        Type::Result(ok, error) => {
            each_type(ok, f);
            each_type(error, f);
        }
        Type::Tuple(types) => types.iter().for_each(|t| each_type(t, f)),
        Type::Function(arguments, result) => {
            arguments.iter().for_each(|t| each_type(t, f));
            each_type(result, f);
        }
        Type::Unit
        | Type::Bool
        | Type::Int
        | Type::Char
        | Type::Uchar
        | Type::Float
        | Type::Int32
        | Type::Int64
        | Type::Nativeint
        | Type::String
        | Type::Bytes
        | Type::Exn
        | Type::Handle
        | Type::Any
        | Type::Unchecked
        | Type::Named(_)
        | Type::Bigarray(_) => {}
    }
}

/// Calls `f` with each type of a crate that `ty` mentions.
pub fn in_type<'a>(ty: &'a Type, f: &mut dyn FnMut(&'a Id)) {
    each_type(ty, &mut |t| {
        if let Type::Named(id) = t {
            f(id);
        }
    });
}

/// The same for the body of a definition.
pub fn in_body<'a>(body: &'a Body, f: &mut dyn FnMut(&'a Id)) {
    types_of_body(body, &mut |ty| in_type(ty, f));
}

/// Returns `true` if the body of a definition mentions a type that may be any in OCaml.
pub fn any_in_body(body: &Body) -> bool {
    let mut found = false;
    let mut look = |ty: &Type| found |= matches!(ty, Type::Any | Type::Unchecked);
    types_of_body(body, &mut |ty| each_type(ty, &mut look));
    found
}

fn types_of_body<'a>(body: &'a Body, f: &mut dyn FnMut(&'a Type)) {
    match body {
        Body::Alias(ty) => f(ty),
        Body::Record(fields) => fields.iter().for_each(|field| f(&field.ty)),
        Body::Variant(constructors) | Body::Polymorphic(constructors) => {
            constructors.iter().for_each(|c| types_of_constructor(c, f));
        }
        Body::Abstract => {}
    }
}

/// Calls `f` with each type of a crate that a function mentions.
pub fn in_function<'a>(function: &'a Function, f: &mut dyn FnMut(&'a Id)) {
    for argument in &function.arguments {
        in_type(&argument.ty, f);
    }
    in_type(&function.result, f);
}

/// Calls `f` with each type of a crate that exceptions mention.
pub fn in_exceptions<'a>(exceptions: &'a Exceptions, f: &mut dyn FnMut(&'a Id)) {
    for exception in &exceptions.exceptions {
        in_constructor(&exception.constructor, f);
    }
}

fn in_constructor<'a>(constructor: &'a Constructor, f: &mut dyn FnMut(&'a Id)) {
    types_of_constructor(constructor, &mut |ty| in_type(ty, f));
}

fn types_of_constructor<'a>(constructor: &'a Constructor, f: &mut dyn FnMut(&'a Type)) {
    match &constructor.arguments {
        Arguments::Positional(types) => types.iter().for_each(f),
        Arguments::Record(fields) => fields.iter().for_each(|field| f(&field.ty)),
    }
}
