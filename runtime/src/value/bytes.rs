//! OCaml strings that need not be UTF-8.

use ocaml::{FromValue, ToValue, Value};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// An OCaml `string` or `bytes`, copied. (As an argument, a `String` panics if it is not UTF-8, and a
/// `Vec<u8>` is an OCaml `int array`.)
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub Vec<u8>);

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes(bytes)
    }
}

impl From<Bytes> for Vec<u8> {
    fn from(bytes: Bytes) -> Self {
        bytes.0
    }
}

/// A path, whose bytes need not be UTF-8 either.
impl From<Bytes> for PathBuf {
    fn from(bytes: Bytes) -> Self {
        OsString::from_vec(bytes.0).into()
    }
}

impl From<PathBuf> for Bytes {
    fn from(path: PathBuf) -> Self {
        Bytes(path.into_os_string().into_vec())
    }
}

// SAFETY: OCaml declares the value as a string or as bytes. The bytes are copied before anything
// allocates on the OCaml heap.
unsafe impl FromValue for Bytes {
    fn from_value(value: Value) -> Self {
        // SAFETY: the crate `ocaml` converts only where a domain's lock is held, and values of the type
        // that OCaml declares, a string or bytes.
        Bytes(unsafe { value.bytes_val() }.to_vec())
    }
}

// SAFETY: it makes an OCaml string.
unsafe impl ToValue for Bytes {
    fn to_value(&self, _rt: &ocaml::Runtime) -> Value {
        // SAFETY: a `Runtime` is at hand only where a domain's lock is held; the value is rooted.
        unsafe { Value::bytes(&self.0) }
    }
}
