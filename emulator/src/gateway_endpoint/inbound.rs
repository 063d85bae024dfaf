//! Authorization of callers: IAM or a JWT authorizer, as the gateway says, and never both.

use http::{Request, Response};
use serde_json::json;

use super::address::Address;
use super::failure::{Failure, json_response};
use crate::agentcore_control::Gateway;
use crate::aws::Aws;
use crate::iam::Requirement;
use crate::jwt;
use crate::service::{ApiError, Principal, ServiceId};

/// The caller of a request, and the decision if the caller is allowed in.
pub(super) struct Caller {
    pub(super) principal: Principal,
    pub(super) allowed: Result<(), Failure>,
}

impl Aws {
    /// Finds out who calls; an error means an unknown caller.
    pub(super) fn admit_gateway_caller(
        &self,
        request: &Request<Vec<u8>>,
        address: &Address,
        gateway: &Gateway,
    ) -> Result<Caller, Failure> {
        let token = bearer_token(request);
        match gateway.authorizer_type() {
            "CUSTOM_JWT" => {
                let token = token.ok_or_else(|| {
                    let challenge = format!("Bearer resource_metadata=\"{}\"", address.metadata_url());
                    Failure::unauthorized(401, "Missing Bearer token", challenge)
                })?;
                let principal = self.check_gateway_token(token, address, gateway)?;
                let allowed = self.check_gateway_policies(&principal, gateway);
                Ok(Caller { principal, allowed })
            }
            "AWS_IAM" if token.is_some() => {
                let text = "The gateway authorizes with AWS_IAM: sign the request instead of sending a Bearer token.";
                Err(ApiError::new(403, "AccessDeniedException", text).into())
            }
            "AWS_IAM" => {
                let (principal, _) = self.authenticate(request, Some(ServiceId::AgentCore))?;
                let allowed = self.check_gateway_policies(&principal, gateway);
                Ok(Caller { principal, allowed })
            }
            // Everybody is allowed in, without a name.
            "NONE" => {
                let principal = Principal::Bearer("anonymous".to_owned());
                let allowed = self.check_gateway_policies(&principal, gateway);
                Ok(Caller { principal, allowed })
            }
            other => {
                let text = format!("the emulator lets nobody in by the authorizer type {other}");
                Err(ApiError::new(403, "AccessDeniedException", text).into())
            }
        }
    }

    /// Evaluates the caller's policies and the gateway's own. A caller whom IAM does not know needs a policy's leave
    /// only if there is a policy.
    fn check_gateway_policies(&self, principal: &Principal, gateway: &Gateway) -> Result<(), Failure> {
        self.with(|world| {
            let policies = world.agentcore.resource_policies();
            if matches!(principal, Principal::Bearer(_)) && !policies.contains_key(&gateway.arn) {
                return Ok(());
            }
            let invoke = Requirement::new("bedrock-agentcore:InvokeGateway", &gateway.arn)
                .with_resource_tags(Some(&gateway.tags));
            world.iam.authorize_on(principal, &[invoke], policies)
        })
        .map_err(Failure::from)
    }

    fn check_gateway_token(&self, token: &str, address: &Address, gateway: &Gateway) -> Result<Principal, Failure> {
        let authorizer = gateway.jwt_authorizer().cloned().unwrap_or_default();
        let now = self.clock().now();
        let claims = self.with(|world| jwt::verify(&authorizer, token, &world.identity_providers, now));
        let claims = claims.map_err(|refusal| {
            let challenge = refusal.www_authenticate(&address.metadata_url());
            Failure::unauthorized(refusal.status, refusal.text, challenge)
        })?;
        let subject = claims.get("sub").and_then(|sub| sub.as_str()).unwrap_or_default();
        Ok(Principal::Bearer(subject.to_owned()))
    }

    /// Returns the metadata that tells a client where to get a token. Needs no authentication.
    pub(super) fn gateway_metadata(&self, address: &Address, gateway: &Gateway) -> Result<Response<Vec<u8>>, Failure> {
        let authorizer = gateway.jwt_authorizer().ok_or_else(|| Failure::no_gateway(&address.gateway_id))?;
        let now = self.clock().now();
        let discovery_url = authorizer["discoveryUrl"].as_str().unwrap_or_default();
        let document = self.with(|world| world.identity_providers.read(discovery_url, now)).unwrap_or_default();
        // Of a provider that cannot be read, the URL still says whose it is.
        let spelled = discovery_url.split_once("/.well-known/").map_or(discovery_url, |(issuer, _)| issuer);
        let issuer = document["issuer"].as_str().unwrap_or(spelled);
        let mut body = json!({"resource": address.url(), "authorization_servers": [issuer]});
        if let Some(scopes) = authorizer.get("allowedScopes") {
            body["scopes_supported"] = scopes.clone();
        }
        Ok(json_response(200, &body))
    }
}

fn bearer_token(request: &Request<Vec<u8>>) -> Option<&str> {
    let (scheme, token) = request.headers().get("authorization")?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
