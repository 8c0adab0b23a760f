//! How work of any thread reaches a domain.

use crate::domain::context;
use crate::domain::message::{Message, Run};
use crate::domain::registry::registry;
use crate::domain::shared::Shared;
use crate::ffi::token::RuntimeToken;
use crate::task::{Runnable, Schedule};

impl Schedule for Shared {
    /// Queues a task that has become ready: on the domain's own thread into its run queue, elsewhere
    /// into the inject queue. Any thread.
    fn schedule(&self, task: Runnable) {
        let mut task = Some(task);
        context::with_current(|core| {
            if std::ptr::eq(&*core.shared, self) {
                core.executor.push(task.take().expect("it is given once"));
                self.wake_if_parked();
            }
        });
        if task.is_some_and(|task| self.inject.push(task)) {
            self.wake();
        }
    }
}

/// Sends a message to a domain. Any thread, never blocks. Fails with the message if the domain has
/// terminated.
pub(crate) fn send<M: Message>(shared: &Shared, message: M) -> Result<(), M> {
    shared.send(message)?;
    count_sent();
    Ok(())
}

/// Sends a closure without a handle for its outcome. Fails with the closure if the domain has
/// terminated.
pub(crate) fn post<F>(shared: &Shared, f: F) -> Result<(), F>
where
    F: FnOnce(&RuntimeToken<'_>) + Send + 'static,
{
    send(shared, Run(f)).map_err(|Run(f)| f)
}

/// Counts a message that the calling thread's domain has sent. The receiver counts it as received.
pub(crate) fn count_sent() {
    context::with_current(|core| core.shared.counters.messages_out.add(1));
}

/// Wakes a loop for work that any domain may do (each loop checks for it before it sleeps): the calling
/// thread's loop if it has one, otherwise all loops. Any thread, also within a collection: no holder of
/// one of the locks uses OCaml meanwhile.
pub(crate) fn wake_one_or_all() {
    if context::is_forked() {
        // The loops are the parent's, and so may be a lock that is held for ever here.
        return;
    }
    if context::with_current(|core| core.shared.wake_if_parked()).is_none() {
        registry().values().for_each(|shared| shared.wake());
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use crate::domain::registry;
    use std::sync::Arc;

    #[test]
    fn work_for_any_loop_wakes_those_that_sleep() {
        let s = Arc::new(Shared::new(u64::MAX - 1).unwrap());
        registry::insert(s.clone());
        assert!(s.park());
        for _ in 0..3 {
            wake_one_or_all();
        }
        assert_eq!(s.counters.stats().wakeups, 1);
        assert!(s.take_notification());
        registry::end(&s);
    }
}
