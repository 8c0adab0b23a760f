//! Guards: blocks that close the source of an OCaml stream when OCaml has collected the stream.

use crate::bridge::apply::{applied, apply};
use crate::domain::context;
use crate::domain::core::Core;
use crate::domain::dispatch::post;
use crate::domain::garbage;
use crate::domain::shared::Shared;
use crate::ffi::any_arc::AnyArc;
use crate::ffi::custom::Custom;
use crate::ffi::root::{Closure, Root};
use crate::ffi::token::RuntimeToken;
use crate::value::kept::Kept;
use std::sync::Arc;

/// What a `Stream.t` keeps: once it is collected, the loop of its domain calls the closure. A message wakes the loop.
struct Guard {
    home: Arc<Shared>,
    close: Kept<Closure>,
}

static GUARD: Custom<Arc<Guard>> = Custom::new(c"ocaml-lwt-interop.source", collected);

fn collected(guard: Arc<Guard>) {
    let Some(Guard { home, close }) = Arc::into_inner(guard) else {
        return;
    };
    let sent = post(&home, move |token| {
        let _ = context::with_core(token, |core| {
            let application = applied(token, close.root(), &());
            // The loop applies it, although the future is dropped. Without memory for that, the source is closed when
            // its domain terminates.
            application.map(|application| drop(apply::<()>(token, core, &application)))
        });
    });
    // A domain that has terminated has closed its sources. A loop drops the root: within a collection another domain may
    // be scanning it.
    if let Err(unsent) = sent {
        garbage::push(AnyArc::from(Arc::new(unsent)));
    }
}

/// Returns a guard that has the loop of this domain call `close`.
pub(super) fn new(core: &Core, token: &RuntimeToken<'_>, close: Root<Closure>) -> Root {
    let guard = Guard {
        home: core.shared.clone(),
        close: Kept::new(close),
    };
    GUARD.alloc(token, Arc::new(guard), 0)
}
