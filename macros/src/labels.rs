//! How OCaml code passes the arguments of a function: by position, by label, or not at all.

use crate::errors::Errors;
use crate::names::{self, Kind};
use proc_macro2::{Ident, Span};
use quote::{ToTokens, quote_spanned};
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Error, LitStr, Pat, PatType, Result, Token, Type};

/// How OCaml code passes an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Label {
    /// By its position.
    None,
    /// `~name`
    Labelled(String),
    /// `?name`
    Optional(String),
}

impl Label {
    /// Expands the value that describes it.
    pub fn expand(
        &self,
        private: &proc_macro2::TokenStream,
        span: Span,
    ) -> proc_macro2::TokenStream {
        match self {
            Label::None => quote_spanned!(span=> #private::Label::None),
            Label::Labelled(name) => quote_spanned!(span=> #private::Label::Labelled(#name)),
            Label::Optional(name) => quote_spanned!(span=> #private::Label::Optional(#name)),
        }
    }
}

const OPTIONS: &str =
    "an argument has the options `label`, `label = \"...\"`, `optional` and `positional`";

/// What `#[ocaml(...)]` says.
#[derive(Default)]
struct Options {
    label: Option<Span>,
    name: Option<LitStr>,
    optional: Option<Span>,
    positional: Option<Span>,
}

impl Options {
    fn parse(attributes: &[Attribute]) -> Result<Self> {
        let mut options = Options::default();
        for attribute in attributes.iter().filter(|attribute| is_ours(attribute)) {
            if !matches!(attribute.meta, syn::Meta::List(_)) {
                return Err(Error::new_spanned(
                    attribute,
                    format!("write #[ocaml(...)]: {OPTIONS}"),
                ));
            }
            attribute.parse_nested_meta(|meta| options.option(&meta))?;
        }
        if let (Some(span), true) = (
            options.positional,
            options.label.is_some() || options.optional.is_some(),
        ) {
            return Err(Error::new(
                span,
                "an argument that has a label is not positional: keep one of the options",
            ));
        }
        Ok(options)
    }

    fn option(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let span = meta.path.span();
        let place = if meta.path.is_ident("label") {
            if meta.input.peek(Token![=]) {
                self.name = Some(meta.value()?.parse()?);
            }
            &mut self.label
        } else if meta.path.is_ident("optional") {
            &mut self.optional
        } else if meta.path.is_ident("positional") {
            &mut self.positional
        } else {
            return Err(Error::new(
                span,
                format!("this option is not known here: {OPTIONS}"),
            ));
        };
        match place.replace(span) {
            Some(_) => Err(Error::new(
                span,
                "this option is given twice: remove one of them",
            )),
            None => Ok(()),
        }
    }
}

/// Whether an argument's attribute is for this crate, which removes it from the function.
pub fn is_ours(attribute: &Attribute) -> bool {
    attribute.path().is_ident("ocaml")
}

/// Returns how OCaml passes an argument; `all` gives labels to all that do not say otherwise.
pub fn label(argument: &PatType, all: bool, errors: &mut Errors) -> Label {
    let Some(options) = errors.take(Options::parse(&argument.attrs)) else {
        return Label::None;
    };
    if options.label.is_none()
        && options.optional.is_none()
        && (!all || options.positional.is_some())
    {
        return Label::None;
    }
    let asked = options.label.or(options.optional);
    let Some(name) = name(argument, options.name.as_ref(), asked, errors) else {
        return Label::None;
    };
    match options.optional {
        None => Label::Labelled(name),
        Some(_) if is_option(&argument.ty) => Label::Optional(name),
        Some(span) => {
            errors.add(Error::new(
                span,
                "an optional argument is `None` if OCaml code does not pass it: its type has to be an `Option`",
            ));
            Label::None
        }
    }
}

/// Returns the label's name. An argument that is a pattern has none, unless one is given.
fn name(
    argument: &PatType,
    given: Option<&LitStr>,
    asked: Option<Span>,
    errors: &mut Errors,
) -> Option<String> {
    let ident = match &*argument.pat {
        Pat::Ident(pattern) => Some(&pattern.ident),
        _ => None,
    };
    match (ident, given) {
        (Some(ident), given) => {
            // An argument that the body does not use.
            let text = ident.to_string();
            let bare = text.trim_start_matches('_');
            let plain = match bare.is_empty() || bare == text {
                true => ident.clone(),
                false => Ident::new(bare, ident.span()),
            };
            errors.take(names::name(Kind::Label, &plain, given))
        }
        (None, Some(given)) => {
            let ident = Ident::new("argument", given.span());
            errors.take(names::name(Kind::Label, &ident, Some(given)))
        }
        (None, None) => {
            if let Some(span) = asked {
                errors.add(Error::new(
                    span,
                    "an argument that is a pattern has no name: write `label = \"...\"`",
                ));
            }
            None
        }
    }
}

/// Whether a type is written as an `Option`.
fn is_option(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .is_some_and(|s| s.ident == "Option"),
        _ => false,
    }
}

/// Adds an error if OCaml code could never leave out an optional argument: that takes a positional one after it. A
/// function without other arguments takes none.
pub fn check_order<'a>(
    labels: impl DoubleEndedIterator<Item = (&'a Label, &'a Type)>,
    errors: &mut Errors,
) {
    let mut positional_follows = false;
    for (label, ty) in labels.rev() {
        match label {
            Label::None => positional_follows = true,
            Label::Optional(name) if !positional_follows => errors.add(Error::new_spanned(
                ty.to_token_stream(),
                format!(
                    "OCaml code can leave out `?{name}` only if an argument without a label follows: move it to the \
                     front, or add a last argument `_unit: ()`"
                ),
            )),
            Label::Optional(_) | Label::Labelled(_) => {}
        }
    }
}
