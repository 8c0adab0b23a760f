use futures_lite::{Stream, StreamExt, stream};
use ocaml_lwt_interop::{OCamlException, OCamlFunc, OCamlStream, WhenFull, func};
use std::error::Error;
use std::time::Duration;
use tokio::task::spawn_blocking;

/// Counts down, one number every millisecond.
#[func(stream)]
pub fn countdown(from: u32) -> impl Stream<Item = u32> {
    stream::iter((0..=from).rev()).then(|n| async move {
        tokio::time::sleep(Duration::from_millis(1)).await;
        n
    })
}

/// Returns the mean of the numbers.
#[func(raise)]
pub async fn mean(mut numbers: OCamlStream<f64>) -> Result<f64, OCamlException> {
    let (mut count, mut sum) = (0.0, 0.0);
    while let Some(number) = numbers.next().await {
        sum += number?;
        count += 1.0;
    }
    Ok(sum / count)
}

/// Returns the lengths of the lines that are not empty.
#[func(stream, raise)]
pub fn lengths(lines: OCamlStream<String>) -> impl Stream<Item = Result<usize, OCamlException>> {
    lines
        .map(|line| Ok(line?.len()))
        .filter(|length| !matches!(length, Ok(0)))
}

/// Adds up the numbers below `n`, and reports how many it has added.
#[func(raise)]
pub async fn sum_below(
    n: usize,
    progress: OCamlFunc<(usize,), ()>,
) -> Result<usize, Box<dyn Error>> {
    // While OCaml is busy, only the latest report waits.
    let latest = WhenFull::Merge(|last, next| *last = next);
    let queue = progress.remote()?.queue(1, latest)?;
    let reports = queue.clone();
    let sum = spawn_blocking(move || {
        (0..n).fold(0, |sum, i| {
            // Never waits. It fails if OCaml's function has failed.
            let _ = reports.push((i + 1,));
            sum + i
        })
    });
    let sum = sum.await?;
    queue.finish().await?;
    Ok(sum)
}
