//! Documentation comments.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// Returns the text of the documentation, without the blank after a comment's mark.
pub fn text(attributes: &[Attribute]) -> String {
    let lines = attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(text),
                    ..
                }) => Some(text.value()),
                // A macro, such as `include_str!`.
                _ => None,
            },
            _ => None,
        });
    let lines: Vec<_> = lines
        .map(|line| line.strip_prefix(' ').unwrap_or(&line).to_owned())
        .collect();
    lines.join("\n")
}
