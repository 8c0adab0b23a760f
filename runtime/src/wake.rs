//! How the loop of a domain sleeps and is woken, and for how long it works at a time.

pub(crate) mod budget;
pub(crate) mod eventfd;
pub(crate) mod mailbox;
pub(crate) mod notifier;
pub(crate) mod parker;
mod queue;
pub(crate) mod spin;
