//! Tasks: a future, its header, and the queues of those that are ready.

pub(crate) mod free_list;
pub(crate) mod raw;
pub(crate) mod run_queue;
