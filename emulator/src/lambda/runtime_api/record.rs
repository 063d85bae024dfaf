//! The record of the processes of one function.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The output and the measurements of the processes of one function, gathered while they run.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) logs: Mutex<Vec<String>>,
    pub(super) starts: Mutex<Vec<Duration>>,
    pub(super) peak_memory: Mutex<Option<u64>>,
}

/// Locks a mutex. A panic elsewhere while it was held cannot leave these values half-written.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
