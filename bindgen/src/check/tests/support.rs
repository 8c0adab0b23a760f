//! Describes Rust functions, compiles OCaml sources, and compares messages.

use crate::check::{CheckError, Options, Report, check};
use crate::model::{
    Argument, Arguments, Body, Constructor, Definition, Exports, Field, Function, Mode, Type,
};
use crate::testing;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The Rust crate that has the functions.
const KRATE: &str = "my_crate";

/// The hash of the signature of each function.
pub const HASH: u64 = 5025081400344849336;

/// Describes `#[func(sync)] fn name()`, which returns `()`.
pub fn func(name: &str, line: u32) -> Function {
    Function {
        module: KRATE.into(),
        mode: Mode::Sync,
        hash: HASH,
        rust_result: "()".into(),
        ..testing::function(name, line, Vec::new(), Type::Unit)
    }
}

impl Function {
    /// Adds an argument, with its type as Rust writes it.
    pub fn takes(mut self, ty: Type, rust: &str) -> Self {
        self.arguments.push(Argument {
            rust: rust.into(),
            ..testing::argument("", ty)
        });
        self
    }

    pub fn returns(mut self, ty: Type, rust: &str) -> Self {
        self.result = ty;
        self.rust_result = rust.into();
        self
    }

    pub fn asynchronous(mut self) -> Self {
        self.mode = Mode::Async;
        self.result = Type::Promise(Box::new(self.result));
        self
    }

    pub fn raising(mut self) -> Self {
        self.raises = true;
        self
    }

    pub fn unboxed(mut self) -> Self {
        self.unboxed = true;
        self
    }

    pub fn noalloc(mut self) -> Self {
        self.noalloc = true;
        self.unboxed()
    }
}

pub fn option(ty: Type) -> Type {
    Type::Option(Box::new(ty))
}

pub fn array(ty: Type) -> Type {
    Type::Array(Box::new(ty))
}

pub fn list(ty: Type) -> Type {
    Type::List(Box::new(ty))
}

pub fn promise(ty: Type) -> Type {
    Type::Promise(Box::new(ty))
}

pub fn result(ok: Type, error: Type) -> Type {
    Type::Result(Box::new(ok), Box::new(error))
}

pub fn arrow(arguments: &[Type], result: Type) -> Type {
    Type::Function(arguments.to_vec(), Box::new(result))
}

fn path(name: &str) -> String {
    format!("{KRATE}::{name}")
}

/// A type that [`definition`] defines.
pub fn named(name: &str) -> Type {
    testing::named(&path(name))
}

pub fn definition(rust_name: &str, name: &str, line: u32, body: Body) -> Definition {
    testing::definition(&path(rust_name), name, line, body)
}

pub fn fields(fields: &[(&str, Type)]) -> Vec<Field> {
    let field = |(name, ty): &(&str, Type)| testing::field(name, ty.clone());
    fields.iter().map(field).collect()
}

pub fn constructor(name: &str, types: &[Type]) -> Constructor {
    testing::constructor(name, Arguments::Positional(types.to_vec()))
}

pub fn exports(functions: Vec<Function>, definitions: Vec<Definition>) -> Exports {
    testing::exports(definitions, [], functions)
}

/// The modules that stand for Lwt and for the library `lwt_interop`.
const LIBRARIES: [(&str, &str); 5] = [
    ("lwt.mli", "type +'a t"),
    (
        "lwt_interop__Handle.mli",
        "type executor = { id : int }\ntype t = private executor",
    ),
    ("lwt_interop__Stream.mli", "type 'a t"),
    ("lwt_interop__Channel.mli", "type 'a t"),
    (
        "lwt_interop.ml",
        "module Handle = Lwt_interop__Handle\nmodule Stream = Lwt_interop__Stream\n\
         module Channel = Lwt_interop__Channel",
    ),
];

/// Returns the reader, or `None` if there is no OCaml.
pub fn reader() -> Option<&'static Path> {
    static READER: OnceLock<Option<PathBuf>> = OnceLock::new();
    READER.get_or_init(build_reader).as_deref()
}

fn build_reader() -> Option<PathBuf> {
    let build = scratch("externals-build");
    fs::create_dir_all(&build).expect("a folder in cargo's target folder");
    let status = Command::new("dune")
        .args(["build", "--display=quiet", "--root"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
        .arg("--build-dir")
        .arg(&build)
        .arg("./ocaml/externals/main.exe")
        .env_remove("INSIDE_DUNE")
        .stderr(Stdio::inherit())
        .status();
    match status {
        Ok(status) => {
            assert!(status.success(), "dune did not build ocaml/externals");
            Some(build.join("default/ocaml/externals/main.exe"))
        }
        Err(error) => {
            eprintln!("not tested, because dune cannot be run: {error}");
            None
        }
    }
}

/// Returns a folder in cargo's target folder.
fn scratch(name: &str) -> PathBuf {
    let program = std::env::current_exe().expect("tests are run from a file");
    let target = program.ancestors().nth(2).expect("a target folder");
    target.join("check-tests").join(name)
}

/// Compiled OCaml sources.
pub struct Project {
    pub root: PathBuf,
}

impl Project {
    /// Compiles files in the order given.
    pub fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let project = Project {
            root: scratch(name),
        };
        let _ = fs::remove_dir_all(&project.root);
        fs::create_dir_all(&project.root).expect("a folder in cargo's target folder");
        for (file, text) in LIBRARIES.iter().chain(files) {
            project.compile(file, text, &[]);
        }
        project
    }

    /// Compiles one more file.
    pub fn compile(&self, file: &str, text: &str, flags: &[&str]) {
        let path = self.root.join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder of a source");
        fs::write(&path, text).expect("a source");
        let output = Command::new("ocamlfind")
            .args(["ocamlopt", "-bin-annot", "-w", "-a", "-c"])
            .args(flags)
            .arg(file)
            .current_dir(&self.root)
            .output()
            .expect("ocamlfind can be run");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{file}: {error}");
    }

    pub fn check(&self, exports: &Exports) -> Result<Report, CheckError> {
        check(exports, std::slice::from_ref(&self.root), &options())
    }
}

pub fn options() -> Options {
    Options {
        reader: reader().map(Path::to_owned),
    }
}

/// Asserts that the declarations of a file get the messages that follow them, in lines of the form `(*! message *)`.
/// Returns the number of declarations that were compared.
pub fn assert_messages(name: &str, exports: &Exports, source: &str) -> usize {
    assert_messages_of(name, exports, &[("main.ml", source)])
}

/// As [`assert_messages`], for several files.
pub fn assert_messages_of(name: &str, exports: &Exports, files: &[(&str, &str)]) -> usize {
    if reader().is_none() {
        return usize::MAX;
    }
    let report = Project::new(name, files).check(exports).expect("a report");
    let mut expected = Vec::new();
    for (file, source) in files {
        let mut declaration = 0;
        for (i, line) in source.lines().enumerate() {
            if line.contains("external ") && !line.trim_start().starts_with("(*") {
                declaration = i + 1;
            } else if let Some(message) = line.trim().strip_prefix("(*! ") {
                let message = message.strip_suffix(" *)").expect("an end of the comment");
                expected.push(format!("{file}:{declaration}: {message}"));
            }
        }
    }
    expected.sort();
    let mut found: Vec<_> = report.diagnostics.iter().map(ToString::to_string).collect();
    found.sort();
    assert_eq!(found.join("\n"), expected.join("\n"));
    report.compared
}
