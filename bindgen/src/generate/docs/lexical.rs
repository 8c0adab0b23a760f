//! What OCaml's lexer sees in a comment: nested comments, and literals, which it skips as a whole.

/// Replaces an unmatched `"`.
const QUOTE: char = '”';

/// Changes text so that the lexer reads over it wherever it is in a comment: comments do not begin or end in it, and
/// strings end where they begin.
///
/// A string literal stays if it is complete. Other quotes, and those of which it depends on the version of OCaml whether
/// they begin a string, become typographic ones.
pub fn harmless(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = Output::default();
    let mut rest = &chars[..];
    while let Some((&c, after)) = rest.split_first() {
        rest = after;
        match c {
            '\'' if after.starts_with(&['"', '\'']) && out.literal_may_begin() => {
                out.0.push_str("'\"'");
                rest = &after[2..];
            }
            // The quote could be part of a character literal.
            '"' if out.0.ends_with(['\'', '\\']) => out.0.push(QUOTE),
            '"' => match string_length(after) {
                Some(length) => {
                    out.string(&after[..length]);
                    rest = &after[length + 1..];
                }
                None => out.0.push(QUOTE),
            },
            '{' if begins_quoted_string(after) => out.0.push_str("{ "),
            _ => out.plain(c, after.first()),
        }
    }
    out.0
}

#[derive(Default)]
struct Output(String);

impl Output {
    /// Returns `true` if the lexer certainly takes `'"'` for a literal here: it does not if the first `'` is part of a
    /// name or the end of another literal.
    fn literal_may_begin(&self) -> bool {
        let mut before = self.0.chars().rev();
        let clear = |c: char| c.is_ascii_whitespace() || matches!(c, '\0' | '(' | '[' | ',' | '=');
        match (before.next(), before.next()) {
            (None, _) => true,
            (Some(last), Some('\'' | '\\')) if clear(last) => false,
            (Some(last), _) => clear(last),
        }
    }

    fn plain(&mut self, c: char, next: Option<&char>) {
        self.0.push(c);
        if let ('(', Some('*')) | ('*', Some(')')) = (c, next) {
            self.0.push(' ');
        }
    }

    fn string(&mut self, content: &[char]) {
        self.0.push('"');
        let mut rest = content;
        while let Some((&c, after)) = rest.split_first() {
            rest = after;
            match after {
                [escaped, after @ ..] if c == '\\' => {
                    self.0.push(c);
                    self.plain(*escaped, after.first());
                    if *escaped == 'u' && after.first() == Some(&'{') && !is_unicode_escape(after) {
                        self.0.push(' ');
                    }
                    rest = after;
                }
                _ => self.plain(c, after.first()),
            }
        }
        self.0.push('"');
    }
}

/// Returns the length of the content of a string literal, or `None` if it does not end.
fn string_length(rest: &[char]) -> Option<usize> {
    let mut i = 0;
    while i < rest.len() {
        match rest[i] {
            '"' => return Some(i),
            '\\' => i += 2,
            _ => i += 1,
        }
    }
    None
}

/// Whether `{1F42B}` follows, as OCaml allows it after `\u`.
fn is_unicode_escape(rest: &[char]) -> bool {
    let digits: String = rest[1..].iter().take_while(|c| **c != '}').collect();
    let scalar = u32::from_str_radix(&digits, 16)
        .ok()
        .and_then(char::from_u32);
    // What has other characters than digits is no escape, which the lexer skips.
    !digits.chars().all(|c| c.is_ascii_hexdigit()) || digits.len() <= 6 && scalar.is_some()
}

/// Whether `id|` or `%extension id|` follows, which begins a quoted string after a `{`.
fn begins_quoted_string(rest: &[char]) -> bool {
    let extension = rest.first() == Some(&'%');
    let skipped = |c: &&char| {
        c.is_ascii_alphanumeric()
            || matches!(c, '_' | '\'')
            || !c.is_ascii()
            || extension && (matches!(c, '%' | '.' | '\0') || c.is_ascii_whitespace())
    };
    let length = rest.iter().take_while(skipped).count();
    rest.get(length) == Some(&'|')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_strings_stay() {
        for text in [
            "",
            "say \"hello\", it's \"good\"",
            r#"a "b\"c" d"#,
            r#"a "\\" d"#,
            r#"f "\u{1F42B}" x"#,
            "the character '\"' ends it",
            "{b x|y} {x} | {",
        ] {
            assert_eq!(harmless(text), text);
        }
    }

    #[test]
    fn the_lexer_sees_nothing_unmatched() {
        for (text, expected) in [
            ("5\" wide", "5” wide"),
            ("\"a\" b\"", "\"a\" b”"),
            (r#""a\" b"#, r#"”a\” b"#),
            ("x'\"' y", "x'”' y"),
            ("'\\\"'", "'\\”'"),
            ("' '\"' \"", "' '”' ”"),
            ("(* a *) (**)", "( * a * ) ( ** )"),
            ("\"(*\"", "\"( *\""),
            ("f {|a|}", "f { |a|}"),
            ("{id|a} {%ext id|} {é|", "{ id|a} { %ext id|} { é|"),
            (r#""\u{D800}""#, r#""\u {D800}""#),
            (r#""\u{1234567}""#, r#""\u {1234567}""#),
        ] {
            assert_eq!(harmless(text), expected, "{text}");
        }
    }
}
