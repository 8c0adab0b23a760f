//! `Lwt_interop.Handle.t`: an `Arc<Shared>` in a custom block, which is a field of an OCaml block.

use crate::domain::Domain;
use crate::domain::shared::Shared;
use crate::ffi::custom::Custom;
use crate::ffi::root::Root;
use crate::ffi::token::RuntimeToken;
use crate::value::conversion_error::ConversionError;
use crate::value::declare::from_ocaml;
use crate::value::types::Type;
use std::sync::Arc;

/// The field of a `Lwt_interop.Handle.t` that holds the block. OCaml has the same: see
/// `entry/facts.rs`.
pub(crate) const RECORD_FIELD: usize = 0;

/// A `Shared` owns nothing of users' when OCaml has collected the last handle, since all of that was
/// dropped when the domain ended; so it may be dropped within a collection.
pub(crate) static HANDLE: Custom<Arc<Shared>> = Custom::new(c"ocaml-lwt-interop.handle", drop);

/// Returns a new block for a domain.
pub(crate) fn new_handle(token: &RuntimeToken<'_>, shared: Arc<Shared>) -> Root {
    HANDLE.alloc(token, shared, 0)
}

from_ocaml!([] Domain, &Type::Handle, |source| {
    let shared = source.custom_field(&HANDLE, RECORD_FIELD);
    let shared = shared.ok_or_else(|| ConversionError::new("expected Lwt_interop.Handle.t"))?;
    Ok(Domain::from_shared(shared))
});
