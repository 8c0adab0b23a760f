//! Reads the descriptors from a static library.

use crate::decode::{self, DecodeError, Entry, SECTION};
use crate::model::{Exports, Function, Id, Symbol};
use object::read::archive::ArchiveFile;
use object::{Object, ObjectSection};
use std::collections::{BTreeMap, btree_map};
use std::io;
use std::path::{Path, PathBuf};

/// Why the descriptors of an archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file cannot be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// The archive.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is no archive, or what is in it is no object file.
    #[error("{}: not a static library: {error}", path.display())]
    Format {
        /// The archive.
        path: PathBuf,
        /// Why.
        error: object::read::Error,
    },
    /// The descriptors cannot be decoded.
    #[error(
        "{}: {error}: build it with the version of ocaml-lwt-interop that this program belongs to",
        path.display()
    )]
    Decode {
        /// The archive.
        path: PathBuf,
        /// Why.
        error: DecodeError,
    },
    /// Two functions have the same symbol, and the linker would take either.
    #[error(
        "{}: two functions have the symbol `{symbol}`: {first} and {second}: set another one with \
         #[func(name = \"...\")], or a prefix for all symbols of a crate: see OCAML_LWT_PREFIX in doc/declarations.md",
        path.display()
    )]
    TwoFunctions {
        /// The archive.
        path: PathBuf,
        /// The symbol.
        symbol: String,
        /// One function, and where it is.
        first: String,
        /// The other one.
        second: String,
    },
    /// Two crates of the same name, or two versions of one, define different types.
    #[error(
        "{}: the Rust type {id} has two definitions, at {places}: a module defines an OCaml type once, within its \
         functions, too, and a program has one version of a crate that defines OCaml types",
        path.display()
    )]
    TwoDefinitions {
        /// The archive.
        path: PathBuf,
        /// The type.
        id: Id,
        /// Where they are.
        places: String,
    },
}

/// Reads what an archive exports.
pub fn read(path: &Path) -> Result<Exports, ArchiveError> {
    let data = std::fs::read(path).map_err(|error| ArchiveError::Read {
        path: path.to_owned(),
        error,
    })?;
    let mut exports = Exports::default();
    for section in sections(&data).map_err(|error| ArchiveError::Format {
        path: path.to_owned(),
        error,
    })? {
        let entries = decode::entries(section).map_err(|error| ArchiveError::Decode {
            path: path.to_owned(),
            error,
        })?;
        for entry in entries {
            add(&mut exports, entry, path)?;
        }
    }
    exports.functions.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    check_symbols(&exports, path)?;
    exports.exceptions.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(exports)
}

/// Fails if two functions have a symbol in common.
fn check_symbols(exports: &Exports, path: &Path) -> Result<(), ArchiveError> {
    let mut seen: BTreeMap<String, &Function> = BTreeMap::new();
    for function in &exports.functions {
        let mut symbols = vec![function.symbol(Symbol::Native)];
        if function.has_bytecode_symbol() {
            symbols.push(function.symbol(Symbol::Bytecode));
        }
        if function.unboxed {
            symbols.push(function.symbol(Symbol::Unboxed));
        }
        for symbol in symbols {
            if let Some(other) = seen.insert(symbol.clone(), function) {
                let shown = |f: &Function| format!("{}::{} ({})", f.module, f.rust_name, f.place);
                return Err(ArchiveError::TwoFunctions {
                    path: path.to_owned(),
                    symbol,
                    first: shown(other),
                    second: shown(function),
                });
            }
        }
    }
    Ok(())
}

/// Returns the sections that have descriptors.
fn sections(data: &[u8]) -> Result<Vec<&[u8]>, object::read::Error> {
    let mut sections = Vec::new();
    for member in ArchiveFile::parse(data)?.members() {
        // Archives have members that are no objects, such as indices and metadata.
        let Ok(file) = object::File::parse(member?.data(data)?) else {
            continue;
        };
        for section in file.sections() {
            if section.name() == Ok(SECTION) {
                sections.push(section.data()?);
            }
        }
    }
    Ok(sections)
}

fn add(exports: &mut Exports, entry: Entry, path: &Path) -> Result<(), ArchiveError> {
    match entry {
        Entry::Function(function) => exports.functions.push(function),
        Entry::Exceptions(exceptions) => {
            if !exports.exceptions.contains(&exceptions) {
                exports.exceptions.push(exceptions);
            }
        }
        // Both derives describe the type.
        Entry::Definition(definition) => match exports.definitions.entry(definition.id.clone()) {
            btree_map::Entry::Vacant(place) => {
                place.insert(definition);
            }
            btree_map::Entry::Occupied(other) if *other.get() == definition => {}
            btree_map::Entry::Occupied(other) => {
                return Err(ArchiveError::TwoDefinitions {
                    path: path.to_owned(),
                    places: format!("{} and {}", other.get().place, definition.place),
                    id: definition.id,
                });
            }
        },
    }
    Ok(())
}
