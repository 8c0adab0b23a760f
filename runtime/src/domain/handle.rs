//! `Lwt_interop.Handle.t`: an `Arc<Shared>` in a custom block, which is a field of an OCaml block.

use crate::domain::Domain;
use crate::domain::shared::Shared;
use crate::ffi::converted::from_value;
use crate::ffi::custom::Custom;
use crate::ffi::root::Root;
use crate::ffi::token::RuntimeToken;
use std::sync::Arc;

/// The field of a `Lwt_interop.Handle.t` that holds the block. OCaml has the same: see
/// [`crate::entry::facts`].
pub(crate) const RECORD_FIELD: usize = 0;

/// A `Shared` owns nothing of users' when OCaml has collected the last handle, since all of that was
/// dropped when the domain ended; so it may be dropped within a collection.
pub(crate) static HANDLE: Custom<Shared> = Custom::new(c"ocaml-lwt-interop.handle", drop);

/// Returns a new block for a domain.
pub(crate) fn new_handle(token: &RuntimeToken<'_>, shared: Arc<Shared>) -> Root {
    HANDLE.alloc(token, shared)
}

from_value!([] Domain, |token, value| {
    let shared = HANDLE.get_field(token, &value.into_root(token), RECORD_FIELD);
    Domain::from_shared(shared.expect("expected a `Lwt_interop.Handle.t`"))
});
