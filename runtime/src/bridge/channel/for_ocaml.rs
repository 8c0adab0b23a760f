//! Channels as OCaml uses them: of elements whose type is known while the program runs.

use crate::base::channel::{Closed, Receiver, Sending, Stopped, TryRecvError, TrySendError};
use crate::base::panic::{Each, catch_and_discard_cold, catch_unwind, drop_each};
use crate::base::slot_map::Key;
use crate::bridge::channel::both::Both;
use crate::bridge::resolve::resolve;
use crate::domain::context::with_core;
use crate::domain::dispatch::{send, wake_one_or_all};
use crate::domain::garbage;
use crate::domain::message::Run;
use crate::domain::shared::Shared;
use crate::ffi::any_arc::AnyArc;
use crate::ffi::converted::Converted;
use crate::ffi::custom::Custom;
use crate::ffi::root::{LwtPromise, Root};
use crate::ffi::token::RuntimeToken;
use crate::value::conversion_error::{ConversionError, Place};
use crate::value::convert::{Nested, to_ocaml};
use crate::value::declare::{from_ocaml as impl_from_ocaml, to_ocaml as impl_to_ocaml};
use crate::value::exception::{Failure, OCamlException};
use crate::value::read::{FromOCaml, Source};
use crate::value::rooted::read_prepared;
use crate::value::types::Type;
use crate::value::write::{ToOCaml, write_root};
use std::any::{Any, type_name};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// The order of `Primitives.Ring.sent`.
pub(crate) const SENT: &str = "Sent Refused Full | Sender Not_sent";

/// The order of `Primitives.Ring.received`.
pub(crate) const RECEIVED: &str = "Empty Ended | Received Receiver Not_received";

/// The order of `Primitives.Ring.settled`.
pub(crate) const SETTLED: &str = "Accepted Too_late Withdrawn";

/// The bits of the argument `flags` of primitives: what a call waits for, and what it sends.
pub(crate) const FLAGS: &str = "wait=1 array=2";
pub(crate) const WAIT: isize = 1;
pub(crate) const ARRAY: isize = 2;

/// What OCaml learns at once when it sends.
pub(crate) enum Sent {
    All,
    Closed,
    Full,
    /// The sender waits. The promise is fulfilled when the ticket has an outcome.
    Waits(Root<LwtPromise>, Root),
}

/// What OCaml learns at once when it receives.
pub(crate) enum Received {
    Empty,
    Ended,
    /// A block with the element, or with the array of elements.
    Elements(Converted),
    /// The receiver waits. The promise is fulfilled when the ticket can be used.
    Waits(Root<LwtPromise>, Root),
}

/// The outcome of a sender that has waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    Sent,
    Closed,
    Withdrawn,
}

/// How much OCaml receives.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Amount {
    /// One element, as it is.
    One,
    /// An array of at most so many.
    UpTo(usize),
}

impl Amount {
    fn max(self) -> usize {
        match self {
            Amount::One => 1,
            Amount::UpTo(max) => max.max(1),
        }
    }
}

/// A channel whose elements OCaml converts.
pub(crate) trait AnyChannel: Send + Sync {
    /// Returns the name of the type of the elements.
    fn element(&self) -> &'static str;

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;

    /// Sends an element, or the elements of an array. With `wait`, a sender for which there is no room waits.
    fn send(
        &self,
        token: &RuntimeToken<'_>,
        items: Source<'_>,
        is_array: bool,
        wait: bool,
    ) -> Result<Sent, Failure>;

    /// Receives. With `wait`, a receiver for which there is no element waits.
    fn receive(
        self: Arc<Self>,
        token: &RuntimeToken<'_>,
        amount: Amount,
        wait: bool,
    ) -> Result<Received, Failure>;

    fn close(&self);
    fn is_closed(&self) -> bool;
    fn len(&self) -> usize;

    /// Converts elements of OCaml's channel, of which all have to convert, and keeps them.
    fn keep(&self, token: &RuntimeToken<'_>, items: Source<'_>) -> Result<(), ConversionError>;

    /// Drops the last `n` elements that are kept.
    fn unkeep(&self, n: usize);

    /// Puts the elements that are kept into the channel, without so many that others have received meanwhile, which stay
    /// kept. Runs no code of users.
    fn put(&self, received: usize);

    /// Drops the elements that are kept.
    fn forget(&self);

    /// Resumes the channel, with the elements that are kept.
    fn resume(&self);
}

/// A sender of OCaml's that waits.
pub(crate) trait SendTicket: Send + Sync {
    /// Returns the outcome. A sender that still waits is withdrawn.
    fn settle(&self) -> Settled;
}

/// A receiver of OCaml's that waits.
pub(crate) trait RecvTicket: Send + Sync {
    /// Takes what is reserved. The promise of the ticket is fulfilled.
    fn take(&self, token: &RuntimeToken<'_>) -> Result<Received, Failure>;

    /// Gives up the place or the reservation.
    fn abandon(&self);
}

/// The rings of channels in OCaml.
pub(crate) static RING: Custom<Arc<dyn AnyChannel>> =
    Custom::new(c"ocaml-lwt-interop.channel", collected);

pub(crate) static SEND_TICKET: Custom<Arc<dyn SendTicket>> =
    Custom::new(c"ocaml-lwt-interop.channel.sender", collected);

pub(crate) static RECV_TICKET: Custom<Arc<dyn RecvTicket>> =
    Custom::new(c"ocaml-lwt-interop.channel.receiver", collected);

fn collected<T: ?Sized + Send + Sync + 'static>(content: Arc<T>) {
    garbage::push(AnyArc::from(content));
    // Afterwards, so that the loop that wakes finds it.
    wake_one_or_all();
}

/// Fulfils a promise of a domain when it is woken.
struct Ready {
    home: Arc<Shared>,
    call: Key,
}

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        let call = self.call;
        let fulfil = move |token: &RuntimeToken<'_>| {
            with_core(token, |core| resolve(core, token, call, None, Ok(())))
                .expect("a domain's loop delivers messages");
        };
        // A domain that has terminated has rejected the promise.
        let _ = send(&self.home, Run(fulfil));
    }
}

/// Polls with the waker of a new promise of this domain. Returns the promise if the poll is pending.
fn poll_with_promise<R>(
    token: &RuntimeToken<'_>,
    poll: impl FnOnce(&mut Context<'_>) -> Poll<R>,
) -> Result<Result<R, Root<LwtPromise>>, Failure> {
    let polled = with_core(token, |core| {
        let (call, promise) = core
            .add_rooted_call(token)
            .map_err(|exn| Failure::Exception(OCamlException::from_root(token, exn)))?;
        let waker = Waker::from(Arc::new(Ready {
            home: core.shared.clone(),
            call,
        }));
        Ok(match poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(result) => {
                core.cancel_call(call);
                Ok(result)
            }
            Poll::Pending => Err(promise),
        })
    });
    polled.unwrap_or_else(|e| Err(Failure::from_error(Box::new(e))))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A batch of elements, an array in OCaml.
struct Batch<T>(Each<Vec<T>>);

impl_to_ocaml!([T: ToOCaml] Batch<T>, &Type::Any, |batch, writer| writer.array(batch.0.0.iter()));

/// The elements of an array.
struct Items<T>(Each<VecDeque<T>>);

impl_from_ocaml!([T: FromOCaml] Items<T>, &Type::Array(T::TYPE), |items| {
    let (len, elements) = items.array()?;
    let mut read = Each(VecDeque::with_capacity(len));
    for i in 0..len {
        read.0.push_back(elements.get(i, Place::Element(i))?);
    }
    Ok(Items(read))
});

fn in_channel<T>(error: ConversionError) -> ConversionError {
    if error.is_out_of_memory() || error.exception().is_some() {
        return error;
    }
    let name = type_name::<T>();
    ConversionError::new(format!("an element of a Channel<{name}>: {error}"))
}

/// Converts an element.
fn convert_one<T: ToOCaml>(token: &RuntimeToken<'_>, item: T) -> Result<Converted, Failure> {
    match catch_unwind(|| to_ocaml(token, Nested(item))) {
        Ok(converted) => converted.map_err(|e| Failure::Conversion(in_channel::<T>(e))),
        Err(panic) => Err(Failure::Panic(panic)),
    }
}

/// Converts elements. Those that do not convert are left out, and `fail` gets their errors.
fn convert_many<T: ToOCaml>(
    token: &RuntimeToken<'_>,
    items: Vec<T>,
    mut fail: impl FnMut(Failure),
) -> Result<Converted, Failure> {
    let mut batch = Nested(Batch(Each(items)));
    // Measured and written without being consumed, so that those that convert are left if another one does not.
    if let Ok(Ok(root)) = catch_unwind(|| write_root(token, &batch)) {
        return Ok(Converted::Rooted(root));
    }
    let mut good = Each(Vec::new());
    for item in batch.0.0.take() {
        let failure = match catch_unwind(|| write_root(token, &item)) {
            Ok(Ok(_)) => {
                good.0.push(item);
                continue;
            }
            Ok(Err(e)) => Failure::Conversion(in_channel::<T>(e)),
            Err(panic) => Failure::Panic(panic),
        };
        fail(failure);
        catch_and_discard_cold(|| drop(item));
    }
    convert_one(token, Batch(good))
}

impl<T: FromOCaml + ToOCaml + Send + 'static> Both<T> {
    /// Converts what was received.
    fn convert(
        &self,
        token: &RuntimeToken<'_>,
        amount: Amount,
        items: Vec<T>,
    ) -> Result<Received, Failure> {
        let converted = match amount {
            Amount::One => {
                let item = items.into_iter().next();
                convert_one(token, item.expect("one was received"))?
            }
            Amount::UpTo(_) => {
                let len = items.len();
                let mut failed = 0;
                let converted = convert_many(token, items, |failure| {
                    failed += 1;
                    self.add_failure(failure);
                })?;
                if failed == len {
                    return Err(self.next_failure().expect("it was added"));
                }
                converted
            }
        };
        Ok(Received::Elements(converted))
    }
}

impl<T: FromOCaml + ToOCaml + Send + 'static> AnyChannel for Both<T> {
    fn element(&self) -> &'static str {
        type_name::<T>()
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn send(
        &self,
        token: &RuntimeToken<'_>,
        items: Source<'_>,
        is_array: bool,
        wait: bool,
    ) -> Result<Sent, Failure> {
        let read = match is_array {
            true => read_prepared(token, items).map(|Items(items)| items),
            false => read_prepared(token, items).map(|item| Each(VecDeque::from([item]))),
        };
        let mut items = read.map_err(in_channel::<T>)?;
        if !is_array {
            let item = items.0.pop_front().expect("it was read");
            match self.tx.try_send(item) {
                Ok(()) => return Ok(Sent::All),
                Err(TrySendError::Closed(_)) => return Ok(Sent::Closed),
                Err(TrySendError::Full(_)) if !wait => return Ok(Sent::Full),
                Err(TrySendError::Full(item)) => items.0.push_back(item),
            }
        } else {
            match self.tx.try_send_all(&mut items.0) {
                Err(_) => return Ok(Sent::Closed),
                Ok(_) if items.0.is_empty() => return Ok(Sent::All),
                Ok(_) => {}
            }
        }
        let mut sending = self.tx.start_sending(items.take());
        let polled = poll_with_promise(token, |cx| sending.poll(cx))?;
        Ok(match polled {
            Ok(Ok(())) => Sent::All,
            Ok(Err(Closed)) => Sent::Closed,
            Err(promise) => {
                let ticket: Arc<dyn SendTicket> =
                    Arc::new(WaitingSender(Mutex::new(Outcome::Waiting(sending))));
                Sent::Waits(promise, SEND_TICKET.alloc(token, ticket, 0))
            }
        })
    }

    fn receive(
        self: Arc<Self>,
        token: &RuntimeToken<'_>,
        amount: Amount,
        wait: bool,
    ) -> Result<Received, Failure> {
        if let Some(failure) = self.next_failure() {
            return Err(failure);
        }
        let mut items = Vec::new();
        match self.rx.try_recv_many(&mut items, amount.max()) {
            Ok(_) => return self.convert(token, amount, items),
            Err(TryRecvError::Empty) if wait => {}
            Err(TryRecvError::Empty) => return Ok(Received::Empty),
            Err(TryRecvError::Closed) => return Ok(Received::Ended),
            Err(TryRecvError::Failed(never)) => match never {},
        }
        let mut rx = self.rx.clone();
        let polled =
            poll_with_promise(token, |cx| rx.poll_recv_many(cx, &mut items, amount.max()))?;
        match polled {
            Ok(Ok(0)) => Ok(Received::Ended),
            Ok(Ok(_)) => self.convert(token, amount, items),
            Ok(Err(never)) => match never {},
            Err(promise) => {
                let ticket: Arc<dyn RecvTicket> = Arc::new(WaitingReceiver {
                    both: self,
                    rx: Mutex::new(Some(rx)),
                    amount,
                });
                let ticket = RECV_TICKET.alloc(token, ticket, 0);
                Ok(Received::Waits(promise, ticket))
            }
        }
    }

    fn close(&self) {
        self.tx.close();
    }

    fn is_closed(&self) -> bool {
        self.tx.is_closed()
    }

    fn len(&self) -> usize {
        self.tx.len()
    }

    fn keep(&self, token: &RuntimeToken<'_>, items: Source<'_>) -> Result<(), ConversionError> {
        let Items(mut items) = read_prepared(token, items).map_err(in_channel::<T>)?;
        self.keep(items.take());
        Ok(())
    }

    fn unkeep(&self, n: usize) {
        drop_each(self.unkeep(n));
    }

    fn put(&self, received: usize) {
        self.put(received);
    }

    fn forget(&self) {
        drop_each(self.take_kept());
    }

    fn resume(&self) {
        self.resume();
    }
}

struct WaitingSender<T>(Mutex<Outcome<T>>);

enum Outcome<T> {
    Waiting(Sending<T, Infallible>),
    /// Its only thread is about to learn the outcome, and runs no code of users before.
    Stopping,
    Known(Settled),
}

// Wakers and destructors, which run where the channel changes, may use the ticket. So its lock is not held there.
impl<T: Send + 'static> SendTicket for WaitingSender<T> {
    fn settle(&self) -> Settled {
        let taken = std::mem::replace(&mut *lock(&self.0), Outcome::Stopping);
        match taken {
            Outcome::Waiting(sending) => sending.stop(|stopped| {
                *lock(&self.0) = Outcome::Known(match stopped {
                    Stopped::Sent => Settled::Sent,
                    Stopped::Refused => Settled::Closed,
                    Stopped::Withdrawn => Settled::Withdrawn,
                });
            }),
            known => *lock(&self.0) = known,
        }
        match *lock(&self.0) {
            Outcome::Known(settled) => settled,
            Outcome::Waiting(_) | Outcome::Stopping => unreachable!("it has stopped"),
        }
    }
}

struct WaitingReceiver<T> {
    both: Arc<Both<T>>,
    /// `None` while it is used.
    rx: Mutex<Option<Receiver<T, Infallible>>>,
    amount: Amount,
}

impl<T> WaitingReceiver<T> {
    /// Calls `f` with the receiver, unless a caller of this does.
    fn with_receiver<R>(&self, f: impl FnOnce(&mut Receiver<T, Infallible>) -> R) -> Option<R> {
        let mut rx = lock(&self.rx).take()?;
        let result = f(&mut rx);
        *lock(&self.rx) = Some(rx);
        Some(result)
    }
}

impl<T: FromOCaml + ToOCaml + Send + 'static> RecvTicket for WaitingReceiver<T> {
    fn take(&self, token: &RuntimeToken<'_>) -> Result<Received, Failure> {
        let mut items = Vec::new();
        // The promise is fulfilled, so there is an element, or there will be none. If OCaml asked too early, nobody
        // would be woken.
        let mut cx = Context::from_waker(Waker::noop());
        let max = self.amount.max();
        match self.with_receiver(|rx| rx.poll_recv_many(&mut cx, &mut items, max)) {
            Some(Poll::Ready(Ok(0))) => Ok(Received::Ended),
            Some(Poll::Ready(Ok(_))) => self.both.convert(token, self.amount, items),
            Some(Poll::Ready(Err(never))) => match never {},
            Some(Poll::Pending) | None => Ok(Received::Empty),
        }
    }

    fn abandon(&self) {
        self.with_receiver(Receiver::stop_waiting);
    }
}
