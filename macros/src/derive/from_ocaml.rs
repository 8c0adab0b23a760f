//! The body of `from_ocaml`.

use super::model::{Constructor, Field, Model, Shape};
use super::{Direction, descriptor, hidden, place};
use proc_macro2::{Literal, TokenStream};
use quote::quote;

/// Expands the function.
pub fn expand(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let convert = quote!(#krate::convert);
    let value = hidden("value");
    let body = Read {
        model,
        convert: &convert,
    }
    .body();
    quote! {
        #[inline]
        fn from_ocaml(
            #value: #convert::Source<'_>,
        ) -> ::core::result::Result<Self, #convert::ConversionError> {
            #body
        }
    }
}

struct Read<'a> {
    model: &'a Model,
    convert: &'a TokenStream,
}

impl Read<'_> {
    fn body(&self) -> TokenStream {
        let (value, convert) = (hidden("value"), self.convert);
        let name = &self.model.name;
        match &self.model.shape {
            Shape::Unit => quote! {
                <() as #convert::FromOCaml>::from_ocaml(#value)?;
                ::core::result::Result::Ok(Self {})
            },
            Shape::Newtype(field) => {
                let ty = &field.ty;
                quote! {
                    ::core::result::Result::Ok(Self {
                        0: <#ty as #convert::FromOCaml>::from_ocaml(#value)?,
                    })
                }
            }
            Shape::Tuple(fields) => self.block(
                &quote!(Self),
                0,
                fields,
                &format!("tuple {name}"),
                |_, i| quote!(#convert::Place::Component(#i)),
            ),
            Shape::Record(fields) => {
                let (size, what) = (size(fields), format!("record {name}"));
                let is_flat = descriptor::is_flat(self.model, Direction::FromOCaml, fields);
                let block = hidden("block");
                let made = self.make(&quote!(Self), fields, 0, place::field(convert));
                quote! {
                    let #block = if #is_flat {
                        #convert::Source::floats(#value, #size, #what)?
                    } else {
                        #convert::Source::fields(#value, 0, #size, #what)?
                    };
                    #made
                }
            }
            Shape::Variant(constructors) => {
                let read = |constructor: &Constructor| self.constructor(constructor);
                self.variant(constructors, quote!(#convert::Source::tag(#value)?), read)
            }
            Shape::Polymorphic(constructors) => {
                let (block, what) = (hidden("block"), format!("a constructor of {name}"));
                let hash = quote! {{
                    let #block = #convert::Source::fields(#value, 0, 2, #what)?;
                    #convert::Fields::get::<::core::primitive::isize>(
                        &#block,
                        0,
                        #convert::Place::Component(0),
                    )?
                }};
                let read = |constructor: &Constructor| self.argument(constructor);
                self.variant(constructors, hash, read)
            }
        }
    }

    /// Reads a constant constructor, or one with arguments, whose number is `number`.
    fn variant(
        &self,
        constructors: &[Constructor],
        number: TokenStream,
        read: impl Fn(&Constructor) -> TokenStream,
    ) -> TokenStream {
        let (value, convert) = (hidden("value"), self.convert);
        let what = format!("expected a constructor of {}", self.model.name);
        let refused = quote! {
            ::core::result::Result::Err(#convert::ConversionError::new(#what))
        };
        let select = |has_arguments: bool, number: TokenStream| {
            let arms: Vec<_> = constructors
                .iter()
                .filter(|constructor| constructor.fields.is_empty() != has_arguments)
                .map(|constructor| {
                    let number = Literal::isize_unsuffixed(constructor.number);
                    let made = match has_arguments {
                        true => read(constructor),
                        false => {
                            let ident = &constructor.ident;
                            quote!(::core::result::Result::Ok(Self::#ident {}))
                        }
                    };
                    quote!(#number => { #made })
                })
                .collect();
            match arms.is_empty() {
                true => refused.clone(),
                false => quote!(match #number { #(#arms)* _ => #refused }),
            }
        };
        let constant = select(false, quote!(#convert::Source::int(#value)?));
        let with_arguments = select(true, number);
        quote! {
            if #convert::Source::is_immediate(#value) {
                #constant
            } else {
                #with_arguments
            }
        }
    }

    fn constructor(&self, constructor: &Constructor) -> TokenStream {
        let (ident, convert) = (&constructor.ident, self.convert);
        let what = format!("constructor {} of {}", constructor.name, self.model.name);
        self.block(
            &quote!(Self::#ident),
            constructor.number,
            &constructor.fields,
            &what,
            place::of(convert, constructor),
        )
    }

    /// Reads the argument of a polymorphic variant: a tuple if there are several fields.
    fn argument(&self, constructor: &Constructor) -> TokenStream {
        let (value, convert, ident) = (hidden("value"), self.convert, &constructor.ident);
        let (block, name) = (hidden("block"), &constructor.name);
        let what = format!("constructor {name} of {}", self.model.name);
        let types: Vec<_> = constructor.fields.iter().map(|field| &field.ty).collect();
        let place = quote!(#convert::Place::Argument(#name, 0));
        let made = match &*types {
            [_] => self.make(&quote!(Self::#ident), &constructor.fields, 1, |_, _| {
                place.clone()
            }),
            _ => {
                let bindings: Vec<_> = (0..types.len())
                    .map(|i| hidden(&format!("field_{i}")))
                    .collect();
                quote! {
                    let (#(#bindings),*) = #convert::Fields::get::<(#(#types),*)>(&#block, 1, #place)?;
                    ::core::result::Result::Ok(Self::#ident(#(#bindings),*))
                }
            }
        };
        quote! {
            let #block = #convert::Source::fields(#value, 0, 2, #what)?;
            #made
        }
    }

    /// Reads a block of these fields.
    fn block(
        &self,
        path: &TokenStream,
        tag: isize,
        fields: &[Field],
        what: &str,
        place: impl Fn(&Field, Literal) -> TokenStream,
    ) -> TokenStream {
        let (value, block, convert) = (hidden("value"), hidden("block"), self.convert);
        let (tag, size) = (Literal::isize_unsuffixed(tag), size(fields));
        let made = self.make(path, fields, 0, place);
        quote! {
            let #block = #convert::Source::fields(#value, #tag, #size, #what)?;
            #made
        }
    }

    /// Makes the Rust value from the fields of `block`, from the field `first` on.
    fn make(
        &self,
        path: &TokenStream,
        fields: &[Field],
        first: usize,
        place: impl Fn(&Field, Literal) -> TokenStream,
    ) -> TokenStream {
        let (block, convert) = (hidden("block"), self.convert);
        let fields = fields.iter().enumerate().map(|(i, field)| {
            let (member, ty) = (&field.member, &field.ty);
            let index = Literal::usize_unsuffixed(first + i);
            let place = place(field, Literal::usize_unsuffixed(i));
            quote!(#member: #convert::Fields::get::<#ty>(&#block, #index, #place)?)
        });
        quote!(::core::result::Result::Ok(#path { #(#fields),* }))
    }
}

fn size(fields: &[Field]) -> Literal {
    Literal::usize_unsuffixed(fields.len())
}
