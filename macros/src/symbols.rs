//! Symbols, and those that a function cannot be exported under.
//!
//! A symbol of the program replaces a library's symbol of the same name for all code in the
//! process: if a function `read` were exported, all code that reads files would call it. These
//! symbols are reserved:
//!
//! - those that C reserves: all that begin with `_`;
//! - those with a prefix of a library that is always linked;
//! - those that the C library of this machine defines (see [`ffi`]);
//! - a list of functions of ISO C and POSIX, so that common mistakes are found on every machine.
//!
//! The symbols of a crate may have a prefix, so that two packages may export functions of the same name.

use crate::ffi;
use proc_macro2::Span;
use syn::{Error, Ident, LitStr, Result};

/// The prefixes of libraries that are always linked, and the owners of these prefixes.
const PREFIXES: &[(&str, &str)] = &[
    ("caml", "the OCaml runtime"),
    ("boxroot_", "ocaml-lwt-interop"),
    ("dlwt_", "ocaml-lwt-interop"),
    ("lwt_interop_", "ocaml-lwt-interop"),
    ("ocaml_lwt_interop_", "ocaml-lwt-interop"),
    ("lwt_libev_", "Lwt"),
    ("lwt_process_", "Lwt"),
    ("lwt_unix_", "Lwt"),
    ("pthread_", "the C library"),
    ("rust_", "the Rust runtime"),
    ("sem_", "the C library"),
];

/// Functions of the C library whose names are likely names of functions in a program.
const C_LIBRARY: &str = "\
    abort abs accept access acos alarm asin atan atexit bind calloc cbrt ceil chdir chmod chown \
    clock close connect cos ctime daemon div dup erf error execve exit exp fclose fcntl fflush \
    floor fmax fmin fmod fopen fork fprintf fread free frexp fstat fsync ftruncate ftw fwrite \
    gamma getenv getpid gettimeofday glob gmtime hypot index ioctl isatty kill link listen \
    localtime log log2 lseek malloc memchr memcmp memcpy memmove memset mkdir mktime mmap \
    modf munmap nanosleep nice open pause pipe poll pow printf putenv puts qsort raise rand \
    random read readdir readlink realloc realpath recv remove rename rewind rmdir round scanf \
    select send setenv shutdown sigaction signal sin sleep socket splice sqrt srand stat strcmp \
    strlen swab symlink sync syscall sysconf system tan tee time times truncate umask uname \
    ungetc unlink usleep wait waitpid warn write";

/// Functions that Lwt's C code exports without a prefix.
const LWT: &[&str] = &[
    "alloc_host_entry",
    "copy_stat",
    "initialize_threading",
    "job_ops",
];

/// Returns the owner of a reserved symbol, or `None` if the symbol is free.
fn owner(name: &str) -> Option<&'static str> {
    if name.starts_with('_') {
        return Some("the C compiler (all symbols that begin with `_` are)");
    }
    if let Some((_, owner)) = PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix)) {
        return Some(owner);
    }
    if name == "main" {
        return Some("the program's entry point");
    }
    if LWT.contains(&name) {
        return Some("Lwt");
    }
    (C_LIBRARY.split(' ').any(|n| n == name) || ffi::in_c_library(name)).then_some("the C library")
}

/// Whether a name ends with `__s` and digits.
fn has_hash(name: &str) -> bool {
    name.rsplit_once("__s")
        .is_some_and(|(_, hash)| !hash.is_empty() && hash.bytes().all(|b| b.is_ascii_digit()))
}

/// Returns `true` for a C identifier.
fn is_identifier(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// Returns the symbol. Fails with an error at `span` if no function can be exported under it.
fn check(name: String, span: Span) -> Result<String> {
    if !is_identifier(&name) {
        return Err(Error::new(
            span,
            format!(
                "{name:?} is not a C identifier, so it cannot be a symbol: use ASCII letters, \
                 digits and `_`, not starting with a digit, or set another symbol with \
                 #[func(name = \"...\")]"
            ),
        ));
    }
    if has_hash(&name) {
        return Err(Error::new(
            span,
            format!(
                "the symbol `{name}` ends like those of generated declarations, which have a hash after `__s`: set \
                 another symbol with #[func(name = \"...\")]"
            ),
        ));
    }
    match owner(&name) {
        None => Ok(name),
        Some(owner) => Err(Error::new(
            span,
            format!(
                "the symbol `{name}` is reserved for {owner}, and the whole program would call \
                 this function instead: set another symbol, such as #[func(name = \"my_{}\")]",
                name.trim_start_matches('_')
            ),
        )),
    }
}

/// The variable with what all default symbols of a crate begin with, which its build script sets for rustc.
const PREFIX: &str = "OCAML_LWT_PREFIX";

/// Returns the symbol that `name = "..."` sets, or else `default`, which `ident` stands for, with the crate's prefix.
pub fn symbol(given: Option<&LitStr>, default: String, ident: &Ident) -> Result<String> {
    match given {
        Some(literal) => check(literal.value(), literal.span()),
        None => match std::env::var(PREFIX) {
            Ok(prefix) => check(with_prefix(&prefix, &default, ident.span())?, ident.span()),
            Err(_) => check(default, ident.span()),
        },
    }
}

fn with_prefix(prefix: &str, name: &str, span: Span) -> Result<String> {
    match is_identifier(prefix) {
        true => Ok(format!("{prefix}_{name}")),
        false => Err(Error::new(
            span,
            format!(
                "{PREFIX} is {prefix:?}, and symbols begin with it, so it has to be a C identifier: correct it in build.rs"
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_rejected(name: &str) -> bool {
        check(name.to_owned(), Span::call_site()).is_err()
    }

    #[test]
    fn ordinary_names_are_accepted() {
        for name in [
            "my_async_func",
            "greet",
            "read_file",
            "f",
            "x1",
            "camel",
            "lwt_greet",
        ] {
            assert!(!is_rejected(name), "{name}");
        }
    }

    #[test]
    fn reserved_symbols_are_rejected() {
        for name in [
            "main",
            "malloc",
            "pthread_create",
            "caml_alloc",
            "camlStdlib",
            "lwt_unix_read_job",
            "lwt_interop_drain",
            "rust_eh_personality",
            "_start",
            "__rust_alloc",
            "_Unwind_Resume",
            "greet__s5",
        ] {
            assert!(is_rejected(name), "{name}");
        }
    }

    #[test]
    fn names_that_are_not_c_identifiers_are_rejected() {
        for name in ["", "1st", "a-b", "a b", "größe", "a\0b", "a.b"] {
            assert!(is_rejected(name), "{name:?}");
        }
    }

    #[test]
    fn a_prefix_is_in_front_or_refused() {
        let symbol = |prefix| with_prefix(prefix, "parse", Span::call_site());
        assert_eq!(symbol("ocaml_semver").unwrap(), "ocaml_semver_parse");
        for prefix in ["", "ocaml-semver", "1st"] {
            let message = symbol(prefix).unwrap_err().to_string();
            assert!(
                message.contains(&format!("OCAML_LWT_PREFIX is {prefix:?}")),
                "{message}"
            );
        }
    }

    #[test]
    fn the_symbol_that_the_message_suggests_is_accepted() {
        let message = check("_start".to_owned(), Span::call_site())
            .unwrap_err()
            .to_string();
        assert!(message.contains("\"my_start\""), "{message}");
        assert!(!is_rejected("my_start"));
    }

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn symbols_of_the_c_library_are_rejected() {
        // None of these is in `C_LIBRARY`.
        for name in ["strfry", "lgamma_r", "getaddrinfo"] {
            assert!(!C_LIBRARY.split(' ').any(|n| n == name));
            assert!(is_rejected(name), "{name}");
        }
        // The list is for machines other than this one, whose C library defines all of it.
        for name in C_LIBRARY.split(' ') {
            // `atexit` is linked statically.
            if name != "atexit" {
                assert!(ffi::in_c_library(name), "{name} is not a function of C");
            }
        }
    }
}
