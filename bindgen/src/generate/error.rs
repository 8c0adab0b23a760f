//! Why declarations cannot be generated.

use crate::model::{Id, Place};

/// Why declarations cannot be generated, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    #[error(
        "{archive} exports no functions: is the crate that has `#[func]`s linked into it? A crate that the archive's \
         crate depends on is, with `ocaml_lwt_interop::export!(that_crate);`"
    )]
    Empty { archive: String },

    #[error("{archive} exports nothing of a crate `{name}`, only of {known}: correct --declare")]
    UnknownCrate {
        archive: String,
        name: String,
        known: String,
    },

    #[error(
        "the crate `{0}` is in --declare and in --extern: its types are either declared here, or found in another module"
    )]
    BothHereAndThere(String),

    #[error("{place}: {what} has the name `{name}`, which OCaml does not allow: {remedy}")]
    Name {
        /// Such as `the function greet`.
        what: String,
        name: String,
        place: Place,
        remedy: &'static str,
    },

    #[error(
        "{place}: the type `{name}` would hide the one that OCaml has: set another name with #[ocaml(name = \"...\")]"
    )]
    HidesType { name: String, place: Place },

    #[error(
        "{place}: the module `{name}` would hide one that other declarations need: give the Rust type another name"
    )]
    HidesModule { name: String, place: Place },

    #[error(
        "two {what} are `{name}` in OCaml: {first} and {second}: {remedy}{}",
        alone(*crates_differ)
    )]
    SameName {
        /// Such as `types`.
        what: &'static str,
        name: String,
        first: String,
        second: String,
        remedy: &'static str,
        /// They belong to different crates.
        crates_differ: bool,
    },

    #[error(
        "{place}: {what} mentions the Rust type {id}, which {archive} does not define: the crate `{}` has to be linked \
         into it, with `ocaml_lwt_interop::export!({});` in the crate of the archive, and built with the same version \
         of ocaml-lwt-interop",
        krate(id),
        krate(id)
    )]
    NoDefinition {
        archive: String,
        id: Box<Id>,
        what: String,
        place: Place,
    },

    #[error(
        "{place}: the type `{name}` is an abbreviation that contains itself, which OCaml does not allow: make it a \
         struct with named fields, or an enum"
    )]
    Cyclic { name: String, place: Place },

    #[error(
        "{place}: the type `{name}` has the name of the type of the module `{module}`, whose functions mention it: \
         set another name with #[ocaml(name = \"...\")]"
    )]
    HiddenByModule {
        name: String,
        module: String,
        place: Place,
    },

    #[error(
        "{place}: {what}: build the crate with the version of ocaml-lwt-interop that this program belongs to"
    )]
    Contradiction { what: String, place: Place },
}

fn alone(crates_differ: bool) -> &'static str {
    match crates_differ {
        true => ", or write declarations for each crate alone, with --declare",
        false => "",
    }
}

fn krate(id: &Id) -> &str {
    crate::model::krate(&id.module)
}
