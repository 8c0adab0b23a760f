//! What stands between the parentheses of `#[func(...)]`.

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::spanned::Spanned;
use syn::{Error, LitStr, Result, Token};

/// Where the body runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// On the calling domain, asynchronously.
    Async,
    /// In the call itself.
    Sync,
    /// On tokio's threads.
    Tokio,
    /// On tokio's blocking pool.
    Blocking,
}

pub struct Options {
    pub mode: Mode,
    /// Where `raise` stands, if it does.
    pub raise: Option<Span>,
    pub name: Option<LitStr>,
}

impl Options {
    pub fn parse(attr: TokenStream) -> Result<Self> {
        if let Some(TokenTree::Literal(literal)) = attr.clone().into_iter().next() {
            return Err(Error::new(
                literal.span(),
                "unknown option: for the name in OCaml, write name = \"symbol\"",
            ));
        }
        let mut mode: Option<Mode> = None;
        let mut options = Options {
            mode: Mode::Async,
            raise: None,
            name: None,
        };
        let parser = syn::meta::parser(|meta| {
            let span = meta.path.span();
            let named = |s: &str| meta.path.is_ident(s);
            let chosen = if named("sync") {
                Mode::Sync
            } else if named("tokio") {
                Mode::Tokio
            } else if named("blocking") {
                Mode::Blocking
            } else if named("raise") {
                if options.raise.is_some() {
                    return Err(meta.error("this option is given twice"));
                }
                options.raise = Some(span);
                return no_value(&meta);
            } else if named("name") {
                if options.name.is_some() {
                    return Err(meta.error("this option is given twice"));
                }
                if !meta.input.peek(Token![=]) {
                    return Err(Error::new(span, "give the name: name = \"symbol\""));
                }
                options.name = Some(meta.value()?.parse()?);
                return Ok(());
            } else {
                return Err(meta.error(
                    "unknown option: #[func] knows `sync`, `tokio`, `blocking`, `raise` and `name = \"...\"`",
                ));
            };
            match mode.replace(chosen) {
                None => no_value(&meta),
                Some(before) if before == chosen => {
                    Err(Error::new(span, "this option is given twice"))
                }
                Some(_) => Err(Error::new(
                    span,
                    "`sync`, `tokio` and `blocking` exclude each other: choose one",
                )),
            }
        });
        parser.parse2(attr)?;
        if let Some(chosen) = mode {
            options.mode = chosen;
        }
        Ok(options)
    }
}

fn no_value(meta: &ParseNestedMeta) -> Result<()> {
    if meta.input.is_empty() || meta.input.peek(Token![,]) {
        Ok(())
    } else {
        Err(meta.input.error("this option takes no value"))
    }
}
