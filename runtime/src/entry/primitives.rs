//! The C primitives of the OCaml library `lwt_interop`: see its `primitives.ml`.
//!
//! OCaml alone calls them, with the lock of a domain held, with arguments of the types that
//! `primitives.ml` declares. That is the safety contract of each.

use crate::base::slot_map::Key;
use crate::domain::context::{self, Close};
use crate::domain::core::Core;
use crate::domain::dispatch;
use crate::domain::garbage;
use crate::domain::handle::{HANDLE, new_handle};
use crate::domain::reactor::{self, Epoll, Reactor, Timeout, Waited};
use crate::domain::registry;
use crate::domain::shared::Shared;
use crate::entry::call::{Raise, finish};
use crate::entry::facts;
use crate::entry::source_guard;
use crate::entry::stream;
use crate::ffi::batch::{Batch, Returned};
use crate::ffi::hooks;
use crate::ffi::promises::Promises;
use crate::ffi::root::{Closure, LwtPromise, Root};
use crate::ffi::runtime::{self as ffi, RawValue, UNIT};
use crate::ffi::thread;
use crate::ffi::token::RuntimeToken;
use crate::metrics;
use crate::ocaml_blocking;
use crate::value::batch;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::ptr;
use std::sync::Arc;

/// Runs the body of a primitive that may allocate or run code of the user's.
///
/// # Safety
/// OCaml called the primitive that calls this.
pub(super) unsafe fn enter<R>(body: impl FnOnce(&RuntimeToken<'_>) -> R) -> R {
    // SAFETY: by this function's contract OCaml called. Rust code releases the lock only within `without_token`.
    unsafe { context::here().enter(body) }
}

/// Like [`enter`], with the executor of the calling thread. Does nothing if it owns none.
///
/// # Safety
/// OCaml called the primitive that calls this.
#[inline]
unsafe fn enter_with<R>(body: impl FnOnce(&Core, &RuntimeToken<'_>) -> R) -> Option<R> {
    let here = context::here();
    // SAFETY: by this function's contract OCaml called. The result is dropped before this returns, by the frame that calls
    // the body. Rust code releases the lock only within `without_token`.
    let entered = unsafe { here.enter_with() }?;
    Some(body(entered.value(), &entered.token()))
}

/// Runs the body of a primitive that neither allocates nor runs code of the user's, with the executor
/// of the calling thread. Does nothing if it owns none.
///
/// # Safety
/// `body` runs neither OCaml code nor code of the user's.
#[inline]
unsafe fn with_executor<R>(body: impl FnOnce(&Core) -> R) -> Option<R> {
    // SAFETY: by this function's contract nothing empties the place while `body` uses the reference.
    unsafe { context::here().get().map(body) }
}

/// Returns the key that OCaml passed.
fn key(value: RawValue) -> Key {
    Key::from_int(ffi::int_val(value))
}

/// The symbol that `ocaml/lwt_interop/dune` requires of the linker. Nothing reads it: in a program without a Rust archive, its name is
/// the linker's error.
#[unsafe(export_name = "rust_archive_for_lwt_interop__see_doc_building_md")]
static ARCHIVE: u8 = 0;

// ---- the executor

/// The C library calls it in the child of a fork.
unsafe extern "C" fn forked() {
    context::abandon_to_parent();
}

/// `initialize : (string * string) array -> string`: when the library is initialised, on the main thread. The
/// argument has the facts that OCaml states. The result is empty, or says what differs.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_initialize(ocaml_facts: RawValue) -> RawValue {
    // SAFETY: OCaml passes an array of pairs of strings, and nothing allocates while they are copied.
    let ocaml_facts: Vec<(String, String)> = unsafe {
        let string = |pair, i| ffi::string_val(ffi::field(pair, i));
        (0..ffi::size(ocaml_facts))
            .map(|i| ffi::field(ocaml_facts, i))
            .map(|pair| (string(pair, 0), string(pair, 1)))
            .collect()
    };
    let difference = facts::compare(&ocaml_facts).err().unwrap_or_default();
    // SAFETY: OCaml called. The library depends on OCaml's threads, which are initialised before
    // it, and refuses to be loaded once there is a second domain.
    unsafe {
        if difference.is_empty() {
            hooks::install(forked);
        }
        ffi::alloc_string(&difference)
    }
}

/// `sigpipe_is_default : unit -> bool` (noalloc): whether SIGPIPE ends the process. OCaml could not distinguish that
/// from a handler that a C library has installed.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_sigpipe_is_default(_unit: RawValue) -> RawValue {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: a null pointer as the new action changes nothing; the old one is written to `action`, of which all
    // zeros is a valid value.
    let action = unsafe {
        libc::sigaction(libc::SIGPIPE, ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    ffi::bool(action.sa_sigaction == libc::SIG_DFL)
}

/// `is_first_thread : unit -> bool` (noalloc): whether the calling thread is the first of its domain.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_is_first_thread(_unit: RawValue) -> RawValue {
    ffi::bool(hooks::is_first_thread())
}

/// Returns the text of an error of `context::open`, with the remedy if the operating system refused.
fn with_remedy(e: &io::Error) -> String {
    match context::has_current() {
        // The executor is being created.
        true => e.to_string(),
        false => operating_system_refused(e),
    }
}

/// Returns the text of an error of the operating system's, with the remedy.
fn operating_system_refused(e: &io::Error) -> String {
    format!(
        "{e}. Raise the limits of descriptors and threads (ulimit -n, -u), or run fewer domains"
    )
}

/// `executor_open : int -> Batch.t -> Batch.t -> Obj.t Lwt.t -> Resolver.t Slot_table.t -> (handle * int, string) result`:
/// makes the executor of the calling thread, which owns none. The descriptor to watch comes second. `Error` is the reason,
/// and the remedy if it is the operating system's.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_executor_open(
    id: RawValue,
    even: RawValue,
    odd: RawValue,
    sample: RawValue,
    resolvers: RawValue,
) -> RawValue {
    let body = |token: &RuntimeToken<'_>| {
        // SAFETY: the token proves the lock. OCaml passes two arrays, a promise and a table, all valid, and nothing has
        // allocated on the OCaml heap since.
        let (arrays, sample, resolvers) = unsafe {
            let arrays = [even, odd].map(|array| Root::new(array));
            (arrays, Root::new(sample), Root::new(resolvers))
        };
        // SAFETY: OCaml made the arrays as `Batch` wants them, and the promise and the table as `Promises` does, and uses
        // them as they say.
        let (batch, promises) = unsafe {
            let promises = Promises::new(token, sample, resolvers);
            (Batch::new(token, arrays), promises)
        };
        let opened = match promises {
            Some(promises) => context::open(token, ffi::int_val(id) as u64, batch, promises),
            None => Err(io::Error::other(
                "the promises of this Lwt are of an unknown form",
            )),
        };
        // SAFETY: the token proves the lock. What is made is rooted until it is stored, and nothing
        // allocates between the last store and the return.
        unsafe {
            let (tag, content) = match opened {
                Ok(shared) => {
                    let fd = shared.raw_fd().map_or(-1, |fd| fd as isize);
                    let handle = new_handle(token, shared);
                    let pair = ffi::alloc_tuple(2);
                    ffi::store_field(pair, 0, handle.raw(token));
                    ffi::store_field(pair, 1, ffi::int(fd));
                    (0, Root::new(pair))
                }
                Err(e) => (1, Root::new(ffi::alloc_string(&with_remedy(&e)))),
            };
            let content: Root = content;
            let result = ffi::alloc(1, tag);
            ffi::store_field(result, 0, content.raw(token));
            result
        }
    };
    // SAFETY: OCaml called.
    unsafe { enter(body) }
}

/// `executor_close : unit -> bool`: at the end of the domain, on the thread that owns its executor, until
/// it is `false`: each step drops as much as a budget allows. Does nothing on a thread that has none: if
/// an exception arrived afterwards, OCaml calls again, and a collection would let the next one arrive.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_executor_close(_unit: RawValue) -> RawValue {
    // SAFETY: OCaml called.
    let reactors = match unsafe { enter(context::close) } {
        Close::Step => return ffi::bool(true),
        Close::Nothing => return ffi::bool(false),
        Close::Finished(reactors) => reactors,
    };
    if !reactors.is_empty() {
        // SAFETY: OCaml called, no value is used afterwards, and nothing has a token.
        let shut_down = || unsafe {
            thread::blocking_section(|| reactors.into_iter().for_each(Reactor::shut_down));
        };
        context::here().without_token(shut_down);
    }
    let body = |token: &RuntimeToken<'_>| {
        hooks::free_roots(token);
        // Values that were collected meanwhile are for another loop.
        if garbage::any_collected() {
            dispatch::wake_one_or_all();
        }
    };
    // SAFETY: OCaml called.
    unsafe { enter(body) };
    ffi::bool(false)
}

/// `reactor_open : unit -> string`: gives the domain a tokio runtime of its own, unless it has one. The result is empty, or
/// the reason why there is none, and the remedy.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_reactor_open(_unit: RawValue) -> RawValue {
    // SAFETY: OCaml called. The string is made last.
    unsafe {
        let opened = enter_with(|core, _| core.open_reactor());
        let refused = match opened {
            Some(Ok(())) => String::new(),
            Some(Err(e)) => operating_system_refused(&e),
            None => context::no_executor().to_string(),
        };
        ffi::alloc_string(&refused)
    }
}

/// `reactor_leave : unit -> unit`: the domain's loop no longer waits in its own tokio runtime.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_reactor_leave(_unit: RawValue) -> RawValue {
    context::with_current(|core| reactor::leave(&core.shared));
    UNIT
}

/// `reactor_wait : int -> int -> int -> waited`: waits in the domain's own tokio runtime, for the epoll instance with this
/// descriptor and number, among others, and at most this many milliseconds, if that is not negative.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_reactor_wait(
    fd: RawValue,
    instance: RawValue,
    millis: RawValue,
) -> RawValue {
    let (fd, timeout) = (ffi::int_val(fd), Timeout::from_millis(ffi::int_val(millis)));
    let wait = |core: &Core| {
        // An engine that was closed has none.
        if fd < 0 {
            return Some(reactor::leave(&core.shared));
        }
        let epoll = Epoll {
            // SAFETY: the loop owns this descriptor, and closes it only when it does not wait.
            fd: unsafe { BorrowedFd::borrow_raw(fd as i32) },
            instance: ffi::int_val(instance),
        };
        let reactor = core.reactor()?;
        let wait = || reactor.wait(&core.shared, epoll, timeout);
        // The lock is expensive to release where there are other domains. Without tasks only wakers are called.
        if timeout == Timeout::Now && !reactor.has_tasks() {
            return Some(wait());
        }
        // SAFETY: OCaml called, no value is used afterwards, and nothing has a token where the executor is hidden.
        Some(unsafe { thread::blocking_section(wait) })
    };
    let waited = context::hide(wait).flatten();
    ffi::int(waited.unwrap_or(Waited::Elsewhere) as isize)
}

/// `end_sleep : unit -> unit` (noalloc): the loop has returned from its wait, and has run nothing yet.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_end_sleep(_unit: RawValue) -> RawValue {
    // SAFETY: it reads the clock and sets fields.
    unsafe { with_executor(Core::end_sleep) };
    UNIT
}

/// `refill_budget : unit -> unit` (noalloc): the loop has returned from its wait, and has a new budget.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_refill_budget(_unit: RawValue) -> RawValue {
    // SAFETY: it reads the clock and sets fields.
    unsafe {
        with_executor(|core| {
            // With an engine of the program's, nothing has said so earlier.
            core.end_sleep();
            core.budget.refill();
        })
    };
    UNIT
}

/// `budget_is_exhausted : unit -> bool` (noalloc): whether the budget is exhausted, so that Lwt's own events
/// are due.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_budget_is_exhausted(_unit: RawValue) -> RawValue {
    // SAFETY: it reads a field.
    let exhausted = unsafe { with_executor(|core| core.budget.is_exhausted()) };
    ffi::bool(exhausted.unwrap_or(true))
}

/// `consume_budget : unit -> bool` (noalloc): consumes a unit of the budget. Whether some is left.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_consume_budget(_unit: RawValue) -> RawValue {
    // SAFETY: it reads the clock and sets fields.
    let is_left = unsafe { with_executor(|core| core.budget.consume()) };
    ffi::bool(is_left.unwrap_or(false))
}

/// `record_received : unit -> unit` (noalloc): counts a message that was taken from the domain's OCaml mailbox.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_record_received(_unit: RawValue) -> RawValue {
    // SAFETY: it adds to a counter.
    unsafe { with_executor(|core| core.shared.counters.messages_in.add(1)) };
    UNIT
}

/// `should_continue : bool -> bool` (noalloc): whether budget is left and either OCaml has work (the argument)
/// or a tick would find some.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_should_continue(has_work: RawValue) -> RawValue {
    let has_work = ffi::int_val(has_work) != 0;
    // SAFETY: it reads fields.
    let goes_on = unsafe {
        with_executor(|core| !core.budget.is_exhausted() && (has_work || core.has_work()))
    };
    ffi::bool(goes_on.unwrap_or(false))
}

/// `tick : unit -> int`: a batch of each kind of work. OCaml has finished with the array that it had.
/// The result is the number of requests, times two, plus the index of the array that has them.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_tick(_unit: RawValue) -> RawValue {
    // SAFETY: OCaml called.
    let filled = unsafe {
        // OCaml calls `tick` when it has handled every entry of the array that the last tick returned.
        enter_with(|core, token| core.tick(token, Returned::assume(), !context::is_outermost()))
    };
    let (len, index) = filled.unwrap_or_default();
    ffi::int((len << 1 | index) as isize)
}

/// `park : unit -> bool` (noalloc): whether the loop may sleep now.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_park(_unit: RawValue) -> RawValue {
    // SAFETY: it looks at queues, and may spin.
    ffi::bool(unsafe { with_executor(Core::park) }.unwrap_or(true))
}

/// `clear_notification : unit -> bool` (noalloc): clears the descriptor, which the loop has seen. `false` in the
/// child of a fork, which must not take the parent's wake-up.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_clear_notification(_unit: RawValue) -> RawValue {
    // SAFETY: it reads from a descriptor.
    ffi::bool(unsafe { with_executor(|core| core.shared.clear_notifier()) }.is_some())
}

/// `cancel_call : int -> unit`: the promise of this call has been cancelled. Destructors of the user's
/// run.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_cancel_call(call: RawValue) -> RawValue {
    // SAFETY: OCaml called.
    unsafe { enter_with(|core, _| core.cancel_call(key(call))) };
    UNIT
}

/// `release_call : int -> bool` (noalloc): OCaml has taken the outcome of this call, which is a unit of the budget. Whether
/// some is left.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_release_call(call: RawValue) -> RawValue {
    // SAFETY: `release` removes a resolved call only, which has no work of the user's. The budget reads the clock and sets
    // fields.
    let is_left = unsafe {
        with_executor(|core| {
            core.release_call(key(call));
            core.budget.consume()
        })
    };
    ffi::bool(is_left.unwrap_or(false))
}

/// `release_wait : int -> unit` (noalloc): OCaml has forgotten this wait, which Rust had dropped.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_release_wait(wait: RawValue) -> RawValue {
    context::with_current(|core| core.release_wait(key(wait)));
    UNIT
}

/// `attach_wait : int -> 'a Lwt.t -> unit`: the function that Rust asked for has returned this promise,
/// which is pending.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_attach_wait(wait: RawValue, promise: RawValue) -> RawValue {
    // SAFETY: OCaml called with a promise, and nothing has allocated on the OCaml heap since.
    unsafe {
        let promise: Root<LwtPromise> = Root::new(promise);
        enter_with(|core, token| core.attach_wait(token, key(wait), promise));
    }
    UNIT
}

/// `resolve_wait : int -> bool -> Obj.t -> unit`: the outcome of a promise that Rust waits for: a value
/// (`true`) or an exception.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_resolve_wait(
    wait: RawValue,
    fulfilled: RawValue,
    value: RawValue,
) -> RawValue {
    // SAFETY: OCaml called with a value, or an exception, and nothing has allocated on the OCaml heap
    // since.
    unsafe {
        let outcome = match ffi::int_val(fulfilled) != 0 {
            true => Ok(Root::new(value)),
            false => Err(Root::new(value)),
        };
        enter_with(|core, _| core.resolve_wait(key(wait), outcome));
    }
    UNIT
}

// ---- streams of Rust's, on their domain

/// `stream_pull : int -> int -> 'a Stream.batch Lwt.t`: the next batch of a source, of so many elements at most.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_stream_pull(source: RawValue, max: RawValue) -> RawValue {
    let max = ffi::int_val(max).unsigned_abs();
    let body = |core: &Core, token: &RuntimeToken<'_>| stream::pull(core, token, key(source), max);
    // SAFETY: OCaml called, on the thread that owns the executor, and the frame has nothing to drop. The value was made
    // last.
    unsafe {
        finish(match enter_with(body) {
            Some(promise) => promise.map_err(Raise::Exception),
            None => Err(Raise::Failure(
                c"a stream was pulled on a thread without an executor",
            )),
        })
    }
}

/// `stream_close : int -> unit`: drops a source's stream, and ends a pull that is pending. Destructors of the user's run.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_stream_close(source: RawValue) -> RawValue {
    // SAFETY: OCaml called.
    unsafe { enter_with(|core, _| core.close_source(key(source))) };
    UNIT
}

/// `stream_fitting : 'a array -> int -> int -> int` (noalloc): how many elements of an array, from one on and at most so many,
/// are a batch.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_stream_fitting(
    elements: RawValue,
    first: RawValue,
    max: RawValue,
) -> RawValue {
    let (first, max) = (ffi::int_val(first) as usize, ffi::int_val(max) as usize);
    // SAFETY: OCaml called, with an array that has so many elements from `first` on.
    ffi::int(unsafe { batch::fitting(elements, first, max) } as isize)
}

/// `guard : (unit -> unit Lwt.t) -> guard`: see [`source_guard`].
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_guard(close: RawValue) -> RawValue {
    // SAFETY: OCaml called with a closure, and nothing has allocated on the OCaml heap since.
    let close: Root<Closure> = unsafe { Root::new(close) };
    let body =
        |core: &Core, token: &RuntimeToken<'_>| source_guard::new(core, token, close).raw(token);
    // SAFETY: OCaml called, and the frame has nothing to drop. The value was made last.
    unsafe {
        finish(enter_with(body).ok_or(Raise::Failure(
            c"a guard was made on a thread without an executor",
        )))
    }
}

// ---- handles, from any thread that OCaml knows

/// Runs `f` with the domain of a handle.
///
/// # Safety
/// OCaml called with this handle, which it keeps reachable, and `f` does not allocate on the OCaml heap.
unsafe fn with_handle<R>(block: RawValue, f: impl FnOnce(&Arc<Shared>) -> R) -> R {
    // SAFETY: by this function's contract it is a handle, and `f` does not allocate on the OCaml heap.
    f(unsafe { HANDLE.borrow(block) })
}

/// `notify : handle -> unit` (noalloc): a message was added to the domain's OCaml mailbox.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_notify(block: RawValue) -> RawValue {
    dispatch::count_sent();
    // SAFETY: OCaml called with a handle.
    unsafe { with_handle(block, |shared| shared.wake()) };
    UNIT
}

/// `close_handle : handle -> unit`: the domain has ended. Does nothing if its executor was closed by
/// the thread that owned it, which need not have been the domain's first.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_close_handle(block: RawValue) -> RawValue {
    if context::is_forked() {
        // The domain, its messages and the threads that may be sending some are the parent's.
        return UNIT;
    }
    // SAFETY: OCaml called with a handle. The domain's own reference is cloned: closing drops messages,
    // whose destructors may use OCaml.
    let shared = unsafe { with_handle(block, Arc::clone) };
    registry::end(&shared);
    UNIT
}

/// `stats : handle -> int array`, in the order of [`facts::STATS`].
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_stats(block: RawValue) -> RawValue {
    // SAFETY: OCaml called with a handle.
    let stats = unsafe { with_handle(block, |shared| shared.counters.stats()) };
    // SAFETY: OCaml called.
    unsafe { ints(&facts::STATS.map(|(_, get)| get(&stats))) }
}

/// `totals : unit -> int array`, in the order of [`facts::TOTALS`].
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_totals(_unit: RawValue) -> RawValue {
    let totals = metrics::totals();
    // SAFETY: OCaml called.
    unsafe { ints(&facts::TOTALS.map(|(_, get)| get(&totals))) }
}

/// Returns an OCaml `int array`, unrooted.
///
/// # Safety
/// The domain's lock is held.
unsafe fn ints(numbers: &[isize]) -> RawValue {
    // SAFETY: the lock is held, by this function's contract; the array has a field for each number, and
    // storing does not allocate.
    unsafe {
        let array = ffi::alloc_tuple(numbers.len());
        for (i, n) in numbers.iter().enumerate() {
            ffi::store_field(array, i, ffi::int(*n));
        }
        array
    }
}

// ---- errors of the operating system

unsafe extern "C" {
    /// The library `unix`, which `lwt_interop` depends on, has it.
    fn caml_unix_error_of_code(errno: std::ffi::c_int) -> RawValue;
}

/// `unix_error : int -> Unix.error`: the error that has this number in the operating system.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_unix_error(errno: RawValue) -> RawValue {
    // SAFETY: OCaml called with an int, so the lock is held.
    unsafe { caml_unix_error_of_code(ffi::int_val(errno) as std::ffi::c_int) }
}

// ---- Domain 0's blocking pool

/// `blocking_pool_submit : unit -> string`: one more closure waits in OCaml's queue. The result is empty, or says why there
/// is no thread to run it, and none could be started.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_blocking_pool_submit(_unit: RawValue) -> RawValue {
    let why = ocaml_blocking::run_ocaml().err().map(|e| e.to_string());
    // SAFETY: OCaml called, so the lock is held. The text is short.
    unsafe { ffi::alloc_string(why.as_deref().unwrap_or_default()) }
}
