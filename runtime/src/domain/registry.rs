//! The domains that have an executor.

use crate::domain::shared::Shared;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

static REGISTRY: LazyLock<Mutex<BTreeMap<u64, Arc<Shared>>>> = LazyLock::new(Mutex::default);

/// The domains that have an executor, by unique id. The lock is held for a look-up.
pub(crate) fn registry() -> MutexGuard<'static, BTreeMap<u64, Arc<Shared>>> {
    REGISTRY.lock().unwrap_or_else(PoisonError::into_inner)
}
