//! Requests to one server over the function's one connector: authorized, and all in one session of the platform.

use std::time::SystemTime;

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use sha2::{Digest, Sha256};
use std::sync::Arc;

use super::url::{Place, effective_url, region};
use super::{Access, Credential};
use crate::aws::Context;
use crate::http::connection_problem;

/// The service name that AgentCore's data plane is signed for.
const SIGNING_NAME: &str = "bedrock-agentcore";
/// Names the session whose microVM serves the request (data plane API reference, InvokeAgentRuntime).
const RUNTIME_SESSION: &str = "x-amzn-bedrock-agentcore-runtime-session-id";
const ACCEPT: &str = "application/json, text/event-stream";
const JSON: &str = "application/json";

/// A way to one server, for one attempt.
pub(super) struct Wire {
    context: Context,
    url: Arc<str>,
    /// The Region whose signatures the server accepts.
    region: String,
    access: Access,
    pub(super) place: Place,
    /// The session of a runtime that every request belongs to, so that one container serves them all.
    session: Option<String>,
}

impl Wire {
    pub(super) fn new(context: &Context, url: &str, access: Access) -> Self {
        let place = Place::of(url);
        Self {
            context: context.clone(),
            url: effective_url(context, url),
            region: region(url).unwrap_or(&context.region).to_owned(),
            session: (place == Place::Runtime).then(|| new_session(url, &access, context.now())),
            access,
            place,
        }
    }

    /// Sends one request. The error is the reason, for people. May run twice.
    pub(super) async fn send(
        &self,
        method: &'static str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<HttpResponse, String> {
        let mut all = vec![("accept", ACCEPT), ("content-type", JSON)];
        all.extend(self.session.as_deref().map(|session| (RUNTIME_SESSION, session)));
        all.extend(self.access.headers.iter().map(|(name, value)| (name.as_str(), value.expose())));
        all.extend(headers);
        let authorization = self.authorize(method, &all, &body).await?;
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method(method).map_err(|error| error.to_string())?;
        request.set_uri(self.url.as_ref()).map_err(|_| "the URL is not usable".to_owned())?;
        let all = all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        for (name, value) in all.chain(authorization) {
            let unusable = |_| format!("the header {name} is not usable");
            request.headers_mut().try_insert(name.clone(), value).map_err(unusable)?;
        }
        self.context.connector.call(request).await.map_err(|error| connection_problem(&error))
    }

    /// Returns the headers that authorize one request.
    async fn authorize(
        &self,
        method: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Vec<(String, String)>, String> {
        match &self.access.credential {
            Credential::Nothing => Ok(Vec::new()),
            Credential::Bearer(token) => Ok(vec![("authorization".to_owned(), format!("Bearer {}", token.expose()))]),
            Credential::SigV4 => self.signature(method, headers, body).await.map_err(|error| error.to_string()),
        }
    }

    async fn signature(
        &self,
        method: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Vec<(String, String)>, Box<dyn std::error::Error + Send + Sync>> {
        let identity: Identity = self.context.credentials.provide_credentials().await?.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(SIGNING_NAME)
            .time(self.context.now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let request = SignableRequest::new(method, &*self.url, headers.iter().copied(), SignableBody::Bytes(body))?;
        let (instructions, _) = sign(request, &parameters)?.into_parts();
        let (signed, _) = instructions.into_parts();
        Ok(signed.into_iter().map(|header| (header.name().to_owned(), header.value().to_owned())).collect())
    }
}

/// Returns the id of a session that does not exist yet. AgentCore wants 33 characters at least.
fn new_session(url: &str, access: &Access, now: SystemTime) -> String {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let digest = Sha256::digest(format!("{url}\0{}\0{now}", access.caller));
    digest.iter().take(20).fold("probe-".to_owned(), |id, byte| format!("{id}{byte:02x}"))
}
