//! Externals.

use super::definitions::Style;
use super::layout::{indent, one_line};
use super::names::{self, string_literal};
use super::types::{Level, expression};
use crate::model::{Function, Label, Symbol, Type};

/// Returns the declaration of a function. If it returns an OCaml function, `result` is the name of the type of that: the
/// arrows of a result would count as arguments of the external.
pub fn external(function: &Function, name: &str, result: Option<&str>, style: Style<'_>) -> String {
    let item = undocumented(function, name, result, style);
    match style.comment(&function.doc, 0) {
        None => item,
        Some(comment) => format!("{item}\n{comment}"),
    }
}

/// Returns the type of a function, and its symbols, on one line.
pub fn signature(function: &Function, result: Option<&str>, style: Style<'_>) -> String {
    parts(function, result, style).join(" -> ")
}

fn undocumented(function: &Function, name: &str, result: Option<&str>, style: Style<'_>) -> String {
    let head = format!("external {name} :");
    let parts = parts(function, result, style);
    let ty = parts.join(" -> ");
    let symbols = symbols(function);
    let equals = format!("= {}", symbols.join(" "));
    let attribute = match function.noalloc {
        true => " [@@noalloc]",
        false => "",
    };
    let width = style.width;
    if let Some(line) = one_line(&[&head, &ty, &format!("{equals}{attribute}")], width) {
        return line;
    }
    let text = if let Some(line) = one_line(&[&head, &ty, &equals], width) {
        line
    } else {
        // The symbols on a line of their own, or on two.
        let equals = match one_line(&["", &equals], width) {
            Some(_) => equals,
            None => format!("= {}", symbols.join("\n  ")),
        };
        let below = |text: String| match one_line(&[" ", &text, &equals], width) {
            Some(line) => line,
            None => format!("  {text}\n{}", indent(&equals, 2)),
        };
        if let Some(line) = one_line(&[&head, &ty], width) {
            format!("{line}\n{}", indent(&equals, 2))
        } else if one_line(&[" ", &ty], width).is_some() {
            format!("{head}\n{}", below(ty))
        } else {
            let (last, others) = parts.split_last().expect("there is a result");
            let others = indent(&others.join(" ->\n"), 2);
            format!("{head}\n{others} ->\n{}", below(last.clone()))
        }
    };
    match attribute {
        "" => text,
        _ => format!("{text}\n{}", attribute.trim_start()),
    }
}

/// Returns the types of the arguments, with their labels, and of the result.
fn parts(function: &Function, result: Option<&str>, style: Style<'_>) -> Vec<String> {
    let mut parts: Vec<String> = function
        .arguments
        .iter()
        .map(|argument| match (&argument.label, &argument.ty) {
            (Label::Optional(label), Type::Option(ty)) => {
                format!("?{}:{}", label_name(label), part(function, ty, style))
            }
            (Label::Labelled(label) | Label::Optional(label), ty) => {
                format!("{}:{}", label_name(label), part(function, ty, style))
            }
            (Label::None, ty) => part(function, ty, style),
        })
        .collect();
    if parts.is_empty() {
        parts.push("unit".to_owned());
    }
    parts.push(match result {
        Some(name) => name.to_owned(),
        None => part(function, &function.result, style),
    });
    parts
}

fn label_name(label: &str) -> String {
    names::lowercase(label).unwrap_or_else(|| label.to_owned())
}

fn part(function: &Function, ty: &Type, style: Style<'_>) -> String {
    let attribute = match ty {
        Type::Int => "untagged",
        Type::Float | Type::Int32 | Type::Int64 | Type::Nativeint => "unboxed",
        _ => "",
    };
    let written = expression(ty, Level::Tuple, style.names);
    match function.unboxed && !attribute.is_empty() {
        true => format!("({written}[@{attribute}])"),
        false => written,
    }
}

/// Returns the symbols, as string literals: that for bytecode first, if there are two.
fn symbols(function: &Function) -> Vec<String> {
    let native = match function.unboxed {
        true => Symbol::Unboxed,
        false => Symbol::Native,
    };
    let bytecode = match function.has_bytecode_symbol() {
        true => Symbol::Bytecode,
        false => Symbol::Native,
    };
    let symbol = |which| string_literal(&function.hashed_symbol(which));
    match bytecode == native {
        true => vec![symbol(native)],
        false => vec![symbol(bytecode), symbol(native)],
    }
}
