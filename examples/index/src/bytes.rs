//! OCaml strings that need not be UTF-8, such as paths.

use ocaml::{FromValue, Runtime, ToValue, Value};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// An OCaml string, byte for byte. (`String` panics on an argument that is not UTF-8.)
pub struct Bytes(Vec<u8>);

impl Bytes {
    pub fn into_path(self) -> PathBuf {
        OsString::from_vec(self.0).into()
    }
}

impl From<PathBuf> for Bytes {
    fn from(path: PathBuf) -> Self {
        Bytes(path.into_os_string().into_vec())
    }
}

// SAFETY: OCaml declares it as a string; the bytes are copied before anything can move them.
unsafe impl FromValue for Bytes {
    fn from_value(value: Value) -> Self {
        // SAFETY: as above.
        Bytes(unsafe { value.bytes_val() }.to_vec())
    }
}

// SAFETY: it makes a string.
unsafe impl ToValue for Bytes {
    fn to_value(&self, _: &Runtime) -> Value {
        // SAFETY: whoever has a `Runtime` may allocate.
        unsafe { Value::bytes(&self.0) }
    }
}
