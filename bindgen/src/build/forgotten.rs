//! Functions that a crate exports, and that are not in the static library.
//!
//! rustc leaves out a crate that nothing names, even if it is a dependency. Each exported function has a constant of its
//! own, whose symbol the compiled crate lists, so what a library lacks is known without a look at sources.

use super::BuildError;
use crate::model::Exports;
use object::read::ReadCache;
use object::read::archive::ArchiveFile;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The beginning of such a constant's symbol, before the symbol of the function, a dot and the crate.
const PREFIX: &str = "ocaml_lwt_interop.function.";

/// A crate that is not in the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// The name of the crate, as Rust code writes it.
    pub krate: String,
    /// The functions that it exports.
    pub functions: Vec<String>,
}

/// Finds the crates among `libraries` that export functions which are not among `exports`.
pub fn find(exports: &Exports, libraries: &[PathBuf]) -> Result<Vec<Forgotten>, BuildError> {
    let present: BTreeSet<&str> = exports.functions.iter().map(|f| &*f.symbol).collect();
    let mut forgotten = Vec::new();
    for library in libraries {
        let mut functions = functions(library).map_err(BuildError::file(library))?;
        functions.retain(|function| !present.contains(&**function));
        if !functions.is_empty() {
            forgotten.push(Forgotten {
                krate: krate(library),
                functions,
            });
        }
    }
    Ok(forgotten)
}

/// Returns the functions that a compiled crate exports.
fn functions(library: &Path) -> std::io::Result<Vec<String>> {
    let file = ReadCache::new(File::open(library)?);
    let archive = ArchiveFile::parse(&file).map_err(std::io::Error::other)?;
    // A crate without any symbol has no list of them.
    let Some(symbols) = archive.symbols().map_err(std::io::Error::other)? else {
        return Ok(Vec::new());
    };
    let mut functions: Vec<String> = symbols
        .filter_map(Result::ok)
        .filter_map(|symbol| std::str::from_utf8(symbol.name()).ok())
        .filter_map(|name| name.strip_prefix(PREFIX)?.split('.').next())
        .map(str::to_owned)
        .collect();
    functions.sort();
    functions.dedup();
    Ok(functions)
}

/// Returns the crate of `libNAME-HASH.rlib`.
fn krate(library: &Path) -> String {
    let stem = library.file_stem().unwrap_or_default().to_string_lossy();
    let name = stem.strip_prefix("lib").unwrap_or(&stem);
    name.rsplit_once('-')
        .map_or(name, |(name, _)| name)
        .to_owned()
}

/// Returns the message of an error.
pub fn message(forgotten: &[Forgotten]) -> String {
    let lines = forgotten.iter().map(|crate_| {
        let shown: Vec<_> = crate_.functions.iter().take(3).map(|f| format!("`{f}`")).collect();
        let more = match crate_.functions.len() - shown.len() {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        format!(
            "the crate {name} exports {}{more}, and the library has nothing of that crate, since no code names it: write \
             `ocaml_lwt_interop::export!({name});` in src/lib.rs",
            shown.join(", "),
            name = crate_.krate,
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crate_is_in_the_name_of_its_library() {
        assert_eq!(krate(Path::new("/t/libmy_crate-0123abcd.rlib")), "my_crate");
        assert_eq!(krate(Path::new("/t/libmy_crate.rlib")), "my_crate");
    }

    #[test]
    fn the_message_says_what_to_write() {
        let functions = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
        let krate = "second".to_owned();
        assert_eq!(
            message(&[Forgotten { krate, functions }]),
            "the crate second exports `a`, `b`, `c` and 2 more, and the library has nothing of that crate, since no \
             code names it: write `ocaml_lwt_interop::export!(second);` in src/lib.rs"
        );
    }
}
