//! An OAuth2 client as a template gives it: its id, where its secret is, and what it asks for.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::job::Job;
use crate::oauth::ClientCredentials;
use crate::properties::PropertyReader;
use crate::sensitive::Sensitive;
use crate::stored_secret;

/// The properties that describe a client, of every type that has one.
pub const PROPERTIES: [&str; 6] =
    ["ClientId", "ClientSecretId", "ClientSecretJsonKey", "ClientSecret", "Scopes", "CustomParameters"];

/// Parameters of a token request that name what the token is for, and are no secrets (RFC 6749, RFC 8707, Auth0). Sentences
/// about a token's `aud` are of no use without them.
const PLAIN_PARAMETERS: [&str; 3] = ["audience", "resource", "scope"];

/// A client that can ask for tokens.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its id at the IdP.
    pub client_id: String,
    /// Its secret.
    pub secret: ClientSecret,
    scopes: Vec<String>,
    parameters: BTreeMap<String, Sensitive>,
}

/// Where a client's secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientSecret {
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

/// Reads further parameters for the token endpoint. An empty value is an optional parameter left empty. Values may be
/// secret, as the service's model has it, so that whoever quotes one is masked.
pub fn custom_parameters(reader: &PropertyReader<'_>) -> Result<BTreeMap<String, Sensitive>, Error> {
    Ok(reader.sensitive_map_but("CustomParameters", &PLAIN_PARAMETERS)?.unwrap_or_default())
}

impl Client {
    /// Reads the client that `selector` (`` `Auth` BEARER ``) asks for.
    pub fn read(reader: &PropertyReader<'_>, selector: &str) -> Result<Self, Error> {
        let secret = ClientSecret::read(reader)?.ok_or_else(|| {
            // Both in one sentence, so that both come with the next attempt.
            let problem = if reader.is_given("ClientId") {
                format!("is missing; {selector} needs it, or `ClientSecret`")
            } else {
                format!(
                    "is missing, and so is `ClientId`; {selector} needs both, or `ClientSecret` instead of the first"
                )
            };
            Error::property("ClientSecretId", problem)
        })?;
        Ok(Self {
            client_id: reader.required_string("ClientId")?,
            secret,
            scopes: reader.list("Scopes")?,
            parameters: custom_parameters(reader)?,
        })
    }

    /// What to ask for a token with; reads the stored secret.
    pub async fn credentials(&self, job: &Job<'_>) -> Result<ClientCredentials, Error> {
        Ok(ClientCredentials {
            client_id: self.client_id.clone(),
            client_secret: self.secret.value(job).await?,
            scopes: self.scopes.clone(),
            parameters: self.parameters.clone(),
        })
    }
}

impl ClientSecret {
    /// Reads where the secret is, if the template says.
    pub fn read(reader: &PropertyReader<'_>) -> Result<Option<Self>, Error> {
        let given = reader.sensitive("ClientSecret")?;
        match (given, reader.string("ClientSecretId")?) {
            (Some(_), Some(_)) => {
                Err(Error::property("ClientSecretId", "is given together with `ClientSecret`; give one of them"))
            }
            (None, None) => Ok(None),
            (Some(secret), None) => Ok(Some(Self::Given(secret))),
            (None, Some(secret_id)) => {
                Ok(Some(Self::Stored { secret_id, key: reader.required_string("ClientSecretJsonKey")? }))
            }
        }
    }

    /// The secret itself; reads it from Secrets Manager where it is stored there.
    pub async fn value(&self, job: &Job<'_>) -> Result<Sensitive, Error> {
        match self {
            Self::Given(secret) => Ok(secret.clone()),
            Self::Stored { secret_id, key } => {
                stored_secret::read(job, "ClientSecretId", secret_id).await?.value(job, "ClientSecretJsonKey", key)
            }
        }
    }
}
