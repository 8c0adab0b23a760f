//! Expands `#[derive(OpaqueType)]`.

use crate::attributes::{Attributes, Site};
use crate::doc;
use crate::errors::Errors;
use crate::names::{self, Kind};
use crate::options;
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{DeriveInput, Result};

/// Returns the implementation of the trait, or the errors.
pub fn derive(input: &DeriveInput) -> TokenStream {
    expand(input).unwrap_or_else(|errors| errors.into_compile_error())
}

fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let mut errors = Errors::default();
    if !input.generics.params.is_empty() {
        errors.at(
            &input.generics,
            "an opaque type with parameters stands for no single OCaml type: put it into a struct without parameters, \
             and derive OpaqueType for that",
        );
    }
    let attributes = errors
        .take(Attributes::parse(&input.attrs, Site::Opaque))
        .unwrap_or_default();
    let name = errors
        .take(names::name(
            Kind::Type,
            &input.ident,
            attributes.name.as_ref(),
        ))
        .unwrap_or_default();
    if let Some(errors) = errors.0 {
        return Err(errors);
    }
    let krate = options::krate(attributes.krate.as_ref());
    let (ident, doc) = (&input.ident, doc::text(&input.attrs));
    let rust_name = ident.unraw().to_string();
    let place = quote_spanned!(ident.span()=> (::core::file!(), ::core::line!()));
    Ok(quote! {
        // SAFETY: within its module no other type has this name.
        #[automatically_derived]
        #[allow(deprecated)]
        unsafe impl #krate::OpaqueType for #ident {
            const NAME: #krate::convert::types::TypeName = #krate::convert::types::TypeName {
                ocaml: #name,
                rust: #rust_name,
                module: ::core::module_path!(),
            };
            const PLACE: (&'static ::core::primitive::str, ::core::primitive::u32) = #place;
            const DOC: &'static ::core::primitive::str = #doc;
        }

        #krate::__describe!(definition: #krate::__private::opaque::<#ident>());
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(source: &str) -> String {
        let input = syn::parse_str(source).expect("it is a type");
        expand(&input).expect_err(source).to_string()
    }

    #[test]
    fn the_name_is_that_of_the_type_unless_another_is_given() {
        for (source, name) in [
            ("struct HttpServer;", "ocaml : \"http_server\""),
            (
                "#[ocaml(name = \"server\")] enum A {}",
                "ocaml : \"server\"",
            ),
        ] {
            let input = syn::parse_str(source).expect("it is a type");
            let text = expand(&input).expect(source).to_string();
            assert!(text.contains(name), "{name} in {text}");
        }
    }

    #[test]
    fn what_is_no_single_type_is_refused() {
        assert!(refusal("struct A<T>(T);").contains("parameters"));
        assert!(refusal("struct List;").contains("hide"));
        assert!(
            refusal("#[ocaml(polymorphic)] enum A {}").contains("this option is not known here")
        );
    }
}
