//! Markers of types that must not leave their domain.

use std::marker::PhantomData;
use std::sync::Mutex;

/// Gives the compiler a name to show where a type with a [`NotSend`] marker is sent to another thread.
pub trait BelongsToOneDomain {}

/// In a type that concerns `T`s but holds none, and must not leave its domain: neither `Send` nor
/// `Sync`.
pub(crate) type NotSend<T> = PhantomData<(fn() -> T, PhantomData<dyn BelongsToOneDomain>)>;

/// In a type that makes `T`s and holds none: `Send` and `Sync` if `T` is `Send`.
pub(crate) type SendIf<T> = PhantomData<Mutex<T>>;
