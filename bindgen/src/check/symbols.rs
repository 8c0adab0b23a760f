//! Which exported function a symbol belongs to.

use crate::model::{Exports, Function, Symbol};
use std::collections::HashMap;

/// The symbols of an archive.
pub struct Symbols<'a>(HashMap<String, (&'a Function, Symbol)>);

/// What a symbol names.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// Nothing of the archive.
    Foreign,
    /// A function.
    Function {
        function: &'a Function,
        which: Symbol,
        /// The hash of the signature is part of the symbol.
        hashed: bool,
    },
    /// A function of the archive that had other types when the declaration was generated.
    Stale(&'a Function),
}

impl<'a> Symbols<'a> {
    pub fn new(exports: &'a Exports) -> Self {
        let mut symbols = HashMap::new();
        for function in &exports.functions {
            let mut kinds = vec![Symbol::Native];
            if function.has_bytecode_symbol() {
                kinds.push(Symbol::Bytecode);
            }
            if function.unboxed {
                kinds.push(Symbol::Unboxed);
            }
            for which in kinds {
                symbols.insert(function.symbol(which), (function, which));
            }
        }
        Symbols(symbols)
    }

    /// Returns the symbol that is most like one that the archive does not have.
    pub fn similar(&self, symbol: &str) -> Option<&str> {
        let symbols = self.0.keys().map(String::as_str);
        symbols
            .filter(|own| are_similar(own, symbol))
            .min_by_key(|own| (strsim::osa_distance(own, symbol), *own))
    }

    /// Finds what a symbol names, or returns the name of the function that it was generated for and that the archive
    /// does not have.
    pub fn target<'s>(&self, symbol: &'s str) -> Result<Target<'a>, &'s str> {
        if let Some(&(function, which)) = self.0.get(symbol) {
            return Ok(Target::Function {
                function,
                which,
                hashed: false,
            });
        }
        let Some((base, hash)) = split_hash(symbol) else {
            return Ok(Target::Foreign);
        };
        match self.0.get(base) {
            Some(&(function, which)) if function.hash == hash => Ok(Target::Function {
                function,
                which,
                hashed: true,
            }),
            Some((function, _)) => Ok(Target::Stale(function)),
            None => {
                let name = ["_bytecode", "_unboxed"]
                    .iter()
                    .find_map(|suffix| base.strip_suffix(suffix));
                match name.and_then(|name| self.0.get(name)) {
                    // It had more arguments, or the option `unboxed`.
                    Some((function, _)) => Ok(Target::Stale(function)),
                    None => Err(name.unwrap_or(base)),
                }
            }
        }
    }
}

/// Returns `true` if one symbol may be a misspelling of the other.
fn are_similar(symbol: &str, other: &str) -> bool {
    strsim::osa_distance(symbol, other) <= symbol.len().min(other.len()) / 4
}

/// Splits `greet__s5025081400344849336`.
fn split_hash(symbol: &str) -> Option<(&str, u64)> {
    let (base, hash) = symbol.rsplit_once("__s")?;
    let is_number = !hash.is_empty() && hash.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !base.is_empty())
        .then(|| hash.parse().ok())
        .flatten()
        .map(|hash| (base, hash))
}
