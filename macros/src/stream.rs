//! The type of the result of a `#[func(stream)]`.

use crate::check::last_segment;
use crate::options::Options;
use proc_macro2::TokenStream;
use quote::{ToTokens, quote_spanned};
use syn::spanned::Spanned;
use syn::{
    Error, GenericArgument, PathArguments, Result, ReturnType, Signature, Type, TypeImplTrait,
    TypeParamBound,
};

/// The result of a function that returns a stream.
pub struct StreamResult {
    /// The result is a `Result` whose error is raised.
    pub raises: bool,
    /// The type of the elements.
    pub element: Element,
    /// An element is a `Result` whose error is raised.
    pub element_raises: bool,
}

/// The type of a stream's elements.
pub enum Element {
    /// As the function says it: `impl Stream<Item = T>`.
    Written(Type),
    /// That of a stream whose type has a name.
    Of(Type),
}

impl Element {
    /// Expands the type; `private` is the path of what stubs call.
    pub fn expand(&self, private: &TokenStream) -> TokenStream {
        match self {
            Element::Written(ty) => ty.to_token_stream(),
            Element::Of(stream) => {
                quote_spanned!(stream.span()=> <#stream as #private::Stream>::Item)
            }
        }
    }
}

/// Reads the result of a function that returns a stream.
pub fn result(sig: &Signature, options: &Options) -> Result<StreamResult> {
    let raises = options.raise.is_some();
    let ReturnType::Type(_, ty) = &sig.output else {
        return Err(Error::new_spanned(
            &sig.ident,
            "a `stream` function returns a stream: write `-> impl Stream<Item = T>`",
        ));
    };
    let value = value_of_result(ty);
    if value.is_some() && !raises {
        return Err(Error::new_spanned(
            ty,
            "the error of a function that returns a stream is raised: write #[func(stream, raise)]",
        ));
    }
    let (element, element_raises) = match value.unwrap_or(ty) {
        Type::ImplTrait(stream) => {
            let element = written_element(stream)?;
            let is_result = last_segment(&element).is_some_and(|s| s.ident == "Result");
            (Element::Written(element), raises && is_result)
        }
        stream => (Element::Of(stream.clone()), raises && value.is_none()),
    };
    if let (Some(raise), None, false) = (options.raise, value, element_raises) {
        return Err(Error::new(
            raise,
            "`raise` turns an `Err` into an exception, and neither the function nor its stream has a `Result`: return \
             one, or remove `raise`",
        ));
    }
    Ok(StreamResult {
        raises: value.is_some(),
        element,
        element_raises,
    })
}

/// Returns `T` of `Result<T, E>`.
fn value_of_result(ty: &Type) -> Option<&Type> {
    match last_segment(ty)
        .filter(|segment| segment.ident == "Result")?
        .arguments
    {
        PathArguments::AngleBracketed(ref arguments) => match arguments.args.first()? {
            GenericArgument::Type(value) => Some(value),
            _ => None,
        },
        _ => None,
    }
}

/// Returns `T` of `impl Stream<Item = T>`.
fn written_element(stream: &TypeImplTrait) -> Result<Type> {
    let bounds = stream.bounds.iter().filter_map(|bound| match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last(),
        _ => None,
    });
    for segment in bounds.filter(|segment| segment.ident == "Stream") {
        if let PathArguments::AngleBracketed(arguments) = &segment.arguments {
            for argument in &arguments.args {
                match argument {
                    GenericArgument::AssocType(item) if item.ident == "Item" => {
                        return Ok(item.ty.clone());
                    }
                    _ => {}
                }
            }
        }
    }
    Err(Error::new_spanned(
        stream,
        "a `stream` function returns `impl Stream<Item = T>`, with the type of the elements, or a stream whose type has \
         a name",
    ))
}
