//! The C primitives of `Lwt_interop.Channel`, for channels that Rust has: see `primitives.ml`.
//!
//! OCaml alone calls them, with the lock of a domain held, with arguments of the types that `primitives.ml` declares. That
//! is the safety contract of each. None raises: an exception from elsewhere must not come between what was taken and the
//! one who gets it.

use crate::base::panic::catch_unwind;
use crate::bridge::channel::for_ocaml::{
    ARRAY, Amount, AnyChannel, RECV_TICKET, RING, Received, SEND_TICKET, Sent, Settled, WAIT,
};
use crate::entry::primitives::enter;
use crate::ffi::callbacks::Callbacks;
use crate::ffi::heap;
use crate::ffi::root::Root;
use crate::ffi::runtime::{self as ffi, RawValue, UNIT};
use crate::ffi::token::RuntimeToken;
use crate::value::exception::Failure;
use crate::value::read::Source;

/// Runs user code of an operation, and catches its panic.
fn contained<R>(f: impl FnOnce() -> Result<R, Failure>) -> Result<R, Failure> {
    catch_unwind(f).unwrap_or_else(|panic| Err(Failure::Panic(panic)))
}

/// Returns a block, unrooted.
fn block<const N: usize>(token: &RuntimeToken<'_>, tag: u8, fields: [Root; N]) -> RawValue {
    // SAFETY: the token proves the lock. The block has so many fields, and storing does not allocate.
    unsafe {
        let block = ffi::alloc(N, tag);
        for (i, field) in fields.iter().enumerate() {
            ffi::store_field(block, i, field.raw(token));
        }
        block
    }
}

fn failed(token: &RuntimeToken<'_>, tag: u8, failure: Failure) -> RawValue {
    let exn = failure.into_exception(token, Callbacks::registered(token));
    block(token, tag, [exn.into_any()])
}

fn sent(token: &RuntimeToken<'_>, outcome: Result<Sent, Failure>) -> RawValue {
    match outcome {
        Ok(Sent::All) => ffi::int(0),
        Ok(Sent::Closed) => ffi::int(1),
        Ok(Sent::Full) => ffi::int(2),
        Ok(Sent::Waits(promise, ticket)) => block(token, 0, [promise.into_any(), ticket]),
        Err(failure) => failed(token, 1, failure),
    }
}

fn received(token: &RuntimeToken<'_>, outcome: Result<Received, Failure>) -> RawValue {
    match outcome {
        Ok(Received::Empty) => ffi::int(0),
        Ok(Received::Ended) => ffi::int(1),
        // It is a block of tag 0 already.
        Ok(Received::Elements(converted)) => converted.raw(token),
        Ok(Received::Waits(promise, ticket)) => block(token, 1, [promise.into_any(), ticket]),
        Err(failure) => failed(token, 2, failure),
    }
}

/// `send : ring -> 'a -> int -> sent`: with the flags `wait` and `array`.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_channel_send(
    ring: RawValue,
    items: RawValue,
    flags: RawValue,
) -> RawValue {
    let flags = ffi::int_val(flags);
    let body = |token: &RuntimeToken<'_>| {
        let outcome = contained(|| {
            // SAFETY: OCaml passed a ring, and an element or an array of elements of its channel, and nothing has
            // allocated on the OCaml heap since.
            let (ring, items) = unsafe { (RING.get(ring), Source::new(token, items)) };
            let ring = ring.expect("OCaml declares it");
            ring.send(token, items, flags & ARRAY != 0, flags & WAIT != 0)
        });
        sent(token, outcome)
    };
    // SAFETY: OCaml called.
    unsafe { enter(body) }
}

/// `receive : ring -> int -> int -> 'a received`: one element if the first number is 0, otherwise an array of at most so
/// many; with the flag `wait`.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_channel_receive(
    ring: RawValue,
    max: RawValue,
    flags: RawValue,
) -> RawValue {
    let wait = ffi::int_val(flags) & WAIT != 0;
    let amount = match usize::try_from(ffi::int_val(max)) {
        Ok(0) | Err(_) => Amount::One,
        Ok(max) => Amount::UpTo(max),
    };
    let body = |token: &RuntimeToken<'_>| {
        // SAFETY: OCaml passed a ring.
        let ring = unsafe { RING.get(ring) }.expect("OCaml declares it");
        let outcome = contained(|| ring.receive(token, amount, wait));
        received(token, outcome)
    };
    // SAFETY: OCaml called.
    unsafe { enter(body) }
}

/// `take : ticket -> 'a received`: what is reserved for a receiver whose promise is fulfilled.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_channel_take(ticket: RawValue) -> RawValue {
    let body = |token: &RuntimeToken<'_>| {
        // SAFETY: OCaml passed a receiver's ticket.
        let ticket = unsafe { RECV_TICKET.get(ticket) }.expect("OCaml declares it");
        let outcome = contained(|| ticket.take(token));
        received(token, outcome)
    };
    // SAFETY: OCaml called.
    unsafe { enter(body) }
}

/// `abandon : ticket -> unit`: gives up the place or the reservation of a receiver.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_channel_abandon(ticket: RawValue) -> RawValue {
    let body = |_: &RuntimeToken<'_>| {
        // SAFETY: OCaml passed a receiver's ticket.
        let ticket = unsafe { RECV_TICKET.get(ticket) };
        ticket.expect("OCaml declares it").abandon();
        UNIT
    };
    // SAFETY: OCaml called.
    unsafe { enter(body) }
}

/// `settle : ticket -> settled`: the outcome of a sender, which is withdrawn if it still waits.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_channel_settle(ticket: RawValue) -> RawValue {
    let body = |_: &RuntimeToken<'_>| {
        // SAFETY: OCaml passed a sender's ticket.
        let ticket = unsafe { SEND_TICKET.get(ticket) };
        match ticket.expect("OCaml declares it").settle() {
            Settled::Sent => ffi::int(0),
            Settled::Closed => ffi::int(1),
            Settled::Withdrawn => ffi::int(2),
        }
    };
    // SAFETY: OCaml called.
    unsafe { enter(body) }
}

/// `close : ring -> unit`.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_channel_close(ring: RawValue) -> RawValue {
    // SAFETY: OCaml called with a ring.
    unsafe { with_ring(ring, |ring| ring.close()) }
}

/// `is_closed : ring -> bool` (noalloc).
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_channel_is_closed(ring: RawValue) -> RawValue {
    // SAFETY: OCaml passed a ring, which stays where it is: nothing allocates on the OCaml heap.
    ffi::bool(unsafe { RING.borrow(ring) }.is_closed())
}

/// `length : ring -> int` (noalloc).
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_channel_length(ring: RawValue) -> RawValue {
    // SAFETY: OCaml passed a ring, which stays where it is: nothing allocates on the OCaml heap.
    ffi::int(unsafe { RING.borrow(ring) }.len() as isize)
}

/// `keep : ring -> 'a array -> string`: converts elements of OCaml's channel. The result is empty, or says what does not
/// convert.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_channel_keep(ring: RawValue, items: RawValue) -> RawValue {
    let body = |token: &RuntimeToken<'_>| {
        // SAFETY: OCaml passed a ring and an array of elements, and nothing has allocated on the OCaml heap since.
        let (ring, items) = unsafe { (RING.get(ring), Source::new(token, items)) };
        let ring = ring.expect("OCaml declares it");
        let why = match catch_unwind(|| ring.keep(token, items)) {
            Ok(Ok(())) => String::new(),
            Ok(Err(e)) => e.to_string(),
            Err(panic) => panic.to_string(),
        };
        const NO_MEMORY: &str = "it does not convert, and there is no memory for the reason";
        // SAFETY: the token proves the lock. The text of the fallback is short.
        unsafe {
            heap::alloc_string(why.as_bytes()).unwrap_or_else(|_| ffi::alloc_string(NO_MEMORY))
        }
    };
    // SAFETY: OCaml called.
    unsafe { enter(body) }
}

/// `put : ring -> int -> unit` (noalloc): puts the elements that are kept into the ring, without the first ones, which others
/// have received meanwhile.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_channel_put(ring: RawValue, received: RawValue) -> RawValue {
    // SAFETY: OCaml passed a ring, which stays where it is: nothing allocates on the OCaml heap, nor runs code of users.
    unsafe { RING.borrow(ring) }.put(ffi::int_val(received) as usize);
    UNIT
}

/// Runs `f` with a ring.
///
/// # Safety
/// OCaml called with this ring.
unsafe fn with_ring(ring: RawValue, f: impl FnOnce(&dyn AnyChannel)) -> RawValue {
    let body = |_: &RuntimeToken<'_>| {
        // SAFETY: by this function's contract it is a ring. It is cloned: wakers and destructors are code of users.
        let ring = unsafe { RING.get(ring) };
        f(&*ring.expect("OCaml declares it"));
        UNIT
    };
    // SAFETY: by this function's contract OCaml called.
    unsafe { enter(body) }
}

/// `unkeep : ring -> int -> unit`: drops the last elements that are kept.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_channel_unkeep(ring: RawValue, n: RawValue) -> RawValue {
    let n = ffi::int_val(n) as usize;
    // SAFETY: OCaml called with a ring.
    unsafe { with_ring(ring, |ring| ring.unkeep(n)) }
}

/// `forget : ring -> unit`: drops the elements that are kept.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_channel_forget(ring: RawValue) -> RawValue {
    // SAFETY: OCaml called with a ring.
    unsafe { with_ring(ring, |ring| ring.forget()) }
}

/// `resume : ring -> unit`: resumes the ring, with the elements that are kept.
#[unsafe(no_mangle)]
unsafe extern "C" fn lwt_interop_channel_resume(ring: RawValue) -> RawValue {
    // SAFETY: OCaml called with a ring.
    unsafe { with_ring(ring, |ring| ring.resume()) }
}
