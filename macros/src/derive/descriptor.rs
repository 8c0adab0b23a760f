//! The descriptor of a type, the same for both directions: the constant `TYPE`.

use super::Direction;
use super::model::{Constructor, Field, Model, Shape};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;

/// Expands the constant.
pub fn expand(model: &Model, direction: Direction) -> TokenStream {
    let describe = Describe {
        types: {
            let krate = &model.krate;
            quote!(#krate::convert::types)
        },
        trait_: direction.path(model),
    };
    let types = &describe.types;
    let (name, doc) = (&model.name, &model.doc);
    let rust_name = model.ident.unraw().to_string();
    let body = describe.body(&model.shape);
    // The line of the type's name, which both derives say.
    let place = quote_spanned!(model.ident.span()=> (::core::file!(), ::core::line!()));
    let name = quote! {
        #types::TypeName {
            ocaml: #name,
            rust: #rust_name,
            module: ::core::module_path!(),
        }
    };
    // A type may contain itself: a static can refer to itself, and a constant cannot.
    quote! {
        const TYPE: &'static #types::Type = {
            static __OCAML_DEFINITION: #types::Definition =
                #types::Definition::new(#name, #place, #doc, #body);
            &#types::Type::Named(#types::DefinitionRef::new(&__OCAML_DEFINITION))
        };
    }
}

/// Returns an expression for whether a record of these fields is a block of floats.
pub fn is_flat(model: &Model, direction: Direction, fields: &[Field]) -> TokenStream {
    let trait_ = direction.path(model);
    let types = fields.iter().map(|field| &field.concrete);
    quote!(const { #(<#types as #trait_>::TYPE.is_float())&&* })
}

struct Describe {
    types: TokenStream,
    trait_: TokenStream,
}

impl Describe {
    fn body(&self, shape: &Shape) -> TokenStream {
        let types = &self.types;
        match shape {
            Shape::Unit => quote!(#types::Body::Alias(&#types::Type::Unit)),
            Shape::Newtype(field) => {
                let ty = self.ty(field);
                quote!(#types::Body::Alias(#ty))
            }
            Shape::Tuple(fields) => {
                let fields = self.types(fields);
                quote!(#types::Body::Alias(&#types::Type::Tuple(#fields)))
            }
            Shape::Record(fields) => {
                let fields = self.fields(fields);
                quote!(#types::Body::Record(#fields))
            }
            Shape::Variant(constructors) => {
                let constructors = constructors
                    .iter()
                    .map(|constructor| self.constructor(constructor, self.arguments(constructor)));
                quote!(#types::Body::Variant(&[#(#constructors),*]))
            }
            Shape::Polymorphic(constructors) => {
                let constructors = constructors
                    .iter()
                    .map(|constructor| self.constructor(constructor, self.argument(constructor)));
                quote!(#types::Body::PolymorphicVariant(&[#(#constructors),*]))
            }
        }
    }

    fn constructor(&self, constructor: &Constructor, arguments: TokenStream) -> TokenStream {
        let types = &self.types;
        let (name, doc) = (&constructor.name, &constructor.doc);
        quote!(#types::Constructor { name: #name, doc: #doc, arguments: #arguments })
    }

    fn arguments(&self, constructor: &Constructor) -> TokenStream {
        let types = &self.types;
        if constructor.is_record {
            let fields = self.fields(&constructor.fields);
            quote!(#types::Arguments::Record(#fields))
        } else {
            let fields = self.types(&constructor.fields);
            quote!(#types::Arguments::Positional(#fields))
        }
    }

    /// The argument of a polymorphic variant, of which there is one at most.
    fn argument(&self, constructor: &Constructor) -> TokenStream {
        let types = &self.types;
        let fields = self.types(&constructor.fields);
        match constructor.fields.len() {
            0 | 1 => quote!(#types::Arguments::Positional(#fields)),
            _ => quote!(#types::Arguments::Positional(&[&#types::Type::Tuple(#fields)])),
        }
    }

    fn ty(&self, field: &Field) -> TokenStream {
        let (ty, trait_) = (&field.concrete, &self.trait_);
        quote!(<#ty as #trait_>::TYPE)
    }

    fn types(&self, fields: &[Field]) -> TokenStream {
        let types = fields.iter().map(|field| self.ty(field));
        quote!(&[#(#types),*])
    }

    fn fields(&self, fields: &[Field]) -> TokenStream {
        let types = &self.types;
        let fields = fields.iter().map(|field| {
            let (name, doc, ty) = (&field.name, &field.doc, self.ty(field));
            quote!(#types::Field { name: #name, doc: #doc, ty: #ty })
        });
        quote!(&[#(#fields),*])
    }
}
