//! Strings, bytes and paths. They are copied once.

use crate::value::bytes::Bytes;
use crate::value::conversion_error::ConversionError;
use crate::value::read::{FromOCaml, Source};
use crate::value::types::Type;
use crate::value::write::{ToOCaml, Writer};
use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is an OCaml `string`, as bytes.
macro_rules! strings_to_ocaml {
    ($($t:ty: $bytes:expr),+ $(,)?) => {$(
        // SAFETY: a `string` is written.
        unsafe impl ToOCaml for $t {
            const TYPE: &'static Type = &Type::String;
            const DROPS_PLAINLY: bool = true;

            #[inline(always)]
            fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
                let bytes: fn(&Self) -> &[u8] = $bytes;
                writer.string(bytes(self))
            }
        }
    )+};
}

strings_to_ocaml!(
    str: |s| s.as_bytes(),
    String: |s| s.as_bytes(),
    Box<str>: |s| s.as_bytes(),
    Arc<str>: |s| s.as_bytes(),
    Cow<'_, str>: |s| s.as_bytes(),
    OsStr: |s| s.as_bytes(),
    OsString: |s| s.as_bytes(),
    Path: |p| p.as_os_str().as_bytes(),
    PathBuf: |p| p.as_os_str().as_bytes(),
    Bytes: |b| &b.0,
    bytes::Bytes: |b| b,
);

/// What an OCaml `string` becomes.
macro_rules! strings_from_ocaml {
    ($($t:ty: $method:ident $from:expr),+ $(,)?) => {$(
        // SAFETY: the bytes are copied.
        unsafe impl FromOCaml for $t {
            const TYPE: &'static Type = &Type::String;

            #[inline]
            fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
                value.$method().map($from)
            }
        }
    )+};
}

strings_from_ocaml!(
    String: str |s| s.to_owned(),
    Box<str>: str |s| s.into(),
    Arc<str>: str |s| s.into(),
    OsString: string |b| OsString::from_vec(b.to_vec()),
    PathBuf: string |b| OsString::from_vec(b.to_vec()).into(),
    Bytes: string |b| Bytes(b.to_vec()),
    bytes::Bytes: string bytes::Bytes::copy_from_slice,
);
