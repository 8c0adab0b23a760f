//! The linker's flags for the native libraries that Rust crates need.

use super::cargo::{Built, word};
use std::fmt::Write;

/// Libraries that OCaml programs link anyway.
const ALWAYS: &[&str] = &[
    "-lgcc_s",
    "-lutil",
    "-lrt",
    "-lpthread",
    "-lm",
    "-ldl",
    "-lc",
];

/// Returns OCaml's flags as an S-expression, for dune's `(link_flags (:include FILE))`.
pub fn flags(built: &Built) -> String {
    let mut needed: Vec<&str> = Vec::new();
    for flag in &built.native {
        if !ALWAYS.contains(&&**flag) && !needed.contains(&&**flag) {
            needed.push(flag);
        }
    }
    let mut text = String::from("(");
    if !needed.is_empty() {
        for directory in &built.directories {
            // OCaml passes it on to a shell.
            let flag = quoted(&word(&format!("-L{directory}")));
            write!(text, "-ccopt {flag} ").expect("a string takes it");
        }
        // The linker may drop a library that comes before what needs it.
        text.push_str("-ccopt -Wl,--no-as-needed ");
        for flag in needed {
            write!(text, "-cclib {} ", quoted(flag)).expect("a string takes it");
        }
    }
    text.truncate(text.trim_end().len());
    text + ")\n"
}

/// Returns an atom of an S-expression.
fn quoted(text: &str) -> String {
    format!("{text:?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(native: &[&str], directories: &[&str]) -> Built {
        Built {
            native: native.iter().map(|&flag| flag.to_owned()).collect(),
            directories: directories.iter().map(|&path| path.to_owned()).collect(),
            ..Built::default()
        }
    }

    #[test]
    fn libraries_that_every_program_has_are_left_out() {
        assert_eq!(
            flags(&built(&["-lgcc_s", "-lm", "-lc"], &["/opt/lib"])),
            "()\n"
        );
    }

    #[test]
    fn other_libraries_are_linked_once() {
        assert_eq!(
            flags(&built(&["-lssl", "-lz", "-lssl", "-lc"], &["/opt/my lib"])),
            "(-ccopt \"'-L/opt/my lib'\" -ccopt -Wl,--no-as-needed -cclib \"-lssl\" -cclib \"-lz\")\n"
        );
    }
}
