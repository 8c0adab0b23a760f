//! Targets of links.

use pulldown_cmark::{BrokenLink, LinkType};

/// Whether a link without a target may be one to a Rust item. Other text in brackets is only that.
pub fn is_path(link: &BrokenLink<'_>) -> bool {
    let reference = link.reference.trim();
    let is_code = reference.len() > 2 && reference.starts_with('`') && reference.ends_with('`');
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '!' | '@' | '(' | ')');
    let path = reference.trim_matches('`');
    let has_text = !matches!(link.link_type, LinkType::ShortcutUnknown);
    is_code
        || !path.is_empty()
            && !path.starts_with(|c: char| c.is_ascii_digit())
            && path.chars().all(is_name)
            && (has_text
                || path.contains("::")
                || path.starts_with(|c: char| c.is_ascii_uppercase()))
}

/// Returns the target of a link to another site, or `None` for what only rustdoc can find.
pub fn url(target: &str) -> Option<String> {
    let (scheme, _) = target.split_once(':')?;
    if !["http", "https", "mailto", "ftp"].contains(&&*scheme.to_ascii_lowercase()) {
        return None;
    }
    let mut url = String::new();
    for c in target.chars() {
        match c {
            '{' | '}' | '[' | ']' | '(' | ')' | '@' | '"' | '\'' | '\\' | '|' | '<' | '>' | '*' => {
                url.push_str(&format!("%{:02X}", c as u32));
            }
            c if c.is_whitespace() || c.is_control() => url.push_str("%20"),
            c => url.push(c),
        }
    }
    Some(url)
}
