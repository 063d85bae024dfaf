//! The shape that every resource type has. No AWS call.

use crate::event::RawProperties;
use crate::job::{Job, Outcome};
use crate::properties::PropertySet;
use crate::requester::Requester;

/// What a resource module provides. Every function may run twice for one request, at any point, and leaves the world
/// as if it had run once.
pub(crate) trait Lifecycle {
    /// The `ResourceType` in a template.
    const TYPE: &'static str;
    /// The desired state, as the properties declare it.
    type Properties: PropertySet;

    /// The name the resource has or will have, for an identifier before anything exists. Pure.
    fn name(properties: &Self::Properties, requester: &Requester) -> String;
    /// Makes the resource and waits until it is ready.
    async fn create(job: &Job<'_>, properties: Self::Properties) -> Outcome;
    /// Brings the resource `physical_id` to `properties`, or makes another and returns its identifier: CloudFormation
    /// then deletes the old one. `old` is absent when it no longer parses.
    async fn update(
        job: &Job<'_>,
        physical_id: &str,
        properties: Self::Properties,
        old: Option<Self::Properties>,
    ) -> Outcome;
    /// Removes what the request made, if it is provably ours, and waits until it is gone. `raw` may be anything.
    async fn delete(job: &Job<'_>, physical_id: &str, raw: &RawProperties) -> Outcome;
}
