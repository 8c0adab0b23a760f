//! Logs with the crate `tracing`.

use ocaml_lwt_interop::func;
use tracing::{debug, info, info_span, warn};

/// Adds up numbers, on a thread of tokio's.
#[func(tokio)]
pub async fn log_lines_sum(numbers: Vec<isize>) -> isize {
    let _span = info_span!("sum", count = numbers.len()).entered();
    if numbers.is_empty() {
        warn!("there is nothing to add up");
    }
    debug!(?numbers, "begins");
    let sum = numbers.iter().sum();
    info!(sum, "done");
    sum
}
