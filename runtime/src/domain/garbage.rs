//! Rust values that OCaml has collected, for a loop to drop.

use crate::base::panic::catch_and_discard;
use crate::ffi::any_arc::AnyArc;
use concurrent_queue::ConcurrentQueue;

/// References that OCaml held. One may be the last to its value, whose destructor is the user's.
static COLLECTED: ConcurrentQueue<AnyArc> = ConcurrentQueue::unbounded();

/// Queues a reference that OCaml has collected. Any thread, also within a collection.
pub(crate) fn push(reference: AnyArc) {
    // The queue is never closed, so it refuses nothing.
    let _ = COLLECTED.push(reference);
}

/// Returns `true` if there is something for [`drop_next`] to drop. Costs two loads.
#[inline]
pub(crate) fn any_collected() -> bool {
    !COLLECTED.is_empty()
}

/// Drops one reference. Returns `false` if there is none. Called where destructors may use OCaml and
/// tokio.
pub(crate) fn drop_next() -> bool {
    let reference = COLLECTED.pop();
    let any = reference.is_ok();
    catch_and_discard(|| drop(reference));
    any
}

/// Returns the number of references that are queued now.
pub(crate) fn len() -> usize {
    COLLECTED.len()
}

/// Drops the references that are queued now.
#[cfg(all(test, not(loom_model)))]
pub(crate) fn drop_all() {
    for _ in 0..len() {
        drop_next();
    }
}
