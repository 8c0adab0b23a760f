//! The OCaml runtime of unit tests, without an OCaml program.

use crate::ffi::runtime::{self as ffi, RawValue};
use crate::ffi::test_values::with_ocaml_here;
use crate::ffi::token::RuntimeToken;
use std::ffi::c_char;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{LazyLock, Mutex};
use std::thread;

unsafe extern "C" {
    fn caml_output_value_to_string(value: RawValue, flags: RawValue) -> RawValue;
    fn caml_input_value_from_block(bytes: *const c_char, len: isize) -> RawValue;
}

type Job = Box<dyn FnOnce(&RuntimeToken<'_>) + Send>;

/// The stack of a domain's thread, as Linux sets it.
const STACK: usize = 8 << 20;

/// The thread that runs OCaml, and never ends.
static OCAML: LazyLock<Mutex<Sender<Job>>> = LazyLock::new(|| {
    let (sender, jobs) = channel::<Job>();
    let thread = thread::Builder::new().stack_size(STACK);
    let run = move || {
        with_ocaml_here(|token| {
            for job in jobs {
                job(token);
            }
        });
    };
    thread.spawn(run).expect("a thread can be started");
    Mutex::new(sender)
});

/// Runs `f` where OCaml values may be used, and returns what it returns. Panics if it does.
pub(crate) fn with_ocaml<R: Send + 'static>(
    f: impl FnOnce(&RuntimeToken<'_>) -> R + Send + 'static,
) -> R {
    let (sender, result) = channel();
    let job: Job = Box::new(move |token| {
        let _ = sender.send(catch_unwind(AssertUnwindSafe(|| f(token))));
    });
    OCAML.lock().unwrap().send(job).expect("the thread runs");
    match result.recv().expect("the job has run") {
        Ok(result) => result,
        Err(panic) => resume_unwind(panic),
    }
}

/// Returns what `Marshal.to_string value [Marshal.No_sharing]` is, as hexadecimal digits: the value's representation.
///
/// # Safety
/// `value` is valid, and no closure or abstract value is in it.
pub(crate) unsafe fn marshal(_token: &RuntimeToken<'_>, value: RawValue) -> String {
    let no_sharing = [ffi::int(0), ffi::int(0)];
    // SAFETY: the token proves the lock, and this function's contract the value. The flags are `[No_sharing]`: a list
    // of a constant, in a block outside of the heap, which is read before anything allocates. The bytes are copied
    // before anything else allocates.
    let bytes = unsafe {
        let block = FakeCell {
            header: 2 << 10,
            fields: no_sharing,
        };
        let flags = (&raw const block.fields) as RawValue;
        let string = caml_output_value_to_string(value, flags);
        crate::ffi::heap::string_bytes(string).to_vec()
    };
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A cell of a list.
#[repr(C)]
struct FakeCell {
    header: usize,
    fields: [RawValue; 2],
}

/// Returns the value that has been marshalled, unrooted: valid until the next allocation or callback.
pub(crate) fn unmarshal(_token: &RuntimeToken<'_>, digits: &str) -> RawValue {
    let digit = |i| u8::from_str_radix(&digits[i..i + 2], 16).expect("hexadecimal digits");
    let bytes: Vec<u8> = (0..digits.len()).step_by(2).map(digit).collect();
    // SAFETY: the token proves the lock. The bytes are those of a test, which OCaml has written.
    unsafe { caml_input_value_from_block(bytes.as_ptr().cast(), bytes.len() as isize) }
}
