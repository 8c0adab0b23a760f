//! The public types that are `Send` and `Sync`, and those that are not, so that the compiler keeps them
//! on their domain's thread.

use ocaml_lwt_interop::{
    Bytes, CallError, Domain, DomainTerminated, JoinError, JoinHandle, OCamlAsyncFunc,
    OCamlException, OCamlFunc, Panic, Promise, PromiseFuture, RemoteFunc, Resolver, Rooted,
    RuntimeToken, TokenError,
};
use std::cell::Cell;
use std::marker::PhantomData;

/// Has constants that say whether `T` is `Send` and `Sync`. Where a bound holds, the constant of the
/// type hides that of the trait `Otherwise`.
struct Is<T>(PhantomData<T>);

trait Otherwise {
    const SEND: bool = false;
    const SYNC: bool = false;
}

impl<T> Otherwise for Is<T> {}

#[allow(dead_code)]
impl<T: Send> Is<T> {
    const SEND: bool = true;
}

#[allow(dead_code)]
impl<T: Sync> Is<T> {
    const SYNC: bool = true;
}

macro_rules! assert_not_send_nor_sync {
    ($($t:ty),+ $(,)?) => {
        $(const { assert!(!Is::<$t>::SEND && !Is::<$t>::SYNC, stringify!($t)) };)+
    };
}

macro_rules! assert_send_and_sync {
    ($($t:ty),+ $(,)?) => {
        $(const { assert!(Is::<$t>::SEND && Is::<$t>::SYNC, stringify!($t)) };)+
    };
}

type NotSend = std::rc::Rc<()>;

#[test]
fn tokens_and_values_of_a_domain_are_not_send() {
    assert_not_send_nor_sync!(
        RuntimeToken<'static>,
        Promise<String>,
        PromiseFuture<String>,
        OCamlFunc<(String,), String>,
        OCamlAsyncFunc<(String,), String>,
        Rooted<Promise<String>>,
        Rooted<OCamlFunc<(String,), String>>,
        Rooted<Vec<Option<OCamlAsyncFunc<(String,), String>>>>,
        Rooted<Rooted<Promise<String>>>,
    );
    const { assert!(!Is::<&RuntimeToken<'static>>::SEND) };
}

#[test]
fn handles_roots_and_errors_are_send() {
    assert_send_and_sync!(
        Bytes,
        Domain,
        JoinHandle<String>,
        OCamlException,
        Rooted,
        Rooted<String>,
        Rooted<Cell<u8>>,
        RemoteFunc<(String,), String>,
        Resolver<String>,
        Panic,
        JoinError,
        TokenError,
        DomainTerminated<String>,
        CallError<String>,
    );
}

#[test]
fn types_with_a_value_are_send_only_if_the_value_is() {
    const {
        assert!(!Is::<JoinHandle<NotSend>>::SEND);
        assert!(!Is::<DomainTerminated<NotSend>>::SEND);
        assert!(!Is::<CallError<NotSend>>::SEND);
        assert!(!Is::<Rooted<NotSend>>::SEND && !Is::<Rooted<NotSend>>::SYNC);
    }
}
