//! Sends requests to one server over the function's one connector: authorized, and all in one session of the platform.

use std::time::SystemTime;

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use sha2::{Digest, Sha256};

use super::access::{Access, Credential};
use super::url::{Destination, Place, ServerUrl};
use crate::aws::Context;
use crate::http::{self, NoReply};

/// The service name that AgentCore's data plane is signed for.
const SIGNING_NAME: &str = "bedrock-agentcore";
/// Names the session whose microVM serves the request (data plane API reference, InvokeAgentRuntime).
const RUNTIME_SESSION: &str = "x-amzn-bedrock-agentcore-runtime-session-id";
const ACCEPT: &str = "application/json, text/event-stream";
const JSON: &str = "application/json";

/// The connection to one server, for one attempt.
pub(super) struct Wire {
    context: Context,
    destination: Destination,
    access: Access,
    pub(super) place: Place,
    /// The session of a runtime that every request belongs to, so that one container serves them all.
    session: Option<String>,
}

impl Wire {
    pub(super) fn new(context: &Context, server: &ServerUrl, access: Access) -> Self {
        let place = server.place();
        let session = || new_session(server.url().as_str(), &access, context.now());
        Self {
            context: context.clone(),
            destination: server.destination(&context.endpoints, &context.region),
            session: (place == Place::Runtime).then(session),
            access,
            place,
        }
    }

    /// Sends one request. May run twice.
    pub(super) async fn send(
        &self,
        method: &'static str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<HttpResponse, NoReply> {
        let mut all = vec![("accept", ACCEPT), ("content-type", JSON)];
        all.extend(self.session.as_deref().map(|session| (RUNTIME_SESSION, session)));
        all.extend(self.access.headers.iter().map(|(name, value)| (name.as_str(), value.expose())));
        all.extend(headers);
        let authorization = self.authorize(method, &all, &body).await.map_err(NoReply::Silence)?;
        let all = all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let request = http::request(method, &self.destination.url, all.chain(authorization), body)?;
        let connector = self.destination.connector(&self.context.connectors);
        connector.call(request).await.map_err(|error| NoReply::from(&error))
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
            Credential::SigV4 => match &self.destination.signing_region {
                None => Err("only calls of runtimes and gateways are signed".to_owned()),
                Some(region) => self.signature(region, method, headers, body).await.map_err(|error| error.to_string()),
            },
        }
    }

    async fn signature(
        &self,
        region: &str,
        method: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Vec<(String, String)>, Box<dyn std::error::Error + Send + Sync>> {
        let identity: Identity = self.context.credentials.provide_credentials().await?.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(SIGNING_NAME)
            .time(self.context.now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let request = SignableRequest::new(
            method,
            self.destination.url.as_str(),
            headers.iter().copied(),
            SignableBody::Bytes(body),
        )?;
        let (instructions, _) = sign(request, &parameters)?.into_parts();
        let (signed, _) = instructions.into_parts();
        Ok(signed.into_iter().map(|header| (header.name().to_owned(), header.value().to_owned())).collect())
    }
}

/// Returns the id of a session that does not exist yet. AgentCore wants 33 characters at least.
fn new_session(url: &str, access: &Access, now: SystemTime) -> String {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let digest = Sha256::digest(format!("{url}\0{}\0{now}", access.caller));
    format!("probe-{}", hex::encode(&digest[..20]))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use aws_smithy_runtime_api::client::http::HttpConnectorFuture;
    use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
    use aws_smithy_runtime_api::client::result::ConnectorError;

    use super::*;
    use crate::mcp::catalogue;
    use crate::ssrf::testing::Home;

    /// Notes who was called with which headers, and answers nothing.
    #[derive(Clone, Debug, Default)]
    struct Noted(Arc<Mutex<Vec<String>>>);

    impl HttpConnector for Noted {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let headers: Vec<_> = request.headers().iter().map(|(name, _)| name.to_owned()).collect();
            let line = format!("{} {}", request.uri(), headers.join(" "));
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line);
            HttpConnectorFuture::ready(Err(ConnectorError::io("no answer".into())))
        }
    }

    /// Uses the addresses of the report, in which the host ends before the name of AWS begins.
    #[tokio::test]
    async fn nothing_that_is_signed_goes_elsewhere() {
        let gateway = "x.gateway.bedrock-agentcore.us-east-1.amazonaws.com";
        for url in [
            format!("https://evil.example.com?{gateway}/mcp"),
            format!("https://evil.example.com#{gateway}/mcp"),
            format!("https://evil.example.com:443?{gateway}/mcp"),
            format!("https://user@evil.example.com?{gateway}/mcp"),
            format!("https://{gateway}@evil.example.com/mcp"),
            "https://bedrock-agentcore.s3.amazonaws.com/runtimes/x/invocations".to_owned(),
            format!("https://{gateway}.cn/mcp"),
            "https://bedrock-agentcore.us-east-1.amazonaws.com/runtimes/x/stopruntimesession".to_owned(),
        ] {
            // Some of these are refused before that.
            let Ok(url) = ServerUrl::parse(&url) else { continue };
            let noted = Noted::default();
            let refusal = catalogue(&Context::in_memory(noted.clone()), &url, &Credential::SigV4).await.unwrap_err();
            assert_eq!(refusal.problem, "only calls of runtimes and gateways are signed", "{url:?}");
            assert!(noted.0.lock().unwrap().is_empty(), "{url:?}");
        }
        let noted = Noted::default();
        let url = format!("https://{gateway}/mcp");
        let server = ServerUrl::parse(&url).unwrap();
        catalogue(&Context::in_memory(noted.clone()), &server, &Credential::SigV4).await.unwrap_err();
        let calls = noted.0.lock().unwrap().clone();
        assert!(calls[0].starts_with(&url) && calls[0].contains("authorization"), "{calls:?}");
    }

    #[tokio::test]
    async fn a_server_at_a_refused_address_is_refused_for_good() {
        let url = ServerUrl::parse("https://mcp.example.com/mcp").unwrap();
        let refusal = catalogue(&Context::in_memory(Home), &url, &Credential::Nothing).await.unwrap_err();
        assert!(!refusal.transient && refusal.seen.is_none(), "{refusal:?}");
        assert!(refusal.problem.starts_with("its host mcp.example.com resolves to 127.0.0.1, "), "{refusal:?}");
    }
}
