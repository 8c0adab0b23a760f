//! The domains that answer requests.

use crate::connection::{Outcome, Request, Session};
use ocaml_lwt_interop::{Domain, OCamlAsyncFunc, OpaqueType, TokenError, Workers, func};

/// The functions that answer requests, one for each domain.
#[derive(OpaqueType)]
pub struct Handlers(pub Workers<(Session, Request), Outcome>);

#[func]
impl Handlers {
    /// Creates an empty set of handlers.
    pub fn create() -> Self {
        Handlers(Workers::new())
    }

    /// Makes the calling domain answer requests with `handler`. Each request goes to the domain with the fewest under
    /// way.
    #[func(raise)]
    pub fn join(
        &self,
        handler: OCamlAsyncFunc<(Session, Request), Outcome>,
    ) -> Result<(), TokenError> {
        self.0.join(handler.remote()?);
        Ok(())
    }

    /// Sends no more requests to `domain`. Fulfilled when the domain has answered those that it has.
    pub async fn leave(&self, domain: Domain) {
        self.0.leave(&domain).await;
    }
}
