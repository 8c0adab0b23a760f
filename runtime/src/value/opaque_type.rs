//! Names of Rust types that OCaml sees as abstract types.

use crate::value::types::{Body, Definition, DefinitionRef, Type, TypeName};

/// A type that OCaml sees as an abstract type, in an [`Opaque`](crate::Opaque).
///
/// Derive it ([`macro@OpaqueType`](macro@crate::OpaqueType)), or give a trait object one with
/// [`opaque_type!`](crate::opaque_type). A type of another crate needs a struct around it.
///
/// # Safety
/// `NAME` names this type and no other: OCaml takes types of the same Rust module and name for one, and would read a value
/// of this type as a value of the other.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no name as an abstract type of OCaml",
    note = "derive `ocaml_lwt_interop::OpaqueType` for a type of this crate, or wrap one of another crate in a struct \
            that does",
    note = "for a trait object, write `ocaml_lwt_interop::opaque_type!(dyn Trait as \"name\");`"
)]
pub unsafe trait OpaqueType {
    /// The names.
    const NAME: TypeName;

    /// The Rust file and the line of the definition.
    const PLACE: (&'static str, u32);

    /// The documentation.
    const DOC: &'static str;
}

/// Returns the description of an opaque type.
pub const fn opaque<T: OpaqueType + ?Sized>() -> &'static Type {
    &const {
        let definition = &const { Definition::new(T::NAME, T::PLACE, T::DOC, Body::Abstract) };
        Type::Named(DefinitionRef::new(definition))
    }
}
