//! Authorization of callers: IAM or a JWT authorizer, as the runtime's version says, and never both.

use http::Request;
use serde_json::json;

use super::failure::{Failure, json_rpc};
use super::target::Target;
use crate::agentcore_control::{Configuration, Runtime, Version};
use crate::aws::Aws;
use crate::iam::Requirement;
use crate::jwt;
use crate::reply::Reply;
use crate::service::{ApiError, Principal, ServiceId};

/// The words that AWS was seen to use [gh aws/agentcore-cli#714].
const MISMATCH: &str = "Authorization method mismatch. The agent is configured for a different authorization method \
                        than what was used in your request. Check the agent's authorization configuration and ensure \
                        your request uses the matching method (OAuth or SigV4)";

/// The caller of a request, and the version that the caller reaches.
pub(super) struct Caller {
    pub(super) principal: Principal,
    /// The version the endpoint serves, unless the caller may not have it.
    pub(super) version: Result<Version, Failure>,
}

/// The configuration and the version that a request's runtime and endpoint select.
struct Served {
    /// The configuration whose authorizer decides who may call: the endpoint's, else that of the runtime's newest
    /// version.
    authorizing: Option<Configuration>,
    /// The version that the endpoint serves, or will serve.
    version: Option<Version>,
}

enum Scheme<'r> {
    None,
    Bearer(&'r str),
    Signature,
}

impl Aws {
    /// Finds out who calls; an error means an unknown caller.
    pub(super) fn admit_caller(&self, request: &Request<Vec<u8>>, target: &Target) -> Result<Caller, Failure> {
        let Served { authorizing, version } = self.served(target);
        let found = authorizing.is_some();
        let authorizer = authorizing.as_ref().and_then(Configuration::jwt_authorizer);
        let mismatch = || Failure::front(ApiError::new(403, "AccessDeniedException", MISMATCH));
        let (principal, allowed) = match (scheme(request), authorizer) {
            (Scheme::None, Some(_)) => {
                let challenge = format!("Bearer resource_metadata=\"{}\"", target.metadata_url());
                return Err(Failure::unauthorized(401, "Missing Authentication Token", challenge));
            }
            (Scheme::Bearer(token), Some(authorizer)) => {
                let principal = self.check_token(authorizer, token, target)?;
                let allowed = self.check_policies(request, &principal, target);
                (principal, allowed)
            }
            (Scheme::Bearer(_), None) if found => return Err(mismatch()),
            (Scheme::Bearer(_), None) => return Err(Failure::front(not_found(target))),
            (Scheme::None | Scheme::Signature, authorizer) => {
                let (principal, _) = self.authenticate(request, Some(ServiceId::AgentCore)).map_err(Failure::front)?;
                let policies = || self.check_policies(request, &principal, target);
                let allowed = if authorizer.is_some() { Err(mismatch()) } else { policies() };
                (principal, allowed)
            }
        };
        let version = allowed.and_then(|()| version.ok_or_else(|| Failure::front(not_found(target))));
        Ok(Caller { principal, version })
    }

    /// Returns the metadata that tells a client where to get a token. Needs no authentication.
    pub(super) fn resource_metadata(&self, target: &Target, request_id: &str) -> Result<Reply, Failure> {
        let version = self.served(target).version;
        let discovery = version.as_ref().and_then(|version| version.configuration.jwt_authorizer());
        let discovery = discovery.and_then(|authorizer| authorizer["discoveryUrl"].as_str());
        let (host, document) = discovery
            .and_then(|url| url.split_once("/.well-known/"))
            .ok_or_else(|| Failure::front(not_found(target)))?;
        // RFC 8414 has the issuer's path behind the document's name.
        let issuer = document.split_once('/').map_or(host.to_owned(), |(_, path)| format!("{host}/{path}"));
        let body = json!({"authorization_servers": [issuer], "resource": target.url()});
        Ok(Reply::Sent(json_rpc(200, &body, request_id)))
    }

    fn served(&self, target: &Target) -> Served {
        let now = self.clock().now();
        self.with(|world| {
            let runtime = world.agentcore.runtime(target.id(), now).filter(|runtime| runtime.arn == target.arn);
            let served = runtime.and_then(|runtime| world.agentcore.served(runtime, &target.qualifier, now));
            let default = runtime.map(|runtime| runtime.live(now).unwrap_or_else(|| Runtime::newest(runtime)));
            let authorizing = served.or(default).map(|version| version.configuration.clone());
            Served { authorizing, version: served.cloned() }
        })
    }

    fn check_token(&self, authorizer: &serde_json::Value, token: &str, target: &Target) -> Result<Principal, Failure> {
        let now = self.clock().now();
        let claims =
            self.with(|world| jwt::verify(authorizer, token, &world.identity_providers, now)).map_err(|refusal| {
                let challenge = refusal.www_authenticate(&target.metadata_url());
                Failure::unauthorized(refusal.status, refusal.text, challenge)
            })?;
        if authorizer.get("allowedWorkloadConfiguration").is_some() {
            let text = "The caller is not one of the workloads that the agent allows.";
            return Err(Failure::front(ApiError::new(403, "AccessDeniedException", text)));
        }
        let subject = claims.get("sub").and_then(|sub| sub.as_str()).unwrap_or_default();
        Ok(Principal::Bearer(subject.to_owned()))
    }

    /// Evaluates the runtime and its endpoint, by the caller's policies and their own; a user id in the request takes a
    /// second permission.
    fn check_policies(
        &self,
        request: &Request<Vec<u8>>,
        principal: &Principal,
        target: &Target,
    ) -> Result<(), Failure> {
        let mut actions = vec!["bedrock-agentcore:InvokeAgentRuntime"];
        if request.headers().contains_key("x-amzn-bedrock-agentcore-runtime-user-id") {
            actions.push("bedrock-agentcore:InvokeAgentRuntimeForUser");
        }
        let now = self.clock().now();
        self.with(|world| {
            let runtime = world.agentcore.runtime(target.id(), now);
            let tags = runtime.map(|runtime| runtime.tags.clone()).unwrap_or_default();
            let resources = [target.arn.clone(), target.endpoint_arn()];
            let policies = world.agentcore.resource_policies();
            // A token is let in by the authorizer, and needs a policy's leave only where there is one.
            let token = matches!(principal, Principal::Bearer(_));
            let requirements: Vec<Requirement> = actions
                .iter()
                .flat_map(|action| resources.iter().map(|resource| Requirement::new(*action, resource)))
                .filter(|requirement| !token || policies.contains_key(&requirement.resource))
                .map(|requirement| requirement.with_resource_tags(Some(&tags)))
                .collect();
            world.iam.authorize_on(principal, &requirements, policies)
        })
        .map_err(Failure::front)
    }
}

fn scheme(request: &Request<Vec<u8>>) -> Scheme<'_> {
    let header = request.headers().get("authorization").and_then(|it| it.to_str().ok()).unwrap_or_default();
    match header.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Scheme::Bearer(token.trim()),
        Some(("AWS4-HMAC-SHA256", _)) => Scheme::Signature,
        _ => Scheme::None,
    }
}

fn not_found(target: &Target) -> ApiError {
    let Target { arn, qualifier, .. } = target;
    let message = format!("No endpoint or agent found with qualifier '{qualifier}' for agent '{arn}'");
    ApiError::new(404, "ResourceNotFoundException", message)
}
