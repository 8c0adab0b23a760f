//! The domains that have an executor.

use crate::domain::shared::Shared;
use once_cell::sync::Lazy;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

static REGISTRY: Lazy<Mutex<BTreeMap<u64, Arc<Shared>>>> = Lazy::new(Mutex::default);

/// The domains that have an executor, by unique id. The lock is held for a look-up.
pub(crate) fn registry() -> MutexGuard<'static, BTreeMap<u64, Arc<Shared>>> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}
