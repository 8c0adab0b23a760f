//! Where a field is, for errors.

use super::model::{Constructor, Field};
use proc_macro2::{Literal, TokenStream};
use quote::quote;

/// Returns the place of a field with a name.
pub fn field(convert: &TokenStream) -> impl Fn(&Field, Literal) -> TokenStream {
    move |field, _| {
        let name = &field.name;
        quote!(#convert::Place::Field(#name))
    }
}

/// Returns the place of an argument of a constructor.
pub fn of(
    convert: &TokenStream,
    constructor: &Constructor,
) -> impl Fn(&Field, Literal) -> TokenStream {
    move |argument, i| match constructor.is_record {
        true => field(convert)(argument, i),
        false => {
            let name = &constructor.name;
            quote!(#convert::Place::Argument(#name, #i))
        }
    }
}
