//! The C primitives of the OCaml library `lwt_interop`. See its `raw.ml`.
//!
//! They are called by OCaml only, with the lock of a domain held, with the types that
//! `raw.ml` declares.

use crate::base::slot_map::Key;
use crate::domain::core::{self as local, Core};
use crate::domain::handle::{handle, new_handle};
use crate::ffi::hooks;
use crate::ffi::runtime::{self as ffi, RawValue, Root, UNIT};
use crate::metrics;
use crate::ocaml_blocking;

// ---- the executor

unsafe extern "C" fn forked() {
    local::leave_to_parent();
}

/// `init : unit -> unit`: when the library is initialised, on the main thread.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_init(_unit: RawValue) -> RawValue {
    // SAFETY: OCaml called. The library depends on OCaml's threads, which are initialised before
    // it, and refuses to be loaded once there is a second domain.
    unsafe { hooks::install(forked) };
    UNIT
}

/// `is_first_thread : unit -> bool` (noalloc).
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_is_first_thread(_unit: RawValue) -> RawValue {
    ffi::bool(hooks::is_first_thread())
}

/// `executor_open : int -> Batch.t -> Batch.t -> (handle * int, string) result`: the descriptor to watch
/// comes second. `Error` says what the operating system refused.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_executor_open(
    id: RawValue,
    even: RawValue,
    odd: RawValue,
) -> RawValue {
    // SAFETY: OCaml called, from `attach`, which has seen that the thread owns no executor. What
    // is made is rooted until it is stored, and nothing allocates between the last store and
    // the return.
    unsafe {
        let (tag, content) = match Core::open(ffi::int_val(id) as u64, [even, odd]) {
            Ok(shared) => {
                let fd = shared.raw_fd().map_or(-1, |fd| fd as isize);
                let handle = Root::new(new_handle(shared));
                let pair = ffi::alloc_tuple(2);
                ffi::store_field(pair, 0, handle.get());
                ffi::store_field(pair, 1, ffi::int(fd));
                (0, Root::new(pair))
            }
            Err(e) => (1, Root::new(ffi::alloc_string(&e.to_string()))),
        };
        let result = ffi::alloc(1, tag);
        ffi::store_field(result, 0, content.get());
        result
    }
}

/// `executor_close : unit -> unit`: at the end of the domain, on the thread that owns it.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_executor_close(_unit: RawValue) -> RawValue {
    // SAFETY: OCaml called.
    unsafe {
        Core::close();
        hooks::free_roots();
    }
    UNIT
}

/// `begin_turn : unit -> unit` (noalloc): the loop has come back from its wait.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_begin_turn(_unit: RawValue) -> RawValue {
    local::with_current(|local| local.budget.refill());
    UNIT
}

/// `turn_is_over : unit -> bool` (noalloc): Lwt's own events are due.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_turn_is_over(_unit: RawValue) -> RawValue {
    ffi::bool(local::with_current(|local| local.budget.is_exhausted()).unwrap_or(true))
}

/// `spend : unit -> bool` (noalloc): the loop has done a unit of work. Whether it may go on.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_spend(_unit: RawValue) -> RawValue {
    let may_go_on = local::with_current(|local| {
        local.budget.consume();
        !local.budget.is_exhausted()
    });
    ffi::bool(may_go_on.unwrap_or(false))
}

/// `received : int -> unit` (noalloc): so many messages were taken from the domain's OCaml mailbox.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_received(messages: RawValue) -> RawValue {
    let messages = ffi::int_val(messages) as u64;
    local::with_current(|local| local.shared.counters.messages_in.add(messages));
    UNIT
}

/// `goes_on : bool -> bool` (noalloc): whether the turn goes on. OCaml may have something to do, or
/// a tick would find something.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_goes_on(has_work: RawValue) -> RawValue {
    let has_work = ffi::int_val(has_work) != 0;
    let goes_on =
        local::with_current(|local| !local.budget.is_exhausted() && (has_work || local.has_work()));
    ffi::bool(goes_on.unwrap_or(false))
}

/// `tick : unit -> int`: a chunk of messages and of tasks. OCaml is done with the batch that it had.
/// The result is the number of completions, times two, plus which batch has them.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_tick(_unit: RawValue) -> RawValue {
    // SAFETY: OCaml called.
    let filled = unsafe { local::enter(|local, token| local.tick(token)) };
    let (len, which) = filled.unwrap_or_default();
    ffi::int((len << 1 | which) as isize)
}

/// `park : unit -> bool` (noalloc): whether the loop may sleep now.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_park(_unit: RawValue) -> RawValue {
    ffi::bool(local::with_current(Core::park).unwrap_or(true))
}

/// `clear_notifier : unit -> bool` (noalloc): the loop has seen its descriptor. `false` in the child of
/// a fork, which must not take the parent's wake-up.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_clear_wake(_unit: RawValue) -> RawValue {
    ffi::bool(local::with_current(|local| local.shared.clear_notifier()).is_some())
}

/// `cancel_call : int -> unit`: the promise of this call has been cancelled. Destructors of the
/// user's run.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_cancel_call(key: RawValue) -> RawValue {
    // SAFETY: OCaml called.
    unsafe { local::enter(|local, _token| local.cancel_call(Key::from_int(ffi::int_val(key)))) };
    UNIT
}

/// `release_call : int -> unit` (noalloc): OCaml has taken the outcome of this call.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_release_call(key: RawValue) -> RawValue {
    local::with_current(|local| local.release_call(Key::from_int(ffi::int_val(key))));
    UNIT
}

/// `release_wait : int -> unit` (noalloc): OCaml has forgotten this wait, which Rust had dropped.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_release_wait(key: RawValue) -> RawValue {
    local::with_current(|local| local.release_wait(Key::from_int(ffi::int_val(key))));
    UNIT
}

/// `attach_wait : int -> 'a Lwt.t -> unit`: the function that Rust asked for has returned this
/// promise, which is pending.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_attach_wait(key: RawValue, promise: RawValue) -> RawValue {
    // SAFETY: OCaml called with a valid value, which is rooted at once.
    unsafe {
        local::enter(|local, token| {
            local.attach_wait(token, Key::from_int(ffi::int_val(key)), Root::new(promise));
        });
    }
    UNIT
}

/// `resolve_wait : int -> bool -> Obj.t -> unit`: what a promise that Rust waits for has become:
/// a value (`true`) or an exception.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_settle_wait(
    key: RawValue,
    fulfilled: RawValue,
    value: RawValue,
) -> RawValue {
    // SAFETY: OCaml called with a valid value, which is rooted at once.
    unsafe {
        local::enter(|local, _token| {
            let root = Root::new(value);
            let outcome = if ffi::int_val(fulfilled) != 0 {
                Ok(root)
            } else {
                Err(root)
            };
            local.resolve_wait(Key::from_int(ffi::int_val(key)), outcome);
        });
    }
    UNIT
}

// ---- handles, from any thread that OCaml knows

/// `notify : handle -> unit` (noalloc): there is a message in the domain's OCaml mailbox.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_notify(block: RawValue) -> RawValue {
    // SAFETY: OCaml passes a handle, reachable from the caller.
    let shared = unsafe { handle(block) };
    local::note_message();
    shared.wake();
    UNIT
}

/// `close_handle : handle -> unit`: the domain has ended. Does nothing if its executor was closed by
/// the thread that owned it, which need not have been the domain's first.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_close_handle(block: RawValue) -> RawValue {
    // SAFETY: as above; OCaml keeps the handle reachable.
    local::end(unsafe { handle(block) });
    UNIT
}

/// `stats : handle -> int array`.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_stats(block: RawValue) -> RawValue {
    // SAFETY: as above.
    let s = unsafe { handle(block) }.counters.stats();
    // SAFETY: OCaml called.
    unsafe {
        ints(&[
            s.polls as isize,
            s.messages_in as isize,
            s.messages_out as isize,
            s.wakeups as isize,
            s.alive.as_nanos() as isize,
            s.busy.as_nanos() as isize,
        ])
    }
}

/// `totals : unit -> int array`.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_totals(_unit: RawValue) -> RawValue {
    let t = metrics::totals();
    // SAFETY: OCaml called.
    unsafe {
        ints(&[
            t.calls_started as isize,
            t.calls_resolved as isize,
            t.late_completions as isize,
            t.roots as isize,
            t.slots as isize,
            t.tasks as isize,
            t.messages as isize,
            t.tokio_tasks as isize,
            t.domains as isize,
            t.blocking_pool_threads as isize,
            t.blocking_pool_queue as isize,
        ])
    }
}

/// An OCaml `int array`, unrooted.
///
/// # Safety
/// The lock is held.
unsafe fn ints(numbers: &[isize]) -> RawValue {
    // SAFETY: the caller's; storing does not allocate.
    unsafe {
        let array = ffi::alloc_tuple(numbers.len());
        for (i, n) in numbers.iter().enumerate() {
            ffi::store_field(array, i, ffi::int(*n));
        }
        array
    }
}

// ---- the blocking lane

/// `lane_submit : unit -> bool`: one more closure waits in OCaml's queue. `false` if there is no
/// thread to run it, and none could be started.
#[unsafe(no_mangle)]
extern "C" fn lwt_interop_lane_submit(_unit: RawValue) -> RawValue {
    ffi::bool(ocaml_blocking::run_ocaml().is_ok())
}
