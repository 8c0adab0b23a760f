//! Tasks: futures that one thread, their owner, polls and drops, and that any thread may wake.
//!
//! A [`Home`] belongs to one thread. [`NewTask`] is a task before and during its first poll, [`UnboundTask`] the same
//! without the type of its work, [`Task`] its owner's handle afterwards, and [`Runnable`] a task in a queue. Wakers are
//! counted references to the one allocation of a task, and may outlive its work and its owner.
//!
//! | file | contents |
//! |---|---|
//! | `state` | flags, reference count and phase: the state machine |
//! | `raw` | the allocation, and the references to it |
//! | `waker` | `std::task::Waker` for tasks |
//! | `home` | scheduler and memory of the tasks of one thread |
//! | `owner` | what the owner does with tasks |
//! | `run_queue` | the queues of tasks that are ready |
//! | `free_list` | the memory of completed tasks |
//!
//! # Why not `async-executor`
//!
//! `async_executor::LocalExecutor` takes 1,085 instructions and 450 ns to spawn a task that yields once,
//! and to run it to its end: as long as a whole call from OCaml takes here, promise included. And a
//! future that another thread is waking while its domain terminates may be dropped on that thread, but
//! here work is dropped by its owner always.

mod free_list;
mod home;
mod owner;
mod raw;
mod run_queue;
mod state;
mod waker;

pub(crate) use home::Home;
pub(crate) use owner::{NewTask, Task, UnboundTask};
pub(crate) use raw::{Runnable, Schedule, Work};
pub(crate) use run_queue::{InjectQueue, RunQueue};

#[cfg(test)]
mod test_scheduler;

#[cfg(all(test, not(loom_model)))]
mod tests;

#[cfg(all(test, loom_model))]
mod loom_tests;
