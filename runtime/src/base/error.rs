//! The errors of the public interface.

use crate::base::panic::Panic;
use std::fmt;
use thiserror::Error;

/// The error of code that needs the OCaml runtime on a thread that cannot use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The thread runs no domain's Lwt loop: it is a tokio worker, another Rust thread, or a
    /// systhread of OCaml's.
    #[error(
        "the OCaml runtime cannot be used on thread {:?}, which runs no domain's executor: send the \
         work to a domain with Domain::call or Domain::spawn",
        std::thread::current().name().unwrap_or("<unnamed>")
    )]
    NotADomainThread,
    /// The thread runs the loop of this domain, but OCaml has not called into Rust: the thread may
    /// be waiting without the domain's lock.
    #[error(
        "the OCaml runtime cannot be used outside of the executor of domain {domain}: use it inside \
         a task, a #[func] or a closure given to Domain::call"
    )]
    OutsideExecutor {
        /// The unique id of the domain.
        domain: u64,
    },
    /// The domain has terminated, and its executor with it.
    #[error(
        "domain {domain} has terminated, and its executor with it: the OCaml runtime can no longer be \
         used on its thread"
    )]
    DomainTerminated {
        /// The unique id of the domain.
        domain: u64,
    },
    /// The process is the child of a fork; the executor and tokio's threads are the parent's.
    #[error(
        "this process was forked from the one that has the executor of domain {domain}, and has none \
         of its threads: fork before the first call into Rust, or start a program instead \
         (Lwt_process)"
    )]
    Forked {
        /// The unique id of the domain.
        domain: u64,
    },
}

/// The error of work for a domain that has terminated. Carries that work.
#[derive(Clone, Copy, PartialEq, Eq, Error)]
#[error("domain {domain} has terminated")]
pub struct DomainTerminated<W> {
    /// The unique id of the domain.
    pub domain: u64,
    /// The work that the caller gave: a closure, a factory, arguments or a value.
    pub work: W,
}

// Not derived: closures have no `Debug`.
impl<W> fmt::Debug for DomainTerminated<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DomainTerminated")
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}

/// The error of a task that yielded no value.
///
/// Returned by a `#[func(raise)]`, it is raised as `Domain_terminated` or `Rust_panic`, or else as
/// `Rust_error`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The domain of the task terminated before the task finished.
    #[error("domain {domain} terminated before the task finished")]
    DomainTerminated {
        /// The unique id of the domain.
        domain: u64,
    },
    /// The task panicked.
    #[error(transparent)]
    Panicked(#[from] Panic),
    /// The task was cancelled.
    #[error("the task was cancelled")]
    Cancelled,
    /// The operating system has no thread for the task.
    #[error("no thread could be started for the task: {why}")]
    NotStarted {
        /// The system's reason.
        why: String,
    },
}

/// Lets `?` pass on the errors of [`Domain::spawn`](crate::Domain::spawn) and its like, without the
/// work.
impl<W> From<DomainTerminated<W>> for JoinError {
    fn from(terminated: DomainTerminated<W>) -> Self {
        JoinError::DomainTerminated {
            domain: terminated.domain,
        }
    }
}

/// The error of [`Domain::call_blocking`](crate::Domain::call_blocking). `F` is the closure that it was
/// given.
#[derive(Error)]
#[non_exhaustive]
pub enum CallError<F> {
    /// The domain had terminated. Carries the closure, which has not run.
    #[error(transparent)]
    DomainTerminated(DomainTerminated<F>),
    /// The closure was handed over, but yielded no value.
    #[error(transparent)]
    Failed(#[from] JoinError),
    /// The calling thread runs a domain's loop, which must not block: await
    /// [`Domain::call`](crate::Domain::call) instead.
    #[error(
        "call_blocking would block the Lwt loop of domain {domain}: await Domain::call instead"
    )]
    WouldBlockDomain {
        /// The unique id of the domain whose loop would have stopped.
        domain: u64,
        /// The closure, which has not run.
        work: F,
    },
}

// Not derived: closures have no `Debug`.
impl<F> fmt::Debug for CallError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::DomainTerminated(e) => f.debug_tuple("DomainTerminated").field(e).finish(),
            CallError::Failed(e) => f.debug_tuple("Failed").field(e).finish(),
            CallError::WouldBlockDomain { domain, .. } => f
                .debug_struct("WouldBlockDomain")
                .field("domain", domain)
                .finish_non_exhaustive(),
        }
    }
}

#[cfg(all(test, not(loom_model)))]
mod tests {
    use super::*;
    use std::error::Error;

    /// `?` and `unwrap` want `Error` and `Debug`, which closures do not have.
    #[test]
    fn errors_that_carry_closures_work_with_question_mark_and_unwrap() {
        fn call<F: FnOnce() + 'static>(f: F) -> Result<u8, CallError<F>> {
            match f {
                f if size_of_val(&f) > 0 => Err(CallError::WouldBlockDomain { domain: 7, work: f }),
                _ => Ok(1),
            }
        }
        fn caller(text: String) -> Result<u8, Box<dyn Error>> {
            Ok(call(move || drop(text))?)
        }
        assert_eq!(call(|| ()).unwrap(), 1);
        let error = caller("kept".to_owned()).unwrap_err();
        assert!(error.to_string().contains("domain 7"), "{error}");
        let terminated = DomainTerminated {
            domain: 3,
            work: || (),
        };
        assert_eq!(
            format!("{:?}", CallError::DomainTerminated(terminated)),
            "DomainTerminated(DomainTerminated { domain: 3, .. })"
        );
    }

    #[test]
    fn a_transparent_error_passes_on_the_source() {
        let panic = Panic {
            message: "boom".to_owned(),
            location: None,
            backtrace: None,
        };
        let failed: CallError<()> = JoinError::from(panic.clone()).into();
        assert_eq!(failed.to_string(), panic.to_string());
        assert!(
            failed.source().is_none(),
            "the panic has no cause of its own"
        );
    }
}
