//! Runs a task on another domain.

use ocaml_lwt_interop::{Domain, JoinError, domain, func};
use std::{cell::Cell, rc::Rc};

/// Returns the number of the domain that the task ran on.
#[func(raise)]
pub async fn spawn_task(target: Domain) -> Result<isize, JoinError> {
    // The closure is sent to the domain. The future that it makes there need not be `Send`.
    let task = target.spawn(|| async {
        let here = Rc::new(Cell::new(-1));
        if let Some(domain) = domain::current() {
            here.set(domain.id() as isize);
        }
        here.get()
    })?;
    task.await
}
