//! The shape that every resource type has. No AWS call.

use crate::event::RawProperties;
use crate::job::{Job, Outcome};
use crate::properties::PropertySet;
use crate::requester::Requester;

/// The lifecycle that a resource module implements. Every function may run twice for one request, at any point, and
/// leaves the world as if it had run once. For example, a second `create` with the same request adopts the resource
/// that the first one created, and returns the same identifier.
pub(crate) trait Lifecycle {
    /// The `ResourceType` in a template.
    const TYPE: &'static str;
    /// The attributes for `Fn::GetAtt`, in the order of docs/reference.md. Every Create and Update answers all of them.
    const ATTRIBUTES: &'static [&'static str];
    /// The desired state, as the properties declare it.
    type Properties: PropertySet;

    /// Returns the name that the resource has or will have, for an identifier before anything exists. Pure.
    fn name(properties: &Self::Properties, requester: &Requester) -> String;
    /// Creates the resource and waits until it is ready.
    async fn create(job: &Job<'_>, properties: Self::Properties) -> Outcome;
    /// Brings the resource `physical_id` to `properties`, or creates a replacement and returns its identifier:
    /// CloudFormation then deletes the old resource. `old` is absent if it no longer parses.
    async fn update(
        job: &Job<'_>,
        physical_id: &str,
        properties: Self::Properties,
        old: Option<Self::Properties>,
    ) -> Outcome;
    /// Deletes the resource that the request created, if it is provably ours, and waits until it is gone. `raw` may be
    /// anything.
    async fn delete(job: &Job<'_>, physical_id: &str, raw: &RawProperties) -> Outcome;
}
