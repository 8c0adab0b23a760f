//! Runs OCaml's tools on generated files.

use std::path::Path;
use std::process::{Command, Output};

/// The warnings that are errors in dune's development profile.
const WARNINGS: &str =
    "@1..3@5..28@30..39@43@46..47@49..57@61..62@67@69-40-41-42-44-45-48-58-59-60-66-70";

/// Stands for the modules that declarations mention.
const STUBS: [(&str, &str); 2] = [
    ("lwt.ml", "type +'a t\n"),
    (
        "lwt_interop.ml",
        "module Handle = struct type t end\nmodule Stream = struct type 'a t end\n\
         module Channel = struct type 'a t end\n",
    ),
];

/// A directory in which OCaml code is compiled.
pub struct Workspace(tempfile::TempDir);

impl Workspace {
    /// Returns `None`, and says so, if OCaml is not installed.
    pub fn new(test: &str) -> Option<Self> {
        if Command::new("ocamlfind")
            .arg("ocamlopt")
            .arg("-version")
            .output()
            .is_err()
        {
            eprintln!("{test}: skipped, since ocamlfind is not installed");
            return None;
        }
        let workspace = Workspace(tempfile::tempdir().expect("a directory"));
        for (file, text) in STUBS {
            workspace.write(file, text);
            workspace.ocamlopt(&["-c", file]);
        }
        Some(workspace)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, file: &str, text: &str) {
        std::fs::write(self.path().join(file), text).expect("the file can be written");
    }

    /// Runs a program, and panics if it fails or prints anything.
    pub fn run(&self, program: &str, arguments: &[&str]) {
        let output = self.output(program, arguments);
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert!(
            output.status.success() && text.is_empty(),
            "{program} {arguments:?}:\n{text}"
        );
    }

    fn output(&self, program: &str, arguments: &[&str]) -> Output {
        Command::new(program)
            .args(arguments)
            .current_dir(self.path())
            .output()
            .expect("the program can be run")
    }

    pub fn ocamlopt(&self, arguments: &[&str]) {
        let arguments = [
            &["ocamlopt", "-bin-annot", "-w", WARNINGS, "-strict-sequence"],
            arguments,
        ]
        .concat();
        self.run("ocamlfind", &arguments);
    }

    /// Compiles `declarations.mli` and `declarations.ml`.
    pub fn compile(&self, mli: &str, ml: &str) {
        self.write("declarations.mli", mli);
        self.write("declarations.ml", ml);
        self.ocamlopt(&["-c", "declarations.mli", "declarations.ml"]);
    }

    /// Makes the documentation of an interface that has been compiled: with odoc if `$ODOC` names it or it is
    /// installed, otherwise with ocamldoc.
    pub fn document(&self) {
        match odoc() {
            Some(odoc) => {
                self.run(
                    &odoc,
                    &[
                        "compile",
                        "--package",
                        "test",
                        "-I",
                        ".",
                        "declarations.cmti",
                    ],
                );
                self.run(&odoc, &["link", "-I", ".", "declarations.odoc"]);
                self.run(
                    &odoc,
                    &["html-generate", "-o", "html", "declarations.odocl"],
                );
            }
            None => {
                std::fs::create_dir_all(self.path().join("html")).expect("a directory");
                self.run("ocamldoc", &["-html", "-d", "html", "declarations.mli"]);
            }
        }
    }
}

/// Returns the program odoc.
pub fn odoc() -> Option<String> {
    let odoc = std::env::var("ODOC").unwrap_or("odoc".to_owned());
    let found = Command::new(&odoc).arg("--version").output().is_ok();
    found.then_some(odoc)
}

/// Returns `true` if the version of ocamlformat is installed whose style the declarations have.
pub fn has_ocamlformat() -> bool {
    let version = Command::new("ocamlformat").arg("--version").output();
    version.is_ok_and(|output| output.stdout.starts_with(b"0.27."))
}
