//! Rust values that OCaml keeps, and the domains that drop them.

use crate::failures::Counted;
use crate::{Error, Int};
use ocaml_lwt_interop::domain::{self, with_token};
use ocaml_lwt_interop::{Domain, OCamlFunc, Opaque, OpaqueType, RemoteFunc, func};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A value whose destructor records the domain that runs it.
#[derive(OpaqueType)]
pub struct Thing {
    tag: Int,
    on_drop: OnDrop,
    _counted: Counted,
}

/// What a destructor does further.
enum OnDrop {
    Nothing,
    Panic,
    /// Calls this OCaml function.
    Call(RemoteFunc<(), ()>),
    Spin(Duration),
    /// Spawns tasks, on tokio and on its domain.
    Spawn,
    Notify(Mutex<Option<oneshot::Sender<()>>>),
}

fn thing(tag: Int, on_drop: OnDrop) -> Opaque<Thing> {
    Opaque::new(Thing {
        tag,
        on_drop,
        _counted: Counted::new(tag),
    })
}

/// The domains that dropped the things of each tag: -1 for a thread without a token.
static DROPPED: Mutex<BTreeMap<Int, Vec<Int>>> = Mutex::new(BTreeMap::new());

fn dropped() -> MutexGuard<'static, BTreeMap<Int, Vec<Int>>> {
    DROPPED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Thing {
    fn drop(&mut self) {
        let here = with_token(|token| token.domain_id() as Int).unwrap_or(-1);
        dropped().entry(self.tag).or_default().push(here);
        match &self.on_drop {
            OnDrop::Nothing => {}
            OnDrop::Panic => panic!("in a collected value's destructor"),
            OnDrop::Call(f) => {
                let called = with_token(|token| f.call_now(token, ()).is_ok());
                if called != Ok(true) {
                    // The loop of another domain drops the thing.
                    f.call(()).expect("its domain waits for it").detach();
                }
            }
            OnDrop::Spin(time) => {
                let end = Instant::now() + *time;
                while Instant::now() < end {
                    std::hint::spin_loop();
                }
            }
            OnDrop::Spawn => {
                let counted = [Counted::new(self.tag), Counted::new(self.tag)];
                let [on_tokio, here] = counted;
                tokio::spawn(async move { drop(on_tokio) });
                let _ = domain::spawn_local(async move { drop(here) });
            }
            OnDrop::Notify(sender) => {
                let mut sender = sender.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(sender) = sender.take() {
                    let _ = sender.send(());
                }
            }
        }
    }
}

/// Returns the domains that dropped the things with this tag: -1 for a thread without a token.
#[func(sync)]
pub fn things_dropped(tag: Int) -> Vec<Int> {
    dropped().get(&tag).cloned().unwrap_or_default()
}

/// Returns a new thing.
#[func(sync)]
pub fn thing_create(tag: Int) -> Opaque<Thing> {
    thing(tag, OnDrop::Nothing)
}

/// Returns a thing whose destructor panics.
#[func(sync)]
pub fn thing_with_panicking_drop(tag: Int) -> Opaque<Thing> {
    thing(tag, OnDrop::Panic)
}

/// Returns a thing whose destructor calls a function.
#[func(sync, raise)]
pub fn thing_calling(tag: Int, f: OCamlFunc<(), ()>) -> Result<Opaque<Thing>, Error> {
    Ok(thing(tag, OnDrop::Call(f.remote()?)))
}

/// Returns a thing whose destructor keeps its thread busy.
#[func(sync)]
pub fn thing_slow(tag: Int, microseconds: Int) -> Opaque<Thing> {
    thing(
        tag,
        OnDrop::Spin(Duration::from_micros(microseconds as u64)),
    )
}

/// Returns a thing whose destructor spawns tasks.
#[func(sync)]
pub fn thing_spawning(tag: Int) -> Opaque<Thing> {
    thing(tag, OnDrop::Spawn)
}

static NOTIFICATIONS: Mutex<BTreeMap<Int, oneshot::Receiver<()>>> = Mutex::new(BTreeMap::new());

/// Returns a thing whose destructor notifies [`thing_dropped`].
#[func(sync)]
pub fn thing_notifying(tag: Int) -> Opaque<Thing> {
    let (sender, receiver) = oneshot::channel();
    let mut all = NOTIFICATIONS.lock().unwrap_or_else(PoisonError::into_inner);
    all.insert(tag, receiver);
    thing(tag, OnDrop::Notify(Mutex::new(Some(sender))))
}

/// Returns once the thing of [`thing_notifying`] is dropped.
#[func(raise)]
pub fn thing_dropped(tag: Int) -> Result<(), Error> {
    let receiver = {
        let mut all = NOTIFICATIONS.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&tag)
    };
    Ok(receiver.ok_or("there is no such thing")?.await?)
}

/// A value of another type.
#[derive(OpaqueType)]
pub struct OtherThing;

/// Returns a value of another type.
#[func(sync)]
pub fn other_thing() -> Opaque<OtherThing> {
    Opaque::new(OtherThing)
}

/// Returns the tag of a thing.
#[func(sync)]
pub fn thing_tag(thing: Opaque<Thing>) -> Int {
    thing.tag
}

/// Returns the tag of a thing, after a yield.
#[func]
pub fn thing_tag_later(thing: Opaque<Thing>) -> Int {
    futures_lite::future::yield_now().await;
    thing.tag
}

/// Returns the thing, from a tokio worker.
#[func(tokio)]
pub async fn thing_through_tokio(thing: Opaque<Thing>) -> Opaque<Thing> {
    tokio::task::yield_now().await;
    thing
}

/// Returns the tags of things, from tokio's blocking pool.
#[func(blocking)]
pub fn thing_tags(things: Vec<Opaque<Thing>>, one: Option<Opaque<Thing>>) -> Vec<Int> {
    things.iter().chain(&one).map(|thing| thing.tag).collect()
}

/// Returns the tag of the thing that a function returns.
#[func(sync, raise)]
pub fn thing_of(f: OCamlFunc<(), Opaque<Thing>>) -> Result<Int, Error> {
    Ok(with_token(|token| f.call(token, ()))?.map(|thing| thing.tag)?)
}

static SHARED: Mutex<BTreeMap<Int, Arc<Thing>>> = Mutex::new(BTreeMap::new());

/// Keeps a reference to the thing in Rust.
#[func(sync)]
pub fn thing_share(thing: Opaque<Thing>) {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.insert(thing.tag, thing.into_arc());
}

/// Returns the thing with this tag that Rust keeps, which Rust no longer keeps then.
#[func(sync)]
pub fn thing_take_share(tag: Int) -> Option<Opaque<Thing>> {
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.remove(&tag).map(Opaque::from)
}

/// Returns the id of a domain's handle, and whether the domain is alive.
#[func(sync)]
pub fn handle_seen(domain: Domain) -> (Int, bool) {
    (domain.id() as Int, domain.is_alive())
}

/// Returns the id of a domain's handle, and whether the domain is alive, from a tokio worker.
#[func(tokio)]
pub async fn handle_seen_on_tokio(domain: Domain) -> (Int, bool) {
    (domain.id() as Int, domain.is_alive())
}
