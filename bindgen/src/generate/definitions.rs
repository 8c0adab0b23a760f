//! Definitions of types and exceptions.

use super::docs;
use super::layout::{break_before, indent, one_line};
use super::types::{Level, Names, expression, parts};
use crate::model::{Arguments, Body, Constructor, Definition, Exception, Field, Type};

/// How the declarations are written.
#[derive(Clone, Copy)]
pub struct Style<'a> {
    pub names: &'a Names<'a>,
    /// With documentation.
    pub docs: bool,
    /// How wide lines are.
    pub width: usize,
}

impl Style<'_> {
    pub fn comment(&self, doc: &str, indentation: usize) -> Option<String> {
        match self.docs {
            true => docs::comment(doc, self.width - indentation),
            false => None,
        }
    }

    /// Adds a comment behind an item, or `below` columns to the right on the next lines. The item is not yet indented.
    fn with_comment(&self, item: String, doc: &str, indentation: usize, below: usize) -> String {
        let Some(comment) = self.comment(doc, indentation + below) else {
            return item;
        };
        let last = item.lines().last().unwrap_or_default().chars().count();
        let beside = last + 2 + comment.chars().count();
        match comment.contains('\n') || indentation + beside > self.width {
            true => format!("{item}\n{}", indent(&comment, below)),
            false => format!("{item}  {comment}"),
        }
    }
}

/// Returns the definitions of types that mention each other.
pub fn group(definitions: &[&Definition], style: Style<'_>) -> String {
    let mut text = String::new();
    let mut last_is_line = true;
    for (i, definition) in definitions.iter().enumerate() {
        let keyword = if i == 0 { "type" } else { "and" };
        let item = with_representation(ty(keyword, definition, style), &definition.body, style);
        // OCaml takes a comment behind a constructor for that of the constructor.
        let before = matches!(definition.body, Body::Variant(_));
        let item = match style.comment(&definition.doc, 0) {
            None => item,
            Some(comment) if before => format!("{comment}\n{item}"),
            Some(comment) => format!("{item}\n{comment}"),
        };
        let is_line = !item.contains('\n');
        text.push_str(match last_is_line && is_line {
            _ if i == 0 => "",
            true => "\n",
            false => "\n\n",
        });
        text.push_str(&item);
        last_is_line = is_line;
    }
    text
}

/// Adds an attribute to a type that OCaml may represent in two ways. Externals must not use it without one.
fn with_representation(item: String, body: &Body, style: Style<'_>) -> String {
    const BOXED: &str = "[@@boxed]";
    let contents = match body {
        Body::Record(fields) => fields.len(),
        Body::Variant(constructors) => match &constructors[..] {
            [only] => match &only.arguments {
                Arguments::Positional(types) => types.len(),
                Arguments::Record(fields) => fields.len(),
            },
            _ => return item,
        },
        _ => return item,
    };
    if contents != 1 {
        return item;
    }
    one_line(&[&item, BOXED], style.width).unwrap_or_else(|| format!("{item}\n{BOXED}"))
}

fn ty(keyword: &str, definition: &Definition, style: Style<'_>) -> String {
    let head = format!("{keyword} {}", definition.name);
    match &definition.body {
        Body::Abstract => head,
        Body::Alias(ty) => alias(&head, ty, style),
        Body::Record(fields) => {
            let head = format!("{head} =");
            match one_line_record(fields, style) {
                Some(record) if fits(&head, &record, style) => format!("{head} {record}"),
                _ => format!("{head} {}", long_record(fields, 0, style)),
            }
        }
        Body::Variant(constructors) => {
            let all: Option<Vec<_>> = constructors
                .iter()
                .map(|c| one_line_constructor("", c, Level::Argument, style))
                .collect();
            let head = format!("{head} =");
            match all.map(|all| all.join(" | ")) {
                Some(variant) if fits(&head, &variant, style) => format!("{head} {variant}"),
                _ => constructors.iter().fold(head, |text, c| {
                    let item = long_constructor("  | ", c, style);
                    format!("{text}\n{}", style.with_comment(item, &c.doc, 0, 6))
                }),
            }
        }
        Body::Polymorphic(constructors) => polymorphic(&format!("{head} ="), constructors, style),
    }
}

/// Returns `head = type`.
pub fn alias(head: &str, ty: &Type, style: Style<'_>) -> String {
    let (parts, separator) = parts(ty, style.names);
    let head = format!("{head} =");
    if let Some(line) = one_line(
        &[&head, &parts.join(&format!(" {separator} "))],
        style.width,
    ) {
        return line;
    }
    break_before(&head, &parts, separator)
}

fn fits(head: &str, rest: &str, style: Style<'_>) -> bool {
    one_line(&[head, rest], style.width).is_some()
}

fn field(field: &Field, style: Style<'_>) -> String {
    let ty = expression(&field.ty, Level::Arrow, style.names);
    format!("{} : {ty}", field.name)
}

/// Returns `{ x : float; y : float }`, or `None` if there is documentation.
fn one_line_record(fields: &[Field], style: Style<'_>) -> Option<String> {
    let documented = |f: &Field| style.comment(&f.doc, 0).is_some();
    if fields.iter().any(documented) {
        return None;
    }
    let fields: Vec<_> = fields.iter().map(|f| field(f, style)).collect();
    Some(format!("{{ {} }}", fields.join("; ")))
}

fn long_record(fields: &[Field], indentation: usize, style: Style<'_>) -> String {
    let mut text = String::from("{\n");
    for f in fields {
        let item = format!("{};", field(f, style));
        let item = style.with_comment(item, &f.doc, indentation + 2, 4);
        text.push_str(&indent(&item, indentation + 2));
        text.push('\n');
    }
    text.push_str(&" ".repeat(indentation));
    text.push('}');
    text
}

/// Returns the types of the arguments of a constructor.
fn tuple(types: &[Type], level: Level, style: Style<'_>) -> Vec<String> {
    let level = match types {
        [_] => level,
        _ => Level::Argument,
    };
    types
        .iter()
        .map(|ty| expression(ty, level, style.names))
        .collect()
}

/// Returns `A of int * string`, or `None` if there is documentation.
fn one_line_constructor(
    before: &str,
    constructor: &Constructor,
    level: Level,
    style: Style<'_>,
) -> Option<String> {
    if style.comment(&constructor.doc, 0).is_some() {
        return None;
    }
    undocumented_constructor(before, constructor, level, style)
}

fn undocumented_constructor(
    before: &str,
    constructor: &Constructor,
    level: Level,
    style: Style<'_>,
) -> Option<String> {
    let name = &constructor.name;
    Some(match &constructor.arguments {
        Arguments::Positional(types) if types.is_empty() => format!("{before}{name}"),
        Arguments::Positional(types) => {
            format!(
                "{before}{name} of {}",
                tuple(types, level, style).join(" * ")
            )
        }
        Arguments::Record(fields) => {
            format!("{before}{name} of {}", one_line_record(fields, style)?)
        }
    })
}

/// Returns a constructor, in several lines if one is too short. `before` is the indentation and the bar.
fn long_constructor(before: &str, constructor: &Constructor, style: Style<'_>) -> String {
    let line = undocumented_constructor(before, constructor, Level::Argument, style);
    match (&constructor.arguments, line) {
        (_, Some(line)) if one_line(&[&line], style.width).is_some() => line,
        (Arguments::Positional(types), _) => {
            let head = format!("{before}{} of", constructor.name);
            let types = indent(&separated(&tuple(types, Level::Argument, style), "*"), 6);
            format!("{head}\n{types}")
        }
        (Arguments::Record(fields), _) => {
            let record = long_record(fields, 4, style);
            format!("{before}{} of {record}", constructor.name)
        }
    }
}

fn separated(parts: &[String], separator: &str) -> String {
    parts.join(&format!("\n{separator} "))
}

fn polymorphic(head: &str, constructors: &[Constructor], style: Style<'_>) -> String {
    let all: Option<Vec<_>> = constructors
        .iter()
        .map(|c| one_line_constructor("`", c, Level::Tuple, style))
        .collect();
    if let Some(all) = all {
        let variant = format!("[ {} ]", all.join(" | "));
        if fits(head, &variant, style) {
            return format!("{head} {variant}");
        }
    }
    let mut text = String::from(head);
    let last = constructors.len() - 1;
    for (i, c) in constructors.iter().enumerate() {
        let before = if i == 0 { "  [ `" } else { "  | `" };
        let item = undocumented_constructor(before, c, Level::Tuple, style).unwrap_or_default();
        let end = if i == last { " ]" } else { "" };
        text.push('\n');
        match style.comment(&c.doc, 6) {
            None => text.push_str(&format!("{item}{end}")),
            Some(comment)
                if !comment.contains('\n') && fits(&item, &format!(" {comment}{end}"), style) =>
            {
                text.push_str(&format!("{item}  {comment}{end}"));
            }
            Some(comment) => text.push_str(&format!("{item}\n{}{end}", indent(&comment, 4))),
        }
    }
    text
}

/// Returns the definition of an exception.
pub fn exception(exception: &Exception, doc: &str, style: Style<'_>) -> String {
    let constructor = &exception.constructor;
    let line = undocumented_constructor("exception ", constructor, Level::Argument, style);
    let item = match (&constructor.arguments, line) {
        (_, Some(line)) if one_line(&[&line], style.width).is_some() => line,
        (Arguments::Positional(types), _) => {
            let types = indent(&separated(&tuple(types, Level::Argument, style), "*"), 4);
            format!("exception\n  {} of\n{types}", constructor.name)
        }
        (Arguments::Record(fields), _) => {
            let record = long_record(fields, 2, style);
            format!("exception\n  {} of {record}", constructor.name)
        }
    };
    match style.comment(doc, 0) {
        None => item,
        Some(comment) => format!("{item}\n{comment}"),
    }
}

/// Returns `true` if two types of a group have a field or a constructor of the same name, of which OCaml can warn.
pub fn repeats_names(group: &[&Definition]) -> bool {
    let mut names = std::collections::HashSet::new();
    let mut repeated = false;
    let mut add = |name| repeated |= !names.insert(name);
    for definition in group {
        match &definition.body {
            Body::Record(fields) => fields.iter().for_each(|f| add(("field", &f.name))),
            Body::Variant(constructors) => {
                constructors
                    .iter()
                    .for_each(|c| add(("constructor", &c.name)));
            }
            Body::Alias(_) | Body::Polymorphic(_) | Body::Abstract => {}
        }
    }
    repeated
}
