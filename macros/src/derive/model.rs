//! The OCaml type that stands for a Rust type.

use super::Direction;
use super::concrete::{Concrete, concrete};
use crate::attributes::{Attributes, Site};
use crate::doc;
use crate::errors::Errors;
use crate::names::{self, Kind};
use crate::options;
use proc_macro2::{Span, TokenStream};
use std::collections::HashMap;
use syn::spanned::Spanned;
use syn::{
    Data, DataEnum, DataStruct, DeriveInput, Error, Fields, GenericParam, Generics, Ident, Member,
    Result, Type, Variant,
};

/// The tags of constructors with arguments are less than this.
const MAX_TAGS: usize = 246;

/// The components of the largest tuple that implements the traits.
const MAX_TUPLE: usize = 8;

/// A type whose conversion is derived.
pub struct Model {
    pub ident: Ident,
    pub generics: Generics,
    /// The name in OCaml.
    pub name: String,
    pub doc: String,
    /// The path of the crate ocaml-lwt-interop.
    pub krate: TokenStream,
    pub shape: Shape,
}

/// The kind of OCaml type.
pub enum Shape {
    /// `unit`
    Unit,
    /// Another name for the type of its field.
    Newtype(Box<Field>),
    /// A tuple.
    Tuple(Vec<Field>),
    /// A record, of one field at least.
    Record(Vec<Field>),
    /// A variant.
    Variant(Vec<Constructor>),
    /// A polymorphic variant.
    Polymorphic(Vec<Constructor>),
}

/// A field of a type or of a constructor.
pub struct Field {
    /// Its name or its position in Rust.
    pub member: Member,
    /// The name in OCaml, or `""` if it has none.
    pub name: String,
    pub doc: String,
    pub ty: Type,
    /// The type as an item can mention it that is outside of the `impl`.
    pub concrete: Type,
    /// The location of its name in OCaml.
    name_span: Span,
    /// The field's type mentions the type that has the field.
    mentions_itself: bool,
}

/// A constructor of a variant.
pub struct Constructor {
    pub ident: Ident,
    /// The name in OCaml.
    pub name: String,
    pub doc: String,
    pub fields: Vec<Field>,
    /// The fields have names.
    pub is_record: bool,
    /// Its number among those without arguments or among those with arguments, or the hash of its name.
    pub number: isize,
    name_span: Span,
}

impl Model {
    /// Returns what the type is. Fails with all errors if it has no equal in OCaml.
    pub fn new(input: &DeriveInput, direction: Direction) -> Result<Self> {
        let mut errors = Errors::default();
        check_generics(&input.generics, direction, &mut errors);
        let site = match &input.data {
            Data::Enum(_) => Site::Enum,
            Data::Struct(_) | Data::Union(_) => Site::Struct,
        };
        let attributes = errors
            .take(Attributes::parse(&input.attrs, site))
            .unwrap_or_default();
        let krate = options::krate(attributes.krate.as_ref());
        let mut reader = Reader {
            ident: &input.ident,
            generics: &input.generics,
            errors,
        };
        let name = reader.name(Kind::Type, &input.ident, &attributes);
        let shape = match &input.data {
            Data::Struct(data) => Some(reader.structure(data)),
            Data::Enum(data) => reader.enumeration(data, attributes.polymorphic.is_some()),
            Data::Union(data) => {
                reader.errors.at(
                    data.union_token,
                    "a union has no equal in OCaml, since nothing says which field it has: use an enum",
                );
                None
            }
        };
        match (reader.errors.0, shape) {
            (None, Some(shape)) => Ok(Model {
                ident: input.ident.clone(),
                generics: input.generics.clone(),
                name,
                doc: doc::text(&input.attrs),
                krate,
                shape,
            }),
            (Some(errors), _) => Err(errors),
            (None, None) => unreachable!("a type without a shape has an error"),
        }
    }
}

fn check_generics(generics: &Generics, direction: Direction, errors: &mut Errors) {
    for parameter in &generics.params {
        match (parameter, direction) {
            (GenericParam::Lifetime(_), Direction::ToOCaml) => {}
            (GenericParam::Lifetime(_), Direction::FromOCaml) => errors.at(
                parameter,
                "a type that is made from an OCaml value cannot borrow, since a reference would point into the OCaml \
                 heap, where values move: own the data, with `String` instead of `&str`",
            ),
            (GenericParam::Type(_) | GenericParam::Const(_), _) => errors.at(
                parameter,
                "a type with type or const parameters stands for no single OCaml type: write concrete types, with one \
                 definition for each",
            ),
        }
    }
}

struct Reader<'a> {
    /// The type.
    ident: &'a Ident,
    generics: &'a Generics,
    errors: Errors,
}

impl Reader<'_> {
    fn structure(&mut self, data: &DataStruct) -> Shape {
        let mut fields = self.fields(&data.fields);
        if fields.is_empty() {
            return Shape::Unit;
        }
        if matches!(data.fields, Fields::Named(_)) {
            return Shape::Record(fields);
        }
        if let Some(field) = fields.iter().find(|field| field.mentions_itself) {
            self.errors.at(
                &field.ty,
                "a struct whose fields have no names is another name for a type in OCaml, which cannot contain itself: \
                 give its fields names, which makes it a record",
            );
        }
        match fields.len() {
            1 => Shape::Newtype(Box::new(fields.remove(0))),
            _ => Shape::Tuple(fields),
        }
    }

    fn enumeration(&mut self, data: &DataEnum, is_polymorphic: bool) -> Option<Shape> {
        if data.variants.is_empty() {
            self.errors.at(
                self.ident,
                "an enum without variants has no values to convert: add a variant",
            );
            return None;
        }
        let kind = match is_polymorphic {
            true => Kind::Polymorphic,
            false => Kind::Constructor,
        };
        let mut constructors: Vec<_> = data
            .variants
            .iter()
            .map(|variant| self.constructor(variant, kind))
            .collect();
        let distinct = names::check_distinct(
            "constructors",
            constructors.iter().map(|c| (&*c.name, c.name_span)),
        );
        self.errors.take(distinct);
        if is_polymorphic {
            self.hash(&mut constructors);
            Some(Shape::Polymorphic(constructors))
        } else {
            self.number(&mut constructors);
            Some(Shape::Variant(constructors))
        }
    }

    fn constructor(&mut self, variant: &Variant, kind: Kind) -> Constructor {
        let attributes = Attributes::parse(&variant.attrs, Site::Constructor);
        let attributes = self.errors.take(attributes).unwrap_or_default();
        let fields = self.fields(&variant.fields);
        let is_record = matches!(variant.fields, Fields::Named(_)) && !fields.is_empty();
        if kind == Kind::Polymorphic {
            if is_record {
                self.errors.at(
                    &variant.fields,
                    "a constructor of a polymorphic variant has no named fields in OCaml: give it a struct as its \
                     argument",
                );
            } else if fields.len() > MAX_TUPLE {
                self.errors.at(
                    &variant.fields,
                    "a constructor of a polymorphic variant has at most 8 fields: give it a struct as its argument",
                );
            }
        }
        Constructor {
            name: self.name(kind, &variant.ident, &attributes),
            name_span: name_span(&variant.ident, &attributes),
            ident: variant.ident.clone(),
            doc: doc::text(&variant.attrs),
            fields,
            is_record,
            number: 0,
        }
    }

    /// Numbers the constructors without arguments, and those with arguments.
    fn number(&mut self, constructors: &mut [Constructor]) {
        let (mut constants, mut tags) = (0, 0);
        for constructor in constructors {
            let next = match constructor.fields.is_empty() {
                true => &mut constants,
                false => &mut tags,
            };
            constructor.number = *next;
            *next += 1;
        }
        if tags > MAX_TAGS as isize {
            self.errors.at(
                self.ident,
                "a variant has at most 246 constructors with arguments in OCaml: group some in an enum of their own",
            );
        }
    }

    /// Computes the hashes of the names.
    fn hash(&mut self, constructors: &mut [Constructor]) {
        let mut seen: HashMap<i32, String> = HashMap::new();
        for constructor in constructors {
            let hash = names::hash(&constructor.name);
            constructor.number = hash as isize;
            match seen.insert(hash, constructor.name.clone()) {
                Some(other) if other != constructor.name => self.errors.add(Error::new(
                    constructor.name_span,
                    format!(
                        "`{}` and `{other}` are the same polymorphic variant in OCaml, which compares the hashes of \
                         their names: set another name with #[ocaml(name = \"...\")]",
                        constructor.name
                    ),
                )),
                _ => {}
            }
        }
    }

    fn fields(&mut self, fields: &Fields) -> Vec<Field> {
        let fields: Vec<_> = fields
            .iter()
            .enumerate()
            .map(|(i, field)| self.field(i, field))
            .collect();
        let named = fields.iter().filter(|field| !field.name.is_empty());
        let distinct = names::check_distinct("fields", named.map(|f| (&*f.name, f.name_span)));
        self.errors.take(distinct);
        fields
    }

    fn field(&mut self, index: usize, field: &syn::Field) -> Field {
        let site = match field.ident {
            Some(_) => Site::Field,
            None => Site::Position,
        };
        let attributes = Attributes::parse(&field.attrs, site);
        let attributes = self.errors.take(attributes).unwrap_or_default();
        let (member, name, name_span) = match &field.ident {
            Some(ident) => (
                Member::Named(ident.clone()),
                self.name(Kind::Field, ident, &attributes),
                name_span(ident, &attributes),
            ),
            None => (Member::from(index), String::new(), field.ty.span()),
        };
        let Concrete {
            ty: concrete,
            mentions_itself,
        } = concrete(&field.ty, self.ident, self.generics);
        Field {
            member,
            name,
            doc: doc::text(&field.attrs),
            ty: field.ty.clone(),
            concrete,
            name_span,
            mentions_itself,
        }
    }

    /// Returns the name in OCaml, or the Rust name if there is an error.
    fn name(&mut self, kind: Kind, ident: &Ident, attributes: &Attributes) -> String {
        let name = names::name(kind, ident, attributes.name.as_ref());
        self.errors.take(name).unwrap_or_else(|| ident.to_string())
    }
}

/// Returns the location of what decides the name in OCaml.
fn name_span(ident: &Ident, attributes: &Attributes) -> Span {
    match &attributes.name {
        Some(literal) => literal.span(),
        None => ident.span(),
    }
}
