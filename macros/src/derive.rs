//! Expands `#[derive(ToOCaml)]` and `#[derive(FromOCaml)]`.
//!
//! `model` reads what the type is in OCaml, and rejects what has no equal there.
//! `descriptor` expands the constant that describes it, in which `concrete` writes the types of fields.
//! `to_ocaml` and `from_ocaml` expand the conversions.

mod concrete;
mod descriptor;
mod from_ocaml;
mod model;
mod place;
mod to_ocaml;

use model::Model;
use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::DeriveInput;

/// Which of the two traits is derived.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    ToOCaml,
    FromOCaml,
}

impl Direction {
    /// Returns the path of the trait.
    fn path(self, model: &Model) -> TokenStream {
        let krate = &model.krate;
        match self {
            Direction::ToOCaml => quote!(#krate::convert::ToOCaml),
            Direction::FromOCaml => quote!(#krate::convert::FromOCaml),
        }
    }
}

/// Returns the implementation of the trait, or the errors.
pub fn derive(input: TokenStream, direction: Direction) -> TokenStream {
    let model = syn::parse2::<DeriveInput>(input).and_then(|input| Model::new(&input, direction));
    match model {
        Ok(model) => expand(&model, direction),
        Err(errors) => errors.into_compile_error(),
    }
}

fn expand(model: &Model, direction: Direction) -> TokenStream {
    let trait_ = direction.path(model);
    let descriptor = descriptor::expand(model, direction);
    let conversion = match direction {
        Direction::ToOCaml => to_ocaml::expand(model),
        Direction::FromOCaml => from_ocaml::expand(model),
    };
    let (ident, krate) = (&model.ident, &model.krate);
    let (parameters, arguments, clause) = model.generics.split_for_impl();
    let lifetimes = model.generics.lifetimes().map(|_| quote!('static));
    quote! {
        // SAFETY: of `ToOCaml` and `FromOCaml`.
        // - `TYPE` is made from the same fields, in the same order, as the conversion. What is written and read is how
        //   OCaml represents that type: a record is a block of tag 0, or of `FLOATS` if all its fields are floats; a
        //   constructor is an immediate, or a block whose tag is its number among those with arguments; a polymorphic
        //   variant is its hash, or a pair of hash and argument; another name for a type is represented like the type.
        // - Fields are read and written by the conversions of their types, whose contract is the same. They are copied
        //   into an owned value: `FromOCaml` is not derived for types with lifetimes.
        // - No other code runs, and the writer and the source are used through their methods alone.
        // - `IS_BYTE` stays `false`.
        #[automatically_derived]
        #[allow(deprecated)]
        unsafe impl #parameters #trait_ for #ident #arguments #clause {
            #descriptor
            #conversion
        }

        #krate::__describe!(definition: <#ident<#(#lifetimes),*> as #trait_>::TYPE);
    }
}

/// Returns an identifier of the expansion, which neither captures the user's names nor is a name that users choose.
fn hidden(name: &str) -> Ident {
    Ident::new(&format!("__ocaml_{name}"), Span::mixed_site())
}
