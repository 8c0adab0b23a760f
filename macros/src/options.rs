//! The options of `#[func(...)]`.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::meta::ParseNestedMeta;
use syn::parse::Parser;
use syn::spanned::Spanned;
use syn::{Error, LitStr, Path, Result, Token};

const GIVEN_TWICE: &str = "this option is given twice: remove one of them";
const CRATE_WITHOUT_PATH: &str =
    "`crate` requires a path: write crate = my_crate::ocaml_lwt_interop";
const NAME_WITHOUT_STRING: &str = "`name` requires a string literal: write name = \"symbol\"";

/// How the body runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As a task of the calling domain.
    Async,
    /// Within the call.
    Sync,
    /// On tokio's worker threads.
    Tokio,
    /// On tokio's blocking pool.
    Blocking,
    /// Within the call, which returns the promise that the function returns. No option chooses it.
    Promise,
}

/// The options of one function.
pub struct Options {
    pub mode: Mode,
    /// The location of `raise`, if it is given.
    pub raise: Option<Span>,
    /// The symbol, if it is given.
    pub name: Option<LitStr>,
    /// The path of the runtime's crate, if it is given.
    pub krate: Option<Path>,
    /// The location of `stream`, if it is given.
    pub stream: Option<Span>,
    /// Whether the arguments have labels in OCaml.
    pub labels: bool,
    /// Whether there is a second stub, which takes and returns plain numbers.
    pub unboxed: Option<Unboxed>,
}

/// Returns the path of the runtime's crate: the given one, or its name.
pub fn krate(given: Option<&Path>) -> TokenStream {
    match given {
        Some(path) => path.to_token_stream(),
        None => quote!(::ocaml_lwt_interop),
    }
}

/// A stub that takes and returns plain numbers.
#[derive(Clone, Copy)]
pub struct Unboxed {
    /// Where the option is.
    pub span: Span,
    /// The stub neither allocates nor raises.
    pub noalloc: bool,
}

impl Options {
    /// Parses the tokens between the parentheses; without an option that chooses it, the mode is `default`. Fails at the
    /// first error.
    pub fn parse(attr: TokenStream, default: Mode) -> Result<Self> {
        if let Some(TokenTree::Literal(literal)) = attr.clone().into_iter().next() {
            return Err(Error::new(
                literal.span(),
                "a literal is not an option: write name = \"symbol\" to set the symbol",
            ));
        }
        let mut mode: Option<Mode> = None;
        let mut options = Options {
            mode: default,
            raise: None,
            stream: None,
            name: None,
            krate: None,
            labels: false,
            unboxed: None,
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
                    return Err(meta.error(GIVEN_TWICE));
                }
                options.raise = Some(span);
                return no_value(&meta);
            } else if named("stream") {
                if options.stream.is_some() {
                    return Err(meta.error(GIVEN_TWICE));
                }
                options.stream = Some(span);
                return no_value(&meta);
            } else if named("labels") {
                if std::mem::replace(&mut options.labels, true) {
                    return Err(meta.error(GIVEN_TWICE));
                }
                return no_value(&meta);
            } else if named("unboxed") || named("noalloc") {
                let noalloc = named("noalloc");
                if let Some(before) = &mut options.unboxed {
                    if before.noalloc == noalloc {
                        return Err(meta.error(GIVEN_TWICE));
                    }
                    before.noalloc = true;
                    return no_value(&meta);
                }
                options.unboxed = Some(Unboxed { span, noalloc });
                return no_value(&meta);
            } else if named("crate") {
                if options.krate.is_some() {
                    return Err(meta.error(GIVEN_TWICE));
                }
                if !meta.input.peek(Token![=]) {
                    return Err(Error::new(span, CRATE_WITHOUT_PATH));
                }
                let path = meta.value()?.call(Path::parse_mod_style);
                options.krate =
                    Some(path.map_err(|e: Error| Error::new(e.span(), CRATE_WITHOUT_PATH))?);
                return Ok(());
            } else if named("name") {
                if options.name.is_some() {
                    return Err(meta.error(GIVEN_TWICE));
                }
                if !meta.input.peek(Token![=]) {
                    return Err(Error::new(span, NAME_WITHOUT_STRING));
                }
                let name = meta.value()?.parse();
                options.name =
                    Some(name.map_err(|e: Error| Error::new(e.span(), NAME_WITHOUT_STRING))?);
                return Ok(());
            } else {
                return Err(meta.error(
                    "unknown option: the options of #[func] are `sync`, `tokio`, `blocking`, \
                     `stream`, `raise`, `labels`, `unboxed`, `noalloc`, `name = \"...\"` and `crate = path`",
                ));
            };
            match mode.replace(chosen) {
                None => no_value(&meta),
                Some(before) if before == chosen => Err(Error::new(span, GIVEN_TWICE)),
                Some(_) => Err(Error::new(
                    span,
                    "`sync`, `tokio` and `blocking` cannot be combined: keep one of them",
                )),
            }
        });
        parser.parse2(attr)?;
        options.mode = match (mode, options.stream) {
            (Some(chosen), _) => chosen,
            (None, Some(_)) => Mode::Async,
            (None, None) => default,
        };
        if let (Some(stream), Some(Mode::Sync | Mode::Blocking)) = (options.stream, mode) {
            return Err(Error::new(
                stream,
                "a stream is polled on the calling domain, or on tokio: write #[func(stream)] or #[func(stream, tokio)]",
            ));
        }
        if let Some(unboxed) = options.unboxed {
            if options.mode != Mode::Sync {
                let option = match unboxed.noalloc {
                    true => "noalloc",
                    false => "unboxed",
                };
                return Err(Error::new(
                    unboxed.span,
                    format!(
                        "only a `sync` function can take plain numbers: write #[func(sync, {option})]"
                    ),
                ));
            }
            if let Some(raise) = options.raise {
                return Err(Error::new(
                    raise,
                    "a function of plain numbers returns a number, and no `Result`: remove `raise`, or `unboxed`",
                ));
            }
        }
        Ok(options)
    }
}

/// Fails if the option is followed by a value.
fn no_value(meta: &ParseNestedMeta) -> Result<()> {
    if meta.input.is_empty() || meta.input.peek(Token![,]) {
        Ok(())
    } else {
        Err(meta
            .input
            .error("this option takes no value: remove the value"))
    }
}
