//! AgentCore Identity at work: access tokens for a workload from the identity provider behind a credential provider.
//!
//! A token is requested every time. The service's own cache of tokens is not emulated, so a test's change at the identity
//! provider or in the secret takes effect with the next request.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;
use serde_json::{Value, json};

use crate::agentcore_control::{ClientAuthentication, CredentialProvider, Discovery, ProviderSecret, to_use_key};
use crate::aws::{Aws, ServiceId};
use crate::iam::Requirement;
use crate::reply::Reply;
use crate::service::Principal;

/// A request for a token.
#[derive(Debug)]
pub(crate) struct TokenRequest {
    /// The gateway's service role.
    pub(crate) role: Principal,
    /// The gateway's workload identity.
    pub(crate) workload_identity_arn: String,
    /// The credential provider.
    pub(crate) provider_arn: String,
    /// The scopes of the token; without any, the identity provider decides.
    pub(crate) scopes: Vec<String>,
    /// Further parameters of the token request.
    pub(crate) custom_parameters: BTreeMap<String, String>,
}

/// The client that the credential provider authenticates as.
struct Client {
    id: String,
    secret: String,
    authentication: ClientAuthentication,
}

impl Aws {
    /// Gets a token by the client credentials grant. The error is a sentence that says what went wrong.
    ///
    /// The role needs every permission of the two steps, on every resource, and reads the client secret itself
    /// (O: aws-ia/terraform-aws-agentcore#19).
    pub(crate) async fn resource_oauth2_token(&self, request: &TokenRequest) -> Result<String, String> {
        self.check_token_access(request, "bedrock-agentcore:GetResourceOauth2Token")?;
        let now = self.clock().now();
        let provider =
            self.with(|world| world.agentcore.credential_provider_by_arn(&request.provider_arn, now).cloned());
        let provider = provider.ok_or_else(|| format!("no credential provider {}", request.provider_arn))?;
        let client = self.client(&provider, &request.role)?;
        let token_endpoint = match &provider.discovery {
            Discovery::Metadata { token_endpoint, .. } => token_endpoint.clone(),
            Discovery::Url(url) => self.discover(url).await?,
        };
        self.ask_for_token(&token_endpoint, &client, request).await
    }

    /// Returns the API key of a provider. An error is the sentence that says what went wrong. Takes the same two steps
    /// and the same permissions as a token.
    pub(crate) fn resource_api_key(&self, request: &TokenRequest) -> Result<String, String> {
        self.check_token_access(request, "bedrock-agentcore:GetResourceApiKey")?;
        let arn = &request.provider_arn;
        let secret = self.with(|world| world.agentcore.api_key_provider_by_arn(arn).map(|it| it.secret.clone()));
        self.read_secret(&secret.ok_or_else(|| format!("no credential provider {arn}"))?, &request.role)
    }

    fn check_token_access(&self, request: &TokenRequest, get: &'static str) -> Result<(), String> {
        let (directory, _) = request.workload_identity_arn.split_once("/workload-identity/").unwrap_or_default();
        let vault: String = request.provider_arn.split_inclusive('/').take(2).collect();
        let vault = vault.trim_end_matches('/');
        let workload = [directory, &request.workload_identity_arn];
        let resource = [request.provider_arn.as_str(), vault, directory, &request.workload_identity_arn];
        let on = |action: &'static str| move |arn: &str| Requirement::new(action, arn);
        let requirements: Vec<Requirement> = workload
            .into_iter()
            .map(on("bedrock-agentcore:GetWorkloadAccessToken"))
            .chain(resource.into_iter().map(on(get)))
            .chain(to_use_key(self.settings()))
            .collect();
        self.with(|world| world.iam.authorize(&request.role, &requirements)).map_err(|error| error.message)
    }

    /// Returns the client, with its secret's current value: managed and external secrets are read alike.
    fn client(&self, provider: &CredentialProvider, role: &Principal) -> Result<Client, String> {
        Ok(Client {
            id: provider.client_id.clone(),
            secret: self.read_secret(&provider.secret, role)?,
            authentication: provider.client_authentication,
        })
    }

    fn read_secret(&self, secret: &ProviderSecret, role: &Principal) -> Result<String, String> {
        let (secret_id, key) = (secret.secret_arn(), secret.json_key());
        let answer = self
            .call(role, ServiceId::SecretsManager, "GetSecretValue", json!({"SecretId": secret_id}))
            .map_err(|error| format!("the secret cannot be read: {}", error.message))?;
        let values: Value = serde_json::from_str(answer["SecretString"].as_str().unwrap_or_default())
            .map_err(|_| format!("the secret {secret_id} is not a JSON object"))?;
        let value = values[key].as_str();
        value.map(str::to_owned).ok_or_else(|| format!("the secret {secret_id} has no text at the key {key}"))
    }

    async fn discover(&self, url: &str) -> Result<String, String> {
        let request = Request::get(url).body(Vec::new()).map_err(|problem| problem.to_string())?;
        let document = self.ask_identity_provider(url, request).await?;
        let endpoint = document["token_endpoint"].as_str();
        endpoint.map(str::to_owned).ok_or_else(|| format!("the document at {url} names no token endpoint"))
    }

    async fn ask_for_token(&self, url: &str, client: &Client, request: &TokenRequest) -> Result<String, String> {
        let answer = self.ask_identity_provider(url, client.token_request(url, request)?).await?;
        let token = answer["access_token"].as_str();
        token.map(str::to_owned).ok_or_else(|| format!("the answer of {url} has no access token"))
    }

    async fn ask_identity_provider(&self, url: &str, request: Request<Vec<u8>>) -> Result<Value, String> {
        let response = match self.serve_identity_provider(&request).await {
            Some(Reply::Sent(response)) => response,
            Some(Reply::Streamed(_) | Reply::Lost) => return Err(format!("no answer from {url}")),
            None => return Err(format!("no connection to {url}")),
        };
        let status = response.status();
        let body: Option<Value> = serde_json::from_slice(response.body()).ok();
        match body {
            Some(body) if status.is_success() => Ok(body),
            Some(body) => {
                let said = [&body["error"], &body["error_description"]].map(|it| it.as_str().unwrap_or_default());
                Err(format!("{url} answered HTTP {}: {}", status.as_u16(), said.join(": ")))
            }
            None => Err(format!("{url} answered HTTP {} without JSON", status.as_u16())),
        }
    }
}

impl Client {
    fn token_request(&self, url: &str, request: &TokenRequest) -> Result<Request<Vec<u8>>, String> {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        if !request.scopes.is_empty() {
            form.append_pair("scope", &request.scopes.join(" "));
        }
        for (name, value) in &request.custom_parameters {
            form.append_pair(name, value);
        }
        let mut asking = Request::post(url).header("content-type", "application/x-www-form-urlencoded");
        match self.authentication {
            ClientAuthentication::Basic => asking = asking.header("authorization", self.basic()),
            ClientAuthentication::Post => {
                form.append_pair("client_id", &self.id).append_pair("client_secret", &self.secret);
            }
        }
        asking.body(form.finish().into_bytes()).map_err(|problem| problem.to_string())
    }

    /// Formats basic credentials: user name and password are form-encoded before they are joined (RFC 6749, section
    /// 2.3.1).
    fn basic(&self) -> String {
        let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(&self.id), encoded(&self.secret))))
    }
}
