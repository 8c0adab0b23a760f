//! Promises that Rust awaits, promises that Rust makes, and callbacks.

use crate::{Error, Int};
use futures_lite::future;
use ocaml_lwt_interop::convert::types::Type;
use ocaml_lwt_interop::convert::{ConversionError, ToOCaml, Writer};
use ocaml_lwt_interop::domain::{self, with_token};
use ocaml_lwt_interop::{
    OCamlAsyncFunc, OCamlException, OCamlFunc, Promise, Resolver, TokenError, func,
};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Returns what an OCaml promise is fulfilled with, in a text. Fails with its exception.
#[func(raise)]
pub fn await_promise(p: Promise<String>) -> Result<String, OCamlException> {
    let s = p.await?;
    Ok(format!("rust got {s}"))
}

/// Returns `true` if a promise resolves within `ms` milliseconds, and cancels it otherwise.
#[func]
pub fn await_briefly(p: Promise<()>, ms: Int) -> bool {
    let waiting = async {
        let _ = p.into_future().cancel_on_drop().await;
        true
    };
    let timeout = async {
        tokio::time::sleep(Duration::from_millis(ms as u64)).await;
        false
    };
    future::or(waiting, timeout).await
}

/// Returns `true` if a promise resolves within so many polls.
#[func]
pub fn await_for_polls(p: Promise<()>, polls: Int) -> bool {
    let mut waiting = p.into_future();
    for _ in 0..polls {
        if future::poll_once(&mut waiting).await.is_some() {
            return true;
        }
        future::yield_now().await;
    }
    future::poll_once(waiting).await.is_some()
}

fn new_promise<T>() -> Result<(Promise<T>, Resolver<T>), TokenError>
where
    T: ToOCaml + Send + 'static,
{
    Promise::new()
}

/// Returns a promise that another thread fulfills.
#[func(sync)]
pub fn promise_from_thread(text: String) -> Promise<String> {
    let (promise, resolver) = new_promise().expect("a stub has a token");
    std::thread::spawn(move || {
        let _ = resolver.resolve(text);
    });
    promise
}

/// Returns a promise whose resolver is dropped.
#[func(sync)]
pub fn promise_dropped() -> Promise<String> {
    let (promise, resolver) = new_promise::<String>().expect("a stub has a token");
    drop(resolver);
    promise
}

/// Returns a promise that is rejected.
#[func(sync)]
pub fn promise_rejected(why: String) -> Promise<String> {
    let (promise, resolver) = new_promise::<String>().expect("a stub has a token");
    let _ = resolver.reject(why);
    promise
}

/// Calls a function within the call.
#[func(sync, raise)]
pub fn call_sync(f: OCamlFunc<(Int, String), String>, n: Int) -> Result<String, Error> {
    Ok(with_token(|t| f.call(t, (n, "x".to_owned())))??)
}

/// A number whose destructor calls a function.
pub struct CallsOnDrop(Int, OCamlFunc<(), ()>);

// SAFETY: an OCaml int is written.
unsafe impl ToOCaml for CallsOnDrop {
    const TYPE: &'static Type = <Int as ToOCaml>::TYPE;

    fn to_ocaml<W: Writer>(&self, writer: &mut W) -> Result<W::Value, ConversionError> {
        self.0.to_ocaml(writer)
    }
}

impl Drop for CallsOnDrop {
    fn drop(&mut self) {
        let called = with_token(|t| self.1.call(t, ()));
        called.expect("a stub has a token").expect("it returns");
    }
}

/// Returns a number, ready at once, whose destructor calls the function.
#[func]
pub fn call_at_end(n: Int, f: OCamlFunc<(), ()>) -> CallsOnDrop {
    CallsOnDrop(n, f)
}

/// Sends this domain a message that calls the function, and then one that fulfills the promise.
#[func(sync)]
pub fn call_before_fulfilling(f: OCamlFunc<(), ()>) -> Promise<String> {
    let f = f.remote().expect("a stub has a domain");
    let (promise, resolver) = new_promise().expect("a stub has a token");
    let here = domain::current().expect("a stub has a domain");
    let _ = here.call(move |t| f.call_now(t, ()).is_ok());
    let _ = resolver.resolve("fulfilled".to_owned());
    promise
}

/// Calls a function from a task.
#[func(raise)]
pub fn call_from_task(f: OCamlFunc<(Int, String), String>, n: Int) -> Result<String, Error> {
    future::yield_now().await;
    Ok(with_token(|t| f.call(t, (n, "y".to_owned())))??)
}

/// Calls a function `n` times, awaits each promise, and returns the sum.
#[func(raise)]
pub fn call_async(f: OCamlAsyncFunc<(Int,), Int>, n: Int) -> Result<Int, Error> {
    let mut sum = 0;
    for i in 0..n {
        sum += f.call((i,))?.await?;
    }
    Ok(sum)
}

/// Calls a function with a number, and awaits its promise.
#[func(raise)]
pub fn call_async_once(f: OCamlAsyncFunc<(Int,), Int>, n: Int) -> Result<Int, Error> {
    Ok(f.call((n,))?.await?)
}

/// Calls a function with a unit, and awaits its promise.
#[func(raise)]
pub fn call_unit(f: OCamlAsyncFunc<(), ()>) -> Result<(), Error> {
    Ok(f.call(())?.await?)
}

/// Yields, calls a function with a unit, and awaits its promise.
#[func(raise)]
pub async fn call_later(f: OCamlAsyncFunc<(), ()>) -> Result<(), Error> {
    future::yield_now().await;
    Ok(f.call(())?.await?)
}

/// Returns the number of the promise that resolves first. If that is the second and `cancel` is true,
/// the first is cancelled.
#[func]
pub fn first_of(p: Promise<()>, q: Promise<()>, cancel: bool) -> Int {
    let one = async {
        let p = p.into_future();
        let _ = if cancel { p.cancel_on_drop() } else { p }.await;
        1
    };
    let two = async {
        let _ = q.await;
        2
    };
    future::or(one, two).await
}

/// Calls a function, and returns 1 if its promise resolves before `q`. Otherwise cancels it, and
/// returns 2.
#[func(raise)]
pub fn call_until(f: OCamlAsyncFunc<(), ()>, q: Promise<()>) -> Result<Int, Error> {
    let called = f.call(())?.cancel_on_drop();
    let one = async {
        let _ = called.await;
        1
    };
    let two = async {
        let _ = q.await;
        2
    };
    Ok(future::or(one, two).await)
}

static RESOLVERS: Mutex<BTreeMap<Int, Resolver<String>>> = Mutex::new(BTreeMap::new());

fn take(tag: Int) -> Result<Resolver<String>, Error> {
    let mut resolvers = RESOLVERS.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(resolvers
        .remove(&tag)
        .ok_or("no resolver is kept under this tag")?)
}

/// Returns a promise whose resolver is kept under `tag`.
#[func(sync)]
pub fn promise_kept(tag: Int) -> Promise<String> {
    let (promise, resolver) = new_promise().expect("a stub has a token");
    RESOLVERS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(tag, resolver);
    promise
}

/// Fulfills the promise of a kept resolver, on this domain or on tokio. Returns the text if the
/// promise's domain has terminated.
#[func(raise)]
pub fn resolve_kept(tag: Int, text: String, on_tokio: bool) -> Result<Option<String>, Error> {
    let resolver = take(tag)?;
    let resolve = move || resolver.resolve(text).err().map(|t| t.work);
    Ok(if on_tokio {
        tokio::spawn(async move { resolve() }).await?
    } else {
        resolve()
    })
}

/// Rejects the promise of a kept resolver. Returns `false` if the promise's domain has terminated.
#[func(sync, raise)]
pub fn reject_kept(tag: Int, why: String) -> Result<bool, Error> {
    let resolver = take(tag)?;
    Ok(resolver.reject(why).is_ok())
}

/// Drops a kept resolver on a plain thread.
#[func(sync, raise)]
pub fn drop_kept(tag: Int) -> Result<(), Error> {
    let resolver = take(tag)?;
    std::thread::spawn(move || drop(resolver))
        .join()
        .map_err(|_| "panicked")?;
    Ok(())
}

/// Returns a promise that is rejected with the exception of a rejected promise.
#[func(raise)]
pub fn pass_exception(p: Promise<()>) -> Result<Promise<()>, Error> {
    let Err(exception) = p.await else {
        return Err("it was fulfilled".into());
    };
    let (promise, resolver) = new_promise::<()>()?;
    let _ = tokio::spawn(async move { resolver.reject(exception) }).await?;
    Ok(promise)
}

/// More arguments than bytecode passes one by one.
type Seven = (Int, f64, String, bool, Int, Int, Vec<Int>);

/// Calls a function with seven arguments.
#[func(raise)]
pub fn call_seven(f: OCamlFunc<Seven, String>) -> Result<String, Error> {
    let args = (1, 2.5, "c".to_owned(), true, 5, 6, vec![7, 8]);
    Ok(with_token(|t| f.call(t, args))??)
}

/// Calls a function `n` times, awaits the promises after the last call, and returns the sum of their
/// strings' lengths.
#[func(raise)]
pub fn call_all(f: OCamlAsyncFunc<(Int, String), String>, n: Int) -> Result<Int, Error> {
    let calls = (0..n)
        .map(|i| f.call((i, i.to_string())))
        .collect::<Result<Vec<_>, _>>()?;
    let mut total = 0;
    for call in calls {
        total += call.await?.len() as Int;
    }
    Ok(total)
}
