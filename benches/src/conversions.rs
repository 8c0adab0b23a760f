//! The same conversions twice: this project's, and those of the crate `ocaml`.

use ocaml_lwt_interop::{Bigarray, FromOCaml, ToOCaml, func};
use std::hint::black_box;
use std::sync::LazyLock;

/// A record with a name of 10 to 13 bytes.
#[derive(Clone, FromOCaml, ToOCaml, ocaml::FromValue, ocaml::ToValue)]
pub struct Record {
    id: isize,
    name: String,
    score: f64,
}

/// So many records are an array.
const RECORDS: isize = 1_000;

static ALL: LazyLock<Vec<Record>> = LazyLock::new(|| {
    let record = |id| Record {
        id,
        name: format!("record no {id}"),
        score: id as f64 / 3.,
    };
    (0..RECORDS).map(record).collect()
});

/// Returns an array of 1000 records.
#[func(sync)]
pub fn records_to_ocaml() -> &'static [Record] {
    &ALL
}

/// Takes an array of records, and returns its length.
#[func(sync)]
pub fn records_to_rust(records: Vec<Record>) -> usize {
    records.len()
}

/// Makes and frees an array of 1000 records.
#[func(sync)]
pub fn records_clone() -> usize {
    black_box(ALL.clone()).len()
}

/// Returns its argument.
#[func(sync)]
pub fn string(string: String) -> String {
    string
}

/// Returns its argument, which is copied twice.
#[func(sync)]
pub fn bytes(bytes: Vec<u8>) -> Vec<u8> {
    bytes
}

/// Returns a Bigarray of the same memory.
#[func(sync)]
pub fn bigarray(array: Bigarray<u8>) -> Bigarray<u8> {
    array
}

// The stubs that `#[ocaml::func]` generates: an argument is rooted while it is converted. They omit what it does in each
// call besides, such as to look for an environment variable.

/// Converts an argument of a stub.
///
/// # Safety
/// OCaml called the stub with this argument, which is a `T`, and nothing has allocated since.
unsafe fn from_value<T: ocaml::FromValue>(argument: ocaml::Raw) -> T {
    // SAFETY: this function's contract.
    T::from_value(unsafe { ocaml::Value::new(argument) }.root())
}

/// Converts the result of a stub.
///
/// # Safety
/// OCaml called the stub, and nothing allocates before it returns the result.
unsafe fn to_value<T: ocaml::ToValue>(result: &T) -> ocaml::Raw {
    // SAFETY: by this function's contract OCaml called, so this thread holds the lock.
    let runtime = unsafe { ocaml::Runtime::recover_handle() };
    result.to_value(runtime).raw()
}

/// Returns an array of 1000 records.
///
/// # Safety
/// OCaml calls it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bench_crate_records_to_ocaml(_unit: ocaml::Raw) -> ocaml::Raw {
    // SAFETY: OCaml called.
    unsafe { to_value(&*ALL) }
}

/// Takes an array of records, and returns its length.
///
/// # Safety
/// OCaml calls it with such an array.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bench_crate_records_to_rust(records: ocaml::Raw) -> ocaml::Raw {
    // SAFETY: OCaml called, with an array of records.
    unsafe { to_value(&from_value::<Vec<Record>>(records).len()) }
}

/// Returns its argument.
///
/// # Safety
/// OCaml calls it with a string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bench_crate_string(string: ocaml::Raw) -> ocaml::Raw {
    // SAFETY: OCaml called, with a string.
    unsafe { to_value(&from_value::<String>(string)) }
}
