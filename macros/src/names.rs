//! Names in OCaml, and the hashes of polymorphic variants.

use proc_macro2::{Ident, Span};
use std::fmt;
use syn::ext::IdentExt;
use syn::{Error, LitStr, Result};

const KEYWORDS: &[&str] = &[
    "and",
    "as",
    "asr",
    "assert",
    "begin",
    "class",
    "constraint",
    "do",
    "done",
    "downto",
    "effect",
    "else",
    "end",
    "exception",
    "external",
    "false",
    "for",
    "fun",
    "function",
    "functor",
    "if",
    "in",
    "include",
    "inherit",
    "initializer",
    "land",
    "lazy",
    "let",
    "lor",
    "lsl",
    "lsr",
    "lxor",
    "match",
    "method",
    "mod",
    "module",
    "mutable",
    "new",
    "nonrec",
    "object",
    "of",
    "open",
    "or",
    "private",
    "rec",
    "sig",
    "struct",
    "then",
    "to",
    "true",
    "try",
    "type",
    "val",
    "virtual",
    "when",
    "while",
    "with",
];

/// Types that every OCaml program has, and that a definition of the same name would hide.
const BUILT_IN: &[&str] = &[
    "array",
    "bool",
    "bytes",
    "char",
    "exn",
    "float",
    "int",
    "int32",
    "int64",
    "list",
    "nativeint",
    "option",
    "result",
    "string",
    "unit",
];

/// The kind of item that has a name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Type,
    Field,
    Constructor,
    Polymorphic,
    Label,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Type => "a type",
            Kind::Field => "a field",
            Kind::Constructor => "a constructor",
            Kind::Polymorphic => "a polymorphic variant's constructor",
            Kind::Label => "a label",
        })
    }
}

impl Kind {
    fn is_legal(self, name: &str) -> bool {
        let mut bytes = name.bytes();
        let begins = bytes.next().is_some_and(|first| match self {
            Kind::Type | Kind::Field | Kind::Label => first.is_ascii_lowercase() || first == b'_',
            Kind::Constructor => first.is_ascii_uppercase(),
            Kind::Polymorphic => first.is_ascii_alphabetic() || first == b'_',
        });
        begins
            && name != "_"
            && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'\''))
    }

    /// The option that sets the name.
    fn option(self) -> &'static str {
        match self {
            Kind::Label => "#[ocaml(label = \"...\")]",
            _ => "#[ocaml(name = \"...\")]",
        }
    }

    /// The form of a legal name, for errors.
    fn rule(self) -> &'static str {
        match self {
            Kind::Type | Kind::Field | Kind::Label => {
                "a lower-case letter or `_`, then letters, digits, `_` and `'`, all of them ASCII"
            }
            Kind::Constructor => {
                "an upper-case letter, then letters, digits, `_` and `'`, all of them ASCII"
            }
            Kind::Polymorphic => {
                "a letter or `_`, then letters, digits, `_` and `'`, all of them ASCII"
            }
        }
    }
}

/// Returns the name that `#[ocaml(name = "...")]` gives, or the default. Fails if OCaml does not allow it.
pub fn name(kind: Kind, ident: &Ident, given: Option<&LitStr>) -> Result<String> {
    match given {
        Some(given) => check_given(kind, given),
        None => default(kind, ident),
    }
}

fn check_given(kind: Kind, given: &LitStr) -> Result<String> {
    let name = given.value();
    let error = |message: String| Err(Error::new(given.span(), message));
    if !kind.is_legal(&name) {
        return error(format!(
            "{name:?} cannot be the name of {kind} in OCaml: write {}",
            kind.rule()
        ));
    }
    if KEYWORDS.contains(&&*name) {
        return error(format!(
            "`{name}` is a keyword of OCaml: write another name, such as \"{name}_\""
        ));
    }
    if kind == Kind::Type && BUILT_IN.contains(&&*name) {
        return error(hides(&name));
    }
    Ok(name)
}

fn default(kind: Kind, ident: &Ident) -> Result<String> {
    let rust = ident.unraw().to_string();
    let mut name = match kind {
        Kind::Type => snake_case(&rust),
        _ => rust.clone(),
    };
    if KEYWORDS.contains(&&*name) {
        name.push('_');
    }
    let error = |message: String| Err(Error::new(ident.span(), message));
    if !kind.is_legal(&name) {
        return error(format!(
            "`{name}` cannot be the name of {kind} in OCaml: set another with {}: {}",
            kind.option(),
            kind.rule()
        ));
    }
    if kind == Kind::Type && BUILT_IN.contains(&&*name) {
        return error(hides(&name));
    }
    Ok(name)
}

fn hides(name: &str) -> String {
    format!(
        "the type `{name}` would hide the one that OCaml has: set another name with #[ocaml(name = \
         \"...\")]"
    )
}

/// `HttpServer` and `HTTPServer` as `http_server`.
pub fn snake_case(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (i, &c) in chars.iter().enumerate() {
        if c.is_uppercase() && i > 0 {
            let before = chars[i - 1];
            let begins_word = match before {
                '_' => false,
                _ if before.is_uppercase() => chars.get(i + 1).is_some_and(|c| c.is_lowercase()),
                _ => true,
            };
            if begins_word {
                snake.push('_');
            }
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

/// Returns the `int` that stands for the constructor of a polymorphic variant: `caml_hash_variant`.
pub fn hash(name: &str) -> i32 {
    let hash = name.bytes().fold(0_u32, |hash, byte| {
        hash.wrapping_mul(223).wrapping_add(byte.into())
    });
    // 31 bits, the last of which is the sign.
    (hash << 1) as i32 >> 1
}

/// Fails if two names are the same. `what` is what has them, such as "fields".
pub fn check_distinct<'a>(what: &str, names: impl Iterator<Item = (&'a str, Span)>) -> Result<()> {
    let mut seen = std::collections::HashSet::new();
    for (name, span) in names {
        if !seen.insert(name) {
            return Err(Error::new(
                span,
                format!(
                    "two {what} are `{name}` in OCaml: set another name with #[ocaml(name = \"...\")]"
                ),
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_snake_case() {
        for (rust, ocaml) in [
            ("Tree", "tree"),
            ("HttpServer", "http_server"),
            ("HTTPServer", "http_server"),
            ("Vec2", "vec2"),
            ("Vec2D", "vec2_d"),
            ("ABC", "abc"),
            ("A", "a"),
            ("_Hidden", "_hidden"),
            ("Already_snake", "already_snake"),
            ("Camel_Case", "camel_case"),
            ("lower", "lower"),
        ] {
            assert_eq!(snake_case(rust), ocaml);
        }
    }

    /// What `(Obj.magic `Name : int)` is in OCaml.
    #[test]
    fn hashes_are_those_of_ocaml() {
        for (name, ocaml) in [
            ("On", 17_727),
            ("Off", 3_951_439),
            ("a", 97),
            ("_a", 21_282),
            ("A_rather_long_name_of_a_variant'1", 40_278_571),
            ("Circle", 178_382_384),
            ("Rectangle", 995_079_183),
            ("Nothing", 481_346_541),
            ("Green", 756_711_075),
            ("Azur", 726_914_998),
            ("Bbjigeig", -981_335_141),
            ("Abztdzhr", -981_335_141),
        ] {
            assert_eq!(hash(name), ocaml, "{name}");
        }
    }

    fn named(kind: Kind, ident: &str) -> std::result::Result<String, String> {
        let ident = Ident::parse_any.parse_str(ident).unwrap();
        name(kind, &ident, None).map_err(|e| e.to_string())
    }

    fn given(kind: Kind, text: &str) -> bool {
        let ident = Ident::new("ident", Span::call_site());
        name(kind, &ident, Some(&LitStr::new(text, Span::call_site()))).is_ok()
    }

    use syn::parse::Parser;

    #[test]
    fn keywords_get_an_underscore() {
        assert_eq!(named(Kind::Field, "r#type").unwrap(), "type_");
        assert_eq!(named(Kind::Field, "val").unwrap(), "val_");
        assert_eq!(named(Kind::Field, "r#async").unwrap(), "async");
        assert_eq!(named(Kind::Type, "Object").unwrap(), "object_");
        assert_eq!(named(Kind::Polymorphic, "end").unwrap(), "end_");
        assert_eq!(named(Kind::Constructor, "End").unwrap(), "End");
    }

    #[test]
    fn names_have_the_form_that_ocaml_allows() {
        for (kind, ident) in [
            (Kind::Type, "Größe"),
            (Kind::Type, "List"),
            (Kind::Field, "X"),
            (Kind::Constructor, "lower"),
            (Kind::Constructor, "_Under"),
        ] {
            let error = named(kind, ident).unwrap_err();
            assert!(error.contains("#[ocaml(name = "), "{error}");
        }
        for (kind, text) in [
            (Kind::Type, "my_type'"),
            (Kind::Field, "_x"),
            (Kind::Constructor, "A'1"),
            (Kind::Polymorphic, "a"),
            (Kind::Polymorphic, "_A"),
        ] {
            assert!(given(kind, text), "{text}");
        }
        for (kind, text) in [
            (Kind::Type, ""),
            (Kind::Type, "_"),
            (Kind::Type, "Upper"),
            (Kind::Type, "int"),
            (Kind::Type, "M.t"),
            (Kind::Field, "type"),
            (Kind::Field, "a b"),
            (Kind::Constructor, "lower"),
            (Kind::Constructor, "1"),
            (Kind::Polymorphic, "'a"),
            (Kind::Polymorphic, "end"),
        ] {
            assert!(!given(kind, text), "{text}");
        }
    }
}
