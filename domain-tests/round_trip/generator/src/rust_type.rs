//! Types as Rust writes them.

/// A type. The default one says nothing.
#[derive(Debug, Default)]
pub struct RustType {
    /// The name without its path; `[]` of slices, `[;]` of arrays, `()` of tuples.
    pub head: String,
    /// The arguments: those between `<` and `>`, the elements, the components.
    pub arguments: Vec<RustType>,
    /// The length of an array.
    pub length: Option<String>,
}

static UNKNOWN: RustType = RustType {
    head: String::new(),
    arguments: Vec::new(),
    length: None,
};

impl RustType {
    /// Reads a type. Lifetimes, references and boxes are left out: OCaml has none.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix('&') {
            let rest = rest.trim_start();
            let is_lifetime = rest.starts_with('\'');
            let rest = rest.split_once(' ').filter(|_| is_lifetime);
            return Self::parse(rest.map_or(&text[1..], |(_, ty)| ty));
        }
        if let Some(inner) = between(text, '(', ')') {
            return Self::new("()", inner);
        }
        if let Some(inner) = between(text, '[', ']') {
            return match inner.rsplit_once(';') {
                None => Self::new("[]", inner),
                Some((element, length)) => RustType {
                    length: Some(length.trim().to_owned()),
                    ..Self::new("[;]", element)
                },
            };
        }
        let (path, inner) = match text.split_once('<') {
            Some((path, inner)) => (path, inner.trim_end().strip_suffix('>').unwrap_or(inner)),
            None => (text, ""),
        };
        let head = path.rsplit("::").next().unwrap_or(path).trim();
        let mut ty = Self::new(head, inner);
        match head {
            "Box" | "Arc" | "Cow" | "Rooted" if ty.arguments.len() == 1 => ty.arguments.remove(0),
            _ => ty,
        }
    }

    fn new(head: &str, arguments: &str) -> Self {
        RustType {
            head: head.to_owned(),
            arguments: split(arguments).into_iter().map(Self::parse).collect(),
            length: None,
        }
    }

    /// Returns an argument, or what says nothing.
    pub fn argument(&self, n: usize) -> &RustType {
        self.arguments.get(n).unwrap_or(&UNKNOWN)
    }
}

fn between(text: &str, open: char, close: char) -> Option<&str> {
    text.strip_prefix(open)?.strip_suffix(close)
}

/// Splits at the commas that are not within brackets, and leaves out lifetimes.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (i, c) in text.char_indices().chain([(text.len(), ',')]) {
        match c {
            '<' | '(' | '[' => depth += 1,
            '>' | ')' | ']' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(text[start..i].trim());
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.retain(|part| !part.is_empty() && !part.starts_with('\''));
    parts
}
