use ocaml_lwt_interop::{OCamlAsyncFunc, OCamlException, func};
use std::error::Error;
use std::fs::File;
use std::io;
use std::path::PathBuf;

/// Returns the number of a port, or what is wrong with the text.
#[func(sync)]
pub fn port(text: String) -> Result<u16, String> {
    text.parse().map_err(|error| format!("{text:?}: {error}"))
}

/// Opens a file and closes it again.
#[func(blocking, raise)]
pub fn open_file(path: PathBuf) -> io::Result<()> {
    File::open(path).map(drop)
}

/// Reads two numbers and adds them up.
#[func(raise)]
pub async fn sum(a: String, b: String) -> Result<i32, Box<dyn Error>> {
    let (a, b): (i32, i32) = (a.parse()?, b.parse()?);
    Ok(a.checked_add(b).ok_or("the sum does not fit 32 bits")?)
}

/// Why an account refuses to pay.
#[derive(OCamlException)]
pub enum Refused {
    Insufficient { missing: u32 },
    Closed,
}

/// Returns what is left of a balance after a payment.
#[func(sync, raise)]
pub fn pay(balance: u32, amount: u32) -> Result<u32, Refused> {
    match balance.checked_sub(amount) {
        _ if balance == 0 => Err(Refused::Closed),
        Some(rest) => Ok(rest),
        None => Err(Refused::Insufficient {
            missing: amount - balance,
        }),
    }
}

/// Returns an element of an array. Panics if there is none.
#[func]
pub async fn element(numbers: Vec<isize>, index: usize) -> isize {
    numbers[index]
}

/// Calls an OCaml function, and once more if it fails.
#[func(raise)]
pub async fn retry(f: OCamlAsyncFunc<(), ()>) -> Result<(), Box<dyn Error>> {
    if f.call(())?.await.is_err() {
        f.call(())?.await?;
    }
    Ok(())
}
