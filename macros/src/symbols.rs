//! Names that a function may not be exported under.
//!
//! A program's own symbol takes the place of a library's, for all code in the process: with an
//! exported `read`, all that reads files would call that. Hence the rules:
//!
//! - what C reserves: everything that begins with `_`;
//! - the prefixes of the libraries that are always there;
//! - what the C library of this machine says that it defines (see [`ffi`]);
//! - a list of what ISO C, POSIX and threads define everywhere, so that a common mistake is
//!   found on every machine alike.

use crate::ffi;
use proc_macro2::Span;
use syn::ext::IdentExt;
use syn::{Error, Ident, LitStr, Result};

/// The prefixes of libraries that every program here has, and whose they are.
const PREFIXES: &[(&str, &str)] = &[
    ("caml", "the OCaml runtime"),
    ("boxroot_", "ocaml-lwt-interop"),
    ("dlwt_", "ocaml-lwt-interop"),
    ("lwt_interop_", "ocaml-lwt-interop"),
    ("lwt_libev_", "Lwt"),
    ("lwt_process_", "Lwt"),
    ("lwt_unix_", "Lwt"),
    ("pthread_", "the C library"),
    ("rust_", "the Rust runtime"),
    ("sem_", "the C library"),
];

/// Functions of the C library that a program is likely to have a function called like.
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

/// Whose the name is, if it is not free.
fn owner(name: &str) -> Option<&'static str> {
    if name.starts_with('_') {
        return Some("the C compiler (all that begin with `_` are)");
    }
    if let Some((_, owner)) = PREFIXES.iter().find(|(prefix, _)| name.starts_with(prefix)) {
        return Some(owner);
    }
    if name == "main" {
        return Some("the program's start");
    }
    if LWT.contains(&name) {
        return Some("Lwt");
    }
    (C_LIBRARY.split(' ').any(|n| n == name) || ffi::in_c_library(name)).then_some("the C library")
}

fn check(name: String, span: Span) -> Result<String> {
    let valid = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !valid {
        return Err(Error::new(
            span,
            "not a C identifier, which `external` needs: ASCII letters, digits and `_`, not \
             starting with a digit. Give one by #[func(name = \"...\")]",
        ));
    }
    match owner(&name) {
        None => Ok(name),
        Some(owner) => Err(Error::new(
            span,
            format!(
                "`{name}` is a name of {owner}, which this would replace for the whole program: choose \
                 another for OCaml, such as #[func(name = \"my_{}\")]",
                name.trim_start_matches('_')
            ),
        )),
    }
}

/// The symbol of a function that is exported under its own name.
pub fn check_ident(ident: &Ident) -> Result<String> {
    check(ident.unraw().to_string(), ident.span())
}

/// The symbol that `name = "..."` gives.
pub fn check_literal(literal: &LitStr) -> Result<String> {
    check(literal.value(), literal.span())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(name: &str) -> bool {
        check(name.to_owned(), Span::call_site()).is_err()
    }

    #[test]
    fn ordinary_names_are_free() {
        for name in [
            "my_async_func",
            "greet",
            "read_file",
            "f",
            "x1",
            "camel",
            "lwt_greet",
        ] {
            assert!(!refused(name), "{name}");
        }
    }

    #[test]
    fn names_of_others_are_refused() {
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
        ] {
            assert!(refused(name), "{name}");
        }
    }

    #[test]
    fn names_that_c_cannot_write_are_refused() {
        for name in ["", "1st", "a-b", "a b", "größe", "a\0b", "a.b"] {
            assert!(refused(name), "{name:?}");
        }
    }

    #[test]
    fn the_prefix_of_the_message_is_one_that_is_accepted() {
        let message = check("_start".to_owned(), Span::call_site())
            .unwrap_err()
            .to_string();
        assert!(message.contains("\"my_start\""), "{message}");
        assert!(!refused("my_start"));
    }

    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn the_c_library_is_asked() {
        // In no list of ours.
        for name in ["strfry", "lgamma_r", "getaddrinfo"] {
            assert!(!C_LIBRARY.split(' ').any(|n| n == name));
            assert!(refused(name), "{name}");
        }
        // What is in the list is there for other machines; this one knows it all.
        for name in C_LIBRARY.split(' ') {
            // One that is linked statically.
            if name != "atexit" {
                assert!(ffi::in_c_library(name), "{name} is not a function of C");
            }
        }
    }
}
