//! Names that OCaml allows.

/// The keywords of OCaml 5.
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

/// The types that generated declarations name without a module.
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

/// The modules that generated declarations name.
const MODULES: &[&str] = &[
    "Bigarray",
    "Callback",
    "Lwt",
    "Lwt_interop",
    "Obj",
    "Stdlib",
    "Uchar",
];

/// Returns `true` if a type of this name hides one that other declarations need.
pub fn hides_type(name: &str) -> bool {
    BUILT_IN.contains(&name)
}

/// Returns `true` if a module of this name hides one that other declarations need.
pub fn hides_module(name: &str) -> bool {
    MODULES.contains(&name)
}

/// Returns the name of a value, type, field or label, or `None` if OCaml does not allow it: the first letter becomes a
/// lower-case letter, and a keyword gets a `_`.
pub fn lowercase(name: &str) -> Option<String> {
    let mut name = name.to_owned();
    if let Some(first) = name.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    if KEYWORDS.contains(&&*name) {
        name.push('_');
    }
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    (begins && name != "_" && is_rest(&name)).then_some(name)
}

/// Returns `true` if it is the name of a constructor, an exception or a module.
pub fn is_capitalized(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase()) && is_rest(name)
}

/// Returns `true` if it is the name of a constructor of a polymorphic variant, without the backquote.
pub fn is_tag(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && is_rest(name)
}

/// Returns `true` if it is the path of a module: `Shapes`, `Geometry.Shapes`.
pub fn is_module_path(path: &str) -> bool {
    path.split('.').all(is_capitalized)
}

fn is_rest(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'\'');
    name.bytes().all(allowed)
}

/// Returns the name of a crate as Rust code has it: `my-crate` is `my_crate`.
pub fn krate(name: &str) -> String {
    name.replace('-', "_")
}

/// Writes an OCaml string literal.
pub fn string_literal(text: &str) -> String {
    let mut literal = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => literal.extend(['\\', c]),
            c if c.is_ascii_control() => literal.push_str(&format!("\\{:03}", c as u32)),
            c => literal.push(c),
        }
    }
    literal.push('"');
    literal
}

/// Parses `crate=Module`: the OCaml module that has the types of a crate.
pub fn parse_extern(argument: &str) -> Result<(String, String), String> {
    match argument.split_once('=') {
        Some((name, module)) if !name.is_empty() && is_module_path(module) => {
            Ok((krate(name), module.to_owned()))
        }
        _ => Err("write the name of a crate, `=`, and the OCaml module that has its types: shapes=Shapes".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_begin_with_a_lower_case_letter() {
        let names = [
            ("greet", Some("greet")),
            ("Foo", Some("foo")),
            ("type", Some("type_")),
            ("Method", Some("method_")),
            ("async", Some("async")),
            ("_x", Some("_x")),
            ("x'1", Some("x'1")),
            ("_", None),
            ("", None),
            ("größe", None),
            ("É", None),
            ("1x", None),
            ("a b", None),
        ];
        for (rust, ocaml) in names {
            assert_eq!(lowercase(rust).as_deref(), ocaml, "{rust}");
        }
    }

    #[test]
    fn modules_and_tags_have_their_forms() {
        for path in ["Shapes", "Geometry.Shapes", "A_1'"] {
            assert!(is_module_path(path), "{path}");
        }
        for path in ["", "shapes", "Geometry.", "Geometry.shapes", "A-B", "Été"] {
            assert!(!is_module_path(path), "{path}");
        }
        assert!(is_tag("on") && is_tag("_On") && is_tag("On"));
        assert!(!is_tag("1") && !is_tag("") && !is_tag("a b"));
    }

    #[test]
    fn string_literals_are_escaped() {
        assert_eq!(string_literal("a\"\\\né"), r#""a\"\\\010é""#);
    }
}
