//! The authorization of a gateway at a target.

use std::collections::BTreeMap;
use std::time::SystemTime;

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::{HeaderName, HeaderValue, Request};
use serde_json::Value;

use crate::agentcore_control::{Gateway, GatewayTarget};
use crate::aws::{Aws, Credentials};
use crate::input::{text, text_map, texts};
use crate::service::Principal;
use crate::token_vault::TokenRequest;

/// The authorization that every request to a target carries.
#[derive(Debug)]
pub(super) enum Outbound {
    /// Nothing: the target has no credential configuration.
    Nothing,
    /// The gateway role's signature for this service and Region.
    Signature { role: Principal, service: String, region: String },
    /// A token from the target's credential provider.
    Bearer(String),
    /// An API key in this header.
    Header(HeaderName, HeaderValue),
    /// An API key in this query parameter.
    Query { name: String, value: String },
}

impl Outbound {
    /// Authorizes a request that is otherwise complete.
    pub(super) fn authorize(&self, aws: &Aws, request: &mut Request<Vec<u8>>) -> Result<(), String> {
        match self {
            Self::Nothing => Ok(()),
            Self::Signature { role, service, region } => {
                let credentials = aws.credentials(role);
                let signed = add_signature(request, &credentials, service, region, aws.clock().now());
                signed.map_err(|problem| format!("the request cannot be signed: {problem}"))
            }
            Self::Bearer(token) => {
                let value = HeaderValue::from_str(&format!("Bearer {token}"));
                let value = value.map_err(|_| "the access token cannot be sent in a header".to_owned())?;
                request.headers_mut().insert("authorization", value);
                Ok(())
            }
            Self::Header(name, value) => {
                request.headers_mut().insert(name, value.clone());
                Ok(())
            }
            Self::Query { name, value } => {
                let encoded = form_urlencoded::Serializer::new(String::new()).append_pair(name, value).finish();
                let uri = request.uri().to_string();
                let separator = if request.uri().query().is_some() { '&' } else { '?' };
                let uri = format!("{uri}{separator}{encoded}").parse();
                *request.uri_mut() = uri.map_err(|_| "the API key cannot be sent in the query".to_owned())?;
                Ok(())
            }
        }
    }
}

impl Aws {
    /// Resolves the target's credential configuration, and fetches the tokens that it needs.
    pub(super) async fn outbound(&self, gateway: &Gateway, target: &GatewayTarget) -> Result<Outbound, String> {
        let Some(credential) = target.credential() else { return Ok(Outbound::Nothing) };
        let role = Principal::Role(gateway.role_arn().to_owned());
        match credential["credentialProviderType"].as_str().unwrap_or_default() {
            "GATEWAY_IAM_ROLE" => {
                let configured = &credential["credentialProvider"]["iamCredentialProvider"];
                let member = |name: &str| configured[name].as_str().map(str::to_owned);
                let region = member("region").unwrap_or_else(|| self.settings().region.clone());
                Ok(Outbound::Signature { role, service: member("service").unwrap_or_default(), region })
            }
            "OAUTH" => {
                let token = self.resource_oauth2_token(&token_request(role, gateway, target)?).await;
                token.map(Outbound::Bearer).map_err(|problem| format!("no access token: {problem}"))
            }
            "API_KEY" => self.api_key(role, gateway, target).map_err(|problem| format!("no API key: {problem}")),
            other => Err(format!("the emulator's gateways cannot authorize themselves with {other}")),
        }
    }
}

impl Aws {
    /// Fetches the API key of the target's credential provider, for the place that the target names: in the header
    /// `Authorization` after `Bearer` unless it says so [API ApiKeyCredentialProvider].
    fn api_key(&self, role: Principal, gateway: &Gateway, target: &GatewayTarget) -> Result<Outbound, String> {
        let configured = target.api_key().and_then(Value::as_object).cloned().unwrap_or_default();
        let key = self.resource_api_key(&TokenRequest {
            role,
            workload_identity_arn: gateway.workload_identity_arn.clone(),
            provider_arn: text(&configured, "providerArn").unwrap_or_default().to_owned(),
            scopes: Vec::new(),
            custom_parameters: BTreeMap::new(),
        })?;
        let name = text(&configured, "credentialParameterName");
        if text(&configured, "credentialLocation") == Some("QUERY_PARAMETER") {
            let name = name.ok_or("credentialParameterName is missing")?.to_owned();
            return Ok(Outbound::Query { name, value: key });
        }
        let value = match text(&configured, "credentialPrefix").or(name.is_none().then_some("Bearer")) {
            Some(prefix) => format!("{prefix} {key}"),
            None => key,
        };
        let name = name.unwrap_or("authorization").parse().map_err(|_| "the header has no valid name".to_owned())?;
        let value = HeaderValue::from_str(&value).map_err(|_| "it cannot be sent in a header".to_owned())?;
        Ok(Outbound::Header(name, value))
    }
}

fn token_request(role: Principal, gateway: &Gateway, target: &GatewayTarget) -> Result<TokenRequest, String> {
    let configured = target.oauth().and_then(Value::as_object).cloned().unwrap_or_default();
    match text(&configured, "grantType") {
        None | Some("CLIENT_CREDENTIALS") => Ok(TokenRequest {
            role,
            workload_identity_arn: gateway.workload_identity_arn.clone(),
            provider_arn: text(&configured, "providerArn").unwrap_or_default().to_owned(),
            scopes: texts(&configured, "scopes"),
            custom_parameters: text_map(&configured, "customParameters"),
        }),
        Some(other) => Err(format!("nobody has consented to the grant type {other}")),
    }
}

fn add_signature(
    request: &mut Request<Vec<u8>>,
    credentials: &Credentials,
    service: &str,
    region: &str,
    now: SystemTime,
) -> Result<(), Box<dyn std::error::Error>> {
    let identity = aws_credential_types::Credentials::new(
        &credentials.access_key_id,
        &credentials.secret_access_key,
        Some(credentials.session_token.clone()),
        None,
        "gateway",
    )
    .into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(now)
        .settings(SigningSettings::default())
        .build()?
        .into();
    let headers = request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let (method, url) = (request.method().as_str(), request.uri().to_string());
    let signable = SignableRequest::new(method, url, headers, SignableBody::Bytes(request.body()))?;
    let (instructions, _) = sign(signable, &parameters)?.into_parts();
    instructions.apply_to_request_http1x(request);
    Ok(())
}
