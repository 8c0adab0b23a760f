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
        .map(|text| match text.contains('\n') {
            true => block(&text),
            false => text.strip_prefix(' ').unwrap_or(&text).to_owned(),
        })
        .collect();
    lines.join("\n")
}

/// Returns the text of `/** .. */`: without the column of `*`, the common indentation, and blank lines around it.
fn block(text: &str) -> String {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let mut rest: Vec<&str> = rest.lines().map(str::trim_end).collect();
    let is_marked = |line: &&str| line.is_empty() || line.trim_start().starts_with('*');
    if rest.iter().all(is_marked) {
        for line in &mut rest {
            *line = line.trim_start().strip_prefix('*').unwrap_or_default();
        }
    }
    let filled = rest.iter().filter(|line| !line.is_empty());
    let indentation = filled.map(|line| line.len() - line.trim_start_matches(' ').len());
    let common = indentation.min().unwrap_or_default();
    let rest = rest
        .iter()
        .map(|line| line.get(common..).unwrap_or_default());
    let lines: Vec<&str> = std::iter::once(first.trim()).chain(rest).collect();
    lines.join("\n").trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: &str) -> String {
        let item: syn::ItemStruct = syn::parse_str(&format!("{source} struct S;")).unwrap();
        text(&item.attrs)
    }

    #[test]
    fn comments_lose_their_marks() {
        assert_eq!(of("/// One.\n/// Two.\n"), "One.\nTwo.");
        assert_eq!(of("///   - indented\n"), "  - indented");
        assert_eq!(of("/** One line. */"), "One line. ");
        assert_eq!(
            of("/**\n     * Greets.\n     *\n     *   - twice\n     */"),
            "Greets.\n\n  - twice"
        );
        assert_eq!(
            of("/** Greets.\n    later\n      more */"),
            "Greets.\nlater\n  more"
        );
        assert_eq!(
            of("/**\n * - a list\n * * and another\n */"),
            "- a list\n* and another"
        );
    }
}
