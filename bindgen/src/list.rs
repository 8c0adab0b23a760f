//! Lists what an archive exports, for people.

use crate::generate::{self, GenerateError, Listing, Options};
use crate::model::{Exports, Function, Mode, krate};
use std::fmt::Write;

/// Returns the list, by crate. Fails if there is nothing of one of the crates that are chosen.
pub fn list(exports: &Exports, archive: &str, options: &Options) -> Result<String, GenerateError> {
    let mut text = String::new();
    for name in generate::chosen_crates(exports, archive, options)? {
        let separator = if text.is_empty() { "" } else { "\n" };
        let _ = writeln!(text, "{separator}{name}");
        section(&mut text, "functions", functions(exports, name));
        section(&mut text, "types", types(exports, name));
        section(&mut text, "exceptions", exceptions(exports, name));
    }
    Ok(text)
}

/// What is listed, and what is known about it.
type Row = (String, String);

fn section(text: &mut String, title: &str, rows: Vec<Row>) {
    if rows.is_empty() {
        return;
    }
    // Long rows do not move the others.
    let lengths = rows.iter().map(|(item, _)| item.chars().count());
    let width = lengths.filter(|&length| length <= 72).max().unwrap_or(0);
    let _ = writeln!(text, "  {title}");
    for (item, about) in rows {
        let _ = writeln!(text, "    {item:width$}  ({about})");
    }
}

fn functions(exports: &Exports, name: &str) -> Vec<Row> {
    let functions = exports.functions.iter().filter(|f| f.krate() == name);
    let symbols = functions.clone().map(|f| f.symbol.chars().count());
    let width = symbols.max().unwrap_or(0);
    let row = |f: &Function| {
        let name = match &*f.owner {
            "" => f.name.clone(),
            owner => format!("{owner}.{}", f.name),
        };
        let mut about = vec![mode(f.mode)];
        about.extend(f.raises.then_some("raise"));
        about.extend(f.unboxed.then_some("unboxed"));
        about.extend(f.noalloc.then_some("noalloc"));
        let signature = Listing(exports).signature(f);
        let item = format!("{:width$} : {signature}", f.symbol);
        let about = about.join(" ");
        match name == f.symbol {
            true => (item, format!("{about}, {}", f.place)),
            false => (item, format!("{name}, {about}, {}", f.place)),
        }
    };
    functions.map(row).collect()
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Async => "async",
        Mode::Sync => "sync",
        Mode::Tokio => "tokio",
        Mode::Blocking => "blocking",
        Mode::Promise => "promise",
    }
}

fn types(exports: &Exports, name: &str) -> Vec<Row> {
    let definitions = exports.definitions.values();
    let own = definitions.filter(|d| krate(&d.id.module) == name);
    own.map(|d| {
        (
            Listing(exports).definition(d),
            format!("{}, {}", d.id, d.place),
        )
    })
    .collect()
}

fn exceptions(exports: &Exports, name: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for of_type in exports
        .exceptions
        .iter()
        .filter(|e| krate(&e.id.module) == name)
    {
        for exception in &of_type.exceptions {
            let item = Listing(exports).exception(exception);
            rows.push((item, format!("{}, {}", of_type.id, of_type.place)));
        }
    }
    rows
}
