//! What closes the source of an OCaml stream when OCaml has collected the stream.

use crate::bridge::apply::{applied, apply};
use crate::domain::context;
use crate::domain::core::Core;
use crate::domain::dispatch::post;
use crate::domain::shared::Shared;
use crate::ffi::custom::Custom;
use crate::ffi::root::{Closure, Root};
use crate::ffi::token::RuntimeToken;
use crate::value::kept::Kept;
use std::sync::Arc;

/// What a `Stream.t` keeps: once it is dropped, the loop of its domain calls the closure. A message wakes the loop.
struct Guard {
    home: Arc<Shared>,
    /// `None` once it is dropped.
    close: Option<Kept<Closure>>,
}

/// A guard may be dropped within a collection: that only sends a message.
static GUARD: Custom<Arc<Guard>> = Custom::new(c"ocaml-lwt-interop.source", drop);

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(close) = self.close.take() else {
            return;
        };
        // A domain that has terminated has closed its sources.
        let _ = post(&self.home, move |token| {
            let _ = context::with_core(token, |core| {
                let application = applied(token, close.root(), &());
                // The loop applies it, although the future is dropped. Without memory for that, the source is closed
                // when its domain terminates.
                application.map(|application| drop(apply::<()>(token, core, &application)))
            });
        });
    }
}

/// Returns a guard that has the loop of this domain call `close`.
pub(super) fn new(core: &Core, token: &RuntimeToken<'_>, close: Root<Closure>) -> Root {
    let guard = Guard {
        home: core.shared.clone(),
        close: Some(Kept::new(close)),
    };
    GUARD.alloc(token, Arc::new(guard), 0)
}
