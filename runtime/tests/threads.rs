//! Which types may leave their thread: the compiler keeps the others where they are.

use ocaml_lwt_interop::ocaml::Value;
use ocaml_lwt_interop::{
    Bytes, CallError, Domain, DomainTerminated, JoinError, JoinHandle, OCamlAsyncFunc,
    OCamlException, OCamlFunc, Panic, Promise, PromiseFuture, Resolver, Rooted, RuntimeToken,
    TokenError,
};
use std::marker::PhantomData;

/// Tells whether a type has a trait: an associated constant of the type itself, where the bound
/// holds, hides that of the trait `Otherwise`.
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

macro_rules! stays {
    ($($t:ty),+ $(,)?) => {
        $(const { assert!(!Is::<$t>::SEND && !Is::<$t>::SYNC, stringify!($t)) };)+
    };
}

macro_rules! travels {
    ($($t:ty),+ $(,)?) => {
        $(const { assert!(Is::<$t>::SEND && Is::<$t>::SYNC, stringify!($t)) };)+
    };
}

type NotSend = std::rc::Rc<()>;

#[test]
fn tokens_and_what_belongs_to_a_domain_stay_on_its_thread() {
    stays!(
        RuntimeToken<'static>,
        Promise<String>,
        PromiseFuture<String>,
        OCamlFunc<(String,), String>,
        OCamlAsyncFunc<(String,), String>,
        Value,
    );
    const { assert!(!Is::<&RuntimeToken<'static>>::SEND) };
}

#[test]
fn handles_roots_and_errors_travel() {
    travels!(
        Bytes,
        Domain,
        JoinHandle<String>,
        OCamlException,
        Rooted<String>,
        Rooted<NotSend>,
        Resolver<String>,
        Panic,
        JoinError,
        TokenError,
        DomainTerminated<String>,
        CallError<String>,
    );
}

#[test]
fn what_carries_a_value_travels_only_with_one_that_does() {
    const {
        assert!(!Is::<JoinHandle<NotSend>>::SEND);
        assert!(!Is::<DomainTerminated<NotSend>>::SEND);
        assert!(!Is::<CallError<NotSend>>::SEND);
    }
}
