//! The domains that have an executor.

use crate::domain::shared::Shared;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

static REGISTRY: LazyLock<Mutex<BTreeMap<u64, Arc<Shared>>>> = LazyLock::new(Mutex::default);

/// Locks the domains that have an executor, by unique id. The lock is held for a look-up.
pub(crate) fn registry() -> MutexGuard<'static, BTreeMap<u64, Arc<Shared>>> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds a domain.
pub(crate) fn insert(shared: Arc<Shared>) {
    registry().insert(shared.id, shared);
}

/// Ends a domain, as [`Shared::close`] does, and removes it.
pub(crate) fn end(shared: &Shared) {
    shared.close();
    registry().remove(&shared.id);
}
