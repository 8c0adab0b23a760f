//! Reports progress to OCaml, from a thread that computes.

use ocaml_lwt_interop::{OCamlFunc, WhenFull, func};
use std::error::Error;
use tokio::task::spawn_blocking;

/// Adds up the numbers from 1 to `n`, and reports how many of them it has added.
#[func(raise)]
pub async fn progress_sum(
    n: usize,
    report: OCamlFunc<(usize,), ()>,
) -> Result<usize, Box<dyn Error>> {
    // While OCaml is busy, only the newest number waits.
    let newest = WhenFull::Merge(|last, next| *last = next);
    let progress = report.remote()?.queue(1, newest)?;
    let reporting = progress.clone();
    let computing = spawn_blocking(move || {
        let add = |sum, i| {
            let _ = reporting.push((i,));
            sum + i
        };
        (1..=n).fold(0, add)
    });
    let sum = computing.await?;
    progress.finish().await?;
    Ok(sum)
}
