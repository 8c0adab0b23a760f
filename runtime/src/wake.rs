//! How a loop sleeps and is woken, and how long it works.

pub(crate) mod budget;
pub(crate) mod eventfd;
pub(crate) mod mailbox;
pub(crate) mod parker;
pub(crate) mod spin;
