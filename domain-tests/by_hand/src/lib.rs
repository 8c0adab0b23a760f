//! Rust errors that are particular exceptions in OCaml: the functions of a crate that OCaml code declares by hand, and
//! whose exceptions it registers itself.

use futures_lite::future;
use ocaml_lwt_interop::{
    Exception, OCamlException, Rooted, StandardException, UnixError, domain, func,
};
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;

fn standard(number: u8) -> Result<(), StandardException> {
    let text = || Cow::Owned(format!("number {number}"));
    Err(match number {
        0 => StandardException::Failure(text()),
        1 => StandardException::InvalidArgument(text()),
        2 => StandardException::NotFound,
        3 => StandardException::EndOfFile,
        4 => StandardException::DivisionByZero,
        5 => StandardException::SysError(text()),
        6 => StandardException::Exit,
        _ => return Ok(()),
    })
}

/// Fails with a standard exception.
#[func(sync, raise)]
pub fn raised_standard(number: u8) -> Result<(), StandardException> {
    standard(number)
}

#[func(tokio, raise)]
pub async fn raised_standard_boxed(number: u8) -> Result<(), Box<dyn Error + Send + Sync>> {
    Ok(standard(number)?)
}

/// Fails with an error of the system, or one that has no number.
#[func(sync, raise)]
pub fn raised_io(errno: Option<i32>) -> Result<(), io::Error> {
    Err(match errno {
        Some(errno) => io::Error::from_raw_os_error(errno),
        None => io::Error::other("no number"),
    })
}

#[func(blocking, raise)]
pub fn raised_unix(path: String) -> Result<String, UnixError> {
    std::fs::read_to_string(&path).map_err(|e| UnixError::new(e, "raised_unix", path))
}

/// An error that is one for Rust, too.
#[derive(Debug, OCamlException)]
pub enum Refused {
    Closed,
    #[ocaml(name = "Not_enough")]
    NotEnough(i64),
    Pair((i32, f64), Vec<String>),
    Limit {
        name: String,
        values: Vec<f64>,
    },
    Unknown(i32, String),
    TooLarge(u64),
    Reserved,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Error for Refused {}

fn refused(number: u8) -> Result<u8, Refused> {
    Err(match number {
        0 => Refused::Closed,
        1 => Refused::NotEnough(i64::MAX),
        2 => Refused::Pair((7, 0.5), vec!["a".to_owned(), "b".repeat(3_000)]),
        3 => Refused::Limit {
            name: "limit".to_owned(),
            values: vec![1.5; 400],
        },
        4 => Refused::Unknown(1, String::new()),
        5 => Refused::TooLarge(u64::MAX),
        6 => Refused::Reserved,
        n => return Ok(n),
    })
}

#[func(sync, raise)]
pub fn raised_sync(number: u8) -> Result<u8, Refused> {
    refused(number)
}

#[func(raise)]
pub async fn raised_later(number: u8) -> Result<u8, Refused> {
    future::yield_now().await;
    refused(number)
}

#[func(tokio, raise)]
pub async fn raised_tokio(number: u8) -> Result<u8, Refused> {
    refused(number)
}

#[func(blocking, raise)]
pub fn raised_boxed(number: u8) -> Result<u8, Box<dyn Error + Send + Sync>> {
    Ok(refused(number).map_err(Exception::from)?)
}

/// Without `raise` it is a variant's `Error`: the text of it.
#[func(sync)]
pub fn raised_not(number: u8) -> Result<u8, String> {
    refused(number).map_err(|e| e.to_string())
}

/// An exception that is no error of Rust's.
#[derive(OCamlException)]
#[ocaml(name = "Alone")]
pub struct NoError(pub u8);

#[func(sync, raise)]
pub fn raised_struct(number: u8) -> Result<(), NoError> {
    Err(NoError(number))
}

/// An exception whose destructor uses OCaml, so that values move, and then panics if the number is odd.
#[derive(OCamlException)]
#[ocaml(name = "Moved")]
pub struct Moved(pub isize);

impl Drop for Moved {
    fn drop(&mut self) {
        let moved = domain::with_token(|token| {
            for _ in 0..20_000 {
                Rooted::new(token, &"a string that fills the minor heap").expect("it converts");
            }
        });
        moved.expect("it is dropped within a call");
        assert!(self.0 % 2 == 0, "in an error's destructor");
    }
}

#[func(sync, raise)]
pub fn raised_moved(number: isize) -> Result<(), Moved> {
    Err(Moved(number))
}

#[func(raise)]
pub async fn raised_moved_at_once(number: isize) -> Result<(), Moved> {
    Err(Moved(number))
}

#[func(raise)]
pub async fn raised_moved_later(number: isize) -> Result<(), Moved> {
    future::yield_now().await;
    Err(Moved(number))
}
