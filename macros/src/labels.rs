//! How OCaml code passes the arguments of a function: by position, by label, or not at all.

use crate::attributes::{Attributes, Site};
use crate::check::last_segment;
use crate::errors::Errors;
use crate::names::{self, Kind};
use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::{Error, LitStr, Pat, PatType, Type};

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
    pub fn expand(&self, private: &TokenStream, span: Span) -> TokenStream {
        match self {
            Label::None => quote_spanned!(span=> #private::Label::None),
            Label::Labelled(name) => quote_spanned!(span=> #private::Label::Labelled(#name)),
            Label::Optional(name) => quote_spanned!(span=> #private::Label::Optional(#name)),
        }
    }
}

/// Returns how OCaml passes an argument; `all` gives labels to all that do not say otherwise.
pub fn label(argument: &PatType, all: bool, errors: &mut Errors) -> Label {
    let Some(options) = errors.take(Attributes::parse(&argument.attrs, Site::Argument)) else {
        return Label::None;
    };
    let has_label = options.label.is_some() || options.optional.is_some();
    if let (Some(span), true) = (options.positional, has_label) {
        errors.add(Error::new(
            span,
            "an argument that has a label is not positional: keep one of the options",
        ));
        return Label::None;
    }
    if !has_label && (!all || options.positional.is_some()) {
        return Label::None;
    }
    let asked = options.label.or(options.optional);
    let Some(name) = name(argument, options.name.as_ref(), asked, errors) else {
        return Label::None;
    };
    match options.optional {
        None => Label::Labelled(name),
        Some(_) if last_segment(&argument.ty).is_some_and(|s| s.ident == "Option") => {
            Label::Optional(name)
        }
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
            // Without the `_`, `_0` is no name.
            let is_marked = bare != text && bare.starts_with(|c: char| c.is_ascii_alphabetic());
            let plain = match is_marked {
                true => Ident::new(bare, ident.span()),
                false => ident.clone(),
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
