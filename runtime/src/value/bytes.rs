//! OCaml strings that need not be UTF-8.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// An OCaml `string` of arbitrary bytes, copied. (A `String` must be UTF-8, and a `Vec<u8>` is OCaml's `bytes`.)
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
