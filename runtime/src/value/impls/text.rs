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
);

/// It may have an owner of the user's, whose destructor runs with it.
// SAFETY: a `string` is written.
unsafe impl ToOCaml for bytes::Bytes {
    const TYPE: &'static Type = &Type::String;

    #[inline(always)]
    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        writer.string(self)
    }
}

/// What an OCaml `string` becomes.
macro_rules! strings_from_ocaml {
    ($($t:ty: $from:expr),+ $(,)?) => {$(
        // SAFETY: the bytes are copied.
        unsafe impl FromOCaml for $t {
            const TYPE: &'static Type = &Type::String;

            #[inline]
            fn from_ocaml(value: Source<'_>) -> Result<Self, ConversionError> {
                value.string().and_then($from)
            }
        }
    )+};
}

/// Copies the bytes, and then checks the copy: another domain may write to the original.
#[inline]
fn text(bytes: &[u8]) -> Result<String, ConversionError> {
    let bytes = bytes.to_vec();
    if is_ascii(&bytes) {
        // SAFETY: ASCII is UTF-8.
        return Ok(unsafe { String::from_utf8_unchecked(bytes) });
    }
    String::from_utf8(bytes).map_err(|e| not_utf8(e.utf8_error()))
}

/// Returns what `bytes.is_ascii()` does. For short strings it reads two words that may overlap, and not each byte.
#[inline(always)]
fn is_ascii(bytes: &[u8]) -> bool {
    fn either<const N: usize>(bytes: &[u8]) -> Option<u64> {
        let word = |part: &[u8; N]| {
            let mut word = [0; 8];
            word[..N].copy_from_slice(part);
            u64::from_ne_bytes(word)
        };
        Some(word(bytes.first_chunk()?) | word(bytes.last_chunk()?))
    }
    let bits = match bytes.len() {
        4..8 => either::<4>(bytes),
        8..=16 => either::<8>(bytes),
        _ => None,
    };
    bits.map_or_else(
        || bytes.is_ascii(),
        |bits| bits & 0x8080_8080_8080_8080 == 0,
    )
}

#[cold]
fn not_utf8(error: std::str::Utf8Error) -> ConversionError {
    ConversionError::new(format!(
        "expected a UTF-8 string, but byte {} is not UTF-8; take Bytes for arbitrary bytes",
        error.valid_up_to()
    ))
}

strings_from_ocaml!(
    String: text,
    Box<str>: |b| text(b).map(String::into_boxed_str),
    Arc<str>: |b| text(b).map(Arc::from),
    OsString: |b| Ok(OsString::from_vec(b.to_vec())),
    PathBuf: |b| Ok(OsString::from_vec(b.to_vec()).into()),
    Bytes: |b| Ok(Bytes(b.to_vec())),
    bytes::Bytes: |b| Ok(bytes::Bytes::copy_from_slice(b)),
);

#[cfg(test)]
mod tests {
    use super::is_ascii;

    #[test]
    fn each_byte_decides_whether_a_string_is_ascii() {
        for len in 0..70 {
            let mut bytes = vec![0x7F; len];
            assert!(is_ascii(&bytes));
            for i in 0..len {
                bytes[i] = 0x80;
                assert!(!is_ascii(&bytes), "byte {i} of {len}");
                bytes[i] = 0x7F;
            }
        }
    }
}
