//! The resource types, and the match over them. No AWS call.

use std::collections::BTreeSet;

use crate::error::{Error, Failure};
use crate::event::{RawProperties, Request, RequestType};
use crate::job::{Job, Outcome, Success};
#[cfg(test)]
use crate::properties::reference::table;
use crate::properties::{PropertyReader, PropertySet};
use crate::requester::{pending_id, pending_name};
use crate::stack::check_in_progress;

use lifecycle::Lifecycle;

pub(crate) mod api_key_credential_provider;
mod gateway;
pub(crate) mod gateway_target;
mod lifecycle;
pub(crate) mod mcp_probe;
mod named_type;
pub mod oauth2_credential_provider;
pub(crate) mod runtime;
pub(crate) mod secret;
mod workload_identity;

/// Writes everything that names each resource type, from the module of each.
macro_rules! kinds {
    ($($(#[doc = $name:literal])+ $kind:ident: $module:ident,)+) => {
        /// The custom resource types of this function.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ResourceKind {
            $($(#[doc = $name])+ $kind,)+
        }

        impl ResourceKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// Returns the `ResourceType` in a template.
            #[must_use]
            pub fn type_name(self) -> &'static str {
                match self {
                    $(Self::$kind => <$module::$kind as Lifecycle>::TYPE,)+
                }
            }

            /// Returns the attributes for `Fn::GetAtt`.
            #[must_use]
            pub fn attributes(self) -> &'static [&'static str] {
                match self {
                    $(Self::$kind => <$module::$kind as Lifecycle>::ATTRIBUTES,)+
                }
            }
        }

        /// Runs the request on a resource of this kind.
        pub(crate) async fn run(kind: ResourceKind, job: &Job<'_>, request: &Request) -> Outcome {
            match kind {
                $(ResourceKind::$kind => run_as::<$module::$kind>(job, request).await,)+
            }
        }

        /// Returns the table of the properties of a type.
        #[cfg(test)]
        fn properties_table(kind: ResourceKind) -> String {
            match kind {
                $(ResourceKind::$kind => table::<<$module::$kind as Lifecycle>::Properties>(),)+
            }
        }
    };
}

kinds! {
    /// `Custom::AgentCoreSecret`
    Secret: secret,
    /// `Custom::AgentCoreRuntime`
    Runtime: runtime,
    /// `Custom::AgentCoreOAuth2CredentialProvider`
    OAuth2CredentialProvider: oauth2_credential_provider,
    /// `Custom::AgentCoreApiKeyCredentialProvider`
    ApiKeyCredentialProvider: api_key_credential_provider,
    /// `Custom::AgentCoreWorkloadIdentity`
    WorkloadIdentity: workload_identity,
    /// `Custom::AgentCoreGateway`
    Gateway: gateway,
    /// `Custom::AgentCoreGatewayTarget`
    GatewayTarget: gateway_target,
    /// `Custom::AgentCoreMcpProbe`
    McpProbe: mcp_probe,
}

impl ResourceKind {
    /// Returns the kind with this `ResourceType`.
    #[must_use]
    pub fn from_type(resource_type: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.type_name() == resource_type)
    }
}

async fn run_as<R: Lifecycle>(job: &Job<'_>, request: &Request) -> Outcome {
    let physical_id = request.recipient.physical_id.as_deref().unwrap_or_default();
    match request.request_type {
        RequestType::Create => {
            let properties = parse::<R>(job, &request.properties)?;
            let pending = pending_id(&R::name(&properties, job.requester));
            check_in_progress(job).await.map_err(|error| error.with_id(pending.clone()))?;
            R::create(job, properties).await.map_err(|failure| with_default_id(failure, pending))
        }
        RequestType::Update => {
            let properties = parse::<R>(job, &request.properties)?;
            let old = request.old_properties.as_ref().and_then(|old| parse::<R>(job, old).ok());
            check_in_progress(job).await?;
            R::update(job, physical_id, properties, old).await
        }
        // The Create was refused because of its properties, before any call, so that there is nothing to look for. A
        // policy that knows the resource's real name would deny the search.
        RequestType::Delete if pending_name(physical_id).is_some() && parse::<R>(job, &request.properties).is_err() => {
            Ok(Success::deleted(physical_id))
        }
        RequestType::Delete => R::delete(job, physical_id, &request.properties).await,
    }
}

/// A probe of a server whose properties are valid.
pub(crate) struct Probe(<mcp_probe::McpProbe as Lifecycle>::Properties);

impl Probe {
    /// Parses the properties of a probe. Calls nothing.
    pub(crate) fn parse(job: &Job<'_>, raw: &RawProperties) -> Result<Self, Error> {
        parse::<mcp_probe::McpProbe>(job, raw).map(Self)
    }

    /// Probes the server, whatever the mode. Returns the names of its tools, or `None` if the probe has no credentials to ask
    /// with.
    pub(crate) async fn run(&self, job: &Job<'_>) -> Result<Option<BTreeSet<String>>, Error> {
        mcp_probe::tools(job, &self.0).await
    }
}

fn parse<R: Lifecycle>(job: &Job<'_>, raw: &RawProperties) -> Result<R::Properties, Error> {
    R::Properties::read(&PropertyReader::new(raw, R::Properties::TABLE, job.mask)?)
}

fn with_default_id(failure: Failure, physical_id: String) -> Failure {
    Failure { physical_id: failure.physical_id.or(Some(physical_id)), ..failure }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reference.md");

    /// Replaces the table between the markers of a type.
    fn with_table(page: &str, kind: ResourceKind) -> String {
        let begin = format!("<!-- properties of {} -->\n", kind.type_name());
        let (before, rest) = page.split_once(&begin).expect("the marker where the table begins");
        let (_, after) = rest.split_once("<!-- end of properties -->\n").expect("the marker where it ends");
        format!("{before}{begin}\n{}\n<!-- end of properties -->\n{after}", properties_table(kind))
    }

    /// Returns the attributes that the section of a type names: those in backticks, without remarks in parentheses.
    fn documented_attributes(page: &str, kind: ResourceKind) -> Vec<String> {
        let (before, _) =
            page.split_once(&format!("<!-- properties of {} -->", kind.type_name())).expect("the section of the type");
        let (_, list) = before.rsplit_once("`Fn::GetAtt`: ").expect("the attributes, before the table");
        let without_remarks: String = list.split(['(', ')']).step_by(2).collect();
        let (names, _) = without_remarks.split_once('.').expect("the end of the sentence");
        names.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn the_reference_has_the_attributes() {
        let page = fs::read_to_string(REFERENCE).expect("a readable file");
        for kind in ResourceKind::ALL {
            assert_eq!(documented_attributes(&page, *kind), kind.attributes(), "{}", kind.type_name());
        }
    }

    /// The tables come from the declarations: `UPDATE_DOCS=1 cargo test --workspace --lib reference` writes them.
    #[test]
    fn the_reference_has_the_declared_properties() {
        let page = fs::read_to_string(REFERENCE).expect("a readable file");
        let wanted = ResourceKind::ALL.iter().fold(page.clone(), |page, kind| with_table(&page, *kind));
        if std::env::var_os("UPDATE_DOCS").is_some() {
            fs::write(REFERENCE, &wanted).expect("a writable file");
        } else {
            assert!(page == wanted, "docs/reference.md is out of date: run this test with UPDATE_DOCS=1");
        }
    }
}
