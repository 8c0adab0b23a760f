//! Compares the `external`s of OCaml code with the Rust functions that they name.
//!
//! `lwt-interop-externals`, a program of the OCaml package `lwt_interop`, reads the declarations from the files that
//! OCaml's compiler has written (`reader`). Only those are compared whose symbol is one of an exported function's
//! (`symbols`), and that do not have the attribute `[@@ocaml_lwt.unchecked]`. Two types are equal if their values have the same representation (`compare`).

mod compare;
mod declared;
mod external;
mod mismatch;
mod opaque;
mod reader;
mod rust_type;
mod symbols;
#[cfg(test)]
mod tests;

pub use reader::CheckError;

use crate::model::Exports;
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

/// How to check.
#[derive(Debug, Default, Clone)]
pub struct Options {
    /// The program `lwt-interop-externals`. Without it, the environment variable `LWT_INTEROP_EXTERNALS` names the
    /// program, or it is searched in `PATH`.
    pub reader: Option<PathBuf>,
}

/// The outcome of a check.
#[derive(Debug)]
pub struct Report {
    /// The wrong declarations, in order of file and line.
    pub diagnostics: Vec<Diagnostic>,
    /// The declarations of functions that the archive does not have, and whose symbols are like one that it has. They may
    /// be those of C functions.
    pub warnings: Vec<Diagnostic>,
    /// The number of externals that were compared with a Rust function.
    pub compared: usize,
}

/// One thing that is wrong. [`Display`](fmt::Display) writes it as compilers do: `bin/main.ml:3: greet: ...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The OCaml file.
    pub file: String,
    /// The line, or 0 if the whole file is meant.
    pub line: u32,
    /// The rest of the text.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Compares the externals of all `.cmt` and `.cmti` files in `paths`, which are folders or files, with what an
/// archive exports.
pub fn check(
    exports: &Exports,
    paths: &[PathBuf],
    options: &Options,
) -> Result<Report, CheckError> {
    let output = reader::read(paths, options.reader.as_deref())?;
    let scope = compare::Scope {
        exports,
        symbols: &symbols::Symbols::new(exports),
        implementations: &opaque::Implementations::new(&output.units),
    };
    let mut opaques = opaque::Opaques::default();
    // The same file may have been compiled more than once.
    let mut compared = BTreeSet::new();
    let (mut diagnostics, mut warnings) = (Vec::new(), Vec::new());
    for problem in output.problems {
        diagnostics.push(Diagnostic {
            file: problem.file,
            line: 0,
            message: problem.message,
        });
    }
    for unit in &output.units {
        let checked = unit.externals.iter().filter(|external| !external.unchecked);
        for external in checked {
            let Some(messages) = external::messages(scope, unit, external, &mut opaques) else {
                warnings.extend(misspelt(external, scope.symbols));
                continue;
            };
            compared.insert((&external.file, external.line, &external.name));
            for message in messages {
                let diagnostic = Diagnostic {
                    file: external.file.clone(),
                    line: external.line,
                    message: format!("{}: {message}", external.name),
                };
                if !diagnostics.contains(&diagnostic) {
                    diagnostics.push(diagnostic);
                }
            }
        }
    }
    diagnostics.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    warnings.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    warnings.dedup();
    Ok(Report {
        diagnostics,
        warnings,
        compared: compared.len(),
    })
}

/// Returns a warning about an external of a function that the archive does not have, if one of the archive's has a similar
/// symbol.
fn misspelt(external: &declared::External, symbols: &symbols::Symbols<'_>) -> Option<Diagnostic> {
    let symbol = external.symbol.as_str();
    // That of a primitive of the compiler begins with `%`.
    let similar = symbols
        .similar(symbol)
        .filter(|_| !symbol.starts_with('%'))?;
    Some(Diagnostic {
        file: external.file.clone(),
        line: external.line,
        message: format!(
            "{}: warning: no Rust function has the symbol {symbol}: did you mean {similar}?",
            external.name
        ),
    })
}
