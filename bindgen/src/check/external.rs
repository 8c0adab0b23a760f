//! Compares one external with the function that it names.

mod result;

use super::compare::{Comparison, Differences, Scope};
use super::declared::{External, Representation, TypeId, Unit, Value};
use super::mismatch::{Mismatch, Subject, What};
use super::opaque::Opaques;
use super::rust_type;
use super::symbols::Target;
use crate::model::{Function, Symbol, Type};

const UNIT: &Type = &Type::Unit;

/// Returns what is wrong with an external, without its name, or `None` if it is none of the archive's.
pub fn messages(
    scope: Scope<'_>,
    unit: &Unit,
    external: &External,
    opaques: &mut Opaques,
) -> Option<Vec<String>> {
    let native = match external.native_symbol.as_str() {
        "" => &external.symbol,
        native => native,
    };
    let (bytecode_target, native_target) = match (
        scope.symbols.target(&external.symbol),
        scope.symbols.target(native),
    ) {
        (Ok(Target::Stale(function)), _) | (_, Ok(Target::Stale(function))) => {
            return Some(vec![stale(function)]);
        }
        (Ok(Target::Foreign), Ok(Target::Foreign)) => return None,
        (Err(name), _) | (_, Err(name)) => {
            return Some(vec![format!("Rust exports no function {name}")]);
        }
        (Ok(bytecode), Ok(native)) => (bytecode, native),
    };
    let (function, which, hashed) = match (native_target, bytecode_target) {
        (
            Target::Function {
                function,
                which,
                hashed,
            },
            _,
        )
        | (
            _,
            Target::Function {
                function,
                which,
                hashed,
            },
        ) => (function, which, hashed),
        _ => return None,
    };
    let names = Names { function, hashed };
    let mut messages = Vec::new();
    if let Target::Function { which, .. } = native_target {
        if which == Symbol::Bytecode {
            messages.push(names.wrong("native code", native, "last", Symbol::Native));
        }
    } else {
        let which = match external.has_plain_values() && function.unboxed {
            true => Symbol::Unboxed,
            false => Symbol::Native,
        };
        messages.push(names.wrong("native code", native, "last", which));
    }
    if !external.native_symbol.is_empty() {
        let expected = match function.has_bytecode_symbol() {
            true => Symbol::Bytecode,
            false => Symbol::Native,
        };
        let is_expected = matches!(
            bytecode_target,
            Target::Function { function: found, which, .. }
                if found.symbol == function.symbol && which == expected
        );
        if !is_expected {
            messages.push(names.wrong("bytecode", &external.symbol, "first", expected));
        }
    }
    if external.noalloc && !(function.noalloc && which == Symbol::Unboxed) {
        messages.push(noalloc(function, &names));
    }
    let mut check = Check {
        scope,
        unit,
        external,
        function,
        is_plain: which == Symbol::Unboxed,
        messages,
    };
    check.types(opaques);
    Some(check.messages)
}

fn stale(function: &Function) -> String {
    format!(
        "was generated from another version of the Rust function {} ({}): generate it again",
        function.rust_name, function.place
    )
}

fn noalloc(function: &Function, names: &Names<'_>) -> String {
    let remedy = match function.noalloc {
        true => format!("only {:?} may be called so", names.symbol(Symbol::Unboxed)),
        false => "remove it".to_owned(),
    };
    format!(
        "[@@noalloc] is unsound here, because the Rust function ({}) may allocate, raise or call OCaml: {remedy}",
        function.place
    )
}

impl External {
    fn has_plain_values(&self) -> bool {
        self.arguments
            .iter()
            .chain([&self.result])
            .any(|value| value.representation != Representation::Boxed)
    }
}

/// The symbols of a function, as an external writes them.
struct Names<'a> {
    function: &'a Function,
    hashed: bool,
}

impl Names<'_> {
    fn symbol(&self, which: Symbol) -> String {
        match self.hashed {
            true => self.function.hashed_symbol(which),
            false => self.function.symbol(which),
        }
    }

    /// Says that one kind of code calls the wrong C function.
    fn wrong(&self, code: &str, found: &str, position: &str, expected: Symbol) -> String {
        format!(
            "{code} calls {found:?}: the {position} symbol of the Rust function {} ({}) must be {:?}",
            self.function.rust_name,
            self.function.place,
            self.symbol(expected)
        )
    }
}

struct Check<'a> {
    scope: Scope<'a>,
    unit: &'a Unit,
    external: &'a External,
    function: &'a Function,
    /// Native code passes plain numbers.
    is_plain: bool,
    messages: Vec<String>,
}

impl<'a> Check<'a> {
    fn types(&mut self, opaques: &mut Opaques) {
        let function = self.function;
        let types: Vec<(&'a Type, &'a str)> = match function.arguments.as_slice() {
            [] => vec![(UNIT, "")],
            arguments => arguments.iter().map(|a| (&a.ty, a.rust.as_str())).collect(),
        };
        let own = &self.external.arguments;
        if own.len() != types.len() {
            let count = |n: usize| match n {
                1 => "1 argument".to_owned(),
                n => format!("{n} arguments"),
            };
            return self.messages.push(format!(
                "is {} here, {} in Rust ({}): it takes {} here, {} in Rust",
                self.unit.signature(self.external),
                rust_type::signature(self.scope.exports, function),
                function.place,
                count(own.len()),
                match function.arguments.len() {
                    0 => "only ()".to_owned(),
                    n => n.to_string(),
                },
            ));
        }
        for (i, (own, (ty, rust))) in own.iter().zip(types).enumerate() {
            let mut found = self.compare(own.ty, ty, opaques);
            self.representation(own, ty, &mut found.mismatches);
            self.report(Subject::Argument(i + 1), rust, found);
        }
        let result = &self.external.result;
        let mut found = self.compare(result.ty, &function.result, opaques);
        self.result(&mut found.mismatches);
        self.representation(result, &function.result, &mut found.mismatches);
        let rust = match found.mismatches.as_slice() {
            // The hint explains the difference between OCaml's type and Rust's.
            [mismatch] if mismatch.hint == result::ASYNC => "",
            _ => &function.rust_result,
        };
        self.report(Subject::Result, rust, found);
    }

    fn compare(&self, ocaml: TypeId, rust: &'a Type, opaques: &mut Opaques) -> Differences {
        Comparison::run(self.scope, self.unit, self.external, opaques, ocaml, rust)
    }

    fn report(&mut self, subject: Subject, rust: &str, found: Differences) {
        let place = &self.function.place;
        let texts = found.mismatches.iter();
        self.messages
            .extend(texts.map(|mismatch| mismatch.message(subject, rust, place)));
        for message in found.others {
            if !self.messages.contains(&message) {
                self.messages.push(message);
            }
        }
    }

    /// Compares how native code passes a value, and adds the attributes to the texts.
    fn representation(&self, own: &Value, rust: &Type, mismatches: &mut Vec<Mismatch>) {
        let expected = match (self.is_plain, rust_type::head(self.scope.exports, rust)) {
            (true, Type::Int) => Representation::Untagged,
            (true, Type::Float | Type::Int32 | Type::Int64 | Type::Nativeint) => {
                Representation::Unboxed
            }
            _ => Representation::Boxed,
        };
        if own.representation == expected {
            return;
        }
        let hint = match (self.is_plain, self.function.unboxed) {
            (true, _) => String::new(),
            (false, true) => format!(
                "only {:?} takes plain numbers",
                self.function.symbol(Symbol::Unboxed)
            ),
            (false, false) => {
                "the function takes no plain numbers; write #[func(sync, unboxed)], or remove the attributes"
                    .to_owned()
            }
        };
        match mismatches.iter_mut().find(|mismatch| mismatch.is_whole()) {
            Some(mismatch) => {
                mismatch.here = with_attribute(&mismatch.here, own.representation);
                mismatch.in_rust = with_attribute(&mismatch.in_rust, expected);
                if mismatch.hint.is_empty() {
                    mismatch.hint = hint;
                }
            }
            None => mismatches.insert(
                0,
                Mismatch {
                    path: Vec::new(),
                    what: What::Type,
                    here: with_attribute(&self.unit.text(own.ty), own.representation),
                    in_rust: with_attribute(&rust_type::text(self.scope.exports, rust), expected),
                    hint,
                    place: None,
                },
            ),
        }
    }
}

fn with_attribute(ty: &str, representation: Representation) -> String {
    match representation {
        Representation::Boxed => ty.to_owned(),
        Representation::Unboxed => format!("({ty} [@unboxed])"),
        Representation::Untagged => format!("({ty} [@untagged])"),
    }
}
