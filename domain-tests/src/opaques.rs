//! Rust values that OCaml keeps, and where they are dropped.

use crate::failures::Counted;
use crate::{Error, Int};
use ocaml_lwt_interop::domain::{self, with_token};
use ocaml_lwt_interop::{Domain, OCamlFunc, Opaque, Rooted, func};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// A value whose destructor is told of.
pub struct Thing {
    tag: Int,
    at_end: AtEnd,
    _counted: Counted,
}

/// What a destructor does.
enum AtEnd {
    Nothing,
    Panic,
    /// Calls this function.
    Call(Rooted),
    Spin(Duration),
    /// Spawns tasks, on tokio and here, and tells.
    Spawn,
    Tell(Mutex<Option<oneshot::Sender<()>>>),
}

fn thing(tag: Int, at_end: AtEnd) -> Opaque<Thing> {
    Opaque::new(Thing {
        tag,
        at_end,
        _counted: Counted::new(tag),
    })
}

/// In which domains the things with a tag were dropped, -1 for those without a token.
static DROPPED: Mutex<BTreeMap<Int, Vec<Int>>> = Mutex::new(BTreeMap::new());

fn dropped() -> MutexGuard<'static, BTreeMap<Int, Vec<Int>>> {
    DROPPED.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Thing {
    fn drop(&mut self) {
        let here = with_token(|token| token.domain_id() as Int).unwrap_or(-1);
        dropped().entry(self.tag).or_default().push(here);
        match &self.at_end {
            AtEnd::Nothing => {}
            AtEnd::Panic => panic!("in a collected value's destructor"),
            AtEnd::Call(f) => {
                let called = with_token(|token| {
                    let f: OCamlFunc<(), ()> = ocaml::FromValue::from_value(f.value(token));
                    f.call(token, ()).is_ok()
                });
                assert_eq!(called, Ok(true));
            }
            AtEnd::Spin(time) => {
                let end = Instant::now() + *time;
                while Instant::now() < end {
                    std::hint::spin_loop();
                }
            }
            AtEnd::Spawn => {
                let counted = [Counted::new(self.tag), Counted::new(self.tag)];
                let [on_tokio, here] = counted;
                tokio::spawn(async move { drop(on_tokio) });
                let _ = domain::spawn_local(async move { drop(here) });
            }
            AtEnd::Tell(tell) => {
                let mut tell = tell.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(tell) = tell.take() {
                    let _ = tell.send(());
                }
            }
        }
    }
}

/// In which domains the things with this tag were dropped.
#[func(sync)]
pub fn things_dropped(tag: Int) -> Vec<Int> {
    dropped().get(&tag).cloned().unwrap_or_default()
}

/// A new one.
#[func(sync)]
pub fn thing_create(tag: Int) -> Opaque<Thing> {
    thing(tag, AtEnd::Nothing)
}

/// Its destructor panics.
#[func(sync)]
pub fn thing_with_panicking_drop(tag: Int) -> Opaque<Thing> {
    thing(tag, AtEnd::Panic)
}

/// Its destructor calls a function.
#[func(sync)]
pub fn thing_calling(tag: Int, f: Rooted) -> Opaque<Thing> {
    thing(tag, AtEnd::Call(f))
}

/// Its destructor takes its time.
#[func(sync)]
pub fn thing_slow(tag: Int, microseconds: Int) -> Opaque<Thing> {
    thing(tag, AtEnd::Spin(Duration::from_micros(microseconds as u64)))
}

/// Its destructor spawns tasks.
#[func(sync)]
pub fn thing_spawning(tag: Int) -> Opaque<Thing> {
    thing(tag, AtEnd::Spawn)
}

static TOLD: Mutex<BTreeMap<Int, oneshot::Receiver<()>>> = Mutex::new(BTreeMap::new());

/// Its destructor tells [`thing_told`].
#[func(sync)]
pub fn thing_notifying(tag: Int) -> Opaque<Thing> {
    let (tell, told) = oneshot::channel();
    let mut all = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    all.insert(tag, told);
    thing(tag, AtEnd::Tell(Mutex::new(Some(tell))))
}

/// Done when the thing is dropped.
#[func(raise)]
pub fn thing_dropped(tag: Int) -> Result<(), Error> {
    let told = {
        let mut all = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&tag)
    };
    Ok(told.ok_or("there is no such thing")?.await?)
}

/// A value of another type.
#[func(sync)]
pub fn other_thing() -> Opaque<String> {
    Opaque::new("another".to_owned())
}

/// The tag.
#[func(sync)]
pub fn thing_tag(thing: Opaque<Thing>) -> Int {
    thing.tag
}

/// The same, in a task.
#[func]
pub fn thing_tag_later(thing: Opaque<Thing>) -> Int {
    futures_lite::future::yield_now().await;
    thing.tag
}

/// The same value, through tokio.
#[func(tokio)]
pub async fn thing_through_tokio(thing: Opaque<Thing>) -> Opaque<Thing> {
    tokio::task::yield_now().await;
    thing
}

/// The tags, in tokio's blocking pool.
#[func(blocking)]
pub fn thing_tags(things: Vec<Opaque<Thing>>, one: Option<Opaque<Thing>>) -> Vec<Int> {
    things.iter().chain(&one).map(|thing| thing.tag).collect()
}

/// What a function returns.
#[func(sync, raise)]
pub fn thing_of(f: OCamlFunc<(), Opaque<Thing>>) -> Result<Int, Error> {
    Ok(with_token(|token| f.call(token, ()))?.map(|thing| thing.tag)?)
}

static SHARES: Mutex<BTreeMap<Int, Arc<Thing>>> = Mutex::new(BTreeMap::new());

/// Rust keeps a share.
#[func(sync)]
pub fn thing_share(thing: Opaque<Thing>) {
    let mut shares = SHARES.lock().unwrap_or_else(PoisonError::into_inner);
    shares.insert(thing.tag, thing.into_arc());
}

/// Gives it back, and keeps none.
#[func(sync)]
pub fn thing_take_share(tag: Int) -> Option<Opaque<Thing>> {
    let mut shares = SHARES.lock().unwrap_or_else(PoisonError::into_inner);
    shares.remove(&tag).map(Opaque::from)
}

/// A handle's id, and whether it is alive.
#[func(sync)]
pub fn handle_seen(domain: Domain) -> (Int, bool) {
    (domain.id() as Int, domain.is_alive())
}

/// The same, on tokio.
#[func(tokio)]
pub async fn handle_seen_on_tokio(domain: Domain) -> (Int, bool) {
    (domain.id() as Int, domain.is_alive())
}
