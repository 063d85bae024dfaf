//! Asynchronous operations and the states they pass through.

use std::time::{Duration, SystemTime};

use crate::service::Outcome;

/// The status of a runtime, of one of its versions or of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Being created.
    Creating,
    /// The creation failed.
    CreateFailed,
    /// Being updated.
    Updating,
    /// The update failed.
    UpdateFailed,
    /// Usable.
    Ready,
    /// Being deleted.
    Deleting,
    /// The deletion failed.
    DeleteFailed,
    /// Deleted: not found any more. No API shows this one.
    Gone,
}

impl Status {
    /// The word in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::CreateFailed => "CREATE_FAILED",
            Self::Updating => "UPDATING",
            Self::UpdateFailed => "UPDATE_FAILED",
            Self::Ready => "READY",
            Self::Deleting | Self::Gone => "DELETING",
            Self::DeleteFailed => "DELETE_FAILED",
        }
    }
}

/// An operation that goes on after its call was answered.
#[derive(Clone, Debug)]
pub struct Transition {
    states: [Status; 3],
    /// `None` when it never ends.
    ends: Option<SystemTime>,
    failure: Option<String>,
}

impl Transition {
    pub(super) fn create(outcome: &Outcome, now: SystemTime, takes: Duration) -> Self {
        Self::new([Status::Creating, Status::CreateFailed, Status::Ready], outcome, now, takes)
    }

    pub(super) fn update(outcome: &Outcome, now: SystemTime, takes: Duration) -> Self {
        Self::new([Status::Updating, Status::UpdateFailed, Status::Ready], outcome, now, takes)
    }

    pub(super) fn delete(outcome: &Outcome, now: SystemTime, takes: Duration) -> Self {
        Self::new([Status::Deleting, Status::DeleteFailed, Status::Gone], outcome, now, takes)
    }

    fn new(states: [Status; 3], outcome: &Outcome, now: SystemTime, takes: Duration) -> Self {
        let failure = if let Outcome::Failed(reason) = outcome { Some(reason.clone()) } else { None };
        let ends = (*outcome != Outcome::Stuck).then_some(now + takes);
        Self { states, ends, failure }
    }

    /// The status at a time.
    #[must_use]
    pub fn status(&self, now: SystemTime) -> Status {
        let [under_way, failed, done] = self.states;
        match (self.ends.is_some_and(|end| end <= now), &self.failure) {
            (false, _) => under_way,
            (true, Some(_)) => failed,
            (true, None) => done,
        }
    }

    /// Why it failed, once it has.
    #[must_use]
    pub fn failure(&self, now: SystemTime) -> Option<&str> {
        self.failure.as_deref().filter(|_| self.ends.is_some_and(|end| end <= now))
    }

    /// When it ends, successfully or not; `None` when it never does.
    #[must_use]
    pub fn ends(&self) -> Option<SystemTime> {
        self.ends
    }
}
