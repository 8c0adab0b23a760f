//! Documentation: Rust's Markdown as a comment for odoc.
//!
//! [`markdown`] parses the text into blocks of odoc's markup, `lexical` removes what OCaml's lexer would take for a
//! string or for the end of the comment, and [`layout`] breaks the lines.

mod layout;
mod lexical;
mod markdown;

#[cfg(test)]
mod tests;

/// A block of odoc's markup.
#[derive(Debug, PartialEq)]
enum Block {
    /// Words with their markup. Lines may be broken between words.
    Paragraph(Vec<String>),
    Code {
        /// `None` is OCaml.
        language: Option<String>,
        text: String,
    },
    List {
        ordered: bool,
        items: Vec<Vec<Block>>,
    },
}

/// Returns the comment `(** ... *)` for a documentation in Markdown, or `None` if that is empty. Lines have `width`
/// characters at most, as far as words allow it.
pub fn comment(documentation: &str, width: usize) -> Option<String> {
    let blocks = markdown::blocks(documentation);
    if blocks.is_empty() {
        return None;
    }
    Some(layout::comment(&blocks, width))
}

/// Returns text that can be part of a comment which is not documentation.
pub fn plain(text: &str) -> String {
    lexical::harmless(&text.replace(char::is_control, " "))
}
