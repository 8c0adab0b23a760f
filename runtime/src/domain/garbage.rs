//! Rust values that OCaml has collected, for a loop to drop.

use crate::base::panic::catch_and_discard;
use concurrent_queue::ConcurrentQueue;
use std::any::Any;
use std::sync::Arc;

/// It may be the last share, whose destructor is the user's.
static COLLECTED: ConcurrentQueue<Arc<dyn Any + Send + Sync>> = ConcurrentQueue::unbounded();

/// Any thread, also within a collection.
pub(crate) fn push(share: Arc<dyn Any + Send + Sync>) {
    // It is never closed, so it refuses none.
    let _ = COLLECTED.push(share);
}

/// Whether there is something for [`drop_next`] to do. Two loads.
#[inline]
pub(crate) fn any_collected() -> bool {
    !COLLECTED.is_empty()
}

/// Drops one of the shares that OCaml has collected; `false` if there is none. Where destructors
/// may use OCaml and tokio.
pub(crate) fn drop_next() -> bool {
    let share = COLLECTED.pop();
    let any = share.is_ok();
    catch_and_discard(|| drop(share));
    any
}

/// Drops those that there are now.
pub(crate) fn drop_all() {
    for _ in 0..COLLECTED.len() {
        drop_next();
    }
}
