//! An OAuth2 client as a template gives it: its id, its secret, and the content of its token requests.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::job::Job;
use crate::oauth::ClientCredentials;
use crate::properties::PropertySet;
use crate::sensitive::Sensitive;
use crate::stored_secret;

/// Parameters of a token request that name the token's audience and are not secret (RFC 6749, RFC 8707, Auth0).
/// Sentences about a token's `aud` need them.
pub(crate) const PLAIN_PARAMETERS: [&str; 3] = ["audience", "resource", "scope"];

/// The properties that describe a client, of every type that asks for tokens itself.
#[derive(Clone, Debug, PropertySet)]
pub(crate) struct ClientFields {
    /// Id of the client at the IdP.
    #[property(name = "ClientId", default_text = "–")]
    client_id: Option<String>,
    /// Secret in Secrets Manager (name or ARN) that holds the client's secret.
    #[property(name = "ClientSecretId", default_text = "–")]
    secret_id: Option<String>,
    /// Key of the client's secret in the JSON object of `ClientSecretId`.
    #[property(name = "ClientSecretJsonKey", default_text = "–")]
    secret_key: Option<String>,
    /// The client's secret itself, instead of the two above.
    #[property(name = "ClientSecret", default_text = "–")]
    secret: Option<Sensitive>,
    /// Scopes to ask for.
    #[property(name = "Scopes")]
    scopes: Vec<String>,
    /// Further parameters of the token request, such as Auth0's `audience`. Values other than those of `audience`,
    /// `resource` and `scope` are masked wherever they are quoted.
    #[property(name = "CustomParameters", plain_keys = &PLAIN_PARAMETERS)]
    parameters: BTreeMap<String, Sensitive>,
}

/// A client that can ask for tokens.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// Its id at the IdP.
    id: String,
    /// Its secret.
    pub secret: ClientSecret,
    scopes: Vec<String>,
    parameters: BTreeMap<String, Sensitive>,
}

/// The source of a client's secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ClientSecret {
    /// In the template, by a NoEcho parameter.
    Given(Sensitive),
    /// In Secrets Manager, under a key of a JSON object.
    Stored {
        /// Name or ARN.
        secret_id: String,
        /// The key.
        key: String,
    },
}

impl ClientFields {
    /// Returns the client that `selector` (`` `Auth` BEARER ``) asks for.
    pub(crate) fn required_by(self, selector: &str) -> Result<Client, Error> {
        let secret = ClientSecret::new(self.secret, self.secret_id, self.secret_key)?.ok_or_else(|| {
            // Both in one sentence, so that both come with the next attempt.
            let problem = if self.client_id.is_some() {
                format!("is missing; {selector} needs it, or `ClientSecret`")
            } else {
                format!(
                    "is missing, and so is `ClientId`; {selector} needs both, or `ClientSecret` instead of the first"
                )
            };
            Error::property("ClientSecretId", problem)
        })?;
        let id = self.client_id.ok_or_else(|| Error::missing_property("ClientId"))?;
        Ok(Client { id, secret, scopes: self.scopes, parameters: self.parameters })
    }
}

impl Client {
    /// Returns the client's part of a token request. Reads the stored secret.
    pub(crate) async fn credentials(&self, job: &Job<'_>) -> Result<ClientCredentials, Error> {
        Ok(ClientCredentials {
            client_id: self.id.clone(),
            client_secret: self.secret.value(job).await?,
            scopes: self.scopes.clone(),
            parameters: self.parameters.clone(),
        })
    }
}

impl ClientSecret {
    /// Returns the source of the secret, if the template gives one: `ClientSecret`, or `ClientSecretId` with
    /// `ClientSecretJsonKey`.
    pub(crate) fn new(
        given: Option<Sensitive>,
        secret_id: Option<String>,
        key: Option<String>,
    ) -> Result<Option<Self>, Error> {
        match (given, secret_id) {
            (Some(_), Some(_)) => {
                Err(Error::property("ClientSecretId", "is given together with `ClientSecret`; give one of them"))
            }
            (None, None) => Ok(None),
            (Some(secret), None) => Ok(Some(Self::Given(secret))),
            (None, Some(secret_id)) => {
                let key = key.ok_or_else(|| Error::missing_property("ClientSecretJsonKey"))?;
                Ok(Some(Self::Stored { secret_id, key }))
            }
        }
    }

    /// Returns the secret itself. Reads it from Secrets Manager if it is stored there.
    pub(crate) async fn value(&self, job: &Job<'_>) -> Result<Sensitive, Error> {
        match self {
            Self::Given(secret) => Ok(secret.clone()),
            Self::Stored { secret_id, key } => {
                stored_secret::read(job, "ClientSecretId", secret_id).await?.value(job, "ClientSecretJsonKey", key)
            }
        }
    }
}
