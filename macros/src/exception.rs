//! `#[derive(OCamlException)]`: the exceptions of an error enum.

use crate::attributes::{Attributes, Site};
use crate::doc;
use crate::names::{self, Kind};
use crate::options;
use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use std::collections::BTreeSet;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Field, Fields, LitStr, Result, Variant};

/// Returns the implementation of `RaisesException`.
pub fn derive(input: &DeriveInput) -> TokenStream {
    match expand(input) {
        Ok(expanded) => expanded,
        Err(error) => error.to_compile_error(),
    }
}

fn expand(input: &DeriveInput) -> Result<TokenStream> {
    if !input.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &input.generics,
            "an OCaml exception has no parameters: remove those of the type",
        ));
    }
    let exceptions = exceptions(input)?;
    let site = match input.data {
        Data::Enum(_) => Site::Enum,
        _ => Site::Struct,
    };
    let krate = options::krate(Attributes::parse(&input.attrs, site)?.krate.as_ref());
    let mut names = BTreeSet::new();
    for exception in &exceptions {
        if !names.insert(&exception.name) {
            return Err(Error::new(
                exception.span,
                format!(
                    "two exceptions are `{}` in OCaml: set another name with #[ocaml(name = \"...\")]",
                    exception.name
                ),
            ));
        }
    }
    let ty = &input.ident;
    let descriptions = exceptions.iter().map(|e| e.expand_description(&krate));
    let index_arms = exceptions.iter().enumerate().map(|(i, exception)| {
        let path = &exception.path;
        quote!(#path { .. } => #i)
    });
    let argument_arms = exceptions.iter().map(|e| e.expand_arguments(&krate));
    let (rust_name, doc) = (ty.unraw().to_string(), doc::text(&input.attrs));
    let place = quote_spanned!(ty.span()=> (::core::file!(), ::core::line!()));
    Ok(quote! {
        // SAFETY: `write_arguments` writes the fields that `EXCEPTIONS` describes, and uses nothing but the writer. That
        // OCaml registers exceptions of these types is what an `external` is: a declaration that OCaml code vouches for.
        #[allow(deprecated)]
        #[automatically_derived]
        unsafe impl #krate::RaisesException for #ty {
            const MODULE: &'static ::core::primitive::str = ::core::module_path!();

            const EXCEPTIONS: &'static [#krate::convert::types::Constructor] = &[#(#descriptions),*];

            fn exception(&self) -> ::core::primitive::usize {
                match *self {
                    #(#index_arms,)*
                }
            }

            fn write_arguments<OCamlWriter: #krate::convert::Writer>(
                &self,
                ocaml_writer: &mut OCamlWriter,
                ocaml_block: &mut OCamlWriter::Block,
            ) -> ::core::result::Result<(), #krate::ConversionError> {
                match self {
                    #(#argument_arms)*
                }
                ::core::result::Result::Ok(())
            }
        }

        #krate::__describe!(exceptions: &#krate::convert::types::Exceptions {
            rust_name: #rust_name,
            module: ::core::module_path!(),
            place: #place,
            doc: #doc,
            constructors: <#ty as #krate::RaisesException>::EXCEPTIONS,
        });
    })
}

/// A constructor.
struct Exception<'a> {
    /// In OCaml.
    name: String,
    /// Where the name is written.
    span: Span,
    doc: String,
    /// In Rust.
    path: TokenStream,
    fields: &'a Fields,
    /// The names of the fields, if they have any.
    field_names: Vec<String>,
}

fn exceptions(input: &DeriveInput) -> Result<Vec<Exception<'_>>> {
    match &input.data {
        Data::Enum(data) if data.variants.is_empty() => Err(Error::new_spanned(
            &input.ident,
            "an enum without variants has no exceptions: add one, or remove the derive",
        )),
        Data::Enum(data) => data.variants.iter().map(exception_of_variant).collect(),
        Data::Struct(data) => Ok(vec![exception(
            &input.ident,
            (&input.attrs, Site::Struct),
            quote!(Self),
            &data.fields,
        )?]),
        Data::Union(_) => Err(Error::new_spanned(
            &input.ident,
            "a union does not convert to OCaml: derive OCamlException for an enum or a struct",
        )),
    }
}

fn exception_of_variant(variant: &Variant) -> Result<Exception<'_>> {
    let ident = &variant.ident;
    exception(
        ident,
        (&variant.attrs, Site::Constructor),
        quote!(Self::#ident),
        &variant.fields,
    )
}

fn exception<'a>(
    ident: &Ident,
    (attributes, site): (&[Attribute], Site),
    path: TokenStream,
    fields: &'a Fields,
) -> Result<Exception<'a>> {
    let (name, span) = match Attributes::parse(attributes, site)?.name {
        Some(name) => (name.value(), name.span()),
        None => (ident.unraw().to_string(), ident.span()),
    };
    let is_legal = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'\''));
    if !is_legal {
        return Err(Error::new(
            span,
            format!(
                "`{name}` is not the name of an exception in OCaml: set one with #[ocaml(name = \"...\")], an ASCII \
                 upper-case letter, and then ASCII letters, digits, `_` and `'`"
            ),
        ));
    }
    Ok(Exception {
        name,
        span,
        doc: doc::text(attributes),
        path,
        fields,
        field_names: field_names(fields)?,
    })
}

fn field_names(fields: &Fields) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for field in fields {
        let site = match field.ident {
            Some(_) => Site::Field,
            None => Site::Position,
        };
        let given = Attributes::parse(&field.attrs, site)?.name;
        if let Some(ident) = &field.ident {
            let span = given.as_ref().map_or(ident.span(), LitStr::span);
            all.push((names::name(Kind::Field, ident, given.as_ref())?, span));
        }
    }
    names::check_distinct("fields", all.iter().map(|(name, span)| (&**name, *span)))?;
    Ok(all.into_iter().map(|(name, _)| name).collect())
}

impl Exception<'_> {
    /// Expands the description of the constructor.
    fn expand_description(&self, krate: &TokenStream) -> TokenStream {
        let types = quote!(#krate::convert::types);
        let (name, doc) = (&self.name, &self.doc);
        let arguments = match self.fields {
            Fields::Named(fields) => {
                let fields = fields.named.iter().zip(&self.field_names);
                let fields = fields.map(|(field, name)| {
                    let doc = doc::text(&field.attrs);
                    let ty = expand_type(field, krate);
                    quote!(#types::Field { name: #name, doc: #doc, ty: #ty })
                });
                quote!(Record(&[#(#fields),*]))
            }
            fields => {
                let fields = fields.iter().map(|field| expand_type(field, krate));
                quote!(Positional(&[#(#fields),*]))
            }
        };
        quote! {
            #types::Constructor {
                name: #name,
                doc: #doc,
                arguments: #types::Arguments::#arguments,
            }
        }
    }

    /// Expands the arm that writes the arguments.
    fn expand_arguments(&self, krate: &TokenStream) -> TokenStream {
        let (path, name) = (&self.path, &self.name);
        let bindings: Vec<Ident> = (0..self.fields.len())
            .map(|i| format_ident!("ocaml_field_{i}"))
            .collect();
        let patterns = self
            .fields
            .members()
            .zip(&bindings)
            .map(|(member, binding)| quote!(#member: #binding));
        let writes = self.fields.iter().enumerate().map(|(i, field)| {
            let (binding, i) = (&bindings[i], i);
            quote_spanned! {field.ty.span()=>
                #krate::convert::Writer::field(
                    ocaml_writer,
                    ocaml_block,
                    #krate::convert::Place::Argument(#name, #i),
                    #binding,
                )?;
            }
        });
        quote!(#path { #(#patterns),* } => { #(#writes)* })
    }
}

/// Expands the type of an argument in OCaml.
fn expand_type(field: &Field, krate: &TokenStream) -> TokenStream {
    let ty = &field.ty;
    quote_spanned!(ty.span()=> <#ty as #krate::ToOCaml>::TYPE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(source: &str) -> String {
        let input = syn::parse_str(source).expect("it is a type");
        derive(&input).to_string().replace(' ', "")
    }

    #[test]
    fn exceptions_have_names_and_arguments() {
        let text = expanded(
            r#"
            /// Why not.
            pub enum Refused {
                /// So many are there.
                #[ocaml(name = "Not_enough")]
                NotEnough(i32, String),
                Closed,
                Limit { r#type: String, #[ocaml(name = "most")] größe: i64 },
            }
            "#,
        );
        for part in [
            "unsafeimpl::ocaml_lwt_interop::RaisesExceptionforRefused",
            r#"name:"Not_enough",doc:"Somanyarethere.""#,
            "<i32as::ocaml_lwt_interop::ToOCaml>::TYPE",
            r#"name:"Closed",doc:"",arguments:::ocaml_lwt_interop::convert::types::Arguments::Positional(&[])"#,
            r#"name:"type_""#,
            r#"name:"most""#,
            "Self::NotEnough{..}=>0usize",
            "Self::Closed{}=>{}",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(expanded("#[ocaml(crate = a::b)] struct Closed;").contains("forClosed"));
        assert!(
            expanded("#[ocaml(crate = a::b)] struct Closed;").contains("a::b::RaisesException")
        );
    }

    #[test]
    fn what_is_no_exception_is_refused() {
        let refused = [
            ("enum Refused {}", "without variants"),
            ("enum Refused<T> { A(T) }", "parameters"),
            ("union Refused { a: i32 }", "union"),
            ("enum Refused { élan }", "not the name of an exception"),
            (
                r#"enum Refused { #[ocaml(name = "lost")] Lost }"#,
                "not the name of an exception",
            ),
            (
                r#"enum Refused { #[ocaml(name = "B")] A, B }"#,
                "two exceptions are `B`",
            ),
            (
                "enum Refused { #[ocaml(name)] A }",
                "requires a string literal",
            ),
            (
                r#"enum Refused { #[ocaml(nmae = "Lost")] A }"#,
                "not known here: a constructor has the option",
            ),
            (
                r#"enum Refused { #[ocaml(name = "B", name = "C")] A }"#,
                "given twice",
            ),
            (
                "struct Refused { größe: i32 }",
                "cannot be the name of a field",
            ),
            (
                "struct Refused { r#type: i32, type_: i32 }",
                "two fields are `type_`",
            ),
            (
                r#"struct Refused(#[ocaml(name = "a")] i32);"#,
                "a field without a name has no options",
            ),
        ];
        for (source, part) in refused {
            let input = syn::parse_str(source).expect("it is a type");
            let error = expand(&input).expect_err(source).to_string();
            assert!(error.contains(part), "{part} in {error}");
        }
    }
}
