//! The body of `to_ocaml`.

use super::model::{Constructor, Field, Model, Shape};
use super::{Direction, descriptor, hidden, place};
use proc_macro2::{Ident, Literal, TokenStream};
use quote::quote;

/// Expands the function.
pub fn expand(model: &Model) -> TokenStream {
    let krate = &model.krate;
    let convert = quote!(#krate::convert);
    let (writer, w) = (hidden("writer"), hidden("Writer"));
    let body = Write {
        model,
        convert: &convert,
    }
    .body();
    quote! {
        #[inline]
        fn to_ocaml<#w: #convert::Writer>(
            &self,
            #writer: &mut #w,
        ) -> ::core::result::Result<<#w as #convert::Writer>::Value, #convert::ConversionError> {
            #body
        }
    }
}

struct Write<'a> {
    model: &'a Model,
    convert: &'a TokenStream,
}

impl Write<'_> {
    fn body(&self) -> TokenStream {
        let (writer, convert) = (hidden("writer"), self.convert);
        let of_self = |field: &Field| {
            let member = &field.member;
            quote!(&self.#member)
        };
        match &self.model.shape {
            Shape::Unit => constant(convert, 0),
            Shape::Newtype(field) => {
                let ty = &field.ty;
                quote!(<#ty as #convert::ToOCaml>::to_ocaml(&self.0, #writer))
            }
            Shape::Tuple(fields) => {
                let values: Vec<_> = fields.iter().map(of_self).collect();
                let place = |_: &Field, i: Literal| quote!(#convert::Place::Component(#i));
                self.block(&quote!(0), fields, &values, place)
            }
            Shape::Record(fields) => {
                let values: Vec<_> = fields.iter().map(of_self).collect();
                let is_flat = descriptor::is_flat(self.model, Direction::ToOCaml, fields);
                let tag = quote!(if #is_flat { #convert::FLOATS } else { 0 });
                self.block(&tag, fields, &values, place::field(convert))
            }
            Shape::Variant(constructors) => self.variant(constructors, |constructor, values| {
                let tag = Literal::isize_unsuffixed(constructor.number);
                let place = place::of(convert, constructor);
                self.block(&quote!(#tag), &constructor.fields, values, place)
            }),
            Shape::Polymorphic(constructors) => self
                .variant(constructors, |constructor, values| {
                    self.argument(constructor, values)
                }),
        }
    }

    /// Writes a constant constructor, or with `write` one with arguments, of which it gets the names of references.
    fn variant(
        &self,
        constructors: &[Constructor],
        write: impl Fn(&Constructor, &[TokenStream]) -> TokenStream,
    ) -> TokenStream {
        let arms = constructors.iter().map(|constructor| {
            let ident = &constructor.ident;
            if constructor.fields.is_empty() {
                let constant = constant(self.convert, constructor.number);
                return quote!(Self::#ident {} => { #constant });
            }
            let members = constructor.fields.iter().map(|field| &field.member);
            let bindings: Vec<_> = (0..constructor.fields.len())
                .map(|i| hidden(&format!("field_{i}")))
                .collect();
            let values: Vec<_> = bindings.iter().map(|binding| quote!(#binding)).collect();
            let written = write(constructor, &values);
            quote!(Self::#ident { #(#members: #bindings),* } => { #written })
        });
        quote!(match self { #(#arms)* })
    }

    /// Writes a polymorphic variant with its argument: a tuple if there are several fields.
    fn argument(&self, constructor: &Constructor, values: &[TokenStream]) -> TokenStream {
        let (writer, block, convert) = (hidden("writer"), hidden("block"), self.convert);
        let (hash, name) = (
            Literal::isize_unsuffixed(constructor.number),
            &constructor.name,
        );
        let types = constructor.fields.iter().map(|field| &field.ty);
        let (ty, value) = match values {
            [value] => (quote!(#(#types)*), value.clone()),
            _ => (quote!((#(&#types),*)), quote!(&(#(#values),*))),
        };
        quote! {
            let mut #block = #convert::Writer::begin(#writer, 0, 2)?;
            #convert::Writer::field::<::core::primitive::isize>(
                #writer,
                &mut #block,
                #convert::Place::Component(0),
                &#hash,
            )?;
            #convert::Writer::field::<#ty>(
                #writer,
                &mut #block,
                #convert::Place::Argument(#name, 0),
                #value,
            )?;
            #convert::Writer::end(#writer, #block)
        }
    }

    /// Writes a block of these fields. `values` are references to them.
    fn block(
        &self,
        tag: &TokenStream,
        fields: &[Field],
        values: &[TokenStream],
        place: impl Fn(&Field, Literal) -> TokenStream,
    ) -> TokenStream {
        let (writer, convert) = (hidden("writer"), self.convert);
        let block: Ident = hidden("block");
        let size = Literal::usize_unsuffixed(fields.len());
        let written = fields
            .iter()
            .zip(values)
            .enumerate()
            .map(|(i, (field, value))| {
                let ty = &field.ty;
                let place = place(field, Literal::usize_unsuffixed(i));
                quote!(#convert::Writer::field::<#ty>(#writer, &mut #block, #place, #value)?;)
            });
        quote! {
            let mut #block = #convert::Writer::begin(#writer, #tag, #size)?;
            #(#written)*
            #convert::Writer::end(#writer, #block)
        }
    }
}

fn constant(convert: &TokenStream, number: isize) -> TokenStream {
    let (writer, number) = (hidden("writer"), Literal::isize_unsuffixed(number));
    quote!(::core::result::Result::Ok(#convert::Writer::immediate(#writer, #number)))
}
