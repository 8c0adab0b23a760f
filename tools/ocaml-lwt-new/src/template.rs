//! The files of a new project.

/// What is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A program with a copy of ocaml-lwt-interop.
    Vendored,
    /// A program that uses the installed packages.
    Installed,
    /// A package that binds a Rust crate.
    Bindings,
}

/// The path of a file in the project, and its text. Both have variables: `{{name}}`.
type File = (&'static str, &'static str);

macro_rules! files {
    ($($path:literal: $template:literal,)*) => {
        &[$(($path, include_str!(concat!("../template/", $template)))),*]
    };
}

const PROGRAM: &[File] = files![
    "dune-project": "program/dune-project",
    "dune-workspace": "program/dune-workspace",
    "README.md": "program/README.md",
    "bin/dune": "program/bin-dune",
    "bin/main.ml": "program/bin-main.ml",
    "lib/{{module}}.ml": "program/lib.ml",
    "lib/{{module}}.mli": "program/lib.mli",
    "lib/rust/src/lib.rs": "program/lib.rs",
    "test/dune": "program/test-dune",
    "test/test_{{module}}.ml": "program/test.ml",
];

const VENDORED: &[File] = files![
    ".gitignore": "vendored/gitignore",
    ".github/workflows/test.yml": "vendored/test.yml",
    "dune": "vendored/dune",
    "lib/dune": "vendored/lib-dune",
    "lib/rust/Cargo.toml": "vendored/Cargo.toml.in",
];

const USES_INSTALLED: &[File] = files![
    ".gitignore": "installed/gitignore",
    ".cargo/config.toml": "installed/config.toml",
    ".github/workflows/test.yml": "installed/test.yml",
    "dune": "installed/dune",
];

const INSTALLED: &[File] = files![
    "lib/dune": "installed/lib-dune",
    "lib/rust/Cargo.toml": "installed/Cargo.toml.in",
];

const BINDINGS: &[File] = files![
    "dune-project": "bindings/dune-project",
    "dune-workspace": "program/dune-workspace",
    "README.md": "bindings/README.md",
    "src/dune": "bindings/src-dune",
    "src/rust/Cargo.toml": "bindings/Cargo.toml.in",
    "src/rust/build.rs": "bindings/build.rs",
    "src/rust/src/lib.rs": "bindings/lib.rs",
    "test/dune": "bindings/test-dune",
    "test/test_{{module}}.ml": "bindings/test.ml",
];

/// The rule for the tests of a crate that uses the installed packages.
const CRATE_TESTS: &str = include_str!("../template/installed/crate-tests-dune");

/// The end of a program's README, which says where ocaml-lwt-interop is.
const VENDORED_SOURCE: &str = include_str!("../template/vendored/README-source.md");
const INSTALLED_SOURCE: &str = include_str!("../template/installed/README-source.md");

/// Returns the files: their paths, and their texts.
pub fn files(kind: Kind, variables: &[(&str, &str)]) -> Vec<(String, String)> {
    let (parts, source): (&[&[File]], &str) = match kind {
        Kind::Vendored => (&[PROGRAM, VENDORED], VENDORED_SOURCE),
        Kind::Installed => (&[PROGRAM, USES_INSTALLED, INSTALLED], INSTALLED_SOURCE),
        Kind::Bindings => (&[USES_INSTALLED, BINDINGS], INSTALLED_SOURCE),
    };
    let fill = |text: &str| {
        let text = text
            .replace("{{source}}", source.trim_end())
            .replace("{{crate_tests}}", CRATE_TESTS.trim_end());
        variables.iter().fold(text, |text, (name, value)| {
            text.replace(&format!("{{{{{name}}}}}"), value)
        })
    };
    let files = parts.iter().copied().flatten();
    files.map(|(path, text)| (fill(path), fill(text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    const KINDS: [Kind; 3] = [Kind::Vendored, Kind::Installed, Kind::Bindings];

    #[test]
    fn every_variable_has_a_value() {
        let names = [
            "name",
            "module",
            "Module",
            "bound",
            "runtime",
            "source_dir",
            "archive",
            "repository",
        ];
        let variables = names.map(|name| (name, "x"));
        for kind in KINDS {
            for (path, text) in files(kind, &variables) {
                // GitHub's own are `${{ name }}`.
                let left = text.replace("${{ ", "");
                assert!(
                    !path.contains("{{") && !left.contains("{{"),
                    "{kind:?}: {path}:\n{text}"
                );
            }
        }
    }

    #[test]
    fn every_file_is_used_and_no_path_twice() {
        let mut texts =
            BTreeSet::from([VENDORED_SOURCE, INSTALLED_SOURCE, CRATE_TESTS].map(str::to_owned));
        for part in [PROGRAM, VENDORED, USES_INSTALLED, INSTALLED, BINDINGS] {
            texts.extend(part.iter().map(|(_, text)| (*text).to_owned()));
        }
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("template");
        for directory in template.read_dir().unwrap() {
            for file in directory.unwrap().path().read_dir().unwrap() {
                let path = file.unwrap().path();
                let text = std::fs::read_to_string(&path).unwrap();
                assert!(texts.contains(&text), "{} is not used", path.display());
            }
        }
        for kind in KINDS {
            let files = files(kind, &[]);
            let paths: BTreeSet<_> = files.iter().map(|(path, _)| path).collect();
            assert_eq!(paths.len(), files.len(), "{kind:?}");
        }
    }
}
