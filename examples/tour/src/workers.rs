//! Calls OCaml functions of several domains from a tokio thread.

use ocaml_lwt_interop::{OCamlAsyncFunc, TokenError, Workers, func};
use std::error::Error;
use std::sync::LazyLock;

/// The domains that take calls, each with its function.
static SQUARES: LazyLock<Workers<(isize,), isize>> = LazyLock::new(Workers::new);

/// Adds the calling domain, which answers with `f`.
#[func(sync, raise)]
pub fn workers_join(f: OCamlAsyncFunc<(isize,), isize>) -> Result<(), TokenError> {
    SQUARES.join(f.remote()?);
    Ok(())
}

/// Returns the sum of the squares from 1 to `last`, on tokio. Each call goes to the domain with the
/// fewest calls in progress.
#[func(tokio, raise)]
pub async fn workers_sum(last: isize) -> Result<isize, Box<dyn Error + Send + Sync>> {
    let calls: Result<Vec<_>, _> = (1..=last).map(|n| SQUARES.call((n,))).collect();
    let mut sum = 0;
    for call in calls? {
        sum += call.await?;
    }
    Ok(sum)
}
