//! What the tests share: models, and OCaml's tools.

pub mod ocaml;

use crate::model::{
    Argument, Arguments, Body, Constructor, Definition, Exception, Exceptions, Exports, Field,
    Function, Id, Label, Mode, Place, Type,
};

/// Returns the path of a type: `shapes::Point`.
pub fn id(path: &str) -> Id {
    let (module, name) = path.rsplit_once("::").expect("a path");
    Id {
        module: module.into(),
        name: name.into(),
    }
}

pub fn named(path: &str) -> Type {
    Type::Named(id(path))
}

pub fn place(line: u32) -> Place {
    Place {
        file: "src/lib.rs".into(),
        line,
    }
}

/// Returns the definition of the Rust type of this path.
pub fn definition(path: &str, name: &str, line: u32, body: Body) -> Definition {
    Definition {
        id: id(path),
        name: name.into(),
        doc: String::new(),
        place: place(line),
        hash: 0,
        body,
    }
}

pub fn field(name: &str, ty: Type) -> Field {
    Field {
        name: name.into(),
        doc: String::new(),
        ty,
    }
}

pub fn constructor(name: &str, arguments: Arguments) -> Constructor {
    Constructor {
        name: name.into(),
        doc: String::new(),
        arguments,
    }
}

pub fn constant(name: &str) -> Constructor {
    constructor(name, Arguments::Positional(Vec::new()))
}

/// Returns the exceptions of a Rust error.
pub fn exceptions(path: &str, line: u32, constructors: Vec<Constructor>) -> Exceptions {
    let id = id(path);
    let krate = crate::model::krate(&id.module).to_owned();
    let exception = |constructor: Constructor| Exception {
        registered: format!("{krate}.{}", constructor.name),
        constructor,
    };
    Exceptions {
        id,
        doc: String::new(),
        place: place(line),
        exceptions: constructors.into_iter().map(exception).collect(),
    }
}

/// Returns an argument without a label.
pub fn argument(name: &str, ty: Type) -> Argument {
    Argument {
        name: name.into(),
        label: Label::None,
        ty,
        rust: String::new(),
    }
}

/// Returns an asynchronous function of the Rust crate `shapes`.
pub fn function(name: &str, line: u32, arguments: Vec<Argument>, result: Type) -> Function {
    Function {
        symbol: name.into(),
        owner: String::new(),
        name: name.into(),
        rust_name: name.into(),
        doc: String::new(),
        module: "shapes".into(),
        place: place(line),
        mode: Mode::Async,
        raises: false,
        unboxed: false,
        noalloc: false,
        hash: 17_446_744_073_709_551_615,
        arguments,
        result,
        rust_result: String::new(),
    }
}

/// Returns a method of `shapes::Counter`.
pub fn method(name: &str, line: u32, arguments: Vec<Argument>, result: Type) -> Function {
    Function {
        symbol: format!("counter_{name}"),
        owner: "Counter".into(),
        rust_name: format!("Counter::{name}"),
        ..function(name, line, arguments, result)
    }
}

pub fn exports(
    definitions: impl IntoIterator<Item = Definition>,
    exceptions: impl IntoIterator<Item = Exceptions>,
    functions: impl IntoIterator<Item = Function>,
) -> Exports {
    let definitions = definitions.into_iter().map(|d| (d.id.clone(), d));
    Exports {
        functions: functions.into_iter().collect(),
        definitions: definitions.collect(),
        exceptions: exceptions.into_iter().collect(),
    }
}

/// Compares a text with the file `tests/golden/name`. Writes the file instead if `$UPDATE_GOLDEN` is set.
pub fn assert_golden(name: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).expect("the file can be written");
    }
    let golden = std::fs::read_to_string(&path).expect("the file can be read");
    assert_eq!(
        text, golden,
        "{name}: if this is right, run the test with UPDATE_GOLDEN=1"
    );
}
