//! The resources of one noun: those that exist, and those that were deleted.

use std::ops::{Deref, DerefMut};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::errors::conflict;
use super::status::{Status, Transition};
use crate::service::ApiError;

/// A resource of the control plane.
pub(super) trait Resource {
    /// The noun, as refusals name it.
    const NOUN: &'static str;

    /// Returns the facts that decide how long the resource exists, and which lists show it.
    fn facts(&self) -> Facts<'_>;

    /// Creates the error for an id that no resource has.
    fn not_found(id: &str) -> ApiError;

    /// Returns the time at which the resource is gone, if that is not after `now`.
    fn gone_since(&self, now: SystemTime) -> Option<SystemTime> {
        let transition = self.facts().transition.filter(|it| it.status(now) == Status::Gone)?;
        transition.ends()
    }

    /// Creates the refusal of a call that the resource's status does not allow.
    fn busy(&self, what: &str, status: Status) -> ApiError {
        let id = self.facts().id;
        conflict(format!("{} '{id}' cannot be {what} while it is in the status {}.", Self::NOUN, status.as_str()))
    }
}

/// Facts about one resource.
pub(super) struct Facts<'r> {
    /// Unique among the resources on the shelf that exist: an id, or the name where that is the id.
    pub(super) id: &'r str,
    pub(super) created: SystemTime,
    /// The place in the order of creation.
    pub(super) sequence: u64,
    /// The last operation; `None` where each call is done when it is answered.
    pub(super) transition: Option<&'r Transition>,
}

/// All resources of one noun. As a slice it has those that exist, in the order of their creation. Deleted ones leave the
/// slice when [`Shelf::settle`] is called.
#[derive(Clone, Debug)]
pub(super) struct Shelf<R> {
    existing: Vec<R>,
    /// In the order in which they were found gone, each with the time since when it is.
    deleted: Vec<(R, SystemTime)>,
}

impl<R> Default for Shelf<R> {
    fn default() -> Self {
        Self { existing: Vec::new(), deleted: Vec::new() }
    }
}

impl<R> Deref for Shelf<R> {
    type Target = [R];

    fn deref(&self) -> &[R] {
        &self.existing
    }
}

impl<R> DerefMut for Shelf<R> {
    fn deref_mut(&mut self) -> &mut [R] {
        &mut self.existing
    }
}

impl<R: Resource> Shelf<R> {
    pub(super) fn add(&mut self, resource: R) {
        self.existing.push(resource);
    }

    /// Moves the resources that are gone out of the way.
    pub(super) fn settle(&mut self, now: SystemTime) {
        self.remove(|resource| resource.gone_since(now));
    }

    /// Moves the resources away for which `gone_since` has a time.
    pub(super) fn remove(&mut self, gone_since: impl Fn(&R) -> Option<SystemTime>) {
        let gone = self.existing.extract_if(.., |resource| gone_since(resource).is_some());
        let gone = gone.filter_map(|resource| gone_since(&resource).map(|since| (resource, since)));
        self.deleted.extend(gone);
    }

    /// Finds the resource of an id.
    pub(super) fn find(&self, id: &str) -> Result<&R, ApiError> {
        self.iter().find(|resource| resource.facts().id == id).ok_or_else(|| R::not_found(id))
    }

    /// Finds the resource of an id, to change it.
    pub(super) fn find_mut(&mut self, id: &str) -> Result<&mut R, ApiError> {
        self.iter_mut().find(|resource| resource.facts().id == id).ok_or_else(|| R::not_found(id))
    }

    /// Returns the resources that exist at `now`, in the order of their creation, those being deleted included.
    pub(super) fn existing(&self, now: SystemTime) -> impl Iterator<Item = &R> {
        self.iter().filter(move |resource| resource.gone_since(now).is_none())
    }

    /// Returns the resources that are deleted at `now`, in the order of their creation within those found gone together.
    pub(super) fn deleted(&self, now: SystemTime) -> impl Iterator<Item = &R> {
        let gone = self.iter().filter(move |resource| resource.gone_since(now).is_some());
        self.gone().map(|(resource, _)| resource).chain(gone)
    }

    /// Returns the resources that were moved away, each with the time since when it is gone.
    pub(super) fn gone(&self) -> impl Iterator<Item = (&R, SystemTime)> {
        self.deleted.iter().map(|(resource, since)| (resource, *since))
    }

    /// Returns the deleted resources that lists still show.
    pub(super) fn lingering(&self, lag: Duration, now: SystemTime) -> impl Iterator<Item = &R> {
        self.gone().filter(move |(_, since)| *since + lag > now).map(|(resource, _)| resource)
    }

    /// Returns the entries of a list, each with its number: new resources are missing, and deleted ones linger, for
    /// `lag`.
    pub(super) fn listed(&self, lag: Duration, now: SystemTime, entry: impl Fn(&R) -> Value) -> Vec<(u64, Value)> {
        let visible = self.iter().filter(|resource| resource.facts().created + lag <= now);
        let entries = visible.chain(self.lingering(lag, now)).map(|it| (it.facts().sequence, entry(it)));
        let mut entries: Vec<_> = entries.collect();
        entries.sort_by_key(|(sequence, _)| *sequence);
        entries
    }
}
