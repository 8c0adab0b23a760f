//! Methods of opaque types, exported as modules.

#![deny(warnings, missing_docs, unreachable_pub)]
#![forbid(unsafe_code)]

use ocaml_lwt_interop::{Opaque, OpaqueType, RuntimeToken, func, opaque_type};
use std::num::ParseIntError;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};

/// A counter.
#[derive(OpaqueType)]
pub struct Counter(AtomicIsize);

#[func(labels)]
impl Counter {
    /// Is `const` for Rust.
    pub const fn zero() -> Self {
        Counter(AtomicIsize::new(0))
    }

    /// Has the name of a register.
    #[func(name = "st")]
    pub fn register(&self, (a, b): (isize, isize), argument_1: isize) -> isize {
        a + b + argument_1
    }

    /// A constant, which is no method.
    pub const START: isize = 0;

    /// Makes a counter.
    pub fn new(start: isize) -> Self {
        Counter(AtomicIsize::new(start))
    }

    /// Reads a counter.
    #[func(raise)]
    pub fn parse(text: String) -> Result<Self, ParseIntError> {
        Ok(Counter::new(text.parse()?))
    }

    /// Makes one, or not.
    pub fn positive(start: isize) -> Option<Self> {
        (start > 0).then(|| Counter::new(start))
    }

    /// Adds.
    pub async fn add(&self, #[ocaml(optional)] by: Option<isize>, #[ocaml(positional)] _unit: ()) -> isize {
        let by = by.unwrap_or(1);
        self.0.fetch_add(by, Ordering::Relaxed) + by
    }

    /// Takes all forms of the type.
    pub fn all(self: Arc<Self>, #[ocaml(label = "rest")] mut others: Vec<Opaque<Self>>) -> Vec<Opaque<Counter>> {
        others.push(self.into());
        others
    }

    /// Runs on tokio.
    #[func(tokio, name = "counter_far_away")]
    pub async fn far(&self) -> isize {
        self.internal()
    }

    /// Runs on the blocking pool.
    #[func(blocking)]
    pub fn slow(&self, (a, b): (isize, isize), r#type: String) -> isize {
        self.internal() + a + b + r#type.len() as isize
    }

    /// Takes the token.
    pub fn token(&self, token: &RuntimeToken<'_>) -> isize {
        let _ = token;
        1
    }

    /// Is for Rust alone.
    #[func(skip)]
    pub fn rust_only(&mut self) -> &mut AtomicIsize {
        &mut self.0
    }

    /// Is not compiled.
    #[cfg(any())]
    pub fn conditional(&self, _: Missing) {}

    fn internal(&self) -> isize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A second block of the same type, in a module.
pub mod elsewhere {
    use super::Counter;

    #[ocaml_lwt_interop::func]
    impl Counter {
        /// Resets.
        pub fn reset(&self) {
            self.0.store(0, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

/// Anything with a size.
pub trait Sized2: Send + Sync {
    /// Returns the size.
    fn size(&self) -> isize;
}

opaque_type! {
    /// Anything with a size.
    dyn Sized2 as "sized"
}

#[func]
impl dyn Sized2 {
    /// Returns twice the size.
    pub fn twice(&self) -> isize {
        2 * self.size()
    }
}

fn main() {
    let mut counter = Counter::new(3);
    *counter.rust_only() = AtomicIsize::new(4);
    assert_eq!(futures_lite::future::block_on(counter.add(None, ())), 5);
    counter.reset();
    assert_eq!(counter.slow((1, 2), "abc".to_owned()), 6);
    assert_eq!(Counter::START, 0);
    assert!(Counter::positive(0).is_none() && Counter::parse("7".to_owned()).is_ok());
    fn local() {
        #[derive(OpaqueType)]
        struct Local;
        #[func]
        impl Local {
            #[allow(unused)]
            pub fn make() -> Self {
                Local
            }
        }
    }
    local();
}
