//! The result of a rotation event.

use crate::error::Error;

/// The result of one event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rotated {
    /// The runtimes that have a new version.
    pub(crate) runtimes: Vec<String>,
    /// The credential providers that have the new value.
    pub(crate) providers: Vec<String>,
    /// The reason why nothing had to be done.
    pub(crate) idle: Option<&'static str>,
}

impl Rotated {
    /// Returns the result of an event that changed nothing.
    pub(super) fn idle(reason: &'static str) -> Self {
        Self { idle: Some(reason), ..Self::default() }
    }

    /// Adds the result of another resource.
    pub(super) fn add(&mut self, other: Self) {
        self.runtimes.extend(other.runtimes);
        self.providers.extend(other.providers);
    }
}

/// The result of an event that failed. Several resources may read one secret, and each has a result of its own.
#[derive(Debug, Default)]
pub(crate) struct Unfinished {
    /// The part that succeeded.
    pub(crate) done: Rotated,
    /// Reasons that may pass: another delivery of the event goes on.
    pub(crate) later: Vec<Error>,
    /// Reasons that another delivery would find again.
    pub(crate) failed: Vec<Error>,
}

impl From<Vec<Error>> for Unfinished {
    fn from(errors: Vec<Error>) -> Self {
        let (later, failed) = errors.into_iter().partition(Error::may_succeed_later);
        Self { done: Rotated::default(), later, failed }
    }
}

impl From<Error> for Unfinished {
    fn from(error: Error) -> Self {
        Self::from(vec![error])
    }
}
