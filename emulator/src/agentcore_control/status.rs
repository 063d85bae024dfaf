//! Asynchronous operations and the states they pass through.

use std::time::{Duration, SystemTime};

use crate::service::Outcome;

/// The status of a runtime, of one of its versions, of an endpoint, a gateway, a gateway target or a credential provider.
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
    /// The creation or the deletion failed, of a gateway or a gateway target.
    Failed,
    /// The update failed, of a gateway or a gateway target.
    UpdateUnsuccessful,
    /// The gateway reads the target's catalogue again.
    Synchronizing,
    /// It could not.
    SynchronizeUnsuccessful,
    /// The created target waits until a person consents.
    CreatePendingAuth,
    /// The updated target waits until a person consents.
    UpdatePendingAuth,
    /// Deleted. No API shows this status.
    Gone,
}

impl Status {
    /// Returns the word in the API.
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
            Self::Failed => "FAILED",
            Self::UpdateUnsuccessful => "UPDATE_UNSUCCESSFUL",
            Self::Synchronizing => "SYNCHRONIZING",
            Self::SynchronizeUnsuccessful => "SYNCHRONIZE_UNSUCCESSFUL",
            Self::CreatePendingAuth => "CREATE_PENDING_AUTH",
            Self::UpdatePendingAuth => "UPDATE_PENDING_AUTH",
        }
    }

    /// Returns true if an operation is under way, so that no other is accepted.
    #[must_use]
    pub fn is_transitional(self) -> bool {
        matches!(self, Self::Creating | Self::Updating | Self::Synchronizing | Self::Deleting)
    }

    /// Returns true if a person has to consent first, which nobody here does.
    #[must_use]
    pub fn is_pending_auth(self) -> bool {
        matches!(self, Self::CreatePendingAuth | Self::UpdatePendingAuth)
    }
}

/// The statuses of an operation: while it is under way, when it fails, when it is done.
pub(super) type Course = [Status; 3];

/// The creation of a gateway or a gateway target.
pub(super) const CREATE: Course = [Status::Creating, Status::Failed, Status::Ready];
/// The update of one.
pub(super) const UPDATE: Course = [Status::Updating, Status::UpdateUnsuccessful, Status::Ready];
/// The deletion of one. They have no `DELETE_FAILED`.
pub(super) const DELETE: Course = [Status::Deleting, Status::Failed, Status::Gone];
/// The synchronization of a gateway target.
pub(super) const SYNCHRONIZE: Course = [Status::Synchronizing, Status::SynchronizeUnsuccessful, Status::Ready];

/// An operation that goes on after its call was answered.
#[derive(Clone, Debug)]
pub struct Transition {
    states: Course,
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

    /// Creates the transition of a resource that stays in this status.
    pub(super) fn resting(status: Status) -> Self {
        Self { states: [status; 3], ends: None, failure: None }
    }

    pub(super) fn new(states: Course, outcome: &Outcome, now: SystemTime, takes: Duration) -> Self {
        let failure = if let Outcome::Failed(reason) = outcome { Some(reason.clone()) } else { None };
        let ends = (*outcome != Outcome::Stuck).then_some(now + takes);
        Self { states, ends, failure }
    }

    /// Ends what had no end, as `outcome` says.
    pub(super) fn end(&mut self, outcome: &Outcome, at: SystemTime) {
        *self = Self::new(self.states, outcome, at, Duration::ZERO);
    }

    /// Returns the status at a time.
    #[must_use]
    pub fn status(&self, now: SystemTime) -> Status {
        let [under_way, failed, done] = self.states;
        match (self.ends.is_some_and(|end| end <= now), &self.failure) {
            (false, _) => under_way,
            (true, Some(_)) => failed,
            (true, None) => done,
        }
    }

    /// Returns the reason why it failed, once it has.
    #[must_use]
    pub fn failure(&self, now: SystemTime) -> Option<&str> {
        self.failure.as_deref().filter(|_| self.ends.is_some_and(|end| end <= now))
    }

    /// Returns the time at which it ends, successfully or not; `None` if it never does.
    #[must_use]
    pub fn ends(&self) -> Option<SystemTime> {
        self.ends
    }
}
