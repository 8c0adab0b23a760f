//! What can go wrong, as values.

use crate::base::panic::Panic;
use std::fmt;

/// Why there is no OCaml runtime to use here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenError {
    /// The thread runs no domain's Lwt loop: a tokio worker, another Rust thread, or
    /// a systhread of OCaml's.
    NotADomainThread,
    /// The thread runs the loop of this domain, but OCaml did not call into Rust: it
    /// may be waiting without the domain's lock.
    OutsideExecutor {
        /// The domain.
        domain: u64,
    },
    /// The domain's executor has been torn down.
    DomainTerminated {
        /// The domain.
        domain: u64,
    },
    /// The process is the child of a fork; the executor and tokio's threads are the parent's.
    Forked {
        /// The domain.
        domain: u64,
    },
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokenError::NotADomainThread => {
                let thread = std::thread::current();
                write!(
                    f,
                    "the OCaml runtime cannot be used on thread {:?}, which runs no domain's executor: \
                     send the work to a domain with Domain::call or Domain::spawn",
                    thread.name().unwrap_or("<unnamed>")
                )
            }
            TokenError::OutsideExecutor { domain } => write!(
                f,
                "the OCaml runtime cannot be used outside of the executor of domain {domain}: \
                 use it inside a task, a #[func] or a closure given to Domain::call"
            ),
            TokenError::DomainTerminated { domain } => write!(
                f,
                "domain {domain} has terminated its executor: the OCaml runtime cannot be used through it any more"
            ),
            TokenError::Forked { domain } => write!(
                f,
                "this process was forked from the one that has the executor of domain {domain}, and has none of \
                 its threads: fork before the first call into Rust, or start a program instead (Lwt_process)"
            ),
        }
    }
}

impl std::error::Error for TokenError {}

/// The domain is gone. `work` is what could not be handed to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Terminated<W> {
    /// The unique id of the domain.
    pub domain: u64,
    /// What the caller wanted done there.
    pub work: W,
}

impl<W> fmt::Debug for Terminated<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminated")
            .field("domain", &self.domain)
            .finish_non_exhaustive()
    }
}

impl<W> fmt::Display for Terminated<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "domain {} has terminated", self.domain)
    }
}

impl<W> std::error::Error for Terminated<W> {}

/// Why a task that was spawned did not yield a value. Returned by a `#[func(raise)]`, it is
/// `Domain_terminated`, `Rust_panic`, or otherwise `Rust_error`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JoinError {
    /// Its domain ended before it did.
    Terminated {
        /// The domain.
        domain: u64,
    },
    /// It panicked.
    Panicked(Panic),
    /// It was cancelled.
    Cancelled,
    /// The operating system has no thread for it.
    NotStarted {
        /// What the system said.
        why: String,
    },
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            JoinError::Terminated { domain } => {
                write!(f, "domain {domain} terminated before the task did")
            }
            JoinError::Panicked(panic) => panic.fmt(f),
            JoinError::Cancelled => write!(f, "the task was cancelled"),
            JoinError::NotStarted { why } => {
                write!(f, "no thread could be started for the task: {why}")
            }
        }
    }
}

/// So that `?` hands on what [`Domain::spawn`](crate::Domain::spawn) and its like refuse, without the
/// work.
impl<W> From<Terminated<W>> for JoinError {
    fn from(gone: Terminated<W>) -> Self {
        JoinError::Terminated {
            domain: gone.domain,
        }
    }
}

impl std::error::Error for JoinError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            JoinError::Panicked(panic) => Some(panic),
            _ => None,
        }
    }
}

/// Why [`Domain::call_blocking`](crate::Domain::call_blocking) gave no value.
#[derive(Debug)]
pub enum CallError<F> {
    /// The domain was gone; the closure comes back.
    Terminated(Terminated<F>),
    /// The closure was handed over, but did not yield a value.
    Failed(JoinError),
    /// The caller runs a domain's loop, which must not block: await
    /// [`Domain::call`](crate::Domain::call) instead. The closure comes back.
    WouldBlockDomain {
        /// The domain whose loop would have stopped.
        domain: u64,
        /// The closure.
        work: F,
    },
}

impl<F> fmt::Display for CallError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Terminated(t) => t.fmt(f),
            CallError::Failed(e) => e.fmt(f),
            CallError::WouldBlockDomain { domain, .. } => write!(
                f,
                "call_blocking would block the Lwt loop of domain {domain}: await Domain::call instead"
            ),
        }
    }
}

impl<F: fmt::Debug> std::error::Error for CallError<F> {}
