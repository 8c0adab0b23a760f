use ocaml_lwt_interop::func;
use std::io;
use std::path::PathBuf;

/// Returns the size of a file. Waits for the disk.
#[func(blocking, raise)]
pub fn count_bytes(path: PathBuf) -> io::Result<usize> {
    Ok(std::fs::read(path)?.len())
}

/// Returns how many primes there are below `n`. Computes.
#[func(tokio)]
pub async fn count_primes(n: u32) -> usize {
    let is_prime = |n: &u32| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0);
    (2..n).filter(is_prime).count()
}
