//! The attribute `#[ocaml(...)]` of types, fields and constructors.

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Error, LitStr, Path, Result, Token};

/// The item that has the attribute. It decides which options are allowed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Site {
    Struct,
    Enum,
    /// A type that OCaml sees as an abstract one.
    Opaque,
    /// A field with a name.
    Field,
    /// A field without a name.
    Position,
    Constructor,
    /// An argument of a function.
    Argument,
}

impl Site {
    fn allows(self, option: &str) -> bool {
        match option {
            "name" => !matches!(self, Site::Position | Site::Argument),
            "crate" => matches!(self, Site::Struct | Site::Enum | Site::Opaque),
            "polymorphic" => self == Site::Enum,
            // Derives once needed it. It changes nothing.
            "recursive" => matches!(self, Site::Field | Site::Position),
            "label" | "optional" | "positional" => self == Site::Argument,
            _ => false,
        }
    }

    /// The options that it may have.
    fn options(self) -> &'static str {
        match self {
            Site::Opaque => "an opaque type has the options `name = \"...\"` and `crate = path`",
            Site::Struct => "a struct has the options `name = \"...\"` and `crate = path`",
            Site::Enum => {
                "an enum has the options `name = \"...\"`, `polymorphic` and `crate = path`"
            }
            Site::Field => "a field has the option `name = \"...\"`",
            Site::Position => "a field without a name has no options",
            Site::Constructor => "a constructor has the option `name = \"...\"`",
            Site::Argument => {
                "an argument has the options `label`, `label = \"...\"`, `optional` and `positional`"
            }
        }
    }
}

/// The options of an item.
#[derive(Default)]
pub struct Attributes {
    /// The name in OCaml, if it is given; of an argument, its label.
    pub name: Option<LitStr>,
    pub krate: Option<Path>,
    pub polymorphic: Option<Span>,
    pub recursive: Option<Span>,
    pub label: Option<Span>,
    pub optional: Option<Span>,
    pub positional: Option<Span>,
}

/// Returns `true` if an attribute is `#[ocaml(...)]`.
pub fn is_ours(attribute: &Attribute) -> bool {
    attribute.path().is_ident("ocaml")
}

impl Attributes {
    /// Parses all attributes `#[ocaml(...)]` of one thing. Fails at the first error.
    pub fn parse(attributes: &[Attribute], site: Site) -> Result<Self> {
        let mut all = Attributes::default();
        for attribute in attributes.iter().filter(|attribute| is_ours(attribute)) {
            if !matches!(attribute.meta, syn::Meta::List(_)) {
                return Err(Error::new_spanned(
                    attribute,
                    format!("write #[ocaml(...)]: {}", site.options()),
                ));
            }
            attribute.parse_nested_meta(|meta| all.option(&meta, site))?;
        }
        Ok(all)
    }

    fn option(&mut self, meta: &ParseNestedMeta<'_>, site: Site) -> Result<()> {
        let span = meta.path.span();
        let option = meta.path.get_ident().map(ToString::to_string);
        let option = option.as_deref().unwrap_or_default();
        if !site.allows(option) {
            return Err(Error::new(
                span,
                format!("this option is not known here: {}", site.options()),
            ));
        }
        let is_repeated = match option {
            "name" => self.name.replace(string(meta)?).is_some(),
            "crate" => self.krate.replace(path(meta)?).is_some(),
            "label" if meta.input.peek(Token![=]) => {
                self.name = Some(meta.value()?.parse()?);
                self.label.replace(span).is_some()
            }
            flag => {
                no_value(meta)?;
                let place = match flag {
                    "polymorphic" => &mut self.polymorphic,
                    "recursive" => &mut self.recursive,
                    "label" => &mut self.label,
                    "optional" => &mut self.optional,
                    _ => &mut self.positional,
                };
                place.replace(span).is_some()
            }
        };
        match is_repeated {
            true => Err(Error::new(
                span,
                "this option is given twice: remove one of them",
            )),
            false => Ok(()),
        }
    }
}

fn string(meta: &ParseNestedMeta<'_>) -> Result<LitStr> {
    const MESSAGE: &str = "`name` requires a string literal: write name = \"...\"";
    if !meta.input.peek(Token![=]) {
        return Err(Error::new(meta.path.span(), MESSAGE));
    }
    let parsed = meta.value()?.parse();
    parsed.map_err(|e: Error| Error::new(e.span(), MESSAGE))
}

fn path(meta: &ParseNestedMeta<'_>) -> Result<Path> {
    const MESSAGE: &str =
        "`crate` requires the path of the crate ocaml-lwt-interop: write crate = ::its_name";
    if !meta.input.peek(Token![=]) {
        return Err(Error::new(meta.path.span(), MESSAGE));
    }
    let value = meta.value()?;
    let parsed = value.call(Path::parse_mod_style);
    parsed.map_err(|e| Error::new(e.span(), MESSAGE))
}

fn no_value(meta: &ParseNestedMeta<'_>) -> Result<()> {
    match meta.input.is_empty() || meta.input.peek(Token![,]) {
        true => Ok(()),
        false => Err(meta
            .input
            .error("this option takes no value: remove the value")),
    }
}
