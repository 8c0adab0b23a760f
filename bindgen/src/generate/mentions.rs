//! Which types are mentioned where.

use crate::model::{Arguments, Body, Constructor, Exceptions, Function, Id, Type};

/// Calls `f` with each type of a crate that `ty` mentions.
pub fn in_type<'a>(ty: &'a Type, f: &mut dyn FnMut(&'a Id)) {
    match ty {
        Type::Named(id) => f(id),
        Type::Array(t)
        | Type::List(t)
        | Type::Option(t)
        | Type::Promise(t)
        | Type::Stream(t)
        | Type::Channel(t) => in_type(t, f),
        Type::Result(ok, error) => {
            in_type(ok, f);
            in_type(error, f);
        }
        Type::Tuple(types) => types.iter().for_each(|t| in_type(t, f)),
        Type::Function(arguments, result) => {
            arguments.iter().for_each(|t| in_type(t, f));
            in_type(result, f);
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
        | Type::Bigarray(_) => {}
    }
}

/// The same for the body of a definition.
pub fn in_body<'a>(body: &'a Body, f: &mut dyn FnMut(&'a Id)) {
    match body {
        Body::Alias(ty) => in_type(ty, f),
        Body::Record(fields) => fields.iter().for_each(|field| in_type(&field.ty, f)),
        Body::Variant(constructors) | Body::Polymorphic(constructors) => {
            constructors.iter().for_each(|c| in_constructor(c, f));
        }
        Body::Abstract => {}
    }
}

/// The same for a function.
pub fn in_function<'a>(function: &'a Function, f: &mut dyn FnMut(&'a Id)) {
    for argument in &function.arguments {
        in_type(&argument.ty, f);
    }
    in_type(&function.result, f);
}

/// The same for exceptions.
pub fn in_exceptions<'a>(exceptions: &'a Exceptions, f: &mut dyn FnMut(&'a Id)) {
    for exception in &exceptions.exceptions {
        in_constructor(&exception.constructor, f);
    }
}

fn in_constructor<'a>(constructor: &'a Constructor, f: &mut dyn FnMut(&'a Id)) {
    match &constructor.arguments {
        Arguments::Positional(types) => types.iter().for_each(|t| in_type(t, f)),
        Arguments::Record(fields) => fields.iter().for_each(|field| in_type(&field.ty, f)),
    }
}
