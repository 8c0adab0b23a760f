//! Messages: the work that any thread may send to a domain.

use crate::ffi::token::RuntimeToken;
use std::any::Any;

/// A message to a domain.
pub(crate) trait Message: IntoAny + Send + 'static {
    /// Runs the work, on the domain's thread. A message that is not delivered is dropped.
    fn deliver(self: Box<Self>, token: &RuntimeToken<'_>);
}

/// Upcasts a boxed message, which the language itself does from Rust 1.86 on.
pub(crate) trait IntoAny {
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

impl<T: Any> IntoAny for T {
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

/// A message made from a closure.
pub(crate) struct Run<F>(pub(crate) F);

impl<F: FnOnce(&RuntimeToken<'_>) + Send + 'static> Message for Run<F> {
    fn deliver(self: Box<Self>, token: &RuntimeToken<'_>) {
        (self.0)(token)
    }
}
